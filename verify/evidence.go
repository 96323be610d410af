package verify

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// evidenceMax is the number of operations that Explain attaches to one anomaly.
const evidenceMax = 6

// Explain reads a history a second time and attaches to each listed anomaly the first operations
// that touch its records, cut down to the runs in question. The judgement itself keeps no
// operations, so that its memory stays small.
func Explain(src interface{ Next() (history.Entry, error) }, r *Report) error {
	wanted := map[history.Partition][]*Anomaly{}
	var everywhere []*Anomaly // those that are about more than one partition
	for i := range r.Rules {
		if r.Rules[i].Rule == Availability {
			continue // it is about what did not happen
		}
		for _, list := range r.Rules[i].lists() {
			for j := range list {
				a := &list[j]
				a.Evidence = nil
				if a.transact != nil || a.sources {
					everywhere = append(everywhere, a)
				} else {
					wanted[a.Partition] = append(wanted[a.Partition], a)
				}
			}
		}
	}
	for {
		entry, err := src.Next()
		var torn *history.TornError
		switch {
		case err == io.EOF || errors.As(err, &torn):
			return nil
		case err != nil:
			return fmt.Errorf("read the evidence: %w", err)
		case entry.Operation != nil:
			for p := range touched(entry.Operation) {
				for _, a := range wanted[p] {
					a.attach(entry.Operation)
				}
			}
			for _, a := range everywhere {
				a.attach(entry.Operation)
			}
		}
	}
}

// touched is the partitions of an operation.
func touched(op *history.Operation) map[history.Partition]bool {
	set := map[history.Partition]bool{}
	for i := range op.Runs {
		set[op.Runs[i].Partition] = true
	}
	for _, c := range op.Corrupt {
		set[c.Partition] = true
	}
	for i := range op.Watermarks {
		set[op.Watermarks[i].Partition] = true
	}
	if op.Group != nil {
		for _, at := range op.Group.Positions {
			set[at.Partition] = true
		}
	}
	if op.Transaction != nil {
		for _, at := range op.Transaction.Positions {
			set[at.Partition] = true
		}
	}
	return set
}

// attach keeps the operation if it touches the anomaly. One place stays free for reads as long as
// there are only writes, and the other way round, so that both sides of a contradiction are shown.
func (a *Anomaly) attach(op *history.Operation) {
	part, ok := a.Touches(op)
	if !ok || len(a.Evidence) == evidenceMax {
		return
	}
	isRead := func(o *history.Operation) bool { return o.Kind == history.Fetch || o.Kind == history.Scan }
	same := 0
	for i := range a.Evidence {
		if isRead(&a.Evidence[i]) == isRead(op) {
			same++
		}
	}
	if same < evidenceMax-1 {
		a.Evidence = append(a.Evidence, part)
	}
}

// Touches reports whether an operation has records of the anomaly, or told what it is about, and gives the
// operation cut down to that.
func (a *Anomaly) Touches(op *history.Operation) (part history.Operation, ok bool) {
	part = *op
	part.Runs, part.Corrupt, part.Watermarks, part.Group, part.Markers = nil, nil, nil, nil, nil
	told := slices.Contains(a.told, telling{op.Process, op.Return})
	if op.Kind == history.Transact {
		return a.touchesTransact(op, told)
	}
	for _, m := range op.Markers {
		if slices.Contains(a.marks, markAt{m.Partition, m.Offset}) {
			part.Markers = append(part.Markers, m)
		}
	}
	for i := range op.Runs {
		if a.about(&op.Runs[i]) || told && a.Group != "" && op.Runs[i].Partition == a.Partition {
			part.Runs = append(part.Runs, op.Runs[i])
		}
	}
	for _, c := range op.Corrupt {
		if c.Partition == a.Partition && a.covers(c.Offset, c.Offset+1) {
			part.Corrupt = append(part.Corrupt, c)
		}
	}
	if told && op.Group != nil {
		part.Group = op.Group.In(a.Partition)
	}
	if told {
		for _, m := range op.Watermarks {
			if m.Partition == a.Partition {
				part.Watermarks = append(part.Watermarks, m)
			}
		}
	}
	return part, len(part.Runs)+len(part.Corrupt)+len(part.Watermarks)+len(part.Markers) > 0 || part.Group != nil
}

// touchesTransact is Touches of a transaction: it has to do with the anomaly as a whole, or with its positions.
func (a *Anomaly) touchesTransact(op *history.Operation, told bool) (part history.Operation, ok bool) {
	part = *op
	t := op.Transaction
	switch {
	case a.transact != nil:
		return part, *a.transact == transactName{op.Process, t.ID, t.Number}
	case told:
		part.Transaction = t.In(a.Partition)
		return part, true
	}
	part.Runs = nil
	for i := range op.Runs {
		if a.about(&op.Runs[i]) {
			part.Runs = append(part.Runs, op.Runs[i])
		}
	}
	return part, len(part.Runs) > 0
}

// about reports whether a run has records of the anomaly, by sequence, by offset, or by its rival.
func (a *Anomaly) about(run *history.Run) bool {
	if s := run.Source; a.sources && s != nil && s.Partition == a.Partition && a.covers(s.FirstOffset, s.FirstOffset+int64(run.Count)) {
		return true
	}
	if run.Partition != a.Partition {
		return false
	}
	if a.Producer != history.Unset && holdsSequence(run, uint32(a.Producer), a.FirstSequence, a.Count) {
		return true
	}
	if a.rival != nil && holdsSequence(run, a.rival.producer, a.rival.sequence, 1) {
		return true
	}
	return run.FirstOffset != history.Unset && (a.told == nil || a.sources) && a.covers(run.FirstOffset, run.FirstOffset+int64(run.Count))
}

// covers reports whether the anomaly's offsets overlap first to end-1. Where records are missing, the
// evidence is their neighbours.
func (a *Anomaly) covers(first, end int64) bool {
	from, to := a.Offset, a.Offset+a.Count
	if a.Class == Gap || a.Class == PollSkip {
		from, to = from-1, to+1
	}
	return a.Offset != history.Unset && first < to && from < end
}

func holdsSequence(run *history.Run, producer uint32, first, count int64) bool {
	return run.Producer == producer && run.FirstSequence < first+count && first < run.FirstSequence+int64(run.Count)
}
