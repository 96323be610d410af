package clean

import (
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
)

// Filter takes the batches of a log from its start on, one after the other, and says what stays of each.
type Filter struct {
	Offsets *Offsets
	// Now is the wall clock in milliseconds since 1970, DeleteRetention that of the Policy.
	Now, DeleteRetention int64
	// Remembered reports whether the log remembers an idempotent producer by this batch, or marker.
	Remembered func(batch.View) bool
	// Aborted reports whether a batch of records belongs to a transaction that was aborted.
	Aborted func(batch.View) bool
	Codecs  *batch.Codecs
	Bugs    bug.Set
	// open are the producers of transactions of which a batch is still there, emptied or not.
	open map[int64]bool
	// Records and Kept count what was looked at, and what of it stays.
	Records, Kept int64
}

// Note lets the map know of a batch of the dirty part; full is set if there was no room for a key of it.
func Note(o *Offsets, v batch.View, from int64, aborted bool, c *batch.Codecs) (full bool, err error) {
	if !v.IsControl() && !aborted {
		err = c.Entries(v, func(e batch.Entry) bool {
			if e.Key != nil && e.Offset >= from {
				full = !o.Put(e.Key, e.Offset)
			}
			return !full
		})
	}
	if !full && err == nil {
		o.Seen(v.LastOffset())
	}
	return full, err
}

// Batch gives what stays of a batch: the batch itself if all of it does, nil if nothing does.
func (f *Filter) Batch(v batch.View) (batch.View, error) {
	var out batch.View
	var err error
	f.Records += int64(v.Count())
	if v.IsControl() {
		out, err = f.marker(v)
	} else {
		out, err = f.records(v)
	}
	switch {
	case err != nil:
		return nil, err
	case out == nil && !v.IsControl() && v.ProducerID() >= 0 && f.Remembered(v):
		if out = v; v.Count() > 0 {
			out = batch.Empty(v)
		}
	}
	if out != nil {
		f.Kept += int64(out.Count())
	}
	return out, nil
}

// marker decides about the marker of a transaction: as long as a batch of the transaction is there it stays, then
// until its horizon (KIP-534).
func (f *Filter) marker(v batch.View) (batch.View, error) {
	held := f.open[v.ProducerID()]
	delete(f.open, v.ProducerID())
	horizon, set := v.DeleteHorizon()
	switch {
	case held, set && horizon > f.Now, set && f.Remembered(v):
		return v, nil
	case set:
		return nil, nil
	}
	return f.Codecs.Retain(v, func(batch.Entry) bool { return true }, f.Now+f.DeleteRetention)
}

// records decides about a batch of records.
func (f *Filter) records(v batch.View) (batch.View, error) {
	if v.IsTransactional() {
		if f.open == nil {
			f.open = map[int64]bool{}
		}
		f.open[v.ProducerID()] = true
	}
	if v.Count() == 0 || f.Aborted(v) {
		return nil, nil
	}
	horizon, set := v.DeleteHorizon()
	gone := set && horizon <= f.Now || f.Bugs.Has(bug.TombstoneEarly)
	tombstones, all := false, true
	keep := func(e batch.Entry) bool {
		stays := f.stays(e, gone)
		tombstones = tombstones || stays && e.Tombstone
		all = all && stays
		return stays
	}
	if err := f.Codecs.Entries(v, func(e batch.Entry) bool { keep(e); return true }); err != nil {
		return nil, err
	}
	switch {
	case tombstones && !set:
		return f.Codecs.Retain(v, keep, f.Now+f.DeleteRetention)
	case all:
		return v, nil
	}
	return f.Codecs.Retain(v, keep, batch.NoHorizon)
}

// stays says whether a record stays; gone is set if the tombstones of its batch have been there for long enough.
func (f *Filter) stays(e batch.Entry, gone bool) bool {
	if e.Offset > f.Offsets.Latest() {
		return true // a later pass looks at it
	}
	return e.Key != nil && e.Offset >= f.Offsets.Last(e.Key) && !(e.Tombstone && gone)
}
