package verify

import (
	"github.com/logproof/logproof/verify/history"
)

// recentMax is how many runs per partition are remembered until its barrier is acknowledged, to tell
// those that stand above the barrier: they are not due.
const recentMax = 256

// loss judges that what was acknowledged, or given to any reader, is in the log: what the research
// calls R6. Due is everything that was acknowledged or read before the barrier was written, or whose
// offset is below the barrier's. What was acknowledged in a transaction is due if that has committed, as its client
// was told or, where that was told nothing, the log says. Nothing is judged in a partition whose scan did not reach the
// barrier: there lost cannot be told from late.
type loss struct {
	ledger       *ledger
	transactions *transactions
	expect       Expect
	due          map[stream]*due
	partitions   map[history.Partition]*recent
	keyed        int64 // records that compaction judges
}

// due is the records of one stream that must be in the log.
type due struct {
	acked, read located
	aborted     int64 // records of both that are in the log without having been promised
}

// recent is the last runs of a partition before its barrier was acknowledged.
type recent struct {
	runs    []told
	gone    int64 // after the highest offset of runs that were forgotten
	settled bool  // the barrier is known
	blurred bool  // a forgotten run may stand above the barrier: nothing can be judged
}

// told is a run, when it was told, and to whom.
type told struct {
	run      history.Run
	returned history.Time
	read     bool
}

func newLoss(l *ledger, t *transactions, x Expect) *loss {
	s := &loss{ledger: l, transactions: t, expect: x, due: map[stream]*due{}, partitions: map[history.Partition]*recent{}}
	t.watch(s)
	return s
}

func (s *loss) observe(op *history.Operation) {
	switch op.Kind {
	case history.Produce:
		if op.Outcome != history.OK || op.Transaction != nil {
			return // what was appended in a transaction is promised when that has committed
		}
	case history.Transact:
		if op.Committed() {
			for i := range op.Runs {
				s.promised(op.Runs[i], op.Return)
			}
		}
		return
	case history.Barrier:
		s.barrier(op)
		return
	case history.Fault:
		return
	}
	for i := range op.Runs {
		run := op.Runs[i]
		if run.Key != 0 && s.ledger.compacted(run.Partition.Topic) {
			s.keyed += int64(run.Count) // its key is for compaction to judge
			continue
		}
		if run.Producer == history.BarrierProducer || run.FirstSequence < 0 || s.ledger.scans(op, run.Partition) {
			continue
		}
		s.take(told{run, op.Return, op.Kind != history.Produce})
	}
}

// promised makes due what was acknowledged of a run whose transaction has committed.
func (s *loss) promised(run history.Run, returned history.Time) {
	if run.FirstSequence < 0 {
		return
	}
	if run.Key != 0 && s.ledger.compacted(run.Partition.Topic) {
		s.keyed += int64(run.Count)
		return
	}
	first := run.FirstSequence
	for _, acked := range s.ledger.stream(run.Partition, run.Producer).acked.within(first, first+int64(run.Count)) {
		s.take(told{run.Part(acked.first-first, acked.size()), returned, false})
	}
}

// decided makes the sets of what is due whole where records were aborted: those are in the log, and not due.
func (s *loss) decided(d decision) {
	due := s.due[stream{d.run.Partition, d.run.Producer}]
	if d.fate != aborted || due == nil || d.run.FirstSequence < 0 {
		return
	}
	first := d.run.FirstSequence
	at := stretch{interval{first, first + int64(d.run.Count)}, d.run.FirstOffset}
	due.acked.add(at)
	due.read.add(at)
	due.aborted += at.size()
}

// settled makes due what was acknowledged in a transaction of which only the log tells that it was committed.
func (s *loss) settled(x *transaction) {
	if x.client != pending || x.logged() != committed {
		return
	}
	for _, p := range x.parts {
		s.promised(history.Run{
			Partition: p.stream.partition, FirstOffset: p.offset, Producer: p.stream.producer, FirstSequence: p.first, Count: int32(p.size()),
		}, x.returned)
	}
}

// take makes a run due, but for the part that stands above a known barrier.
func (s *loss) take(t told) {
	c := s.ledger.partition(t.run.Partition)
	if c.barrier == history.Unset {
		s.remember(t)
	} else if below := s.below(t, c); below < int64(t.run.Count) {
		t.run.Count = int32(below)
	}
	if t.run.Count < 1 {
		return
	}
	d := s.stream(t.run)
	set := &d.acked
	if t.read {
		set = &d.read
	}
	set.add(stretch{interval{t.run.FirstSequence, t.run.FirstSequence + int64(t.run.Count)}, t.run.FirstOffset})
}

// below is the number of the run's records that are due although the barrier is known.
func (s *loss) below(t told, c *coverage) int64 {
	if t.returned < c.barrierInvoke {
		return int64(t.run.Count) // told before the barrier was sent
	}
	if t.run.FirstOffset == history.Unset {
		return 0
	}
	return min(int64(t.run.Count), max(0, c.barrier-t.run.FirstOffset))
}

// remember keeps a run until the barrier is known.
func (s *loss) remember(t told) {
	r := s.partition(t.run.Partition)
	if len(r.runs) == recentMax {
		half := r.runs[:recentMax/2]
		for _, old := range half {
			r.gone = max(r.gone, old.run.FirstOffset+int64(old.run.Count))
		}
		r.runs = append(r.runs[:0], r.runs[recentMax/2:]...)
	}
	r.runs = append(r.runs, t)
}

// barrier takes what stands above the first acknowledged barrier of a partition out of what is due.
func (s *loss) barrier(op *history.Operation) {
	if op.Outcome != history.OK {
		return
	}
	for i := range op.Runs {
		p := op.Runs[i].Partition
		c, r := s.ledger.partition(p), s.partition(p)
		if r.settled || c.barrier == history.Unset {
			continue
		}
		r.settled = true
		for _, t := range r.runs {
			if above := int64(t.run.Count) - s.below(t, c); above > 0 {
				end := t.run.FirstSequence + int64(t.run.Count)
				d := s.stream(t.run)
				d.acked.remove(end-above, end)
				d.read.remove(end-above, end)
			}
		}
		r.blurred = r.gone > c.barrier && len(r.runs) > 0 && r.runs[0].returned >= c.barrierInvoke
		r.runs = nil
	}
}

func (s *loss) partition(p history.Partition) *recent {
	r := s.partitions[p]
	if r == nil {
		r = &recent{}
		s.partitions[p] = r
	}
	return r
}

func (s *loss) stream(run history.Run) *due {
	key := stream{run.Partition, run.Producer}
	d := s.due[key]
	if d == nil {
		d = &due{}
		s.due[key] = d
	}
	return d
}

func (s *loss) retained() int {
	n := 0
	for _, d := range s.due {
		n += len(d.acked) + len(d.read)
	}
	for _, r := range s.partitions {
		n += len(r.runs)
	}
	return n
}
