package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// limited is a node alone, whose limits are of the test's.
type limited struct {
	*Server
	t       *testing.T
	address string
	peers   string
	said    *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func startLimited(t *testing.T, limits Limits) *limited {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	peers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &limited{t: t, address: listener.Addr().String(), peers: peers.Addr().String(), said: &lockedBuffer{}}
	l.Server, err = Start(Config{
		Node: node.Config{
			Sessions:   api.Config{NodeID: 1, Shards: 2, AutoCreate: true, MaxBatch: 4 << 20, MaxFetch: 8 << 20, MaxWait: time.Minute},
			Controller: controller.Config{Seed: 1, DefaultPartitions: 1, DefaultReplication: 1, MaxPartitions: 100, SessionTimeout: 9 * time.Second},
			ClusterID:  "test", Roles: node.Roles{Controller: true, Broker: true}, Voters: []node.Voter{{ID: 1}},
			Endpoints:   node.Endpoints{Host: "127.0.0.1", Port: int32(listener.Addr().(*net.TCPAddr).Port)},
			Incarnation: metadata.Incarnation{1}, Log: log.Config{SegmentBytes: 1 << 30}, Flush: partition.FlushCommit,
		},
		FS: mem.New(), Clients: listener, Peers: peers, Log: slog.New(slog.NewTextHandler(l.said, nil)), Limits: limits,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Kill)
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// dial opens a connection that fails the test rather than wait for ever.
func (l *limited) dial() net.Conn { return l.dialTo(l.address) }

func (l *limited) dialTo(address string) net.Conn {
	l.t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

// ask sends a request and reads its answer.
func (l *limited) ask(conn net.Conn, body kmsg.Request) kmsg.Response {
	l.t.Helper()
	if _, err := conn.Write(wire.AppendRequest(nil, "test", 1, body)); err != nil {
		l.t.Fatal(err)
	}
	frame, err := wire.ReadResponse(conn)
	if err != nil {
		l.t.Fatal(err)
	}
	resp, err := wire.ParseResponse(frame, 1, body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp
}

// closed waits until the other side has closed the connection, without an answer.
func (l *limited) closed(what string, conn net.Conn) {
	l.t.Helper()
	if n, err := io.Copy(io.Discard, conn); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		l.t.Errorf("%s: %d bytes, %v; want a closed connection", what, n, err)
	}
}

// value of a metric of the client listener, for a reason if there is one.
func (l *limited) value(name, reason string) (sum float64) {
	families, err := l.metrics.registry.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range m.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if family.GetName() == name && labels["listener"] == "client" && labels["reason"] == reason {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// counts waits until so many connections have ended for the reason.
func (l *limited) counts(reason string, want int) {
	l.t.Helper()
	got := 0.0
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got = l.value("logproof_broker_connections_closed_total", reason); got == float64(want) {
			return
		}
	}
	l.t.Errorf("%v connections closed for the reason %q, want %d; the node said:\n%s", got, reason, want, l.said)
}

// bystander is a client that goes on producing; each record must be acknowledged.
type bystander struct {
	l    *limited
	conn net.Conn
	id   metadata.TopicID
	n    int
}

func (l *limited) bystander() *bystander {
	b := &bystander{l: l, conn: l.dial()}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.SetVersion(7)
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 1, 1
	create.Topics = append(create.Topics, topic)
	b.id = l.ask(b.conn, create).(*kmsg.CreateTopicsResponse).Topics[0].TopicID
	return b
}

func (b *bystander) produces() {
	b.l.t.Helper()
	b.conn.SetDeadline(time.Now().Add(30 * time.Second))
	var records batch.Builder
	records.Add(nil, []byte("a record"), 0)
	if code := b.send(records.Build()); code != 0 {
		b.l.t.Fatalf("record %d of the bystander: %v", b.n, kerr.ErrorForCode(code))
	}
	b.n++
}

func (b *bystander) send(records []byte) int16 {
	b.l.t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(13)
	req.Acks, req.TimeoutMillis = -1, 10_000
	topic, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	p.Records = records
	topic.TopicID, topic.Partitions = b.id, append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	return b.l.ask(b.conn, req).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
}

func apiVersions() *kmsg.ApiVersionsRequest {
	req := kmsg.NewPtrApiVersionsRequest()
	req.SetVersion(3)
	req.ClientSoftwareName, req.ClientSoftwareVersion = "test", "1"
	return req
}

// A client that stops in the middle of a request, or sends it byte by byte, is closed when the time for
// that is over; so is one that never says anything.
func TestSlowClients(t *testing.T) {
	l := startLimited(t, Limits{Frame: time.Second})
	b := l.bystander()
	request := wire.AppendRequest(nil, "test", 1, apiVersions())
	silent := l.dial()
	half := l.dial()
	half.Write(request[:len(request)-1])
	late := l.dial() // well behaved, and then not
	l.ask(late, apiVersions())
	late.Write(request[:2])
	drip := l.dial()
	go func() {
		for i := range request[1:] {
			if _, err := drip.Write(request[i : i+1]); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	for what, conn := range map[string]net.Conn{"silent": silent, "half a request": half, "half of the second": late, "byte by byte": drip} {
		l.closed(what, conn)
		b.produces()
	}
	l.counts("slow", 3)
	l.counts("idle", 1)
	if said := l.said.String(); strings.Count(said, "a request began and did not go on for 1s") != 3 {
		t.Errorf("the node said:\n%s", said)
	}
}

// A connection on which nothing is asked is closed; one that waits for an answer is not, and none of
// another node.
func TestIdleClients(t *testing.T) {
	l := startLimited(t, Limits{Idle: 500 * time.Millisecond})
	b := l.bystander()
	peer := l.dialTo(l.peers)
	l.ask(peer, apiVersions())
	idle := l.dial()
	l.ask(idle, apiVersions())
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(17)
	fetch.MaxWaitMillis, fetch.MinBytes, fetch.MaxBytes = 1500, 1, 1<<20
	topic, p := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = 1 << 20
	topic.TopicID, topic.Partitions = b.id, append(topic.Partitions, p)
	fetch.Topics = append(fetch.Topics, topic)
	waits := l.dial()
	if resp := l.ask(waits, fetch).(*kmsg.FetchResponse); resp.ErrorCode != 0 || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Errorf("%+v", resp)
	}
	l.closed("idle", idle)
	l.closed("idle after its fetch", waits)
	l.counts("idle", 3) // the bystander, too
	l.ask(peer, apiVersions())
}

// One connection more than there may be is closed at once, and counted; the others go on, and a place that
// becomes free is free. What is half open or idle does not stall anybody.
func TestConnectionStorm(t *testing.T) {
	const places = 300
	l := startLimited(t, Limits{Connections: places})
	b := l.bystander()
	var held []net.Conn
	for i := range places - 1 {
		conn := l.dial()
		switch i % 3 {
		case 0:
			l.ask(conn, apiVersions())
		case 1:
			conn.Write([]byte{0, 0, 0})
		}
		held = append(held, conn)
		if i%50 == 0 {
			b.produces()
		}
	}
	var storm sync.WaitGroup
	for range 8 {
		storm.Go(func() {
			for range 50 {
				conn, err := net.Dial("tcp", l.address)
				if err != nil {
					continue // the backlog is full
				}
				conn.SetDeadline(time.Now().Add(30 * time.Second))
				if n, err := io.Copy(io.Discard, conn); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%d bytes, %v; want a closed connection", n, err)
				}
				conn.Close()
			}
		})
	}
	for range 50 {
		b.produces()
	}
	storm.Wait()
	refused := l.value("logproof_broker_connections_closed_total", "limit")
	if refused == 0 || refused > 400 {
		t.Errorf("%v were refused, 400 were dialled", refused)
	}
	if open := l.value("logproof_broker_connections", ""); open > places {
		t.Errorf("%v are open, want at most %d", open, places)
	}
	if said := strings.Count(l.said.String(), "there are as many as there may be"); said == 0 || said > 60 {
		t.Errorf("the node said so %d times", said)
	}
	for _, conn := range held[:10] {
		conn.Close()
	}
	l.counts("peer", 10)
	l.ask(l.dial(), apiVersions())
	b.produces()
}

// Clients that announce the largest request that there may be, and send a little of it, do not get the
// memory that they announce.
func TestAnnouncedMemory(t *testing.T) {
	const clients, sent = 200, wire.FrameChunk + 1000
	l := startLimited(t, Limits{})
	b := l.bystander()
	b.produces()
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	announced := append(binary.BigEndian.AppendUint32(nil, wire.MaxFrame), make([]byte, sent)...)
	var conns []net.Conn
	for i := range clients {
		conn := l.dial()
		conns = append(conns, conn)
		if i%2 == 0 {
			announced = announced[:4] // nothing but the announcement
		} else {
			announced = announced[:4+sent]
		}
		if _, err := conn.Write(announced); err != nil {
			t.Fatal(err)
		}
	}
	most := int64(0)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		now := l.arriving.bytes.Load()
		if most = max(most, now); now >= clients/2*sent || time.Now().After(deadline) {
			break
		}
	}
	for range 20 {
		b.produces()
		most = max(most, l.arriving.bytes.Load())
	}
	goruntime.ReadMemStats(&after)
	// 100 of them have sent more than a chunk; each gets a step until that is much.
	if bound := int64(generous + clients*4*sent); most < clients/2*sent || most > bound {
		t.Errorf("%d bytes are taken for requests that do not come, want %d to %d", most, clients/2*sent, bound)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2*(generous+clients*4*sent) {
		t.Errorf("the heap has grown by %d bytes; %d were announced", grown, clients*wire.MaxFrame)
	}
	for _, conn := range conns {
		conn.Close()
	}
	l.counts("peer", clients)
	if left := l.arriving.bytes.Load(); left != 0 {
		t.Errorf("%d bytes are still taken when they are closed", left)
	}
}
