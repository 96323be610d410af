package log

import (
	"cmp"
	"math"
	"slices"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/log/clean"
)

// Cleaning is one pass of compaction over a log (package clean says what it takes out):
//
//	owner   Dirt ─> BeginClean ──────> Advance ──────> Advance ──────> Advance  true: it is over
//	                    │           ^     │  a group is      ^
//	elsewhere           └──> Step ──┘     └──> Step  ... ────┘
//
// The owner decides, creates, renames and removes files; Step, which may run anywhere while the owner appends, reads
// sealed segments and writes files that nobody knows yet, about a mebibyte each time. What cuts the log meanwhile
// gives the pass up.
type Cleaning struct {
	need   clean.Need
	filter clean.Filter
	// dirty segments are still to be mapped; groups to be written, each into one new segment.
	dirty  []*segment
	groups []*group
	// at is where the present segment is read on, position in the file and offset.
	at, offset int64
	epochs     []epochStart
	start      int64
	mapped     bool
	buf        []byte
	// aborted transactions, by producer, and memory of producers.
	aborted    map[int64][]Aborted
	remembered remembered
	interval   int
	result     Cleaned
}

// Cleaned says what a pass has done.
type Cleaned struct {
	// From and To are the offsets of the dirty part that was taken into account; To is From if the pass was given up.
	From, To int64
	// Before and After count the segments that were written anew, and what became of them; their bytes and records.
	Before, After CleanedSize
	// Keys of the dirty part. Full is set if there were more than the map could hold: another pass goes on at To.
	Keys int
	Full bool
}

// CleanedSize is how much there was.
type CleanedSize struct{ Segments, Bytes, Records int64 }

// remembered is by which batches a log remembers its producers: the last offsets of those with records, and the
// epochs that only a marker tells.
type remembered struct {
	batches map[int64]bool
	markers map[int64]int16
}

func (ps *producers) remembered() remembered {
	r := remembered{map[int64]bool{}, map[int64]int16{}}
	for id, p := range ps.byID {
		for _, b := range p.batches[:p.count] {
			r.batches[b.lastOffset] = true
		}
		if p.count == 0 {
			r.markers[id] = p.epoch
		}
	}
	return r
}

func (r *remembered) has(v batch.View) bool {
	if v.IsControl() {
		epoch, ok := r.markers[v.ProducerID()]
		return ok && epoch == v.ProducerEpoch()
	}
	return r.batches[v.LastOffset()]
}

// Dirt says what there is to be compacted. now is the wall clock in milliseconds since 1970, highWatermark the
// replica's: nothing at or above it, or the last stable offset, is touched, nor a segment that is not known to be on
// stable storage, nor the active one.
func (l *Log) Dirt(p clean.Policy, now, highWatermark int64) clean.Need {
	if l.failed != nil || l.cleaning != nil || !l.Whole() {
		return clean.Need{}
	}
	var extents []clean.Extent
	for _, s := range l.segments[:len(l.segments)-1] {
		if slices.Contains(l.sync.sealed, s) {
			break
		}
		if p.MaxLag < math.MaxInt64 && s.recall() != nil {
			break // it cannot be read: who reads it finds out
		}
		extents = append(extents, clean.Extent{Base: s.base, End: s.end, Size: s.size, First: s.firstTimestamp, Youngest: s.youngest})
	}
	return clean.Judge(extents, max(l.cleaned, l.start), l.cleanBound(highWatermark), now, p)
}

// cleanBound is the offset below which records may be compacted.
func (l *Log) cleanBound(highWatermark int64) int64 {
	if l.cfg.Bugs.Has(bug.CompactTooFar) {
		return l.EndOffset()
	}
	return min(highWatermark, l.LastStableOffset(highWatermark))
}

// BeginClean begins a pass over what Dirt has found. mapBytes bound the memory for the keys of the dirty part.
func (l *Log) BeginClean(n clean.Need, p clean.Policy, now, mapBytes int64) *Cleaning {
	c := &Cleaning{
		need: n, offset: -1, epochs: l.epochs.starts, start: l.start, interval: l.cfg.IndexIntervalBytes,
		aborted: l.abortedByProducer(), remembered: l.producers.remembered(), result: Cleaned{From: n.From, To: n.From},
	}
	records := int64(0)
	var sources []*segment
	for _, s := range l.segments[:len(l.segments)-1] {
		if s.end > n.To {
			break
		}
		sources = append(sources, s)
		if s.end > n.From {
			s.retain()
			c.dirty = append(c.dirty, s)
			records += s.end - s.base
		}
	}
	c.groups = l.groups(sources)
	c.filter = clean.Filter{
		Offsets: clean.NewOffsets(records, mapBytes), Now: now, DeleteRetention: p.DeleteRetention,
		Remembered: c.remembered.has, Aborted: c.isAborted, Codecs: new(batch.Codecs), Bugs: l.cfg.Bugs,
	}
	l.cleaning = c
	return c
}

func (l *Log) abortedByProducer() map[int64][]Aborted {
	all := map[int64][]Aborted{}
	for _, s := range l.segments {
		for _, a := range s.aborts.entries {
			all[a.ProducerID] = append(all[a.ProducerID], a)
		}
	}
	return all
}

// isAborted reports whether a batch of records belongs to a transaction that was aborted.
func (c *Cleaning) isAborted(v batch.View) bool {
	if !v.IsTransactional() {
		return false
	}
	list := c.aborted[v.ProducerID()]
	i, _ := slices.BinarySearchFunc(list, v.LastOffset(), func(a Aborted, offset int64) int { return cmp.Compare(a.Last, offset) })
	return i < len(list) && list[i].First <= v.BaseOffset()
}

// groups puts neighbouring segments together as long as they fit into one.
func (l *Log) groups(sources []*segment) (all []*group) {
	var g *group
	for _, s := range sources {
		if g == nil || g.size+s.size > l.cfg.SegmentBytes || s.end-1-g.sources[0].base > math.MaxInt32 {
			g = &group{}
			all = append(all, g)
		}
		s.retain()
		g.sources, g.size = append(g.sources, s), g.size+s.size
		g.aborts = append(g.aborts, s.aborts.entries...)
	}
	return all
}

// Advance goes on with a pass after a Step. done says that it is over, for whatever reason: then its result is final,
// and the pass has given up all that it held. An error is the disk's. If it left the log in doubt, the log refuses
// every later call and must be opened again.
func (l *Log) Advance(c *Cleaning) (r Cleaned, done bool, err error) {
	if l.cleaning != c {
		c.release()
		return c.result, true, nil
	}
	if len(c.groups) > 0 && c.groups[0].written {
		if err = l.install(c); err == nil {
			c.groups = c.groups[1:]
		}
	}
	switch {
	case err != nil, l.cleaning != c:
	case len(c.groups) == 0:
		c.result.To = c.filter.Offsets.Latest() + 1
		if err = l.setCleaned(c.result.To); err == nil {
			l.cleaning = nil
		}
	case c.mapped && c.groups[0].out == nil:
		err = c.groups[0].create(l)
	}
	if err != nil || l.cleaning != c {
		l.stopCleaning()
		c.release()
		return c.result, true, err
	}
	return c.result, false, nil
}

// StopClean gives a pass up after a Step that failed.
func (l *Log) StopClean(c *Cleaning) {
	if l.cleaning == c {
		l.stopCleaning()
	}
	c.release()
}

// stopCleaning gives up a pass that may be under way: its Step may still run, in files without a name.
func (l *Log) stopCleaning() {
	if c := l.cleaning; c != nil {
		l.cleaning = nil
		for _, g := range c.groups {
			g.forget(l.fs)
		}
	}
}

// release gives up the files that a pass holds; no Step of it runs any more.
func (c *Cleaning) release() {
	for _, s := range c.dirty {
		s.release()
	}
	for _, g := range c.groups {
		g.release()
	}
	c.dirty, c.groups = nil, nil
}
