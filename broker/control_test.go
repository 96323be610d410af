package broker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/control"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// controlled starts a broker that can be asked through its socket.
func controlled(t *testing.T, cfg Config) (*Broker, func(control.Request) (control.Response, error)) {
	t.Helper()
	dir := t.TempDir()
	cfg.Control, cfg.Events = filepath.Join(dir, "control.sock"), filepath.Join(dir, "events.jsonl")
	if cfg.DataDir == "" {
		cfg.DataDir = filepath.Join(dir, "data")
	}
	b := start(t, cfg)
	return b, func(q control.Request) (control.Response, error) {
		return control.Do(testContext(t), cfg.Control, q)
	}
}

// line of events.jsonl.
type line struct {
	At     time.Time
	Event  string
	Clock  string `json:"clock_offset"`
	Rules  string
	Reason string
	File   string
	Errno  string
	Op     string
}

func eventsOf(t *testing.T, path string) (all []line) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(bytes.NewReader(text))
	for in.Scan() {
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v", in.Text(), err)
		}
		all = append(all, l)
	}
	return all
}

func rules(text string) control.Request { return control.Request{Disk: &text} }

func TestControlDiskAndStatus(t *testing.T) {
	b, ask := controlled(t, Config{Disk: mustParse(t, "lose-unsynced")})
	defer b.Close()
	for _, c := range []struct{ rules, want string }{
		{"", "lose-unsynced"}, {"sync-delay=1ms", "sync-delay=1ms,lose-unsynced"}, {"lose-unsynced", "lose-unsynced"},
	} {
		a, err := ask(rules(c.rules))
		if err != nil || a.Disk == nil || *a.Disk != c.want {
			t.Errorf("%q: %v, %v; want %q", c.rules, a.Disk, err, c.want)
		}
		if a, err = ask(control.Request{Status: &struct{}{}}); err != nil || *a.Disk != c.want || *a.Clock != 0 {
			t.Errorf("status after %q: %+v, %v", c.rules, a, err)
		}
	}
	if _, err := ask(rules("bitrot")); err == nil || !strings.Contains(err.Error(), "no such rule") {
		t.Errorf("a rule that is none: %v", err)
	}
	for _, q := range []control.Request{
		{BitRot: &control.BitRot{Topic: "none", Segment: "sealed"}},
		{BitRot: &control.BitRot{Topic: "__cluster_metadata", Segment: "sealed"}},
	} {
		if _, err := ask(q); err == nil || !strings.Contains(err.Error(), "bit rot") {
			t.Errorf("%+v: %v", q.BitRot, err)
		}
	}
}

// A clock that is off stamps events and the Date of /metrics, and judges the timestamps of records; nothing else
// changes.
func TestControlClock(t *testing.T) {
	events := ""
	b, ask := controlled(t, Config{Metrics: "127.0.0.1:0"})
	defer b.Close()
	events = b.events.Name()
	back := control.Duration(-3 * time.Hour)
	if _, err := ask(control.Request{Clock: &back}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + b.MetricsAddress() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || time.Since(date) < 2*time.Hour || time.Since(date) > 4*time.Hour {
		t.Errorf("the node says that it is %v, %v", date, err)
	}
	client := newClient(t, b, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
	// Records of a clock that is right are from the future, and more than an hour of that is not taken (KIP-937).
	if err := client.ProduceSync(testContext(t), &kgo.Record{Value: []byte("x")}).FirstErr(); !errors.Is(err, kerr.InvalidTimestamp) {
		t.Errorf("a record from three hours ahead: %v", err)
	}
	if err := client.ProduceSync(testContext(t), &kgo.Record{Value: []byte("x"), Timestamp: time.Now().Add(-3 * time.Hour)}).FirstErr(); err != nil {
		t.Error(err)
	}
	none := control.Duration(0)
	if _, err := ask(control.Request{Clock: &none}); err != nil {
		t.Fatal(err)
	}
	off := 0
	for _, l := range eventsOf(t, events) {
		shows := time.Since(l.At) > 2*time.Hour
		if shows != (l.Clock == "-3h0m0s") {
			t.Errorf("%+v", l)
		}
		if shows {
			off++
		}
	}
	if off < 2 {
		t.Errorf("%d events while the clock was off", off)
	}
}

func TestControlPing(t *testing.T) {
	b, ask := controlled(t, Config{})
	defer b.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, c := range []struct{ name, address, why string }{
		{"itself", b.Address(), ""}, {"silent", silent.Addr().String(), "in time"}, {"gone", gone.Addr().String(), "refused"},
	} {
		a, err := ask(control.Request{Ping: &control.Ping{Address: c.address, Timeout: control.Duration(300 * time.Millisecond)}})
		if err != nil || a.Ping == nil || a.Ping.Answered != (c.why == "") || !strings.Contains(a.Ping.Reason, c.why) || a.Ping.Took <= 0 {
			t.Errorf("%s: %+v, %v", c.name, a.Ping, err)
		}
	}
}

// The files of a test are its own: there is no disk to break, and no power to cut.
func TestControlWithoutDisk(t *testing.T) {
	b := start(t, Config{FS: mem.New()})
	defer b.Close()
	none := ""
	for _, q := range []control.Request{
		{Disk: &none}, {PowerLoss: &control.PowerLoss{}}, {BitRot: &control.BitRot{Topic: "orders", Segment: "sealed"}},
	} {
		if _, err := b.Control(context.Background(), q); err == nil || !strings.Contains(err.Error(), "not behind a disk") {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestControlInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	b := start(t, Config{DataDir: t.TempDir(), Control: path})
	defer b.Close()
	_, err := Start(testContext(t), Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Control: path})
	if err == nil || !strings.Contains(err.Error(), "--control") || !strings.Contains(err.Error(), "another process") {
		t.Errorf("%v", err)
	}
	err = Config{DataDir: "x", Control: strings.Repeat("x", 200)}.Validate()
	if err == nil || !strings.Contains(err.Error(), "at most 103") {
		t.Errorf("%v", err)
	}
}
