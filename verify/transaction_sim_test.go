package verify

import (
	"fmt"
	"math/rand/v2"

	"github.com/logproof/logproof/verify/history"
)

// Mistakes that the log of transactions makes once.
const (
	giveOpen       mutation = "give a reader of committed records one of an open transaction"
	giveAborted    mutation = "give a reader of committed records one that was aborted"
	tearCommit     mutation = "abort a transaction in one of its partitions that commits"
	flipCommit     mutation = "abort a transaction whose commit is acknowledged"
	flipAbort      mutation = "commit a transaction whose abort is acknowledged"
	forgetMarker   mutation = "forget the marker of a transaction in one partition, for ever"
	splitMarkers   mutation = "write the marker of a commit before its last record, and again after it"
	hideCommitted  mutation = "hide a committed record from a reader of committed records"
	loseCommitted  mutation = "lose an acknowledged record of a transaction that commits"
	skipInOpen     mutation = "leave an offset without anything in a transaction"
	wrongStableEnd mutation = "tell a last stable offset below what is given"
)

// cell is one offset of the log of transactions.
type cell struct {
	offset   int64
	producer uint32
	sequence int64
	marker   bool
	commit   bool
	of       *simTransaction
}

// simTransaction is a transaction of one of the producers.
type simTransaction struct {
	producer int
	number   int64
	invoke   history.Time
	runs     []history.Run
	places   []history.Partition // that still need a marker
	decision history.Decision
	open     map[history.Partition]int64
	fate     map[history.Partition]fate
	hung     bool
	sure     bool // it is committed, and its client is told so
}

// transactSim is a tiny log of transactions with its clients, and writes their history. One seed gives one history.
type transactSim struct {
	rng       *rand.Rand
	now       history.Time
	observe   func(history.Entry)
	mistake   mutation
	made      bool
	reliable  bool // every send is answered
	log       map[history.Partition][]cell
	base      map[history.Partition]int64 // cells below were forgotten, as all readers passed them
	ends      map[history.Partition]int64
	sent      map[stream]int64
	open      []*simTransaction // by producer, nil for none
	numbers   []int64
	pending   []*simTransaction // whose markers are to be written
	readers   []*transactReader
	committed int
	told      map[history.Partition]int64 // the highest last stable offset
	stuck     [transactProducers]bool     // producers whose transaction is hung: they do nothing any more
}

// transactReader is a reader of one kind.
type transactReader struct {
	simReader
	isolation history.Isolation
	raw       bool
	next      map[history.Partition]int64
	given     map[history.Partition]bool
}

const transactProducers = 3

func newTransactSim(seed uint64, mistake mutation, liveScan bool, observe func(history.Entry)) *transactSim {
	s := &transactSim{
		rng: rand.New(rand.NewPCG(seed, 11)), mistake: mistake, observe: observe, log: map[history.Partition][]cell{}, base: map[history.Partition]int64{},
		ends: map[history.Partition]int64{}, told: map[history.Partition]int64{}, sent: map[stream]int64{}, open: make([]*simTransaction, transactProducers), numbers: make([]int64, transactProducers),
	}
	s.reader("reader-0", history.Fetch, history.ReadUncommitted, false)
	s.reader("reader-1", history.Fetch, history.ReadCommitted, false)
	s.reader("reader-2", history.Fetch, history.ReadCommitted, false)
	if liveScan {
		s.reader("scan", history.Scan, history.ReadUncommitted, true)
	}
	return s
}

func (s *transactSim) reader(name string, kind history.Kind, isolation history.Isolation, raw bool) {
	s.readers = append(s.readers, &transactReader{
		simReader: simReader{process: name, kind: kind}, isolation: isolation, raw: raw, next: map[history.Partition]int64{}, given: map[history.Partition]bool{},
	})
}

// make reports whether the mistake is to be made here.
func (s *transactSim) make(m mutation) bool {
	if s.mistake != m || s.made || s.committed < 3 || s.rng.IntN(3) > 0 {
		return false
	}
	s.made = true
	return true
}

func (s *transactSim) steps(n int) {
	for range n {
		s.now += history.Time(1 + s.rng.Int64N(5))
		switch p := s.rng.IntN(transactProducers); s.rng.IntN(6) {
		case 0, 1:
			s.send(p)
		case 2:
			s.end(p)
		case 3:
			s.mark()
		default:
			s.poll(s.readers[s.rng.IntN(len(s.readers))], simPartitions[s.rng.IntN(len(simPartitions))], 1+s.rng.IntN(40))
		}
	}
}

// finish ends all transactions, writes the barriers and reads everything.
func (s *transactSim) finish() {
	for p := range transactProducers {
		s.end(p)
	}
	for len(s.pending) > 0 {
		s.mark()
	}
	s.now += 3 * history.Time(DefaultStaleWithin)
	for _, p := range simPartitions {
		invoke := s.now + 1
		s.append(p, cell{producer: history.BarrierProducer})
		s.record(history.Operation{Process: "barrier", Kind: history.Barrier, Outcome: history.OK, Invoke: invoke, Runs: []history.Run{
			{Partition: p, FirstOffset: s.ends[p] - 1, Producer: history.BarrierProducer, Count: 1},
		}})
	}
	whole := committedScan
	if len(s.readers) > 3 {
		whole = "reader-late" // the simulation has forgotten what all the others have read
	}
	s.reader("scan", history.Scan, history.ReadUncommitted, true)
	s.reader(whole, history.Fetch, history.ReadCommitted, false)
	for i, r := range s.readers {
		if i > 3 && s.readers[3].process == "scan" && r.process == "scan" {
			continue // it has been reading all the time
		}
		for _, p := range simPartitions {
			for s.poll(r, p, 20) {
			}
		}
	}
}

func (s *transactSim) record(op history.Operation) {
	s.now++
	op.Return = s.now
	s.observe(history.Entry{Operation: &op})
}

func (s *transactSim) append(p history.Partition, c cell) {
	c.offset = s.ends[p]
	s.ends[p]++
	s.log[p] = append(s.log[p], c)
}

// send appends a batch in the producer's transaction, which it begins if it has none. One that was not answered
// makes the transaction be aborted.
func (s *transactSim) send(producer int) {
	x := s.open[producer]
	if s.stuck[producer] {
		return
	}
	if x == nil {
		for _, old := range s.pending {
			if old.producer == producer {
				return // its markers come first
			}
		}
		x = &simTransaction{producer: producer, number: s.numbers[producer], invoke: s.now, open: map[history.Partition]int64{}, fate: map[history.Partition]fate{}}
		s.numbers[producer]++
		s.open[producer] = x
	}
	p := simPartitions[s.rng.IntN(len(simPartitions))]
	key := stream{p, uint32(producer)}
	if _, begun := x.open[p]; begun && x.decision == 0 && s.make(splitMarkers) {
		x.decision, x.sure = history.DecideCommit, true
		s.append(p, cell{marker: true, commit: true, producer: uint32(producer), of: x})
	}
	run := history.Run{Partition: p, FirstOffset: s.ends[p], Producer: uint32(producer), FirstSequence: s.sent[key], Count: 1 + s.rng.Int32N(4)}
	s.sent[key] += int64(run.Count)
	op := history.Operation{
		Process: fmt.Sprintf("producer-%d", producer), Kind: history.Produce, Outcome: history.OK, Invoke: s.now,
		Transaction: &history.TransactionPart{ID: fmt.Sprintf("tx-%d", producer), Number: x.number},
	}
	arrived := true
	if s.rng.IntN(20) == 0 && !x.sure && !s.reliable {
		op.Outcome, run.FirstOffset, x.decision, arrived = history.Unknown, history.Unset, history.DecideAbort, s.rng.IntN(2) == 0
	}
	if arrived {
		if _, begun := x.open[p]; !begun {
			x.open[p] = s.ends[p]
			x.places = append(x.places, p)
		}
		if x.decision == 0 && run.FirstOffset != history.Unset && s.make(skipInOpen) {
			s.ends[p]++
			run.FirstOffset++
		}
		lost := x.decision == 0 && s.make(loseCommitted)
		for i := range int64(run.Count) {
			if !lost || i > 0 {
				s.append(p, cell{producer: uint32(producer), sequence: run.FirstSequence + i, of: x})
			}
		}
		if lost {
			x.decision, x.sure = history.DecideCommit, true
			run.FirstOffset = history.Unset // what it was told is another matter
		}
	}
	x.runs = append(x.runs, run)
	op.Runs = []history.Run{run}
	s.record(op)
}

// end asks for the end of the producer's transaction; the markers come later, before its next one.
func (s *transactSim) end(producer int) {
	x := s.open[producer]
	if x == nil || len(x.places) == 0 && x.decision == 0 {
		return
	}
	if x.decision == 0 {
		x.decision = history.DecideCommit
		if s.rng.IntN(4) == 0 {
			x.decision = history.DecideAbort
		}
	}
	s.open[producer] = nil
	commit := x.decision == history.DecideCommit
	ending := s.now
	outcome := history.OK
	if s.rng.IntN(15) == 0 && !x.sure {
		outcome = history.Unknown
		commit = commit && s.rng.IntN(2) == 0
	}
	told := outcome == history.OK
	for _, p := range x.places {
		x.fate[p] = fateOf(commit)
	}
	switch {
	case x.sure:
	case told && commit && len(x.places) > 1 && s.make(tearCommit):
		x.fate[x.places[0]] = aborted
	case told && commit && s.make(flipCommit), told && !commit && len(x.places) > 0 && s.make(flipAbort):
		for _, p := range x.places {
			x.fate[p] = fateOf(!commit)
		}
	}
	if commit && told {
		s.committed++
	}
	s.pending = append(s.pending, x)
	s.record(history.Operation{
		Process: fmt.Sprintf("producer-%d", producer), Kind: history.Transact, Outcome: outcome, Invoke: x.invoke, Runs: x.runs,
		Transaction: &history.TransactionPart{ID: fmt.Sprintf("tx-%d", producer), Number: x.number, Decision: x.decision, Ending: ending},
	})
}

// mark writes the next marker of the transaction that ended first.
func (s *transactSim) mark() {
	if len(s.pending) == 0 {
		return
	}
	x := s.pending[0]
	if len(x.places) == 0 {
		s.pending = s.pending[1:]
		return
	}
	p := x.places[0]
	x.places = x.places[1:]
	if s.make(forgetMarker) {
		x.hung, s.stuck[x.producer] = true, true
		return
	}
	s.append(p, cell{marker: true, commit: x.fate[p] == committed, producer: uint32(x.producer), of: x})
	delete(x.open, p)
}

// stable is the last stable offset of a partition.
func (s *transactSim) stable(p history.Partition) int64 {
	stable := s.ends[p]
	for _, list := range [][]*simTransaction{s.open, s.pending} {
		for _, x := range list {
			if x != nil {
				if first, is := x.open[p]; is {
					stable = min(stable, first)
				}
			}
		}
	}
	for _, c := range s.log[p] {
		if c.of != nil && c.of.hung {
			if first, is := c.of.open[p]; is {
				stable = min(stable, first)
			}
		}
	}
	return stable
}

// poll gives a reader its next records. It reports whether there were any offsets to pass.
func (s *transactSim) poll(r *transactReader, p history.Partition, n int) bool {
	bound := s.ends[p]
	stable := s.stable(p)
	if r.isolation == history.ReadCommitted {
		bound = stable
	}
	op := history.Operation{Process: r.process, Kind: r.kind, Outcome: history.OK, Invoke: s.now, Isolation: r.isolation}
	passed := false
	for _, c := range s.log[p] {
		if c.offset < r.next[p] {
			continue
		}
		if n == 0 || c.offset >= bound && !(r.isolation == history.ReadCommitted && s.opened(c) && s.make(giveOpen)) {
			break
		}
		n--
		passed, r.next[p] = true, c.offset+1
		if c.marker {
			if r.raw {
				op.Markers = append(op.Markers, history.Marker{Partition: p, Offset: c.offset, ProducerID: 900 + int64(c.producer), Commit: c.commit})
			}
			continue
		}
		if r.isolation == history.ReadCommitted && c.of != nil && c.of.fate[p] != committed && !s.opened(c) && !s.make(giveAborted) {
			continue
		}
		if r.isolation == history.ReadCommitted && c.of != nil && c.of.fate[p] == committed && r.given[p] && s.make(hideCommitted) {
			continue
		}
		r.given[p] = true
		record := history.Record{Partition: p, Offset: c.offset, Producer: c.producer, Sequence: c.sequence}
		if r.raw && c.of != nil {
			record.Origin = &history.Origin{ProducerID: 900 + int64(c.producer)}
		}
		r.builder.AddRecord(record, history.HashRecord(nil, fmt.Appendf(nil, "%d:%d", c.producer, c.sequence)))
	}
	op.Runs = r.builder.Runs()
	m := history.Watermark{Partition: p, HighWatermark: s.ends[p], LastStable: stable, Next: history.Unset}
	if k := len(op.Runs); k > 0 {
		m.Next = op.Runs[k-1].FirstOffset + int64(op.Runs[k-1].Count)
		if r.isolation == history.ReadCommitted && m.Next == stable && s.told[p] < stable && s.make(wrongStableEnd) {
			m.LastStable = m.Next - 1
		}
		m.LastStable = max(m.LastStable, 0)
	}
	if s.mistake == giveOpen {
		m.LastStable = m.HighWatermark
	}
	s.told[p] = max(s.told[p], m.LastStable)
	if passed {
		op.Watermarks = []history.Watermark{m}
		s.record(op)
	}
	s.forget(p)
	return passed
}

// opened reports whether a record is of a transaction that nobody has ended yet, and that will not be aborted for sure.
func (s *transactSim) opened(c cell) bool {
	return c.of != nil && !c.marker && c.of == s.open[c.producer] && c.of.decision == 0
}

// forget drops what every reader has passed, so that long histories cost no memory.
func (s *transactSim) forget(p history.Partition) {
	low := s.ends[p]
	for _, r := range s.readers {
		low = min(low, r.next[p])
	}
	if len(s.readers) < 4 {
		return // somebody scans all of it in the end
	}
	log := s.log[p]
	for len(log) > 0 && log[0].offset < low {
		log = log[1:]
	}
	s.log[p] = log
}
