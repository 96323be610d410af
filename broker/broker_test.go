package broker

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env/mem"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func start(t testing.TB, cfg Config) *Broker {
	t.Helper()
	if cfg.Listen == "" && cfg.Roles != (Roles{Controller: true}) {
		cfg.Listen = "127.0.0.1:0"
	}
	b, err := Start(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newClient(t testing.TB, b *Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.Address())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// An unmodified client creates a topic, produces with idempotence and reads everything back, also
// after a restart.
func TestClientAgainstBroker(t *testing.T) {
	cfg := Config{DataDir: t.TempDir()}
	b := start(t, cfg)
	ctx := testContext(t)
	client := newClient(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 3, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	const n = 3000
	for i := range n {
		client.Produce(ctx, &kgo.Record{Topic: "orders", Partition: int32(i % 3), Value: fmt.Appendf(nil, "%d", i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	readBack(t, b, n)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = start(t, cfg)
	defer b.Close()
	readBack(t, b, n)
}

// readBack consumes the topic from its start: every partition holds its numbers in order.
func readBack(t *testing.T, b *Broker, n int) {
	t.Helper()
	ctx := testContext(t)
	client := newClient(t, b, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	next := map[int32]int{0: 0, 1: 1, 2: 2}
	for got := 0; got < n; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if want := fmt.Sprint(next[r.Partition]); string(r.Value) != want {
				t.Fatalf("partition %d offset %d: %q, want %q", r.Partition, r.Offset, r.Value, want)
			}
			next[r.Partition] += 3
			got++
		})
	}
}

func TestStartErrors(t *testing.T) {
	taken := start(t, Config{DataDir: t.TempDir(), NodeID: 1})
	defer taken.Close()
	foreign := t.TempDir()
	start(t, Config{DataDir: foreign, NodeID: 3}).Close()
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "meta.properties"), []byte("what?"), 0o644); err != nil {
		t.Fatal(err)
	}
	inUse := t.TempDir()
	other := start(t, Config{DataDir: inUse})
	defer other.Close()
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"port in use":      {Config{DataDir: t.TempDir(), Listen: taken.Address()}, "the port is in use"},
		"metrics in use":   {Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Metrics: taken.Address()}, "--metrics"},
		"directory in use": {Config{DataDir: inUse, Listen: "127.0.0.1:0"}, "in use by another broker"},
		"foreign":          {Config{DataDir: foreign, Listen: "127.0.0.1:0", NodeID: 4}, "belongs to node 3, not to node 4"},
		"other cluster":    {Config{DataDir: foreign, Listen: "127.0.0.1:0", NodeID: 3, ClusterID: "other"}, `belongs to cluster "logproof", not to cluster "other"; give --cluster-id logproof`},
		"peers in use":     {Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", PeerListen: taken.Address()}, "--peers"},
		"damaged":          {Config{DataDir: damaged, Listen: "127.0.0.1:0"}, "is damaged"},
		"no directory":     {Config{Listen: "127.0.0.1:0"}, "no data directory"},
		"flush":            {Config{DataDir: t.TempDir(), Flush: "always"}, "unknown flush policy"},
		"everything":       {Config{NodeID: -1, SegmentBytes: -1}, "node id -1"},
	} {
		b, err := Start(testContext(t), c.cfg)
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// What failed to start has given up what it had: the directory can be used.
	dir := t.TempDir()
	if _, err := Start(testContext(t), Config{DataDir: dir, Listen: taken.Address()}); err == nil {
		t.Fatal("started on a taken port")
	}
	start(t, Config{DataDir: dir}).Close()
}

// A client that speaks nonsense is closed; others do not notice.
func TestNonsenseIsClosed(t *testing.T) {
	b := start(t, Config{FS: mem.New()})
	defer b.Close()
	client := newClient(t, b)
	for name, bytes := range map[string][]byte{
		"http":                      []byte("GET / HTTP/1.1\r\n\r\n"),
		"huge frame":                {0x7f, 0xff, 0xff, 0xff, 0},
		"2 GiB":                     {0x7f, 0xff, 0xff, 0xff},
		"negative size":             {0xff, 0xff, 0xff, 0xf0, 0, 3, 0, 9},
		"too small":                 {0, 0, 0, 7, 0, 3, 0, 9, 0, 0, 0},
		"a version too high":        {0, 0, 0, 10, 0, 1, 0, 99, 0, 0, 0, 1, 0xff, 0xff},
		"an array beyond its frame": {0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff},
		"tags without end":          {0, 0, 0, 18, 0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"unknown key":               {0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"half a request":            {0, 0, 0, 12, 0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0, 9},
	} {
		conn, err := net.Dial("tcp", b.Address())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write(bytes); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") || n != 0 {
			t.Errorf("%s: %d bytes, %v; want a closed connection", name, n, err)
		}
		conn.Close()
		if err := client.Ping(testContext(t)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// Requests written at once are answered in order.
func TestPipelining(t *testing.T) {
	b := start(t, Config{FS: mem.New()})
	defer b.Close()
	conn, err := net.Dial("tcp", b.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	const n = 500 // more than a connection may have unanswered
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("test"))
	var out []byte
	for i := range int32(n) {
		req := kmsg.NewPtrApiVersionsRequest()
		out = append(out, formatter.AppendRequest(nil, req, i)...)
	}
	go conn.Write(out)
	for i := range uint32(n) {
		var head [8]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			t.Fatal(err)
		}
		if got := binary.BigEndian.Uint32(head[4:]); got != i {
			t.Fatalf("answer %d has correlation id %d", i, got)
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head[:4]))-4); err != nil {
			t.Fatal(err)
		}
	}
}

// Everything that a node has to say about its life is in its events, in order.
func TestEvents(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "events.jsonl")
	for range 2 {
		b := start(t, Config{DataDir: dir, Events: path})
		client := newClient(t, b)
		if _, err := kadm.NewClient(client).CreateTopic(testContext(t), 1, 1, nil, "orders"); err != nil && !strings.Contains(err.Error(), "ALREADY_EXISTS") {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// What the quorum and the leaders say comes from other actors, and so beside the rest in any order.
	var names []string
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(line, `"event":"`)
		name, _, _ := strings.Cut(rest, `"`)
		if kind, _, _ := strings.Cut(name, "-"); slices.Contains([]string{"node", "log", "topic"}, kind) {
			names = append(names, name)
		}
	}
	want := "node-started log-recovered topic-created node-stopped log-recovered node-started node-stopped"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("events\n%s\nwant\n%s", got, want)
	}
}

func TestMetricsEndpoint(t *testing.T) {
	b := start(t, Config{FS: mem.New(), Metrics: "127.0.0.1:0"})
	defer b.Close()
	client := newClient(t, b, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
	if err := client.ProduceSync(testContext(t), kgo.StringRecord("hello")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	// A request is counted once its response is written, which its client may see sooner.
	want := []string{
		`logproof_broker_requests_total{api="Produce",error="none"} 1`,
		`logproof_broker_records_in_total{topic="orders"} 1`,
		`logproof_broker_partition_high_watermark_offset{partition="0",topic="orders"} 1`,
		`logproof_broker_partition_last_stable_offset{partition="0",topic="orders"} 1`,
		`logproof_broker_connections{listener="client"}`,
		"logproof_broker_fsync_duration_seconds_count",
		"logproof_broker_controller_active 1", "logproof_broker_leader_partitions 1", "logproof_broker_under_replicated_partitions 0",
		`logproof_broker_partition_isr_replicas{partition="0",topic="orders"} 1`, `logproof_broker_leader_elections_total{kind="unclean"} 0`,
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		text := scrape(t, b)
		missing := slices.DeleteFunc(slices.Clone(want), func(w string) bool { return strings.Contains(text, w) })
		if len(missing) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("/metrics has no %s", strings.Join(missing, ", no "))
		}
	}
}

func scrape(t *testing.T, b *Broker) string {
	t.Helper()
	resp, err := http.Get("http://" + b.MetricsAddress() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
