package chaos

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	processes "github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/ledger"
	"github.com/logproof/logproof/chaos/procfs"
	"github.com/logproof/logproof/verify/history"
)

// roleEnv makes the test binary play a node: one that answers ApiVersions and Metadata.
const roleEnv = "LOGPROOF_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == "node" {
		os.Exit(playNode(os.Args[1]))
	}
	os.Exit(m.Run())
}

func playNode(listen string) int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return 1
	}
	go func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			go answer(conn)
		}
	}()
	<-term
	return 0
}

// answer answers one request. Node 1 leads orders/0, which all three nodes replicate.
func answer(conn net.Conn) {
	defer conn.Close()
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, frame); err != nil {
		return
	}
	head := frame[4:8:8] // the correlation id stands there
	var body []byte
	switch binary.BigEndian.Uint16(frame) {
	case 3:
		response, topic, p := kmsg.NewPtrMetadataResponse(), kmsg.NewMetadataResponseTopic(), kmsg.NewMetadataResponseTopicPartition()
		p.Leader, p.Replicas = 1, []int32{0, 1, 2}
		topic.Topic, topic.Partitions = kmsg.StringPtr("orders"), []kmsg.MetadataResponseTopicPartition{p}
		response.Version, response.Topics = int16(binary.BigEndian.Uint16(frame[2:])), []kmsg.MetadataResponseTopic{topic}
		body = response.AppendTo(head)
	default:
		response := kmsg.NewPtrApiVersionsResponse()
		response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 18, MaxVersion: 4}}
		body = response.AppendTo(head)
	}
	conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	io.Copy(io.Discard, conn)
}

// three starts a cluster of three processes that serve.
func three(t *testing.T) *processes.Cluster {
	t.Helper()
	dir := t.TempDir()
	l, err := ledger.Open(dir+"/ledger", dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := processes.Start(t.Context(), processes.Config{
		Binary: "/proc/self/exe", Env: []string{roleEnv + "=node"}, Dir: dir, Brokers: []int32{0, 1, 2}, Controllers: []int32{0}, Ledger: l,
		Args: func(self processes.Endpoint, _ []processes.Endpoint) []string { return []string{self.Direct} },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		for _, id := range c.Nodes() {
			if _, _, err := procfs.Identify(c.Pid(id)); err == nil {
				t.Errorf("node %d, pid %d, outlived the test", id, c.Pid(id))
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, id := range c.Nodes() {
		if err := c.WaitReady(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// The followers stand still while the leader dies, on real processes, and each is proved in and out.
func TestOverlapOnProcesses(t *testing.T) {
	c := three(t)
	before := []int{c.Pid(0), c.Pid(1), c.Pid(2)}
	line := slices.Clone(ackEarly)
	line[0].Hold, line[1].After, line[1].Hold = 50*time.Millisecond, 10*time.Millisecond, 300*time.Millisecond
	rec := &memory{}
	n, err := New(Config{Cluster: c, Timeline: line, Recorder: rec, Gate: open})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := rec.stages()
	want := []string{
		"0 nodes 0, 2 inject ok", "0 nodes 0, 2 prove ok", "1 node 1 inject ok", "1 node 1 prove ok",
		"0 nodes 0, 2 heal ok", "0 nodes 0, 2 prove-healed ok", "1 node 1 heal ok", "1 node 1 prove-healed ok",
	}
	if !slices.Equal(got, want) {
		t.Errorf("recorded %q\nwant %q", got, want)
	}
	if c.Pid(0) != before[0] || c.Pid(1) == before[1] || c.Pid(2) != before[2] {
		t.Errorf("pids %v became %d, %d, %d; want only the leader's to change", before, c.Pid(0), c.Pid(1), c.Pid(2))
	}
}

// Ctrl-C while two faults are in force: the leader is started and the followers go on before Run
// returns.
func TestInterruptedOverlapHealsProcesses(t *testing.T) {
	c := three(t)
	line := slices.Clone(ackEarly)
	line[0].Hold, line[1].After, line[1].Hold = time.Hour, 0, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec := &memory{}
	n, err := New(Config{Cluster: c, Timeline: line, Recorder: rec, Gate: open, Progress: func(e Event) {
		if e.Done && e.Index == 1 && e.Stage == history.Prove {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(ctx); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("Run = %v; want that it was interrupted", err)
	}
	want := []string{"1 node 1 heal ok", "1 node 1 prove-healed ok", "0 nodes 0, 2 heal ok", "0 nodes 0, 2 prove-healed ok"}
	if got := rec.stages(); len(got) != 8 || !slices.Equal(got[4:], want) {
		t.Errorf("recorded %q\nwant it to end with %q", got, want)
	}
	for _, id := range c.Nodes() {
		members, err := procfs.Group(c.Pid(id))
		if err != nil || len(members) != 1 || members[0].State == procfs.Stopped {
			t.Errorf("node %d is %v, %v; want one process that goes on", id, members, err)
		}
	}
}
