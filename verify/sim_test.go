package verify

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// mutation is one mistake that the simulated log makes once.
type mutation string

const (
	none         mutation = ""
	dropAcked    mutation = "acknowledge a batch without appending it"
	swapBatches  mutation = "append two batches of one producer in the wrong order"
	appendTwice  mutation = "append a batch again"
	skipOffset   mutation = "leave an offset without a record"
	inventRecord mutation = "append a record that nobody sent"
	swapView     mutation = "show one reader two records in the wrong order"
	hideRecord   mutation = "hide one record from one reader"
	flipBits     mutation = "corrupt one record for the scan"
	changeForOne mutation = "show one reader another content"
	oldOffset    mutation = "append a batch below one that had been acknowledged"
	takeBack     mutation = "tell a high watermark below one that was told"
	staleMark    mutation = "tell a high watermark that does not cover an acknowledged record"
	openRead     mutation = "give a reader a record above the high watermark"
	revive       mutation = "answer for a leader that was deposed long ago"
)

// batch is one produce operation of the simulation.
type batch struct {
	partition history.Partition
	producer  uint32
	first     int64
	count     int32
	invoke    history.Time
	offset    int64
	unknown   bool
}

// standing is one record in the simulated log.
type standing struct {
	offset   int64
	producer uint32
	sequence int64
}

// simulation is a tiny log with clients that write a history. One seed gives one history.
type simulation struct {
	rng     *rand.Rand
	now     history.Time
	entries []history.Entry
	mistake mutation
	made    bool // the mistake was made

	logs     map[history.Partition][]standing
	ends     map[history.Partition]int64
	queues   map[stream][]*batch // sent, not yet appended, in order
	appended []*batch            // not yet answered
	sent     map[stream]int64
	readers  []*simReader
	leaders  map[history.Partition]*simLeader
}

// simLeader is what the leader of a partition tells, and what is known about it.
type simLeader struct {
	epoch     int32
	high      int64        // its high watermark: behind the log's end for a while after an election
	told      int64        // the highest high watermark that it told
	toldFirst history.Time // when somebody first heard of it; history.Never before
	retired   int64        // the high watermark of its predecessor when that was deposed
	known     int64        // offsets below were acknowledged or given to a reader
	sure      int64        // offsets below were acknowledged of what was sent when it was known
}

type simReader struct {
	process string
	kind    history.Kind
	at      map[history.Partition]int
	builder history.RunBuilder
}

var simPartitions = []history.Partition{{Topic: "orders", Index: 0}, {Topic: "orders", Index: 1}}

const simProducers = 3

func newSimulation(seed uint64, mistake mutation) *simulation {
	s := &simulation{
		rng: rand.New(rand.NewPCG(seed, 7)), mistake: mistake, logs: map[history.Partition][]standing{},
		ends: map[history.Partition]int64{}, queues: map[stream][]*batch{}, sent: map[stream]int64{},
		leaders: map[history.Partition]*simLeader{},
	}
	for _, p := range simPartitions {
		s.leaders[p] = &simLeader{toldFirst: history.Never}
	}
	for i := range 2 {
		s.readers = append(s.readers, &simReader{process: fmt.Sprintf("reader-%d", i), kind: history.Fetch, at: map[history.Partition]int{}})
	}
	return s
}

// run simulates steps of random clients, then barriers, reads to the end and the scan.
func (s *simulation) run(steps int) []history.Entry {
	for range steps {
		s.now += history.Time(1 + s.rng.Int64N(5))
		p, producer := simPartitions[s.rng.IntN(len(simPartitions))], uint32(s.rng.IntN(simProducers))
		if s.rng.IntN(100) == 0 {
			s.elect(p)
		}
		switch s.rng.IntN(5) {
		case 4:
			s.look(s.readers[s.rng.IntN(len(s.readers))], p)
		case 0:
			s.send(stream{p, producer})
		case 1:
			s.append(stream{p, producer})
		case 2:
			s.answer()
		case 3:
			s.poll(s.readers[s.rng.IntN(len(s.readers))], p, 1+s.rng.IntN(6))
		}
	}
	s.finish()
	return s.entries
}

func (s *simulation) finish() {
	for _, p := range simPartitions {
		for producer := range uint32(simProducers) {
			for len(s.queues[stream{p, producer}]) > 0 {
				s.append(stream{p, producer})
			}
		}
	}
	for len(s.appended) > 0 {
		s.answer()
	}
	for _, p := range simPartitions {
		invoke := s.now + 1
		s.put(p, history.BarrierProducer, 0)
		s.record(history.Operation{
			Process: "barrier", Kind: history.Barrier, Outcome: history.OK, Invoke: invoke,
			Runs: []history.Run{{Partition: p, FirstOffset: s.ends[p] - 1, Producer: history.BarrierProducer, Count: 1}},
		})
		s.leaders[p].high = s.ends[p]
	}
	scan := &simReader{process: "scan", kind: history.Scan, at: map[history.Partition]int{}}
	for _, r := range append(s.readers, scan) {
		for _, p := range simPartitions {
			for r.at[p] < len(s.logs[p]) {
				s.poll(r, p, 1+s.rng.IntN(20))
			}
		}
	}
}

// make reports whether the mistake is to be made here: once, somewhere in the middle.
func (s *simulation) make(m mutation) bool {
	if s.mistake != m || s.made || s.rng.IntN(4) != 0 {
		return false
	}
	s.made = true
	return true
}

func (s *simulation) record(op history.Operation) {
	s.now++
	op.Return = s.now
	for _, run := range op.Runs {
		if l := s.leaders[run.Partition]; run.FirstOffset != history.Unset {
			l.known = max(l.known, run.FirstOffset+int64(run.Count))
			if op.Kind == history.Produce && op.Invoke > l.toldFirst {
				l.sure = max(l.sure, run.FirstOffset+int64(run.Count))
			}
		}
	}
	for _, m := range op.Watermarks {
		if l := s.leaders[m.Partition]; m.LeaderEpoch == l.epoch {
			l.told, l.toldFirst = max(l.told, m.HighWatermark), min(l.toldFirst, op.Return)
		}
	}
	s.entries = append(s.entries, history.Entry{Operation: &op})
}

func (s *simulation) send(k stream) {
	if len(s.queues[k]) == 3 {
		return
	}
	b := &batch{
		partition: k.partition, producer: k.producer, first: s.sent[k], count: 1 + s.rng.Int32N(4), invoke: s.now,
		offset: history.Unset, unknown: s.rng.IntN(20) == 0,
	}
	s.sent[k] += int64(b.count)
	s.queues[k] = append(s.queues[k], b)
}

// append takes the oldest batch of a queue into the log.
func (s *simulation) append(k stream) {
	q := s.queues[k]
	if len(q) == 0 {
		return
	}
	if len(q) > 1 && !q[0].unknown && !q[1].unknown && s.make(swapBatches) {
		q[0], q[1] = q[1], q[0]
	}
	b := q[0]
	s.queues[k] = q[1:]
	s.appended = append(s.appended, b)
	if b.unknown && s.rng.IntN(2) == 0 {
		return // lost on the way, and nobody was promised anything
	}
	b.offset = s.ends[k.partition]
	switch {
	case !b.unknown && s.make(dropAcked):
		return
	case s.make(skipOffset):
		b.offset++
		s.ends[k.partition]++
	case s.make(inventRecord):
		s.put(k.partition, 9, 0)
		b.offset++
	}
	for i := range int64(b.count) {
		s.put(b.partition, b.producer, b.first+i)
	}
	if s.make(appendTwice) {
		for i := range int64(b.count) {
			s.put(b.partition, b.producer, b.first+i)
		}
	}
}

func (s *simulation) put(p history.Partition, producer uint32, sequence int64) {
	s.logs[p] = append(s.logs[p], standing{s.ends[p], producer, sequence})
	s.ends[p]++
}

// answer ends one operation of the appended, in any order.
func (s *simulation) answer() {
	if len(s.appended) == 0 {
		return
	}
	i := s.rng.IntN(len(s.appended))
	b := s.appended[i]
	s.appended = slices.Delete(s.appended, i, i+1)
	op := history.Operation{
		Process: fmt.Sprintf("producer-%d", b.producer), Kind: history.Produce, Outcome: history.OK, Invoke: b.invoke,
		Runs: []history.Run{{Partition: b.partition, FirstOffset: b.offset, Producer: b.producer, FirstSequence: b.first, Count: b.count}},
	}
	if b.unknown {
		op.Outcome, op.Error, op.Runs[0].FirstOffset = history.Unknown, "timed out", history.Unset
	}
	if !b.unknown && b.invoke > 100 && s.make(oldOffset) {
		// As if the operation had begun just now, after everything that has returned.
		op.Invoke = s.now + 1
		s.now++
		last := s.entries[len(s.entries)-1].Operation
		s.made = last.Return < op.Invoke && s.overtaken(b)
	}
	if l := s.leaders[b.partition]; b.offset != history.Unset && !b.unknown {
		l.high = max(l.high, b.offset+int64(b.count)) // committed before it was acknowledged
	}
	s.record(op)
}

// elect makes a new leader, which begins with a high watermark of some time ago.
func (s *simulation) elect(p history.Partition) {
	if s.settled() {
		return
	}
	old := s.leaders[p]
	s.leaders[p] = &simLeader{
		epoch: old.epoch + 1, high: max(0, old.high-s.rng.Int64N(6)), retired: old.high, known: old.known, toldFirst: history.Never,
	}
}

// settled reports whether leaders no longer change and none is behind: what was wrong before must not
// become what may happen around an election.
func (s *simulation) settled() bool { return s.made && (s.mistake == revive || s.mistake == staleMark) }

// look is an answer without records: what a leader tells of its log. Now and then it is the leader
// before, which has not yet heard that it is none any more.
func (s *simulation) look(r *simReader, p history.Partition) {
	s.now++
	l := s.leaders[p]
	m := history.Watermark{Partition: p, HighWatermark: l.high, LeaderEpoch: l.epoch, Next: history.Unset}
	switch {
	case max(l.known, 1) < l.told && s.make(takeBack):
		m.HighWatermark = l.told - 1
	case l.told > 0 && l.told < l.sure && s.make(staleMark):
		m.HighWatermark = l.told
	case l.epoch > 0 && l.toldFirst != history.Never && l.retired > 0 && l.retired >= l.known && s.make(revive):
		s.now += history.Time(2 * DefaultStaleWithin)
		for p, l := range s.leaders {
			l.high = s.ends[p]
		}
		m.HighWatermark, m.LeaderEpoch = l.retired, l.epoch-1
	case l.epoch > 0 && s.rng.IntN(10) == 0 && !s.settled():
		m.HighWatermark, m.LeaderEpoch = l.retired, l.epoch-1
	case s.rng.IntN(3) == 0:
		l.high = s.ends[p]
		m.HighWatermark = l.high
	}
	m.LastStable = m.HighWatermark
	s.record(history.Operation{
		Process: r.process, Kind: r.kind, Outcome: history.OK, Invoke: s.now, Watermarks: []history.Watermark{m},
	})
}

// overtaken reports whether a higher offset than the batch's was told to anyone before.
func (s *simulation) overtaken(b *batch) bool {
	for _, e := range s.entries {
		for _, run := range e.Operation.Runs {
			if run.Partition == b.partition && run.FirstOffset+int64(run.Count) > b.offset && run.FirstOffset != history.Unset {
				return true
			}
		}
	}
	return false
}

// poll gives a reader its next records.
func (s *simulation) poll(r *simReader, p history.Partition, n int) {
	at := r.at[p]
	records := slices.Clone(s.logs[p][at:min(len(s.logs[p]), at+n)])
	r.at[p] += len(records)
	if len(records) == 0 {
		return
	}
	op := history.Operation{Process: r.process, Kind: r.kind, Outcome: history.OK, Invoke: s.now}
	content := byte(0)
	real := func(i int) bool { return records[i].producer != history.BarrierProducer }
	switch k := len(records) / 2; {
	case r.kind == history.Fetch && k > 0 && records[k].producer != records[k-1].producer && real(k) && real(k-1) && s.make(swapView):
		records[k].producer, records[k-1].producer = records[k-1].producer, records[k].producer
		records[k].sequence, records[k-1].sequence = records[k-1].sequence, records[k].sequence
	case r.kind == history.Fetch && k > 0 && k < len(records)-1 && s.make(hideRecord):
		records = slices.Delete(records, k, k+1)
	case r.kind == history.Fetch && s.make(changeForOne):
		content = 1
	case r.kind == history.Scan && real(k) && s.make(flipBits):
		op.Corrupt = []history.Corrupt{{Partition: p, Offset: records[k].offset, Reason: "checksum"}}
		records = slices.Delete(records, k, k+1)
	}
	l := s.leaders[p]
	l.high = s.ends[p]
	m := history.Watermark{
		Partition: p, HighWatermark: l.high, LastStable: l.high, LeaderEpoch: l.epoch, Next: s.logs[p][r.at[p]-1].offset + 1,
	}
	if l.told < m.Next && l.known < m.Next && s.make(openRead) {
		m.HighWatermark, m.LastStable = m.Next-1, m.Next-1
	}
	op.Watermarks = []history.Watermark{m}
	for _, rec := range records {
		hash := history.HashRecord([]byte{content}, fmt.Appendf(nil, "%d:%d", rec.producer, rec.sequence))
		r.builder.Add(p, rec.offset, rec.producer, rec.sequence, hash)
	}
	op.Runs = r.builder.Runs()
	s.record(op)
}
