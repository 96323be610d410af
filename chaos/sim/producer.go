package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// windowMax is how many batches of a partition may be sent or unanswered from the oldest
	// unanswered one on: the leader remembers that many (KIP-98), so each of them can be sent again.
	windowMax = 5
	// batchRecords is Load.BatchRecords where that is 0.
	batchRecords = 40
)

// producer is an idempotent producer that never gives a record up.
type producer struct {
	client
	id       uint32
	schedule pace.Schedule
	taken    uint64 // records taken from the schedule
	// pid is the producer id that the cluster gave; -1 before that.
	pid         int64
	identifying bool
	lanes       []*lane
}

// lane is what a producer keeps per partition.
type lane struct {
	producer *producer
	index    int
	// sequence of the next record in payloads; next is that of its batch on the wire, in epoch.
	sequence int64
	next     int32
	epoch    int16
	buffered []pending
	// number of batches made; flight holds the unanswered ones in order.
	number int64
	flight []*sending
	// waiting is set from a failure until the leader is known again.
	waiting bool
	// probing sends only the first batch, after it was refused as out of order.
	probing bool
	last    string // what the last failure was, for people
}

// pending is a record that is in no batch yet.
type pending struct {
	sequence         int64
	intended, called time.Duration
}

// sending is a batch that is not acknowledged.
type sending struct {
	number int64
	first  int64
	count  int32
	called time.Duration
	values [][]byte
	base   int32 // its first sequence on the wire
	onWire bool
	tries  int
}

func newProducer(s *simulation, id uint32) *producer {
	p := &producer{client: s.newClient(fmt.Sprintf("producer-%d", id)), id: id, pid: -1, schedule: pace.Constant(s.terrain.load.Rate)}
	p.ready = p.located
	for i := range s.terrain.load.Partitions {
		p.lanes = append(p.lanes, &lane{producer: p, index: i})
	}
	return p
}

// located goes on with the partitions whose leader is known, and asks again for the others.
func (p *producer) located() {
	missing := false
	for _, l := range p.lanes {
		if led := p.leaders[l.index] != nobody; led {
			l.waiting = false
		} else {
			missing = true
		}
	}
	if missing {
		p.later(p.refresh)
	}
	p.identify()
}

// identify asks for a producer id, once in a life: idempotent producers keep theirs.
func (p *producer) identify() {
	if p.pid >= 0 || p.identifying {
		p.pump()
		return
	}
	p.identifying = true
	req := kmsg.NewPtrInitProducerIDRequest()
	p.ask(p.any(), req, func(_ *request, resp kmsg.Response) {
		if p.identifying = false; p.dead {
			return
		}
		if resp != nil {
			if r := resp.(*kmsg.InitProducerIDResponse); r.ErrorCode == 0 {
				p.pid = r.ProducerID
				p.pump()
				return
			}
		}
		p.later(p.identify)
	})
}

// tick takes what is due from the schedule, and comes again when a linger has passed and more is due.
func (p *producer) tick() {
	s := p.sim
	if !s.loading || p.dead {
		return
	}
	elapsed := s.now - s.begun
	for due := p.schedule.Due(elapsed); p.taken < due; p.taken++ {
		lane := p.lanes[p.taken%uint64(len(p.lanes))]
		lane.buffered = append(lane.buffered, pending{lane.sequence, p.schedule.At(p.taken), s.now})
		lane.sequence++
		s.sent++
	}
	p.pump()
	s.at(max(s.now+s.terrain.load.Linger, s.begun+p.schedule.At(p.taken)), kindClient, nil, p.tick)
}

// pump sends what may be sent.
func (p *producer) pump() {
	if p.pid < 0 {
		return
	}
	for _, l := range p.lanes {
		l.pump()
	}
}

func (l *lane) pump() {
	for len(l.buffered) > 0 && (len(l.flight) == 0 || l.number-l.flight[0].number < windowMax) {
		l.collect()
	}
	if l.waiting || l.producer.leaders[l.index] == nobody {
		return
	}
	for i, b := range l.flight {
		if l.probing && i > 0 {
			return
		}
		if !b.onWire {
			l.send(b)
		}
	}
}

// collect makes a batch of what is buffered.
func (l *lane) collect() {
	s := l.producer.sim
	n := min(len(l.buffered), cmp.Or(s.terrain.load.BatchRecords, batchRecords))
	b := &sending{number: l.number, first: l.buffered[0].sequence, count: int32(n), called: l.buffered[0].called, base: l.next}
	for _, r := range l.buffered[:n] {
		b.values = append(b.values, payload.Encode(nil, s.terrain.load.RecordSize, payload.Header{
			Run: s.run, Producer: l.producer.id, Sequence: r.sequence, Partition: int32(l.index), Intended: int64(r.intended),
		}))
	}
	l.buffered = l.buffered[n:]
	l.number++
	l.next += b.count
	l.flight = append(l.flight, b)
}

// send puts a batch on the wire, with bytes of its own: the leader writes offsets into them.
func (l *lane) send(b *sending) {
	p := l.producer
	b.onWire, b.tries = true, b.tries+1
	base, pid, epoch := b.base, p.pid, l.epoch
	if p.sim.cfg.Bugs.Has(bug.RetryReorder) {
		base, pid, epoch = -1, -1, -1
	}
	req := produceRequest(p.topic, l.index, encode(b.values, pid, epoch, base, p.sim.now))
	r := p.ask(p.leaders[l.index], req, func(r *request, resp kmsg.Response) {
		code, offset := codeNoAnswer, history.Unset
		if resp != nil {
			part := &resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
			code, offset = part.ErrorCode, part.BaseOffset
		}
		p.attempted(r, l.index, pid, epoch, base, b.count, code, offset)
		b.onWire = false
		l.settle(b, code, offset)
	})
	p.sim.story.sent(p, l, b, r)
}

func produceRequest(topic [16]byte, index int, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 500
	t := kmsg.NewProduceRequestTopic()
	t.TopicID = topic
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = int32(index), records
	t.Partitions = append(t.Partitions, part)
	req.Topics = append(req.Topics, t)
	return req
}

// recordOverhead is what a record takes at most beside its value, in bytes.
const recordOverhead = 24

// encode makes the record batch of some values; a producer id of -1 is none.
func encode(values [][]byte, pid int64, epoch int16, base int32, now time.Duration) []byte {
	var b batch.Builder
	if pid >= 0 {
		b.Producer(pid, epoch, base)
	}
	if len(values) > 0 {
		b.Reserve(len(values) * (len(values[0]) + recordOverhead))
	}
	for _, v := range values {
		b.Add(nil, v, startTime.Add(now).UnixMilli())
	}
	return b.Build()
}

// attempted records one attempt for the history.
func (c *client) attempted(r *request, index int, pid int64, epoch int16, base, count int32, code int16, offset int64) {
	a := history.Attempt{
		Process: c.name, Connection: r.conn.id, Version: r.body.GetVersion(), Correlation: r.correlation, Partition: place(index),
		ProducerID: pid, ProducerEpoch: epoch, BaseSequence: base, Count: count,
		Written: history.Time(r.written), Answered: history.Time(c.sim.now), Error: code, BaseOffset: offset,
	}
	if code == codeNoAnswer {
		a.Answered, a.Error = history.Never, 0
	}
	c.sim.rec.Attempt(a)
}

// settle acts on the answer of a batch.
func (l *lane) settle(b *sending, code int16, offset int64) {
	p := l.producer
	if p.dead || !slices.Contains(l.flight, b) {
		return
	}
	switch code {
	case 0, codeDuplicateSequence:
		if code != 0 {
			offset = history.Unset
		}
		l.acknowledged(b, offset)
		p.pump()
		return
	case codeOutOfOrder, codeInvalidEpoch, codeUnknownProducer:
		l.refused(b)
	case codeTimedOut:
		p.sim.marks[ProduceTimedOut]++
	case codeNotEnoughReplicas:
		p.sim.marks[NotEnoughReplicas]++
	case codeNotEnoughAfterAppend:
		p.sim.marks[NotEnoughAfterAppend]++
	}
	l.last = failure(code)
	l.mistaken(b, code)
	if !l.waiting {
		l.waiting = true
		p.later(p.refresh)
	}
}

func (l *lane) acknowledged(b *sending, offset int64) {
	p := l.producer
	l.flight = slices.DeleteFunc(l.flight, func(other *sending) bool { return other == b })
	l.probing, p.given = false, true
	p.sim.settled += int64(b.count)
	p.sim.acked += int64(b.count)
	p.sim.changed(uint64(l.index), uint64(b.first), uint64(offset))
	p.sim.story.acknowledged(l, b, offset)
	p.sim.operation(history.Operation{
		Process: p.name, Kind: history.Produce, Outcome: history.OK, Invoke: history.Time(b.called),
		Runs: []history.Run{{Partition: place(l.index), FirstOffset: offset, Producer: p.id, FirstSequence: b.first, Count: b.count}},
	})
}

// mistaken does what the planted bugs of producers do with a batch that is to be sent again.
func (l *lane) mistaken(b *sending, code int16) {
	p := l.producer
	if p.sim.cfg.Bugs.Has(bug.RetryReorder) {
		l.flight = append(slices.DeleteFunc(l.flight, func(other *sending) bool { return other == b }), b)
	}
	if code == codeNoAnswer && p.sim.cfg.Bugs.Has(bug.SequenceReuse) {
		p.pid = -1
		for _, other := range p.lanes {
			other.epoch = -1
			other.restart()
		}
	}
}

// refused acts on a batch that does not follow what the leader has. Behind an unanswered batch that
// is to be expected: that one is sent first. If the first one is refused while no other is under
// way, the leader has lost records: the producer goes on in the next epoch, whose sequences begin
// at 0 (KIP-360).
func (l *lane) refused(b *sending) {
	if l.flight[0] != b {
		return
	}
	alone := !slices.ContainsFunc(l.flight, func(other *sending) bool { return other.onWire })
	if !l.probing || !alone {
		l.probing = true
		return
	}
	l.restart()
}

// restart goes on in the next epoch.
func (l *lane) restart() {
	l.epoch++
	l.next, l.probing = 0, false
	for _, other := range l.flight {
		other.base = l.next
		l.next += other.count
	}
}

// unsettled says what the lane still waits for; "" if nothing.
func (l *lane) unsettled() string {
	if len(l.flight) == 0 && len(l.buffered) == 0 {
		return ""
	}
	text := fmt.Sprintf("%s has %d batches unanswered and %d records unsent for %s", l.producer.name, len(l.flight), len(l.buffered), place(l.index))
	if len(l.flight) > 0 {
		text += fmt.Sprintf(", the oldest was sent %d times", l.flight[0].tries)
	}
	if l.last != "" {
		text += ", the last failure was: " + l.last
	}
	return text
}
