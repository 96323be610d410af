package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// counter is a session of a client whose shards, coordinators and participant are the test.
type counter struct {
	t     *testing.T
	s     *Session
	fx    actor.Effects
	now   time.Time
	sends []any
	// told are the responses.
	told []kmsg.Response
}

// newCounter is at broker 1, which leads orders-0, orders-1 and one of two partitions of __consumer_offsets: that of
// the group "here".
func newCounter(t *testing.T) *counter {
	n := &counter{t: t, now: time.Unix(50, 0)}
	n.s = NewSession(Config{NodeID: 1, Shards: 1}, actor.Address{Role: actor.Session, ID: 4}, wire.Clients)
	var records []metadata.Record
	for i, name := range []string{"orders", metadata.ConsumerOffsets} {
		id := metadata.TopicID{byte(i + 1)}
		records = append(records, metadata.Record{Topic: &metadata.TopicRecord{Name: name, ID: id}})
		for p := range int32(2) {
			leader := int32(1)
			if name != "orders" && p != CoordinatorPartition("here", 2) {
				leader = 2
			}
			records = append(records, metadata.Record{Partition: &metadata.PartitionRecord{TopicID: id, Index: p, Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Leader: leader}})
		}
	}
	n.step(NewImage{metadata.NewImage("c", []metadata.Broker{{ID: 1}, {ID: 2}}).Apply(records)})
	n.sends = nil
	return n
}

func (n *counter) step(message any) {
	n.s.Step(n.now, message, &n.fx)
	for _, s := range n.fx.Sends {
		n.sends = append(n.sends, s.Message)
	}
	for _, r := range n.fx.Responses {
		resp, _ := r.Body.(kmsg.Response)
		n.told = append(n.told, resp)
	}
	n.fx.Reset()
}

func (n *counter) ask(body kmsg.Request) {
	n.step(Arrived{Request: &wire.Request{Key: body.Key(), Version: body.GetVersion(), Body: body}, At: n.now})
}

// sent takes the next message that was sent.
func sent[M any](n *counter) M {
	n.t.Helper()
	if len(n.sends) == 0 {
		n.t.Fatalf("nothing was sent, want a %T", *new(M))
	}
	m, ok := n.sends[0].(M)
	if !ok {
		n.t.Fatalf("a %T was sent, want a %T", n.sends[0], m)
	}
	n.sends = n.sends[1:]
	return m
}

func (n *counter) quiet() {
	n.t.Helper()
	if len(n.sends) > 0 {
		n.t.Fatalf("%T was sent", n.sends[0])
	}
}

// transactional is a request with a batch of producer 7, epoch 2, for each of some partitions of orders.
func transactional(version int16, sequence int32, partitions ...int32) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(version)
	req.Acks, req.TimeoutMillis, req.TransactionID = -1, 1000, kmsg.StringPtr("tx")
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = "orders", [16]byte{1}
	for _, p := range partitions {
		var b batch.Builder
		b.Producer(7, 2, sequence)
		b.Transactional()
		b.Add(nil, []byte("v"), 50_000)
		part := kmsg.NewProduceRequestTopicPartition()
		part.Partition, part.Records = p, b.Build()
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// codes are the errors of the last answer, by partition.
func (n *counter) codes() string {
	n.t.Helper()
	if len(n.told) == 0 {
		return "none"
	}
	last := n.told[len(n.told)-1]
	n.told = nil
	var all []string
	add := func(code int16) {
		text := "ok"
		if err := kerr.TypedErrorForCode(code); err != nil {
			text = err.Message
		}
		all = append(all, text)
	}
	switch r := last.(type) {
	case *kmsg.ProduceResponse:
		for _, p := range r.Topics[0].Partitions {
			add(p.ErrorCode)
		}
	case *kmsg.TxnOffsetCommitResponse:
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				add(p.ErrorCode)
			}
		}
	}
	return fmt.Sprint(all)
}

// The first batch of a transaction is appended once the coordinator has said that it belongs to it; where the
// transaction is open, at once.
func TestTransactionalProduce(t *testing.T) {
	for version, only := range map[int16]bool{9: true, 11: true, 12: false, 13: false} {
		n := newCounter(t)
		n.ask(transactional(version, 0, 0, 1))
		first, second := sent[VerifyPart](n), sent[VerifyPart](n)
		if first.Replica.Partition != 0 || second.Replica.Partition != 1 || first.ProducerID != 7 || first.Epoch != 2 || first.Sequence != 0 {
			t.Errorf("version %d: %+v %+v", version, first, second)
		}
		n.step(VerifyAnswer{Call: second.Ticket.Call, Part: second.Ticket.Part, Open: true})
		if part := sent[ProducePart](n); part.Guard != 0 || part.Replica.Partition != 1 || part.Trusted || part.Times == nil {
			t.Errorf("version %d: %+v", version, part)
		}
		n.step(VerifyAnswer{Call: first.Ticket.Call, Part: first.Ticket.Part, Guard: 77})
		e := sent[Enlist](n)
		if e.TransactionID != "tx" || e.Topic != "orders" || e.Partition != 0 || e.ProducerID != 7 || e.Epoch != 2 || e.VerifyOnly != only {
			t.Errorf("version %d: %+v", version, e)
		}
		n.quiet()
		n.step(Enlisted{Call: e.Ticket.Call, Part: e.Ticket.Part})
		part := sent[ProducePart](n)
		if part.Guard != 77 || part.Acks != -1 || part.Replica.Partition != 0 {
			t.Errorf("version %d: %+v", version, part)
		}
		for _, index := range []int32{1, 0} {
			n.step(ProduceDone{Call: part.Ticket.Call, Part: index})
		}
		if got := n.codes(); got != "[ok ok]" {
			t.Errorf("version %d: %s", version, got)
		}
		if len(n.s.lanes)+len(n.s.enlistments) > 0 {
			t.Errorf("version %d: something is kept", version)
		}
	}
}

// Errors of coordinators, as each version is told of them.
func TestEnlistErrors(t *testing.T) {
	for _, c := range []struct {
		err           *kerr.Error
		old, v11, v12 string
	}{
		{kerr.TransactionAbortable, "INVALID_TXN_STATE", "TRANSACTION_ABORTABLE", "TRANSACTION_ABORTABLE"},
		{kerr.ConcurrentTransactions, "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS", "CONCURRENT_TRANSACTIONS"},
		{kerr.CoordinatorLoadInProgress, "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS"},
		{kerr.CoordinatorNotAvailable, "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS"},
		{kerr.NotCoordinator, "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS"},
		{kerr.NetworkException, "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS"},
		{kerr.ProducerFenced, "INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_EPOCH"},
		{kerr.InvalidProducerEpoch, "INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_EPOCH"},
		{kerr.InvalidProducerIDMapping, "INVALID_PRODUCER_ID_MAPPING", "INVALID_PRODUCER_ID_MAPPING", "INVALID_PRODUCER_ID_MAPPING"},
		{kerr.InvalidTxnState, "INVALID_TXN_STATE", "INVALID_TXN_STATE", "INVALID_TXN_STATE"},
	} {
		for version, want := range map[int16]string{3: c.old, 10: c.old, 11: c.v11, 12: c.v12, 13: c.v12} {
			n := newCounter(t)
			n.ask(transactional(version, 0, 0))
			m := sent[VerifyPart](n)
			n.step(VerifyAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, Guard: 1})
			e := sent[Enlist](n)
			n.step(Enlisted{Call: e.Ticket.Call, Part: e.Ticket.Part, Error: c.err.Code})
			n.quiet()
			if got := n.codes(); got != "["+want+"]" {
				t.Errorf("%s, version %d: %s, want %s", c.err.Message, version, got, want)
			}
		}
	}
	n := newCounter(t)
	n.ask(transactional(12, 0, 0))
	m := sent[VerifyPart](n)
	n.step(VerifyAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, Error: kerr.InvalidProducerEpoch.Code})
	n.quiet()
	if got := n.codes(); got != "[INVALID_PRODUCER_EPOCH]" {
		t.Errorf("refused by the log: %s", got)
	}
}

// Of two requests in flight the second does not overtake the first, whatever becomes of that; other partitions and
// other producers do not wait.
func TestLanes(t *testing.T) {
	for _, refused := range []bool{false, true} {
		n := newCounter(t)
		n.ask(transactional(12, 0, 0))
		n.ask(transactional(12, 1, 0, 1))
		first, other := sent[VerifyPart](n), sent[VerifyPart](n)
		if first.Sequence != 0 || other.Replica.Partition != 1 {
			t.Fatalf("%+v %+v", first, other)
		}
		n.quiet()
		n.step(VerifyAnswer{Call: first.Ticket.Call, Part: first.Ticket.Part, Guard: 1})
		e := sent[Enlist](n)
		code := int16(0)
		if refused {
			code = kerr.NotCoordinator.Code
		}
		n.step(Enlisted{Call: e.Ticket.Call, Part: e.Ticket.Part, Error: code})
		if !refused {
			if part := sent[ProducePart](n); part.Batch.BaseSequence() != 0 {
				t.Errorf("sequence %d goes first", part.Batch.BaseSequence())
			}
		}
		next := sent[VerifyPart](n)
		if next.Sequence != 1 || next.Replica.Partition != 0 {
			t.Errorf("refused %v: then %+v", refused, next)
		}
		n.step(VerifyAnswer{Call: next.Ticket.Call, Part: next.Ticket.Part, Open: true})
		if part := sent[ProducePart](n); part.Batch.BaseSequence() != 1 {
			t.Errorf("refused %v: %+v", refused, part)
		}
	}
}

// A batch that was not in time is not appended any more, and holds nobody up.
func TestEnlistTooLate(t *testing.T) {
	n := newCounter(t)
	n.ask(transactional(12, 0, 0))
	first := sent[VerifyPart](n)
	n.step(VerifyAnswer{Call: first.Ticket.Call, Part: first.Ticket.Part, Guard: 1})
	e := sent[Enlist](n)
	n.now = n.now.Add(2 * time.Second)
	n.step(tick{})
	if got := n.codes(); got != "[REQUEST_TIMED_OUT]" {
		t.Errorf("told %s", got)
	}
	n.ask(transactional(12, 0, 0)) // the client's next try
	n.quiet()
	n.step(Enlisted{Call: e.Ticket.Call, Part: e.Ticket.Part})
	again := sent[VerifyPart](n)
	if again.Ticket.Call == first.Ticket.Call {
		t.Errorf("the batch that was too late goes on: %+v", again)
	}
	n.quiet()
	n.step(Closed{})
	n.sends = nil
	n.step(VerifyAnswer{Call: again.Ticket.Call, Part: again.Ticket.Part, Open: true})
	n.step(Enlisted{Call: again.Ticket.Call, Part: again.Ticket.Part})
	n.quiet()
}

// A transactional batch without a transactional id is refused, with all that comes with it; an id without a
// transactional batch is no matter.
func TestTransactionalIDOfProduce(t *testing.T) {
	n := newCounter(t)
	req := transactional(9, 0, 0, 1)
	req.TransactionID = nil
	req.Topics[0].Partitions[1].Records = func() []byte {
		var b batch.Builder
		b.Add(nil, []byte("v"), 50_000)
		return b.Build()
	}()
	n.ask(req)
	n.quiet()
	if got := n.codes(); got != "[TRANSACTIONAL_ID_AUTHORIZATION_FAILED TRANSACTIONAL_ID_AUTHORIZATION_FAILED]" {
		t.Error(got)
	}
	req.TransactionID = kmsg.StringPtr("tx")
	req.Topics[0].Partitions = req.Topics[0].Partitions[1:]
	n.ask(req)
	if part := sent[ProducePart](n); part.Batch.IsTransactional() {
		t.Errorf("%+v", part)
	}
}

// offsetsOf commits offsets of partitions of orders in a transaction.
func offsetsOf(version int16, group string, partitions ...int32) *kmsg.TxnOffsetCommitRequest {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.SetVersion(version)
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = "tx", group, 7, 2
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = "orders", [16]byte{1}
	for _, p := range partitions {
		one := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		one.Partition, one.Offset = p, 9
		topic.Partitions = append(topic.Partitions, one)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// Offsets in a transaction: the partition of the group is enlisted, and the coordinator asked about what there is.
func TestTxnOffsetCommit(t *testing.T) {
	for version, only := range map[int16]bool{0: true, 3: true, 4: true, 5: false, 6: false} {
		n := newCounter(t)
		n.ask(offsetsOf(version, "here", 0, 5, 1))
		m := sent[VerifyPart](n)
		if m.Replica != (Replica{metadata.TopicID{2}, CoordinatorPartition("here", 2)}) || m.Sequence != -1 || m.ProducerID != 7 || m.Epoch != 2 {
			t.Errorf("version %d: %+v", version, m)
		}
		n.step(VerifyAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, Guard: 66})
		e := sent[Enlist](n)
		if e.Topic != metadata.ConsumerOffsets || e.Partition != m.Replica.Partition || e.VerifyOnly != only || e.TransactionID != "tx" {
			t.Errorf("version %d: %+v", version, e)
		}
		n.step(Enlisted{Call: e.Ticket.Call, Part: e.Ticket.Part})
		asked := sent[CoordinatorRequest](n)
		body := asked.Body.(*kmsg.TxnOffsetCommitRequest)
		if asked.Guard != 66 || len(body.Topics) != 1 || body.Topics[0].Topic != "orders" || body.Topics[0].TopicID != [16]byte{1} || len(body.Topics[0].Partitions) != 2 {
			t.Errorf("version %d: %+v, %+v", version, asked, body)
		}
		resp := body.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		topic := kmsg.NewTxnOffsetCommitResponseTopic()
		for i := range int32(2) {
			p := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			p.Partition, p.ErrorCode = i, int16(i)*kerr.CoordinatorLoadInProgress.Code
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
		n.step(CoordinatorReply{Call: asked.Call, Body: resp})
		want := "[ok UNKNOWN_TOPIC_OR_PARTITION COORDINATOR_LOAD_IN_PROGRESS]"
		if version < 2 {
			want = "[ok UNKNOWN_TOPIC_OR_PARTITION COORDINATOR_NOT_AVAILABLE]"
		}
		if got := n.codes(); got != want {
			t.Errorf("version %d: %s, want %s", version, got, want)
		}
	}
}

// What goes wrong before the coordinator of the group is asked.
func TestTxnOffsetCommitErrors(t *testing.T) {
	elsewhere := "a"
	for CoordinatorPartition(elsewhere, 2) == CoordinatorPartition("here", 2) {
		elsewhere += "a"
	}
	for _, c := range []struct {
		name, want string
		req        *kmsg.TxnOffsetCommitRequest
	}{
		{"no group", "[INVALID_GROUP_ID]", offsetsOf(5, "", 0)},
		{"a group that is elsewhere", "[NOT_COORDINATOR]", offsetsOf(5, elsewhere, 0)},
		{"partitions that are none", "[UNKNOWN_TOPIC_OR_PARTITION UNKNOWN_TOPIC_OR_PARTITION]", offsetsOf(5, "here", 8, 9)},
		{"one that is, elsewhere", "[UNKNOWN_TOPIC_OR_PARTITION NOT_COORDINATOR]", offsetsOf(5, elsewhere, 8, 1)},
	} {
		n := newCounter(t)
		n.ask(c.req)
		n.quiet()
		if got := n.codes(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	byID := offsetsOf(6, "here", 0)
	byID.Topics[0].TopicID = [16]byte{77}
	n := newCounter(t)
	if n.ask(byID); n.codes() != "[UNKNOWN_TOPIC_ID]" {
		t.Error("an id of no topic")
	}
	for _, c := range []struct {
		err  *kerr.Error
		want string
	}{
		{kerr.NotCoordinator, "COORDINATOR_NOT_AVAILABLE"}, {kerr.ConcurrentTransactions, "CONCURRENT_TRANSACTIONS"}, {kerr.ProducerFenced, "INVALID_PRODUCER_EPOCH"},
		{kerr.InvalidProducerIDMapping, "INVALID_PRODUCER_ID_MAPPING"}, {kerr.TransactionAbortable, "TRANSACTION_ABORTABLE"},
	} {
		n := newCounter(t)
		n.ask(offsetsOf(5, "here", 0))
		m := sent[VerifyPart](n)
		n.step(VerifyAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, Guard: 1})
		e := sent[Enlist](n)
		n.step(Enlisted{Call: e.Ticket.Call, Part: e.Ticket.Part, Error: c.err.Code})
		n.quiet()
		if got := n.codes(); got != "["+c.want+"]" {
			t.Errorf("%s: %s, want %s", c.err.Message, got, c.want)
		}
	}
	n = newCounter(t)
	n.ask(offsetsOf(5, "here", 0))
	m := sent[VerifyPart](n)
	n.step(VerifyAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, Error: kerr.NotLeaderForPartition.Code})
	if got := n.codes(); got != "[NOT_COORDINATOR]" {
		t.Errorf("another leads by now: %s", got)
	}
	n.step(NewImage{metadata.NewImage("c", nil).Apply([]metadata.Record{{Topic: &metadata.TopicRecord{Name: "orders", ID: metadata.TopicID{1}}},
		{Partition: &metadata.PartitionRecord{TopicID: metadata.TopicID{1}, Replicas: []int32{1}}}})})
	if n.ask(offsetsOf(5, "here", 0)); n.codes() != "[COORDINATOR_NOT_AVAILABLE]" {
		t.Error("no topic of offsets")
	}
}
