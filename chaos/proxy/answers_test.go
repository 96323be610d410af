package proxy

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/cluster"
)

// startKafka puts a proxy before a broker, which is node 1; this process is node 0.
func startKafka(t *testing.T) (*broker, *Proxy, *kafka) {
	b := startBroker(t)
	p := startProxy(t, b.backend, true)
	return b, p, dialKafka(t, p.Address(0))
}

// An answer is lost after the broker served the request; those before it come, the connection is over.
func TestDropResponse(t *testing.T) {
	b, p, k := startKafka(t)
	rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.DropResponse, API: "Produce", Topic: orders, Partition: 1, Count: 1})
	k.ask(produce(9, 0))
	k.ask(metadata())
	k.send(produce(9, 0))
	k.send(produce(9, 0, 1))
	k.receive(produce(9, 0), 3)
	expectReset(t, k)
	if served := b.served[kmsg.Produce].Load(); served != 3 {
		t.Errorf("the broker served %d, want 3", served)
	}
	k = dialKafka(t, p.Address(0)) // once was enough
	k.ask(produce(9, 0, 1))
}

func TestDropAnyResponse(t *testing.T) {
	b, p, k := startKafka(t)
	rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.DropResponse})
	k.send(metadata())
	expectReset(t, k)
	if served := b.served[kmsg.Metadata].Load(); served != 1 {
		t.Errorf("the broker served %d, want 1", served)
	}
}

// A response waits for its delay, and those behind it; without the rule they come at once.
func TestDelayResponse(t *testing.T) {
	for _, topic := range []string{"", orders} {
		_, p, k := startKafka(t)
		rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.DelayResponse, API: "Produce", Topic: topic, Delay: time.Hour})
		k.ask(metadata())
		k.send(produce(9, 0))
		k.send(metadata())
		eventually(t, func() error {
			if c := p.only(); c == nil || !c.responses.holds(2) {
				return fmt.Errorf("the responses do not wait")
			}
			return nil
		})
		k.SetReadDeadline(time.Now())
		if n, err := k.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
			t.Fatalf("read of a late response: %d, %v", n, err)
		}
		k.SetReadDeadline(time.Now().Add(patience))
		rules(t, p)
		k.receive(produce(9, 0), 2)
		k.receive(metadata(), 3)
	}
}

// holds says that at least n items wait.
func (p *pipe) holds(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue.items)-p.queue.first >= n
}

// An error code stands in the chosen partitions only, in every version: topics have names, then ids.
func TestRewriteError(t *testing.T) {
	for _, version := range []int16{3, 9, 12, 13} {
		_, p, k := startKafka(t)
		rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.RewriteError, API: "Produce", Topic: orders, Partition: 1, Error: "NOT_LEADER_OR_FOLLOWER", Count: 1})
		got := k.ask(produce(version, 0, 1, 2)).(*kmsg.ProduceResponse)
		for _, part := range got.Topics[0].Partitions {
			code, offset := int16(0), int64(7)
			if part.Partition == 1 {
				code, offset = kerr.NotLeaderForPartition.Code, -1
			}
			if part.ErrorCode != code || part.BaseOffset != offset {
				t.Errorf("version %d, partition %d: error %d, offset %d; want %d, %d", version, part.Partition, part.ErrorCode, part.BaseOffset, code, offset)
			}
		}
		if again := k.ask(produce(version, 1)).(*kmsg.ProduceResponse); again.Topics[0].Partitions[0].ErrorCode != 0 {
			t.Errorf("version %d: the rule goes on after its count", version)
		}
	}
}

func TestRewriteErrorOfFetchTakesItsRecords(t *testing.T) {
	for _, version := range []int16{11, 12, 13, 17} {
		_, p, k := startKafka(t)
		rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.RewriteError, API: "Fetch", Topic: orders, Error: "OFFSET_OUT_OF_RANGE"})
		part := k.ask(fetch(version)).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if part.ErrorCode != kerr.OffsetOutOfRange.Code || len(part.RecordBatches) != 0 || part.HighWatermark != -1 {
			t.Errorf("version %d: %+v", version, part)
		}
	}
}

// Without a topic the code stands where the response has one.
func TestRewriteErrorOfAWholeResponse(t *testing.T) {
	_, p, k := startKafka(t)
	rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.RewriteError, API: "InitProducerID", Error: "COORDINATOR_NOT_AVAILABLE"},
		cluster.LinkRule{Link: there, Mode: cluster.RewriteError, API: "ApiVersions", Error: "UNKNOWN_SERVER_ERROR"})
	init := kmsg.NewPtrInitProducerIDRequest()
	init.Version = 4
	if got := k.ask(init).(*kmsg.InitProducerIDResponse); got.ErrorCode != kerr.CoordinatorNotAvailable.Code {
		t.Errorf("error %d", got.ErrorCode)
	}
	versions := kmsg.NewPtrApiVersionsRequest()
	versions.Version = 3
	if got := k.ask(versions).(*kmsg.ApiVersionsResponse); got.ErrorCode != kerr.UnknownServerError.Code {
		t.Errorf("error %d", got.ErrorCode)
	}
}

func TestDuplicateResponse(t *testing.T) {
	_, p, k := startKafka(t)
	rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.DuplicateResponse, API: "Produce", Count: 1})
	k.ask(produce(9, 0))
	k.receive(produce(9, 0), 1)
	k.ask(produce(9, 0))
}

// Metadata stays what it was when the rule came, and is what it is when it goes.
func TestStaleMetadata(t *testing.T) {
	b, p, k := startKafka(t)
	leader := func() int32 {
		m := k.ask(metadata()).(*kmsg.MetadataResponse)
		if m.Topics[0].Topic == nil || *m.Topics[0].Topic != orders {
			t.Fatalf("metadata %+v", m)
		}
		return m.Topics[0].Partitions[0].Leader
	}
	stale := cluster.LinkRule{Link: there, Mode: cluster.StaleMetadata}
	rules(t, p, stale)
	b.leader.Store(2)
	if got := leader(); got != 1 {
		t.Errorf("leader %d under the rule, want 1", got)
	}
	rules(t, p, stale, cluster.LinkRule{Link: back, Mode: cluster.Delay, Delay: time.Millisecond})
	if got := leader(); got != 1 {
		t.Errorf("leader %d while the rule stays, want 1", got)
	}
	rules(t, p)
	if got := leader(); got != 2 {
		t.Errorf("leader %d without the rule, want 2", got)
	}
}

func TestOutdatedMetadataKnowsNoNewTopics(t *testing.T) {
	then, now := kmsg.NewPtrMetadataResponse(), kmsg.NewPtrMetadataResponse()
	then.ControllerID, now.ControllerID = 1, 2
	topic := func(name string, leader int32) kmsg.MetadataResponseTopic {
		part := kmsg.NewMetadataResponseTopicPartition()
		part.Leader = leader
		return kmsg.MetadataResponseTopic{Topic: &name, Partitions: []kmsg.MetadataResponseTopicPartition{part}}
	}
	then.Topics = append(then.Topics, topic("old", 1), topic("other", 1))
	for _, narrowed := range []string{"", "old"} {
		now.Topics = []kmsg.MetadataResponseTopic{topic("new", 3), topic("old", 3), topic("other", 3)}
		outdate(now, then, &rule{LinkRule: cluster.LinkRule{Topic: narrowed}})
		text := ""
		for _, t := range now.Topics {
			text += fmt.Sprintf("%s %d", *t.Topic, t.ErrorCode)
			for _, part := range t.Partitions {
				text += fmt.Sprintf(" leader %d", part.Leader)
			}
			text += "; "
		}
		want := "new 3; old 0 leader 1; other 0 leader 1; "
		if narrowed != "" {
			want = "new 0 leader 3; old 0 leader 1; other 0 leader 3; "
		}
		if text != want || now.ControllerID != 1 {
			t.Errorf("narrowed to %q: %s of controller %d, want %s", narrowed, text, now.ControllerID, want)
		}
	}
}

func TestStaleMetadataNeedsANodeThatTells(t *testing.T) {
	for name, b := range map[string]*backend{
		"hangs up": startBackend(t, func(*net.TCPConn) {}),
		"nonsense": startBackend(t, func(c *net.TCPConn) { c.Write([]byte{0, 0, 0, 5, 0, 0, 0, 1, 9}) }),
		"too long": startBackend(t, func(c *net.TCPConn) { c.Write([]byte{0x7f, 0, 0, 5, 0, 0, 0, 1, 9}) }),
	} {
		p := startProxy(t, b, true)
		err := p.SetLinks(context.Background(), []cluster.LinkRule{{Link: there, Mode: cluster.StaleMetadata}})
		if err == nil || !strings.Contains(err.Error(), "no node tells its metadata") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Rules of other requests, links and topics leave an answer alone, to the byte.
func TestOtherAnswersPassUnchanged(t *testing.T) {
	b, p, k := startKafka(t)
	b.records = bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB: spliced, or held and passed
	response := b.answer(fetch(12))
	response.SetVersion(12)
	want := responseFrame(response, []byte{0, 0, 0, 1})
	check := func(name string) {
		t.Helper()
		k.send(fetch(12))
		got := make([]byte, len(want))
		copy(want[4:], []byte{0, 0, 0, byte(k.correlation)})
		expectBytes(t, k, got, want, name)
	}
	for _, r := range []cluster.LinkRule{
		{Link: there, Mode: cluster.DropResponse, API: "Produce"},
		{Link: back, Mode: cluster.DropResponse, API: "Fetch"},
		{Link: there, Mode: cluster.DropResponse, API: "Fetch", Topic: "payments"},
		{Link: there, Mode: cluster.DropResponse, API: "Fetch", Topic: orders, Partition: 3},
		{Link: there, Mode: cluster.RewriteError, API: "Fetch", Topic: orders, Partition: 3, Error: "NOT_LEADER_OR_FOLLOWER"},
		{Link: there, Mode: cluster.RewriteError, API: "Produce", Error: "NOT_LEADER_OR_FOLLOWER"},
	} {
		rules(t, p, r)
		check(r.String())
	}
	rules(t, p)
	check("no rule")
}

func expectBytes(t *testing.T, k *kafka, got, want []byte, name string) {
	t.Helper()
	n := 0
	for n < len(got) {
		m, err := k.Read(got[n:])
		if err != nil {
			t.Fatalf("%s: after %d bytes: %v", name, n, err)
		}
		n += m
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: another answer came", name)
	}
}

// A request without an answer does not keep others from theirs.
func TestRequestsWithoutAnswers(t *testing.T) {
	_, p, k := startKafka(t)
	rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.DuplicateResponse, API: "Produce"})
	silent := produce(9, 0)
	silent.Acks = 0
	k.send(silent)
	k.ask(produce(9, 0))
	k.receive(silent, 2)
	if waiting := len(p.only().calls.waiting); waiting != 0 {
		t.Errorf("%d requests are still noted", waiting)
	}
}

// A response that is too large to be held passes unchanged, and those before and after it obey.
func TestLargeAnswersPass(t *testing.T) {
	b, p, k := startKafka(t)
	rules(t, p, cluster.LinkRule{Link: there, Mode: cluster.RewriteError, API: "Fetch", Error: "OFFSET_OUT_OF_RANGE"})
	if k.ask(fetch(11)).(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode == 0 {
		t.Error("a small answer was not changed")
	}
	b.records = make([]byte, heldMax+1)
	if part := k.ask(fetch(11)).(*kmsg.FetchResponse).Topics[0].Partitions[0]; part.ErrorCode != 0 || len(part.RecordBatches) != heldMax+1 {
		t.Errorf("error %d and %d bytes of records", part.ErrorCode, len(part.RecordBatches))
	}
	b.records = nil
	if k.ask(fetch(11)).(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode == 0 {
		t.Error("an answer after a large one was not changed")
	}
}

// A rule that comes while half a response is there begins with the next one; one that goes lets half a
// response flow on.
func TestRulesComeAndGoInTheMiddleOfAResponse(t *testing.T) {
	proceed, half := make(chan struct{}), make(chan struct{})
	response := kmsg.NewPtrMetadataResponse()
	response.SetVersion(9)
	whole := responseFrame(response, []byte{0, 0, 0, 1})
	b := startBackend(t, func(conn *net.TCPConn) {
		for range 3 {
			if _, err := conn.Read(make([]byte, 1000)); err != nil {
				return
			}
			for _, part := range [][]byte{whole[:6], whole[6:]} {
				conn.Write(part)
				half <- struct{}{}
				<-proceed
			}
		}
	})
	p := startProxy(t, b, true)
	k := dialKafka(t, p.Address(0))
	duplicate := cluster.LinkRule{Link: there, Mode: cluster.DuplicateResponse, API: "Metadata"}
	steps := func(n int64, during func()) {
		k.correlation = 0
		k.send(metadata())
		<-half
		eventually(t, func() error {
			if got := p.only().responses.passed.Load(); got != n {
				return fmt.Errorf("%d bytes passed, want %d", got, n)
			}
			return nil
		})
		during()
		proceed <- struct{}{}
		<-half
		proceed <- struct{}{}
		k.receive(metadata(), 1)
	}
	size := int64(len(whole))
	steps(6, func() { rules(t, p, duplicate) })
	steps(size, func() { rules(t, p) })
	steps(2*size+6, func() {})
}
