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

// Add takes the next record in the order in which the reader was given it. The hash is HashRecord of
// its key and value. A run ends where the partition, the producer, or the consecution of offsets or
// sequences ends, and at the end of each ChainBlock, so that every reader that saw a whole block has
// a chain at the same offset.
func (b *RunBuilder) Add(p Partition, offset int64, producer uint32, sequence int64, hash uint64) {
	c := b.chain(p)
	c.add(offset, hash)
	if n := len(b.runs); n > 0 && b.runs[n-1].continues(p, offset, producer, sequence) && offset%ChainBlock != 0 {
		b.runs[n-1].Count++
		b.runs[n-1].Chain = c.sum()
		return
	}
	b.runs = append(b.runs, Run{
		Partition: p, FirstOffset: offset, Producer: producer, FirstSequence: sequence, Count: 1, Chain: c.sum(),
	})
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
	if n := len(runs); n > 0 && runs[n-1].continues(p, offset, producer, sequence) {
		runs[n-1].Count++
		return runs
	}
	return append(runs, Run{Partition: p, FirstOffset: offset, Producer: producer, FirstSequence: sequence, Count: 1})
}

// continues reports whether a record is the next one of the run.
func (r *Run) continues(p Partition, offset int64, producer uint32, sequence int64) bool {
	if r.Partition != p || r.Producer != producer || r.FirstSequence+int64(r.Count) != sequence || r.Count == math.MaxInt32 {
		return false
	}
	if r.FirstOffset == Unset {
		return offset == Unset
	}
	return r.FirstOffset+int64(r.Count) == offset
}
