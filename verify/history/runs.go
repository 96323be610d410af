package history

import "math"

// RunBuilder turns the records that one reader sees into runs with chain hashes. One per reader;
// not for concurrent use. The zero value is ready.
type RunBuilder struct {
	chains  map[Partition]*chain
	runs    []Run
	last    *chain // of the partition of the last record: most records come in long rows
	lastKey Partition
}

// Record is one record as a reader was given it, or as a writer sends it.
type Record struct {
	Partition Partition
	Offset    int64 // Unset where a writer was not told
	Producer  uint32
	Sequence  int64
	// Origin and Source as in a Run, nil for none. They are copied.
	Origin *Origin
	Source *Input
	Key    uint32 // as in a Run
}

// run is the run of this record alone.
func (r *Record) run() Run {
	run := Run{Partition: r.Partition, FirstOffset: r.Offset, Producer: r.Producer, FirstSequence: r.Sequence, Count: 1, Key: r.Key}
	if r.Origin != nil {
		origin := *r.Origin
		run.Origin = &origin
	}
	if r.Source != nil {
		source := *r.Source
		run.Source = &source
	}
	return run
}

// Add takes the next record in the order in which the reader was given it. The hash is HashRecord of
// its key and value. A run ends where the partition, the producer, or the consecution of offsets or
// sequences ends, and at the end of each ChainBlock, so that every reader that saw a whole block has
// a chain at the same offset.
func (b *RunBuilder) Add(p Partition, offset int64, producer uint32, sequence int64, hash uint64) {
	// Most records go on with the run before: that is seen without making a Record.
	if n := len(b.runs); n > 0 && offset%ChainBlock != 0 {
		r, count := &b.runs[n-1], int64(b.runs[n-1].Count)
		if r.FirstOffset+count == offset && r.FirstSequence+count == sequence && r.Producer == producer && r.FirstOffset != Unset &&
			r.Key == 0 && r.Origin == nil && r.Source == nil && r.Count < math.MaxInt32 && r.Partition == p {
			c := b.chain(p)
			c.add(offset, hash)
			r.Count++
			r.Chain = c.sum()
			return
		}
	}
	b.AddRecord(Record{Partition: p, Offset: offset, Producer: producer, Sequence: sequence}, hash)
}

// AddRecord is Add for records that may be transactional, made from others, or have a key: a run ends
// where one of these changes, too.
func (b *RunBuilder) AddRecord(r Record, hash uint64) {
	c := b.chain(r.Partition)
	c.add(r.Offset, hash)
	if n := len(b.runs); n > 0 && b.runs[n-1].continues(&r) && r.Offset%ChainBlock != 0 {
		b.runs[n-1].Count++
		b.runs[n-1].Chain = c.sum()
		return
	}
	run := r.run()
	run.Chain = c.sum()
	b.runs = append(b.runs, run)
}

// Runs returns the runs since the last call, in the order of Add; the caller owns the slice. Chains
// go on, runs do not: a run lies in one poll.
func (b *RunBuilder) Runs() []Run {
	runs := b.runs
	b.runs = nil
	return runs
}

// Forget breaks the chain of a partition: what comes next was not read on from what came before, as when a
// member of a group was away from it.
func (b *RunBuilder) Forget(p Partition) {
	if c := b.chains[p]; c != nil {
		*c = chain{}
	}
}

// chain of a partition, made when first asked for.
func (b *RunBuilder) chain(p Partition) *chain {
	if b.last != nil && b.lastKey == p {
		return b.last
	}
	c := b.chains[p]
	if c == nil {
		if b.chains == nil {
			b.chains = map[Partition]*chain{}
		}
		c = &chain{}
		b.chains[p] = c
	}
	b.last, b.lastKey = c, p
	return c
}

// AppendRun adds one written record to runs, extending the last run where the record continues it,
// and returns runs as append does. The offset is Unset where the client was not told it; a run whose
// offsets are unknown is continued by records of unknown offset only.
func AppendRun(runs []Run, p Partition, offset int64, producer uint32, sequence int64) []Run {
	return AppendRecord(runs, Record{Partition: p, Offset: offset, Producer: producer, Sequence: sequence})
}

// AppendRecord is AppendRun for records that may be made from others or have a key.
func AppendRecord(runs []Run, r Record) []Run {
	if n := len(runs); n > 0 && runs[n-1].continues(&r) {
		runs[n-1].Count++
		return runs
	}
	return append(runs, r.run())
}

// continues reports whether a record is the next one of the run.
func (r *Run) continues(next *Record) bool {
	n := int64(r.Count)
	switch {
	case r.Partition != next.Partition || r.Producer != next.Producer || r.FirstSequence+n != next.Sequence || r.Count == math.MaxInt32:
		return false
	case r.FirstOffset == Unset && next.Offset != Unset || r.FirstOffset != Unset && r.FirstOffset+n != next.Offset:
		return false
	case r.Key != next.Key || (r.Origin == nil) != (next.Origin == nil) || (r.Source == nil) != (next.Source == nil):
		return false
	case r.Origin != nil && *r.Origin != *next.Origin:
		return false
	}
	return r.Source == nil || *next.Source == Input{r.Source.Partition, r.Source.FirstOffset + n}
}

// Part is the run cut down to count of its records from the i-th on. Its Chain is kept only with its end.
func (r *Run) Part(i, count int64) Run {
	part := *r
	part.FirstSequence += i
	if part.FirstOffset != Unset {
		part.FirstOffset += i
	}
	if r.Source != nil {
		part.Source = &Input{r.Source.Partition, r.Source.FirstOffset + i}
	}
	if i+count < int64(r.Count) {
		part.Chain = 0
	}
	part.Count = int32(count)
	return part
}
