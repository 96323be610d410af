package linearize

import (
	"github.com/logproof/logproof/verify/history"
)

// collected is what the history says of a window's offsets.
type collected struct {
	ops     []operation
	scan    []stretch
	corrupt offsets // which the scan could not decode
	epochs  map[int32]bool
	highest int64 // how many of the offsets the highest watermark so far covers: lower ones say no more
	lowest  int64 // the highest log start so far
	left    int   // operations that were left out because there are too many
	records int64
}

// operation is one operation of a client, cut down to a window.
type operation struct {
	kind       kind
	process    string
	invoke     history.Time
	returned   history.Time
	runs       []stretch
	high, low  int64 // of told: high watermark and log start
	unanswered bool  // nobody was told its offset: it is from the scan
}

// stretch is consecutive records of one producer at consecutive offsets.
type stretch struct {
	first, end int64
	producer   uint32
	sequence   int64
}

// loose is an append that is not known to stand anywhere: nobody was told its offset.
type loose struct {
	process  string
	invoke   history.Time
	returned history.Time // Never where the outcome is unknown: it may happen later
	producer uint32
	sequence int64
	count    int64
}

// looseMax bounds the appends of one partition whose place only the scan can tell.
const looseMax = 1 << 17

// outline finds the offsets of each window: those of its appends, and the holes between them.
func outline(open func() (Source, error), chosen []*window) error {
	at := map[history.Partition]int{}
	by := byPartition(chosen)
	_, err := each(open, func(op *history.Operation) {
		if op.Kind != history.Produce || op.Outcome != history.OK {
			return
		}
		for i := range op.Runs {
			run := &op.Runs[i]
			if run.FirstOffset == history.Unset {
				continue
			}
			n := at[run.Partition]
			at[run.Partition]++
			for _, w := range by[run.Partition] {
				if n < w.from || n >= w.to || w.anomaly != nil {
					continue
				}
				if w.records += int64(run.Count); w.records > recordsMax {
					w.to = n // the window ends here
					continue
				}
				w.offsets.add(run.FirstOffset, run.FirstOffset+int64(run.Count))
			}
		}
	})
	for _, w := range chosen {
		w.offsets = w.offsets.joined(holeMax)
		w.offsets.add(w.place.barrier, w.place.barrier+1)
	}
	return err
}

func byPartition(chosen []*window) map[history.Partition][]*window {
	by := map[history.Partition][]*window{}
	for _, w := range chosen {
		by[w.partition] = append(by[w.partition], w)
	}
	return by
}

// collect finds what happened at the offsets of each window. A window takes at most so many operations.
func collect(open func() (Source, error), chosen []*window, most int) error {
	by := byPartition(chosen)
	_, err := each(open, func(op *history.Operation) {
		for i := range op.Watermarks {
			m := &op.Watermarks[i]
			for _, w := range by[m.Partition] {
				w.told(op, m, most)
			}
		}
		for _, c := range op.Corrupt {
			for _, w := range by[c.Partition] {
				if op.Kind == history.Scan && op.Process == w.place.scanner {
					w.corrupt.add(c.Offset, c.Offset+1)
				}
			}
		}
		for p := range partitions(op) {
			if op.Kind == history.Produce && len(by[p]) > 0 {
				by[p][0].place.produced(op, p)
			}
			for _, w := range by[p] {
				w.take(op, most)
			}
		}
	})
	return err
}

// partitions of the runs of an operation.
func partitions(op *history.Operation) map[history.Partition]bool {
	set := make(map[history.Partition]bool, 1)
	for i := range op.Runs {
		set[op.Runs[i].Partition] = true
	}
	return set
}

// take takes the part of an operation that is at the window's offsets.
func (w *window) take(op *history.Operation, most int) {
	switch op.Kind {
	case history.Produce:
		w.produced(op)
	case history.Barrier:
		if op.Outcome == history.OK {
			w.produced(op)
		}
	case history.Fetch, history.Scan:
		w.read(op, most)
	}
}

// produced takes an append. It is an operation for each run: a batch is appended as a whole, what a client
// sends at once is not. Appends are never left out: without one what it appended could not be explained.
func (w *window) produced(op *history.Operation) {
	if op.Outcome != history.OK {
		return
	}
	for i := range op.Runs {
		run := &op.Runs[i]
		if run.Partition != w.partition || run.FirstOffset == history.Unset {
			continue
		}
		if runs := w.cut(run); len(runs) > 0 {
			w.ops = append(w.ops, operation{kind: appended, process: op.Process, invoke: op.Invoke, returned: op.Return, runs: runs})
		}
	}
}

// produced keeps appends whose offset nobody was told.
func (p *place) produced(op *history.Operation, at history.Partition) {
	if op.Outcome == history.Fail {
		return
	}
	for i := range op.Runs {
		run := &op.Runs[i]
		if run.Partition != at || op.Outcome == history.OK && run.FirstOffset != history.Unset {
			continue
		}
		if len(p.loose) == looseMax {
			p.forgot = true
			return
		}
		l := loose{op.Process, op.Invoke, op.Return, run.Producer, run.FirstSequence, int64(run.Count)}
		if op.Outcome != history.OK {
			l.returned = history.Never
		}
		p.loose = append(p.loose, l)
	}
}

// read takes what a reader was given.
func (w *window) read(op *history.Operation, most int) {
	var runs []stretch
	for i := range op.Runs {
		if run := &op.Runs[i]; run.Partition == w.partition && run.FirstOffset != history.Unset {
			runs = append(runs, w.cut(run)...)
		}
	}
	if len(runs) == 0 {
		return
	}
	if op.Kind == history.Scan && op.Process == w.place.scanner {
		w.scan = append(w.scan, runs...)
	} else if op.Return >= w.place.barrierInvoke {
		runs = below(runs, w.place.barrier+1) // what stands above the barrier is not scanned, and not due
	}
	if len(runs) == 0 || w.crowded(op, runs, most) {
		return
	}
	w.ops = append(w.ops, operation{kind: read, process: op.Process, invoke: op.Invoke, returned: op.Return, runs: runs})
}

// crowded reports whether a read is left out: the window has many already, and neither is it the scan nor
// does it touch the anomaly.
func (w *window) crowded(op *history.Operation, runs []stretch, most int) bool {
	if len(w.ops) < most || op.Kind == history.Scan {
		return false
	}
	if a := w.anomaly; a != nil && a.Offset != history.Unset && len(w.ops) < 2*most {
		for _, r := range runs {
			if r.first < a.Offset+a.Count && a.Offset < r.end {
				return false
			}
		}
	}
	w.left++
	return true
}

// below cuts runs down to the offsets below a limit.
func below(runs []stretch, limit int64) (kept []stretch) {
	for _, r := range runs {
		if r.end = min(r.end, limit); r.first < r.end {
			kept = append(kept, r)
		}
	}
	return kept
}

// told takes what a leader said of its log, as far as it says more of the window than was known: logs grow,
// so a lower watermark that is told later is true wherever the higher one was.
func (w *window) told(op *history.Operation, m *history.Watermark, most int) {
	var covered int64
	for _, i := range w.offsets.within(0, m.HighWatermark) {
		covered += i.end - i.first
	}
	if covered == 0 {
		return
	}
	if w.epochs == nil {
		w.epochs = map[int32]bool{}
	}
	w.epochs[m.LeaderEpoch] = true
	if covered <= w.highest && m.LogStart <= w.lowest {
		return
	}
	if len(w.ops) >= most {
		w.left++
		return
	}
	w.highest, w.lowest = max(w.highest, covered), max(w.lowest, m.LogStart)
	w.ops = append(w.ops, operation{
		kind: told, process: op.Process, invoke: op.Invoke, returned: op.Return, high: m.HighWatermark, low: m.LogStart,
	})
}

// cut cuts a run down to the window's offsets.
func (w *window) cut(run *history.Run) (runs []stretch) {
	for _, i := range w.offsets.within(run.FirstOffset, run.FirstOffset+int64(run.Count)) {
		runs = append(runs, stretch{i.first, i.end, run.Producer, run.FirstSequence + i.first - run.FirstOffset})
	}
	return runs
}
