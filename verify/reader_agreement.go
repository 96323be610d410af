package verify

import (
	"fmt"

	"github.com/logproof/logproof/verify/history"
)

// readerAgreement judges that there is one log: what the research calls R5. Readers, the final scan
// and the acknowledgements' offsets are compared record by record in a window of the newest offsets
// and in all that is still open, and reader with reader by chain hash in whole blocks of
// history.ChainBlock offsets for everything older. Each reader must move forward and be given every
// record that the scan shows.
type readerAgreement struct {
	ledger  *ledger
	logs    map[history.Partition]*logView
	checked int64
}

// logView is one partition as all its witnesses describe it.
type logView struct {
	window      window
	readers     map[string]*reader
	order       []*reader // readers in order of appearance
	checkpoints map[int64]checkpoint
	conflicts   []conflict
	breaks      []chainBreak
	backs       []back
	dropped     int64 // conflicts, breaks and backs over candidatesMax
}

// reader is one process in one partition.
type reader struct {
	process string
	scan    bool
	begun   bool
	next    int64     // the offset that is expected next
	first   int64     // lowest offset seen
	end     int64     // after the highest offset seen
	gaps    intervals // offsets between two polls or records that it was not given
	corrupt intervals // offsets of records that it could not decode
}

// checkpoint is the chain hash at the end of a block, by the first reader that had it.
type checkpoint struct {
	chain   uint64
	process string
}

// conflict is two records at one offset.
type conflict struct{ old, new claim }

// chainBreak is two chains at one offset.
type chainBreak struct {
	block    interval
	old, new string // processes
}

// back is a step back of a reader.
type back struct {
	process  string
	from, to int64
}

func newReaderAgreement(l *ledger) *readerAgreement {
	return &readerAgreement{ledger: l, logs: map[history.Partition]*logView{}}
}

func (a *readerAgreement) observe(op *history.Operation) {
	switch {
	case op.Kind == history.Fault:
		return
	case op.Kind == history.Resume && op.Outcome == history.OK:
		// Where a member of a group begins again is for group-position to judge.
		for _, at := range op.Group.Positions {
			a.log(at.Partition).reader(a.ledger, op, at.Partition).begun = false
		}
		return
	case op.Kind != history.Fetch && op.Kind != history.Scan:
		if op.Outcome == history.OK {
			a.acked(op)
		}
		return
	}
	for _, c := range op.Corrupt {
		a.log(c.Partition).reader(a.ledger, op, c.Partition).corrupt.add(c.Offset, c.Offset+1)
	}
	for i := range op.Runs {
		run := &op.Runs[i]
		v := a.log(run.Partition)
		v.move(v.reader(a.ledger, op, run.Partition), run.FirstOffset, run.FirstOffset+int64(run.Count))
		a.tell(v, op, run)
		v.check(op.Process, run)
	}
	for _, c := range op.Corrupt {
		v := a.log(c.Partition)
		if r := v.reader(a.ledger, op, c.Partition); !r.begun || c.Offset >= r.next {
			v.move(r, c.Offset, c.Offset+1)
		}
	}
}

// acked takes the offsets that a producer was told.
func (a *readerAgreement) acked(op *history.Operation) {
	for i := range op.Runs {
		if run := &op.Runs[i]; run.FirstOffset != history.Unset {
			a.tell(a.log(run.Partition), op, run)
		}
	}
}

func (a *readerAgreement) tell(v *logView, op *history.Operation, run *history.Run) {
	told := source(op, a.ledger.scans(op, run.Partition))
	n := claim{
		interval: interval{run.FirstOffset, run.FirstOffset + int64(run.Count)},
		producer: run.Producer, sequence: run.FirstSequence, told: told, process: op.Process,
	}
	a.checked += v.window.tell(n, func(old, new claim) {
		if v.room(len(v.conflicts)) {
			v.conflicts = append(v.conflicts, conflict{old, new})
		}
	})
}

func (a *readerAgreement) log(p history.Partition) *logView {
	v := a.logs[p]
	if v == nil {
		v = &logView{readers: map[string]*reader{}, checkpoints: map[int64]checkpoint{}}
		a.logs[p] = v
	}
	return v
}

func (v *logView) reader(l *ledger, op *history.Operation, p history.Partition) *reader {
	r := v.readers[op.Process]
	if r == nil {
		r = &reader{process: op.Process, scan: l.scans(op, p)}
		v.readers[op.Process] = r
		v.order = append(v.order, r)
	}
	return r
}

// room reports whether another candidate may be kept, and counts it if not.
func (v *logView) room(n int) bool {
	if n < candidatesMax {
		return true
	}
	v.dropped++
	return false
}

// move follows a reader over the offsets first to end-1.
func (v *logView) move(r *reader, first, end int64) {
	switch {
	case !r.begun:
		r.begun, r.first = true, first
	case first < r.next:
		if v.room(len(v.backs)) {
			v.backs = append(v.backs, back{r.process, r.next - 1, first})
		}
	default:
		for _, gap := range r.corrupt.without(r.next, first) {
			r.gaps.add(gap.first, gap.end)
		}
	}
	r.next, r.first, r.end = end, min(r.first, first), max(r.end, end)
}

// check compares the chain at the end of a block, and at a barrier, where the last block is not whole.
func (v *logView) check(process string, run *history.Run) {
	end := run.FirstOffset + int64(run.Count)
	if run.Chain == 0 || end%history.ChainBlock != 0 && run.Producer != history.BarrierProducer {
		return
	}
	known, ok := v.checkpoints[end]
	if !ok {
		v.checkpoints[end] = checkpoint{run.Chain, process}
		return
	}
	if known.chain != run.Chain && v.room(len(v.breaks)) {
		block := interval{(end - 1) / history.ChainBlock * history.ChainBlock, end}
		v.breaks = append(v.breaks, chainBreak{block, known.process, process})
	}
}

func (a *readerAgreement) retained() int {
	n := 0
	for _, v := range a.logs {
		n += len(v.window.claims) + len(v.checkpoints) + len(v.conflicts) + len(v.breaks) + len(v.backs)
		for _, r := range v.order {
			n += 1 + len(r.gaps) + len(r.corrupt)
		}
	}
	return n
}

func (a *readerAgreement) result() RuleResult {
	r := RuleResult{Rule: ReaderAgreement, Asked: true, Checked: a.checked, Unit: "record told twice"}
	for _, p := range sortedPartitions(a.logs) {
		v, before := a.logs[p], r.Total
		a.conflicts(&r, p, v)
		v.steps(&r, p)
		v.gaps(&r, p, a.ledger.compacted(p.Topic))
		v.chains(&r, p)
		if r.Total > before {
			r.Total += v.dropped
		}
	}
	r.conclude()
	return r
}

// conflicts reports two records at one offset, unless one of them is lost: then it is only the
// shadow of that loss.
func (a *readerAgreement) conflicts(r *RuleResult, p history.Partition, v *logView) {
	seen := map[conflict]bool{}
	for _, c := range v.conflicts {
		key := c
		key.old.told, key.old.process, key.new.told, key.new.process = 0, "", 0, ""
		if seen[key] {
			continue
		}
		seen[key] = true
		for _, part := range a.unexplained(p, c) {
			old, new := c.old.part(part.first, part.end), c.new.part(part.first, part.end)
			r.add(Anomaly{
				Class: InconsistentOffsets, Partition: p, Producer: int64(old.producer), FirstSequence: old.sequence,
				Count: part.size(), Offset: part.first, rival: &record{p, new.producer, new.sequence},
				Text: fmt.Sprintf("%s: at %s stands %s for %s, but %s for %s", p, span("offset", part.first, part.size()),
					old.content(), old.process, new.content(), new.process),
			})
		}
	}
}

// unexplained lists the offsets of a conflict where neither record is lost nor a phantom: those have
// anomalies of their own.
func (a *readerAgreement) unexplained(p history.Partition, c conflict) []interval {
	parts := intervals{c.old.interval}
	for _, side := range []claim{c.old, c.new} {
		if side.producer == history.BarrierProducer {
			continue
		}
		f := a.ledger.stream(p, side.producer)
		real := f.attempted
		if a.ledger.partition(p).reached() {
			real = intervals(f.attempted.and(f.scanned))
		}
		shift := side.first - side.sequence
		var there intervals
		for _, i := range real.within(side.sequence, side.sequence+side.size()) {
			there.add(i.first+shift, i.end+shift)
		}
		parts = intervals(parts.and(there))
	}
	return parts
}

// steps reports readers that were taken back.
func (v *logView) steps(r *RuleResult, p history.Partition) {
	for _, b := range v.backs {
		r.add(Anomaly{
			Class: NonmonotonicPoll, Partition: p, Producer: history.Unset, FirstSequence: history.Unset, Count: 1, Offset: b.to,
			Text: fmt.Sprintf("%s: %s was given offset %d after offset %d", p, b.process, b.to, b.from),
		})
	}
}

// gaps reports offsets without a record in the scan, and records that the scan shows but a live
// reader was not given.
func (v *logView) gaps(r *RuleResult, p history.Partition, compacted bool) {
	var shown intervals
	for _, s := range v.order {
		if !s.scan {
			continue
		}
		holes := append(intervals{}, s.gaps...)
		for _, gap := range s.corrupt.without(0, s.first) {
			holes.add(gap.first, gap.end)
		}
		for _, gap := range holes {
			if compacted {
				break // what is missing may have been compacted
			}
			r.add(Anomaly{
				Class: Gap, Partition: p, Producer: history.Unset, FirstSequence: history.Unset, Count: gap.size(), Offset: gap.first,
				Text: fmt.Sprintf("%s: the log has no record at %s", p, span("offset", gap.first, gap.size())),
			})
		}
		for _, part := range holes.without(0, s.end) {
			shown.add(part.first, part.end)
		}
	}
	for _, s := range v.order {
		if s.scan {
			continue
		}
		for _, skip := range s.gaps.and(shown) {
			r.add(Anomaly{
				Class: PollSkip, Partition: p, Producer: history.Unset, FirstSequence: history.Unset, Count: skip.size(), Offset: skip.first,
				Text: fmt.Sprintf("%s: %s was not given %s, which the log has", p, s.process, span("offset", skip.first, skip.size())),
			})
		}
	}
}

// chains reports blocks in which two readers differ although nothing in them differed record by
// record: what they saw differs in content, or long ago.
func (v *logView) chains(r *RuleResult, p history.Partition) {
	var known intervals // offsets whose difference has been reported, or is the work of corruption
	for _, c := range v.conflicts {
		known.add(c.old.first, c.old.end)
	}
	for _, s := range v.order {
		for _, i := range append(append([]interval{}, s.gaps...), s.corrupt...) {
			known.add(i.first, i.end)
		}
	}
	for _, b := range v.breaks {
		if len(known.within(b.block.first, b.block.end)) > 0 {
			continue
		}
		r.add(Anomaly{
			Class: InconsistentOffsets, Partition: p, Producer: history.Unset, FirstSequence: history.Unset,
			Count: b.block.size(), Offset: b.block.first,
			Text: fmt.Sprintf("%s: %s and %s saw different records somewhere in %s", p, b.old, b.new,
				span("offset", b.block.first, b.block.size())),
		})
	}
}
