package verify

import (
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// record names one record for ever: its producer, its partition, its sequence.
type record struct {
	partition history.Partition
	producer  uint32
	sequence  int64
}

// stream is the records of one producer in one partition.
type stream struct {
	partition history.Partition
	producer  uint32
}

// facts is what the history says about one stream, as sets of sequences.
type facts struct {
	attempted, acked, failed intervals // by its produce operations
	read, scanned            intervals // by live readers; by the final scan
}

// ledger holds the facts of all streams and how far each partition was scanned. It judges nothing:
// the rules look things up in it.
type ledger struct {
	streams    map[stream]*facts
	partitions map[history.Partition]*coverage
	counters   Counters
	// compacted reports whether records with a key may go from a topic: what is missing there is no loss that
	// would explain anything else.
	compacted func(topic string) bool
}

// coverage is how far the final scan of one partition came.
type coverage struct {
	barrier       int64 // offset of the first acknowledged barrier; Unset without one
	barrierInvoke history.Time
	scanner       string // process of the scan: the first one that scanned this partition
	first, next   int64  // offsets of the scan's first record and after its highest one
	corrupt       intervals
	epochs        notices // the leader epochs that were told
	start         int64   // the highest log start that was told
}

func newLedger(x Expect) *ledger {
	return &ledger{streams: map[stream]*facts{}, partitions: map[history.Partition]*coverage{}, compacted: x.compacted}
}

// reached reports whether the scan passed the barrier of the partition: only then is a record that
// was not seen lost and not late.
func (c *coverage) reached() bool { return c.barrier != history.Unset && c.next > c.barrier }

func (l *ledger) partition(p history.Partition) *coverage {
	c := l.partitions[p]
	if c == nil {
		c = &coverage{barrier: history.Unset, first: history.Unset}
		l.partitions[p] = c
	}
	return c
}

func (l *ledger) stream(p history.Partition, producer uint32) *facts {
	key := stream{p, producer}
	f := l.streams[key]
	if f == nil {
		f = &facts{}
		l.streams[key] = f
	}
	return f
}

// scans reports whether the process is the final scan of the partition. A second scan counts as one
// more reader, so that it is compared with the first.
func (l *ledger) scans(op *history.Operation, p history.Partition) bool {
	return op.Kind == history.Scan && l.partition(p).scanner == op.Process
}

// lost reports whether the record is known to be missing: its partition was scanned to the barrier
// and it was not there. Barriers are found by their offset, not by sequence.
func (l *ledger) lost(r record) bool {
	if r.producer == history.BarrierProducer || r.sequence < 0 || l.compacted(r.partition.Topic) || !l.partition(r.partition).reached() {
		return false
	}
	return len(l.stream(r.partition, r.producer).scanned.within(r.sequence, r.sequence+1)) == 0
}

// losses lists the partitions of which an acknowledged or read record is known to be missing.
func (l *ledger) losses() map[history.Partition]bool {
	lost := map[history.Partition]bool{}
	for key, f := range l.streams {
		if !lost[key.partition] && !l.compacted(key.partition.Topic) && l.partition(key.partition).reached() {
			if len(f.acked.minus(f.scanned)) > 0 || len(f.read.minus(f.scanned)) > 0 {
				lost[key.partition] = true
			}
		}
	}
	return lost
}

// observe takes what an operation says.
func (l *ledger) observe(op *history.Operation) {
	l.counters.Operations++
	for i := range op.Watermarks {
		m := &op.Watermarks[i]
		c := l.partition(m.Partition)
		c.epochs.hear(m.LeaderEpoch, op.Return)
		c.start = max(c.start, m.LogStart)
	}
	for i := range op.Runs {
		switch run := &op.Runs[i]; op.Kind {
		case history.Produce:
			l.produced(op, run)
		case history.Barrier:
			l.barrier(op, run)
		case history.Fetch, history.Scan:
			l.seen(op, run)
		}
	}
	for i := range op.Markers {
		if m := &op.Markers[i]; op.Kind == history.Scan {
			l.scannedTo(op, m.Partition, m.Offset, m.Offset+1)
		}
	}
	for _, c := range op.Corrupt {
		l.counters.RecordsCorrupt++
		if op.Kind == history.Scan {
			l.scannedTo(op, c.Partition, c.Offset, c.Offset+1)
		}
		if l.scans(op, c.Partition) {
			l.partition(c.Partition).corrupt.add(c.Offset, c.Offset+1)
		}
	}
}

func (l *ledger) produced(op *history.Operation, run *history.Run) {
	f, first, end := l.stream(run.Partition, run.Producer), run.FirstSequence, run.FirstSequence+int64(run.Count)
	l.partition(run.Partition)
	f.attempted.add(first, end)
	switch op.Outcome {
	case history.OK:
		f.acked.add(first, end)
		l.counters.RecordsAcked += int64(run.Count)
	case history.Fail:
		f.failed.add(first, end)
		l.counters.RecordsFailed += int64(run.Count)
	default:
		l.counters.RecordsUnknown += int64(run.Count)
	}
}

func (l *ledger) barrier(op *history.Operation, run *history.Run) {
	if op.Outcome != history.OK || run.FirstOffset == history.Unset {
		return
	}
	l.counters.Barriers++
	if c := l.partition(run.Partition); c.barrier == history.Unset {
		c.barrier, c.barrierInvoke = run.FirstOffset, op.Invoke
	}
}

func (l *ledger) seen(op *history.Operation, run *history.Run) {
	end := run.FirstOffset + int64(run.Count)
	if op.Kind == history.Scan {
		l.scannedTo(op, run.Partition, run.FirstOffset, end)
	}
	if run.Producer == history.BarrierProducer || run.FirstSequence < 0 {
		return
	}
	f := l.stream(run.Partition, run.Producer)
	if l.scans(op, run.Partition) {
		f.scanned.add(run.FirstSequence, run.FirstSequence+int64(run.Count))
		l.counters.RecordsScanned += int64(run.Count)
		return
	}
	f.read.add(run.FirstSequence, run.FirstSequence+int64(run.Count))
	if !op.Surveys() {
		l.counters.RecordsRead += int64(run.Count)
	}
}

// scannedTo moves the scan of a partition; the first process that scans it becomes its scan.
func (l *ledger) scannedTo(op *history.Operation, p history.Partition, first, end int64) {
	c := l.partition(p)
	if c.scanner == "" {
		c.scanner, c.first = op.Process, first
	}
	if c.scanner == op.Process {
		c.first, c.next = min(c.first, first), max(c.next, end)
	}
}

// sortedStreams lists the streams in the order of reports.
func (l *ledger) sortedStreams() []stream {
	keys := make([]stream, 0, len(l.streams))
	for k := range l.streams {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b stream) int {
		if c := comparePartitions(a.partition, b.partition); c != 0 {
			return c
		}
		return int(int64(a.producer) - int64(b.producer))
	})
	return keys
}

// retained counts intervals.
func (l *ledger) retained() int {
	n := 0
	for _, f := range l.streams {
		n += len(f.attempted) + len(f.acked) + len(f.failed) + len(f.read) + len(f.scanned)
	}
	for _, c := range l.partitions {
		n += len(c.corrupt) + len(c.epochs)
	}
	return n
}
