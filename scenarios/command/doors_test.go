package command

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// doors is a cluster of three, and the flag that finds it.
func doors(t *testing.T) (*brokertest.Cluster, []string) {
	t.Helper()
	cluster := brokertest.Start(t, brokertest.Brokers(3))
	return cluster, []string{"--bootstrap", strings.Join(cluster.Addresses(), ",")}
}

// with is a command line with flags behind it.
func with(flags []string, args ...string) []string { return append(args, flags...) }

// lines writes a file.
func lines(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProduceAndConsume(t *testing.T) {
	t.Parallel()
	_, flags := doors(t)
	want(t, ExitPass, "topic orders is made", with(flags, "topic", "create", "orders", "-p", "2", "-r", "3")...)

	file := lines(t, "a:1\nb:2\nno key\nc:\nd:4")
	out := want(t, ExitPass, "", with(flags, "produce", "orders", "-f", file, "-k", ":", "--null", "-p", "1", "-H", "source=test", "-v")...)
	if !strings.Contains(out, "orders/1 offset 4\n") || !strings.Contains(out, "5 records written to orders\n  partition 1: 5 records, offsets 0 to 4\n") {
		t.Errorf("it does not say where the records went:\n%s", out)
	}
	format := []string{"--format", `%p %o %k=%v %h{%k:%v}\n`}
	if got, want := want(t, ExitPass, "5 records", append(with(flags, "consume", "orders"), format...)...),
		"1 0 a=1 source:test\n1 1 b=2 source:test\n1 2 =no key source:test\n1 3 c= source:test\n1 4 d=4 source:test\n"; got != want {
		t.Errorf("read %q, want %q", got, want)
	}
	for from, want := range map[string]string{"3": "3 4 ", "-2": "3 4 ", "end": "", "99": "", "-99": "0 1 2 3 4 ", "1h": "0 1 2 3 4 ", "2099-01-02": ""} {
		_, got, _ := logproof(t, with(flags, "consume", "orders", "--from", from, "--format", "%o ")...)
		if got != want {
			t.Errorf("from %s: offsets %q, want %q", from, got, want)
		}
	}
	if got := want(t, ExitPass, "2 records", with(flags, "consume", "orders", "-n", "2", "--format", "%o ")...); got != "0 1 " {
		t.Errorf("two records: %q", got)
	}
	if got := want(t, ExitPass, "", with(flags, "consume", "orders", "-p", "0")...); got != "" {
		t.Errorf("partition 0 has %q", got)
	}
	var shown shownRecord
	if err := json.Unmarshal([]byte(want(t, ExitPass, "", with(flags, "consume", "orders", "--from", "3", "-n", "1", "--json")...)), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Offset != 3 || shown.Key == nil || *shown.Key != "c" || shown.Value != nil || len(shown.Headers) != 1 || shown.Timestamp.IsZero() {
		t.Errorf("as JSON: %+v", shown)
	}
}

// What is no UTF-8 comes out as base64, and nil is not empty.
func TestPrintJSON(t *testing.T) {
	t.Parallel()
	got := string(printJSON(nil, &kgo.Record{Topic: "t", Key: []byte{0xff}, Value: []byte{}, Timestamp: time.UnixMilli(1), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte{0xfe}}}}))
	const want = `{"topic":"t","partition":0,"offset":0,"timestamp":"1970-01-01T00:00:00.001Z","key":null,"key_base64":"/w==","value":"","headers":[{"name":"h","value":null,"value_base64":"/g=="}]}` + "\n"
	if got != want {
		t.Errorf("printed %s, want %s", got, want)
	}
}

// Every codec is really stored: dump sees it on the disk, and decodes it.
func TestCodecsAndDump(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	b, err := broker.Start(t.Context(), broker.Config{DataDir: data, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	flags := []string{"--bootstrap", b.Address()}
	file := lines(t, strings.Repeat("the same line again and again\n", 200))
	for _, codec := range []string{"gzip", "snappy", "lz4", "zstd"} {
		want(t, ExitPass, "200 records written", with(flags, "produce", codec, "--create", "-f", file, "-z", codec)...)
		if got := want(t, ExitPass, "200 records", with(flags, "consume", codec)...); strings.Count(got, "the same line again and again\n") != 200 {
			t.Errorf("%s: read %d bytes", codec, len(got))
		}
		dir := filepath.Join(data, codec+"-0")
		out := want(t, ExitPass, " "+codec+" ", "dump", dir, "--records")
		if strings.Count(out, `value "the same line again and again"`) != 200 || !strings.Contains(out, "records: 200") {
			t.Errorf("%s: the dump does not have the records:\n%s", codec, out)
		}
		segment := filepath.Join(dir, "00000000000000000000.log")
		if info, err := os.Stat(segment); err != nil || info.Size() > 3000 {
			t.Errorf("%s: 200 lines of 30 bytes take %d bytes: %v", codec, info.Size(), err)
		}
	}
}

func TestTopic(t *testing.T) {
	t.Parallel()
	_, flags := doors(t)
	want(t, ExitPass, "topic b could be made", with(flags, "topic", "create", "b", "--dry-run")...)
	want(t, ExitPass, "topic a is made\ntopic b is made", with(flags, "topic", "create", "b", "a", "-p", "2", "-r", "2")...)
	want(t, ExitUsage, "TOPIC_ALREADY_EXISTS", with(flags, "topic", "create", "a")...)
	want(t, ExitUsage, "INVALID_REPLICATION_FACTOR", with(flags, "topic", "create", "c", "-r", "9")...)
	var list []topicLine
	if err := json.Unmarshal([]byte(want(t, ExitPass, "", with(flags, "topic", "list", "--json")...)), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0] != (topicLine{Topic: "a", Partitions: 2, Replicas: 2}) || list[1].Topic != "b" {
		t.Errorf("listed %+v", list)
	}
	want(t, ExitPass, "under-replicated", with(flags, "topic", "list")...)
	want(t, ExitPass, "topic a is deleted", with(flags, "topic", "delete", "a")...)
	want(t, ExitUsage, "UNKNOWN_TOPIC_OR_PARTITION", with(flags, "topic", "delete", "a")...)
	want(t, ExitUsage, `there is no topic "a"`, with(flags, "topic", "describe", "a")...)
}

// What cannot be done is told with the exit code of who can mend it.
func TestDoorsRefuse(t *testing.T) {
	t.Parallel()
	cluster, flags := doors(t)
	want(t, ExitPass, "", with(flags, "topic", "create", "orders")...)
	file := lines(t, "x\n")
	for _, c := range []struct {
		says string
		args []string
	}{
		{`there is no topic "nix"`, with(flags, "produce", "nix", "-f", file)},
		{`there is no topic "nix"`, with(flags, "consume", "nix")},
		{"has 1 partitions, 0 to 0", with(flags, "produce", "orders", "-p", "7", "-f", file)},
		{"has 1 partitions, 0 to 0", with(flags, "consume", "orders", "-p", "7")},
		{"MESSAGE_TOO_LARGE", with(flags, "produce", "orders", "-f", lines(t, strings.Repeat("x", 2<<20)))},
		{"none, gzip, snappy, lz4 or zstd", with(flags, "produce", "orders", "-z", "brotli")},
		{"add --no-idempotence", with(flags, "produce", "orders", "--acks", "1")},
		{"write all, 1 or 0", with(flags, "produce", "orders", "--acks", "2")},
		{"write name=value", with(flags, "produce", "orders", "-H", "x")},
		{"no such file", with(flags, "produce", "orders", "-f", "./missing.txt")},
		{"takes a topic", with(flags, "produce")},
		{"write start, end", with(flags, "consume", "orders", "--from", "yesterday")},
		{"--format", with(flags, "consume", "orders", "--format", "%q")},
		{"leave one of them out", with(flags, "consume", "orders", "-g", "g", "-p", "0")},
		{"is not host:port", []string{"topic", "list", "-b", "localhost"}},
		{"does nothing by itself", with(flags, "topic")},
		{"does nothing by itself", with(flags, "group")},
		{"write key=value", with(flags, "topic", "create", "x", "--set", "retention.ms")},
		{"changes nothing", with(flags, "topic", "alter", "orders")},
		{"--set has it too", with(flags, "topic", "alter", "orders", "--set", "a=1", "--unset", "a")},
		{"numbers above 0", with(flags, "topic", "create", "x", "-p", "0")},
		{"a number above 0", with(flags, "topic", "grow", "orders")},
		{"write where to", with(flags, "group", "reset", "g")},
		{"write start, end", with(flags, "group", "reset", "g", "--to", "there")},
	} {
		want(t, ExitUsage, c.says, c.args...)
	}
	want(t, ExitInconclusive, "no broker answers at 127.0.0.1:1 ", "topic", "list", "-b", "127.0.0.1:1", "--within", "300ms")
	want(t, ExitPass, "1 record written", with(flags, "produce", "orders", "-f", file, "--acks", "0", "--no-idempotence")...)
	for _, id := range []int32{0, 1, 2} {
		cluster.Pause(id)
	}
	want(t, ExitInconclusive, "no broker answers", with(flags, "consume", "orders", "--within", "300ms")...)
	for _, id := range []int32{0, 1, 2} {
		cluster.Resume(id)
	}
}

// A follower of a topic prints what is written meanwhile, until Ctrl-C.
func TestConsumeFollows(t *testing.T) {
	t.Parallel()
	_, flags := doors(t)
	want(t, ExitPass, "", with(flags, "topic", "create", "orders")...)
	ctx, interrupt := context.WithCancel(context.Background())
	out, seen := &watched{}, make(chan struct{})
	out.until, out.seen = "second\n", seen
	done := make(chan int)
	go func() { done <- dispatch(ctx, with(flags, "consume", "orders", "--follow"), out, out) }()
	want(t, ExitPass, "", with(flags, "produce", "orders", "-f", lines(t, "first\n"))...)
	want(t, ExitPass, "", with(flags, "produce", "orders", "-f", lines(t, "second\n"))...)
	select {
	case <-seen:
	case <-time.After(30 * time.Second):
		t.Fatalf("it has printed %q", out.text())
	}
	interrupt()
	if code := <-done; code != ExitInterrupted || !strings.HasPrefix(out.text(), "first\nsecond\n") {
		t.Errorf("exit code %d, printed %q", code, out.text())
	}
}

// Just after a leader, which coordinates the group too, has died, what is asked of it is asked again of whoever
// takes over.
func TestDoorsAfterALeaderDied(t *testing.T) {
	t.Parallel()
	cluster, flags := doors(t)
	want(t, ExitPass, "", with(flags, "topic", "create", "orders", "-p", "3")...)
	file := lines(t, "1\n2\n3\n")
	for _, command := range [][]string{
		{"consume", "orders"}, {"group", "describe", "billing"}, {"topic", "describe", "orders"}, {"group", "reset", "billing", "--to", "start"},
	} {
		want(t, ExitPass, "", with(flags, "produce", "orders", "-f", file)...)
		want(t, ExitPass, "", with(flags, "consume", "orders", "-g", "billing")...)
		dead := cluster.KillLeader("orders", 0)
		want(t, ExitPass, "", with(flags, command...)...)
		cluster.Restart(dead)
	}
}

// Lines from stdin, and a rate: the input does not have to end before records are written.
func TestProduceFromStdin(t *testing.T) {
	t.Parallel()
	_, flags := doors(t)
	want(t, ExitPass, "", with(flags, "topic", "create", "orders")...)
	code, out := actOn(t, "one\ntwo", with(flags, "produce", "orders", "--rate", "1000")...)
	if code != ExitPass || !strings.Contains(out, "2 records written") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if got := want(t, ExitPass, "", with(flags, "consume", "orders")...); got != "one\ntwo\n" {
		t.Errorf("read %q", got)
	}
}

func TestParsePlace(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for text, want := range map[string]place{
		"start": {}, "earliest": {}, "end": theEnd, "latest": theEnd, "0": {kind: placeOffset}, "42": {kind: placeOffset, number: 42},
		"-7": {kind: placeLast, number: 7}, "2026-01-02T15:04:05Z": {kind: placeTime, when: at}, "2026-01-02T15:04:05": {kind: placeTime, when: at},
	} {
		if got, err := parsePlace(text); err != nil || got.kind != want.kind || got.number != want.number || !got.when.Equal(want.when) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	if got, err := parsePlace("1h"); err != nil || got.kind != placeTime || time.Since(got.when) < time.Hour {
		t.Errorf("1h: %+v, %v", got, err)
	}
	for _, text := range []string{"", "soon", "-1h", "9999999999999999999", "2026-13-01"} {
		if got, err := parsePlace(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, got)
		}
	}
}
