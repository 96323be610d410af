package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transaction is one transaction of a producer, from its begin until its end was answered or given up.
type transaction struct {
	of     *transactional
	number int64
	begun  time.Duration
	// portions in the order in which they were made; those of a partition are sent one after the other.
	portions []*portion
	// added are the partitions that the coordinator was told of (version 1), offering that it was told of the group.
	added    []bool
	offering bool
	// group whose positions are part of it, "" for none, in the generation of a member.
	group      string
	generation int32
	member     string
	instance   *string
	// outside is told that the group does not have the member, nil for nobody.
	outside   func(code int16)
	positions []history.Position
	// sent is when they were sent first.
	sent time.Duration
	// failed says why it can only be aborted, "" while it can be committed.
	failed string
	// decision is what the client asked for last, ending when that was first written; doubted is set once a request to
	// end it may have been carried out without an answer.
	decision history.Decision
	ending   time.Duration
	doubted  bool
	// waiting is set from a failure of a portion until it is sent again.
	waiting bool
	// over is set once it is recorded. then follows that.
	over bool
	then func(committed bool)
	// flushed follows once every portion is acknowledged, or the transaction has failed and none is under way.
	flushed func()
}

// portion is one batch of a transaction.
type portion struct {
	partition int
	first     int64
	values    [][]byte
	sources   []payload.Source // of each record
	called    time.Duration
	base      int32
	tries     int
	onWire    bool
	acked     bool
}

// begin begins a transaction; then is told how it ended.
func (t *transactional) begin(then func(committed bool)) *transaction {
	t.tx = &transaction{of: t, number: t.count, begun: t.client.sim.now, added: make([]bool, len(t.wire)), ending: -1, then: then}
	t.count++
	return t.tx
}

// put adds a portion for a partition: a record for each source, the zero value where it is made from nothing.
func (x *transaction) put(partition int, sources []payload.Source) {
	t, s := x.of, x.of.client.sim
	p := &portion{partition: partition, first: t.records[partition], called: s.now, base: t.wire[partition], sources: sources}
	for _, source := range sources {
		p.values = append(p.values, payload.Encode(nil, max(s.terrain.load.RecordSize, payload.MinSize+payload.SourceSize), payload.Header{
			Run: s.run, Producer: t.number, Sequence: t.records[partition], Partition: int32(partition), Intended: int64(s.now), Source: source,
		}))
		t.records[partition]++
	}
	t.wire[partition] += int32(len(sources))
	x.portions = append(x.portions, p)
	x.pump()
}

// pump sends the first portion of each partition that is not acknowledged.
func (x *transaction) pump() {
	if x.over || x.failed != "" || x.of.client.dead {
		return
	}
	busy := make([]bool, len(x.added))
	for _, p := range x.portions {
		if p.acked || busy[p.partition] {
			continue
		}
		if busy[p.partition] = true; !p.onWire {
			x.send(p)
		}
	}
}

// soon goes on after a back-off, with what is known of leaders by then.
func (x *transaction) soon(refresh bool) {
	if refresh {
		x.of.client.refresh()
	}
	if x.waiting {
		return
	}
	x.waiting = true
	x.of.later(func() {
		x.waiting = false
		x.pump()
	})
}

// send sends a portion to the leader of its partition; the coordinator is told of the partition first in version 1.
func (x *transaction) send(p *portion) {
	t, c := x.of, x.of.client
	p.onWire = true
	if t.version == 1 && !x.added[p.partition] {
		x.include(p)
		return
	}
	leader := c.leaders[p.partition]
	if leader == nobody {
		p.onWire = false
		x.soon(true)
		return
	}
	p.tries++
	var b batch.Builder
	b.Producer(t.pid, t.epoch, p.base)
	b.Transactional()
	for _, v := range p.values {
		b.Add(nil, v, startTime.Add(c.sim.now).UnixMilli())
	}
	req, version := produceRequest(c.topic, p.partition, b.Build()), int16(0)
	req.TransactionID = kmsg.StringPtr(t.id)
	if t.version == 1 {
		req.Topics[0].Topic, version = Topic, produceVersion1
	}
	t.belated(leader, func() { x.ask(p, leader, version, req) })
}

// ask sends a portion.
func (x *transaction) ask(p *portion, leader int32, version int16, req *kmsg.ProduceRequest) {
	t, c := x.of, x.of.client
	pid, epoch := t.pid, t.epoch
	c.askVersion(c.sim.terrain.requestTimeout, leader, version, req, func(r *request, resp kmsg.Response) {
		code, offset := codeNoAnswer, history.Unset
		if resp != nil {
			part := &resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
			code, offset = part.ErrorCode, part.BaseOffset
		}
		c.attempted(r, p.partition, pid, epoch, p.base, int32(len(p.values)), code, offset)
		t.awake(func() { x.answered(p, code, offset) })
	})
}

// include tells the coordinator of the partition of a portion, and sends that then.
func (x *transaction) include(p *portion) {
	t := x.of
	t.coordinate(addVersion, func() kmsg.Request {
		req := kmsg.NewPtrAddPartitionsToTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch = t.id, t.pid, t.epoch
		topic := kmsg.NewAddPartitionsToTxnRequestTopic()
		topic.Topic, topic.Partitions = Topic, []int32{int32(p.partition)}
		req.Topics = append(req.Topics, topic)
		return req
	}, func(answer kmsg.Response) {
		code := codeNoAnswer
		if answer != nil {
			code = answer.(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode
		}
		p.onWire = false
		switch {
		case x.over:
		case code == 0:
			if first := !slices.Contains(x.added, true); first && t.late() {
				t.renew = true // the end of the transaction before may come once more, and would end this one
				x.fail("a request of the epoch may come late")
			}
			x.added[p.partition] = true
			x.pump()
			x.flush()
		default:
			x.refused(code, false)
		}
	})
}

// answered acts on the answer to a portion.
func (x *transaction) answered(p *portion, code int16, offset int64) {
	t := x.of
	p.onWire = false
	if x.over || t.client.dead {
		return
	}
	switch code {
	case 0, codeDuplicateSequence:
		if code != 0 {
			offset = history.Unset
		}
		p.acked = true
		x.produced(p, history.OK, offset, "")
		x.pump()
		x.flush()
	case codeTimedOut, codeNotEnoughReplicas, codeNotEnoughAfterAppend, codeNotLeader, codeNoAnswer, codeFencedEpoch, codeUnknownEpoch, codeUnknownPartition, codeUnknownTopicID, codeStorage:
		t.last = failure(code)
		if code == codeNoAnswer && t.client.sim.walker == nil && t.draw.IntN(3) == 0 {
			x.fail("the time to deliver it is over") // a client gives up, and the batch may still arrive
		}
		x.soon(true)
		x.flush()
	default:
		x.refused(code, true)
	}
}

// refused acts on an error to a part of the transaction: it passes, ends the process, or leaves nothing but to abort.
func (x *transaction) refused(code int16, refresh bool) {
	t := x.of
	switch {
	case t.retry(code):
		x.soon(refresh)
	case isFenced(code):
		t.client.sim.marks[ProducerFenced]++
		t.fenced(failure(code))
		return
	default:
		x.fail(failure(code))
	}
	x.flush()
}

// fail notes why the transaction can only be aborted.
func (x *transaction) fail(why string) {
	if x.failed == "" {
		x.failed = why
	}
}

// flush calls what follows once all portions are acknowledged, or the transaction has failed and none is under way.
func (x *transaction) flush() {
	for _, p := range x.portions {
		if p.onWire || !p.acked && x.failed == "" {
			return
		}
	}
	if then := x.flushed; then != nil {
		x.flushed = nil
		then()
	}
}

func (x *transaction) String() string {
	return fmt.Sprintf("transaction %d of %s", x.number, x.of.id)
}
