package verify

import (
	"fmt"

	"github.com/logproof/logproof/verify/history"
)

// readerAgreement judges that there is one log: what the research calls R5. Readers, the final scan
// and the acknowledgements' offsets are compared record by record in a window of the newest offsets
// and in all that is still open, and reader with reader by chain hash in whole blocks of
// history.ChainBlock offsets for everything older, those who read committed among themselves. Each reader must
// move forward, and be given every record that the scan shows; what who reads committed was not given is for
// gaps to explain.
type readerAgreement struct {
	ledger       *ledger
	readings     *readings
	transactions *transactions
	logs         map[history.Partition]*logView
	checked      int64
}

// logView is one partition as all its witnesses describe it.
type logView struct {
	window      window
	checkpoints map[chainEnd]checkpoint
	conflicts   []conflict
	breaks      []chainBreak
	dropped     int64 // conflicts and breaks over candidatesMax
}

// chainEnd is where two chains are compared. Who reads committed sees another log than who does not.
type chainEnd struct {
	end       int64
	committed bool
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

func newReaderAgreement(l *ledger, s *readings, t *transactions) *readerAgreement {
	return &readerAgreement{ledger: l, readings: s, transactions: t, logs: map[history.Partition]*logView{}}
}

func (a *readerAgreement) observe(op *history.Operation) {
	switch op.Kind {
	case history.Produce, history.Barrier:
		if op.Outcome == history.OK {
			a.acked(op)
		}
	case history.Fetch, history.Scan:
		for i := range op.Runs {
			run := &op.Runs[i]
			v := a.log(run.Partition)
			a.tell(v, op, run)
			v.check(op, run)
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
		v = &logView{checkpoints: map[chainEnd]checkpoint{}}
		a.logs[p] = v
	}
	return v
}

// room reports whether another candidate may be kept, and counts it if not.
func (v *logView) room(n int) bool {
	if n < candidatesMax {
		return true
	}
	v.dropped++
	return false
}

// check compares the chain at the end of a block, and at a barrier, where the last block is not whole.
func (v *logView) check(op *history.Operation, run *history.Run) {
	end := run.FirstOffset + int64(run.Count)
	if run.Chain == 0 || end%history.ChainBlock != 0 && run.Producer != history.BarrierProducer {
		return
	}
	key := chainEnd{end, op.Isolation == history.ReadCommitted}
	known, ok := v.checkpoints[key]
	if !ok {
		v.checkpoints[key] = checkpoint{run.Chain, op.Process}
		return
	}
	if known.chain != run.Chain && v.room(len(v.breaks)) {
		block := interval{(end - 1) / history.ChainBlock * history.ChainBlock, end}
		v.breaks = append(v.breaks, chainBreak{block, known.process, op.Process})
	}
}

func (a *readerAgreement) retained() int {
	n := 0
	for _, v := range a.logs {
		n += len(v.window.claims) + len(v.checkpoints) + len(v.conflicts) + len(v.breaks)
	}
	return n
}

func (a *readerAgreement) result() RuleResult {
	r := RuleResult{Rule: ReaderAgreement, Asked: true, Checked: a.checked, Unit: "record told twice"}
	for _, p := range sortedPartitions(a.logs) {
		v, read, before := a.logs[p], a.readings.log(p), r.Total
		a.conflicts(&r, p, v)
		read.steps(&r, p)
		a.readings.skips(&r, p, read, false)
		a.chains(&r, p, v, read)
		if r.Total > before {
			r.Total += v.dropped + read.dropped
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
func (v *reading) steps(r *RuleResult, p history.Partition) {
	for _, b := range v.backs {
		r.add(Anomaly{
			Class: NonmonotonicPoll, Partition: p, Producer: history.Unset, FirstSequence: history.Unset, Count: 1, Offset: b.to,
			Text: fmt.Sprintf("%s: %s was given offset %d after offset %d", p, b.process, b.to, b.from),
		})
	}
}

// chains reports blocks in which two readers differ although nothing in them differed record by
// record: what they saw differs in content, or long ago.
func (a *readerAgreement) chains(r *RuleResult, p history.Partition, v *logView, read *reading) {
	if len(v.breaks) == 0 {
		return
	}
	var known intervals // offsets whose difference has been reported, or is the work of corruption
	for _, c := range v.conflicts {
		known.add(c.old.first, c.old.end)
	}
	for _, s := range read.order {
		for _, i := range append(s.gaps.minus(a.transactions.silent(p, s.committed)), s.corrupt...) {
			known.add(i.first, i.end)
		}
	}
	if l := a.transactions.logs[p]; l != nil {
		for _, i := range l.misread {
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
