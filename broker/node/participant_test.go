package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// office is the participant of broker 1, whose shards, coordinators and sessions are the test.
type office struct {
	t  *testing.T
	p  *participant
	fx actor.Effects
}

// newOffice has broker 1 and 2, the latter of which coordinates all transactions but those of "local".
func newOffice(t *testing.T) *office {
	o := &office{t: t}
	cfg := Config{Sessions: api.Config{NodeID: 1, Shards: 1}, Wall: func(t time.Time) time.Time { return t }}
	o.p = newParticipant(cfg)
	states := metadata.TopicID{8}
	records := []metadata.Record{{Topic: &metadata.TopicRecord{Name: metadata.TransactionState, ID: states}}}
	for i := range int32(2) {
		leader := int32(2)
		if i == api.CoordinatorPartition("local", 2) {
			leader = 1
		}
		records = append(records, metadata.Record{Partition: &metadata.PartitionRecord{TopicID: states, Index: i, Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Leader: leader}})
	}
	for i, name := range []string{"orders", metadata.ConsumerOffsets} {
		id := metadata.TopicID{byte(i + 1)}
		records = append(records, metadata.Record{Topic: &metadata.TopicRecord{Name: name, ID: id}},
			metadata.Record{Partition: &metadata.PartitionRecord{TopicID: id, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1}},
			metadata.Record{Partition: &metadata.PartitionRecord{TopicID: id, Index: 1, Replicas: []int32{2}, ISR: []int32{2}, Leader: 2}})
	}
	o.step(api.NewImage{Image: metadata.NewImage("c", []metadata.Broker{{ID: 1}, {ID: 2, PeerHost: "two", PeerPort: 9}}).Apply(records)})
	return o
}

// step delivers messages of one batch and gives what is sent; calls are left in fx.
func (o *office) step(messages ...any) []actor.Send {
	o.fx.Reset()
	for _, m := range append(messages, actor.Drained{}) {
		o.p.Step(time.Unix(5, 0), m, &o.fx)
	}
	return o.fx.Sends
}

func enlist(part int32, id string, producer int64, index int32, only bool) api.Enlist {
	return api.Enlist{
		Ticket: partition.Ticket{To: actor.Address{Role: actor.Session, ID: 5}, Call: 3, Part: part}, Topic: "orders", Partition: index,
		TransactionID: id, ProducerID: producer, Epoch: 2, VerifyOnly: only,
	}
}

// answered is a coordinator's answer to a request, with an error for each partition.
func answeredWith(req kmsg.Request, code func(partition int32) int16) *kmsg.AddPartitionsToTxnResponse {
	asked := req.(*kmsg.AddPartitionsToTxnRequest)
	resp := asked.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
	for _, t := range asked.Transactions {
		one := kmsg.NewAddPartitionsToTxnResponseTransaction()
		one.TransactionalID = t.TransactionalID
		for _, topic := range t.Topics {
			answer := kmsg.NewAddPartitionsToTxnResponseTransactionTopic()
			answer.Topic = topic.Topic
			for _, index := range topic.Partitions {
				p := kmsg.NewAddPartitionsToTxnResponseTransactionTopicPartition()
				p.Partition, p.ErrorCode = index, code(index)
				answer.Partitions = append(answer.Partitions, p)
			}
			one.Topics = append(one.Topics, answer)
		}
		resp.Transactions = append(resp.Transactions, one)
	}
	return resp
}

func told(sends []actor.Send) (all string) {
	for _, s := range sends {
		m := s.Message.(api.Enlisted)
		all += fmt.Sprintf("%d:%d ", m.Part, m.Error)
	}
	return all
}

// What is asked of one coordinator goes in one request, what comes meanwhile in the next.
func TestEnlist(t *testing.T) {
	o := newOffice(t)
	if sends := o.step(enlist(0, "remote", 7, 0, false), enlist(1, "remote", 7, 1, false), enlist(2, "other", 8, 0, true), enlist(3, "remote", 7, 1, false), enlist(4, "remote", 9, 0, false)); len(sends) > 0 || len(o.fx.Calls) != 1 {
		t.Fatalf("%d sent, %d calls", len(sends), len(o.fx.Calls))
	}
	call := o.fx.Calls[0]
	req := call.Request.(*kmsg.AddPartitionsToTxnRequest)
	if call.Node != 2 || call.Host != "two" || call.Port != 9 || req.Version != 5 || len(req.Transactions) != 2 {
		t.Fatalf("%+v", call)
	}
	if a, b := req.Transactions[0], req.Transactions[1]; a.TransactionalID != "remote" || a.ProducerID != 7 || a.ProducerEpoch != 2 || a.VerifyOnly || fmt.Sprint(a.Topics[0].Partitions) != "[0 1]" || b.TransactionalID != "other" || !b.VerifyOnly {
		t.Errorf("%+v %+v", a, b)
	}
	if sends := o.step(enlist(5, "remote", 7, 0, true)); len(sends)+len(o.fx.Calls) > 0 {
		t.Errorf("asked twice at a time: %+v", o.fx.Calls)
	}
	sends := o.step(actor.CallDone{Token: call.Token, Response: answeredWith(req, func(index int32) int16 { return int16(index) * kerr.UnknownTopicOrPartition.Code })})
	if got := told(sends); got != "0:0 1:3 2:0 3:3 " {
		t.Errorf("told %s", got)
	}
	if len(o.fx.Calls) != 1 { // of producer 9; that of 7, which only verifies, stands behind it
		t.Fatalf("%d calls", len(o.fx.Calls))
	}
	call = o.fx.Calls[0]
	if got := told(o.step(actor.CallDone{Token: call.Token, Err: errors.New("reset")})); got != "4:13 " || len(o.fx.Calls) != 1 {
		t.Errorf("told %s of a coordinator that is gone", got)
	}
	call = o.fx.Calls[0]
	failed := kmsg.NewPtrAddPartitionsToTxnResponse()
	failed.ErrorCode = kerr.ClusterAuthorizationFailed.Code
	if got := told(o.step(actor.CallDone{Token: call.Token, Response: failed})); got != "5:31 " {
		t.Errorf("told %s of a request that is refused", got)
	}
}

// A coordinator on this node is asked without a connection; one that is nowhere is told at once.
func TestEnlistHere(t *testing.T) {
	o := newOffice(t)
	sends := o.step(enlist(0, "local", 7, 0, false))
	if len(sends) != 1 || len(o.fx.Calls) > 0 || sends[0].To != api.Transactions {
		t.Fatalf("%+v, %d calls", sends, len(o.fx.Calls))
	}
	m := sends[0].Message.(api.TransactionRequest)
	if m.From != api.Participant {
		t.Errorf("%+v", m)
	}
	if got := told(o.step(api.TransactionReply{Call: m.Call, Body: answeredWith(m.Body, func(int32) int16 { return 0 })})); got != "0:0 " {
		t.Errorf("told %s", got)
	}
	m = o.step(enlist(0, "local", 7, 0, false))[0].Message.(api.TransactionRequest)
	if got := told(o.step(api.TransactionReply{Call: m.Call, Body: kmsg.NewPtrAddPartitionsToTxnResponse()})); got != "0:-1 " {
		t.Errorf("told %s by an answer that says nothing", got)
	}
	o.p.image = metadata.NewImage("c", nil)
	if got := told(o.step(enlist(0, "local", 7, 0, false))); got != "0:15 " {
		t.Errorf("told %s without a topic", got)
	}
	o.p.image = nil
	if got := told(o.step(enlist(0, "local", 7, 0, false))); got != "0:15 " {
		t.Errorf("told %s before there is an image", got)
	}
}

func markersOf(version int8, commit bool, topics ...kmsg.WriteTxnMarkersRequestMarkerTopic) *kmsg.WriteTxnMarkersRequest {
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	m.ProducerID, m.ProducerEpoch, m.Committed, m.CoordinatorEpoch, m.TransactionVersion, m.Topics = 7, 3, commit, 4, version, topics
	req.Markers = append(req.Markers, m)
	return req
}

// Markers go to whoever has the partition, and are answered together.
func TestMarkersOfOthers(t *testing.T) {
	o := newOffice(t)
	topic := func(name string, partitions ...int32) kmsg.WriteTxnMarkersRequestMarkerTopic {
		return kmsg.WriteTxnMarkersRequestMarkerTopic{Topic: name, Partitions: partitions}
	}
	from := actor.Address{Role: actor.Session, ID: 9}
	sends := o.step(api.MarkersRequest{From: from, Call: 6, Body: markersOf(2, true, topic("orders", 0, 1, 5), topic("gone", 0), topic(metadata.ConsumerOffsets, 0))})
	if len(sends) != 2 {
		t.Fatalf("%+v", sends)
	}
	part, offsets := sends[0].Message.(api.ProducePart), sends[1].Message.(api.OffsetsMarker)
	for _, v := range []batch.View{part.Batch, offsets.Batch} {
		if m, err := batch.ReadMarker(v); err != nil || !m.Commit || m.CoordinatorEpoch != 4 || v.ProducerID() != 7 || v.ProducerEpoch() != 3 || v.BaseTimestamp() != 5000 {
			t.Errorf("%+v, %v", m, err)
		}
	}
	if part.Replica != (api.Replica{Topic: metadata.TopicID{1}}) || part.Acks != -1 || part.Epoch != -1 || !part.Bumped || !offsets.Bumped || sends[1].To != api.Coordinator || offsets.Partition != 0 {
		t.Errorf("%+v %+v", part, offsets)
	}
	if sends := o.step(api.ProduceDone{Call: offsets.Ticket.Call, Part: offsets.Ticket.Part, Error: kerr.TransactionCoordinatorFenced.Code}); len(sends) > 0 {
		t.Errorf("answered too early: %+v", sends)
	}
	sends = o.step(api.ProduceDone{Call: part.Ticket.Call, Part: part.Ticket.Part})
	if len(sends) != 1 || sends[0].To != from {
		t.Fatalf("%+v", sends)
	}
	reply := sends[0].Message.(api.MarkersReply)
	var codes []int16
	for _, topic := range reply.Body.Markers[0].Topics {
		for _, p := range topic.Partitions {
			codes = append(codes, p.ErrorCode)
		}
	}
	if fmt.Sprint(codes) != "[0 6 3 3 52]" || reply.Call != 6 || reply.Body.Markers[0].ProducerID != 7 || len(o.p.open) > 0 {
		t.Errorf("%v, %+v", codes, reply)
	}
	sends = o.step(api.MarkersRequest{From: from, Call: 7, Body: markersOf(1, false, topic("orders", 0))})
	if part := sends[0].Message.(api.ProducePart); part.Bumped {
		t.Error("a marker of the version before is taken for one with another epoch")
	} else if m, _ := batch.ReadMarker(part.Batch); m.Commit {
		t.Error("an abort commits")
	}
	for _, c := range []struct {
		producer int64
		epoch    int16
		want     *kerr.Error
	}{{-1, 3, kerr.InvalidProducerIDMapping}, {7, -1, kerr.InvalidProducerEpoch}} {
		req := markersOf(2, true, topic("orders", 0), topic(metadata.ConsumerOffsets, 0))
		req.Markers[0].ProducerID, req.Markers[0].ProducerEpoch = c.producer, c.epoch
		sends := o.step(api.MarkersRequest{From: from, Call: 9, Body: req})
		reply, ok := sends[0].Message.(api.MarkersReply)
		if !ok || len(sends) != 1 || reply.Body.Markers[0].Topics[1].Partitions[0].ErrorCode != c.want.Code {
			t.Errorf("a marker of producer %d, epoch %d: %+v", c.producer, c.epoch, sends)
		}
	}
	o.p.image = nil
	reply = o.step(api.MarkersRequest{From: from, Call: 8, Body: markersOf(2, true, topic("orders", 0))})[0].Message.(api.MarkersReply)
	if reply.Body.Markers[0].Topics[0].Partitions[0].ErrorCode != kerr.NotLeaderForPartition.Code {
		t.Errorf("before there is an image: %+v", reply.Body)
	}
}

// While the former transaction is ending the coordinator is asked again, but not for ever, and not for those who have
// another way to find out.
func TestEnlistAgain(t *testing.T) {
	o := newOffice(t)
	concurrent := func(req kmsg.Request) *kmsg.AddPartitionsToTxnResponse {
		return answeredWith(req, func(int32) int16 { return kerr.ConcurrentTransactions.Code })
	}
	answer := func(resp func(kmsg.Request) *kmsg.AddPartitionsToTxnResponse) []actor.Send {
		call := o.fx.Calls[0]
		return o.step(actor.CallDone{Token: call.Token, Response: resp(call.Request)})
	}
	o.step(enlist(0, "remote", 7, 0, false))
	if sends := answer(concurrent); len(sends)+len(o.fx.Calls) > 0 || len(o.fx.Timers) != 1 {
		t.Fatalf("%+v, %d timers", sends, len(o.fx.Timers))
	}
	const often = 100 // the rest grows, to a bound
	for i := range often {
		rest, want := o.fx.Timers[0], enlistRest<<min(i, 10)
		if o.step(rest.Message); rest.After != min(want, enlistRestMax) || len(o.fx.Calls) != 1 {
			t.Fatalf("after %v: %d calls, want a rest of %v", rest.After, len(o.fx.Calls), want)
		}
		if i < often-1 {
			answer(concurrent)
		}
	}
	if got := told(answer(func(req kmsg.Request) *kmsg.AddPartitionsToTxnResponse {
		return answeredWith(req, func(int32) int16 { return 0 })
	})); got != "0:0 " {
		t.Errorf("then told %s", got)
	}
	o.step(enlist(0, "remote", 7, 0, true))
	if got := told(answer(concurrent)); got != "0:51 " {
		t.Errorf("who only verifies is told %s", got)
	}
	o.step(enlist(0, "remote", 7, 0, false))
	call := o.fx.Calls[0]
	o.fx.Reset()
	o.p.Step(time.Unix(5, 0).Add(enlistWithin), actor.CallDone{Token: call.Token, Response: concurrent(call.Request)}, &o.fx)
	if got := told(o.fx.Sends); got != "0:51 " {
		t.Errorf("in the end told %s", got)
	}
}
