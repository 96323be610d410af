package log

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

// history drives a log and a list of what was written to it.
type history struct {
	t     *testing.T
	rng   *rand.Rand
	files *mem.FS
	l     *Log
	// all batches that were written, in order; open transactions by producer, and the next sequence of each.
	all      []batch.View
	open     map[int64]bool
	sequence map[int64]int32
	pass     *Cleaning
	now      int64
	// What has happened.
	passes, crashes int
	gone            int64
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{t: t, rng: seeded(seed), files: mem.New(), open: map[int64]bool{}, sequence: map[int64]int32{}}
	h.l, _ = mustOpen(t, h.files, small)
	return h
}

func (h *history) move() {
	switch draw := h.rng.IntN(100); {
	case draw < 50:
		h.write()
	case draw < 60:
		h.end()
	case draw < 70:
		syncLog(h.t, h.l)
	case draw < 92:
		h.clean()
	case draw < 94:
		h.cut()
	case draw < 96 && h.l.SyncedOffset() > h.l.StartOffset():
		h.raise()
	case draw < 98:
		h.crash(func() uint64 { return 1 })
	default:
		h.crash(h.rng.Uint64)
	}
	h.now += int64(h.rng.IntN(200))
}

func (h *history) append(v batch.View) {
	mustAppend(h.t, h.l, v)
	h.all = append(h.all, slices.Clone(v))
}

// write appends a few batches of some producer, in a transaction or not.
func (h *history) write() {
	for range 1 + h.rng.IntN(8) {
		text := ""
		for range 1 + h.rng.IntN(4) {
			key := fmt.Sprintf("k%d", h.rng.IntN(12))
			if text += key + fmt.Sprintf("=%d ", len(h.all)); h.rng.IntN(6) == 0 {
				text = text[:len(text)-len(fmt.Sprintf("=%d ", len(h.all)))] + "- "
			}
		}
		producer := int64(h.rng.IntN(8)) - 2
		transactional := producer >= 3
		v := keyed(text, producer, h.sequence[producer], transactional)
		if producer >= 0 {
			h.sequence[producer] += v.Count()
		}
		if transactional {
			h.open[producer] = true
		}
		v, err := h.l.codecs().Recompress(v, batch.Codec(h.rng.IntN(5)), batch.DefaultLevel)
		if err != nil {
			h.t.Fatal(err)
		}
		h.append(v)
	}
}

// end ends the open transactions.
func (h *history) end() {
	for _, producer := range slices.Sorted(maps.Keys(h.open)) {
		h.append(batch.BuildMarker(producer, 0, batch.Marker{Commit: h.rng.IntN(2) == 0}, 1000))
	}
	clear(h.open)
}

// clean does a step of a pass, or begins one. All that is synced is committed.
func (h *history) clean() {
	if h.pass == nil {
		n := h.l.Dirt(always, h.now, h.l.SyncedOffset())
		if !n.Due {
			return
		}
		h.pass = h.l.BeginClean(n, always, h.now, int64(24*(20+h.rng.IntN(40))))
	}
	for range 1 + h.rng.IntN(20) {
		if err := h.pass.Step(); err != nil {
			h.t.Fatal(err)
		}
		r, done, err := h.l.Advance(h.pass)
		if err != nil {
			h.t.Fatal(err)
		}
		if done {
			h.pass = nil
			if h.passes++; r.To > r.From {
				h.gone += r.Before.Records - r.After.Records
			}
			h.compare("after a pass")
			return
		}
	}
}

// cut truncates what is not committed.
func (h *history) cut() {
	to := h.l.SyncedOffset()
	if to < h.l.StartOffset() {
		return
	}
	if err := h.l.TruncateTo(to); err != nil {
		h.t.Fatal(err)
	}
	h.forget()
}

// raise deletes records from the front.
func (h *history) raise() {
	start := h.l.StartOffset()
	if _, err := h.l.RaiseStart(start + h.rng.Int64N(h.l.SyncedOffset()-start+1)/4); err != nil {
		h.t.Fatal(err)
	}
}

// forget drops what the log has lost, and finds out what its producers are in the middle of.
func (h *history) forget() {
	h.all = slices.DeleteFunc(h.all, func(v batch.View) bool { return v.BaseOffset() >= h.l.EndOffset() })
	clear(h.open)
	clear(h.sequence)
	for _, v := range h.all {
		switch id := v.ProducerID(); {
		case v.IsControl():
			delete(h.open, id)
		case id >= 0:
			h.sequence[id] = v.LastSequence() + 1
			if v.IsTransactional() {
				h.open[id] = true
			}
		}
	}
}

func (h *history) crash(draw func() uint64) {
	h.crashes++
	synced := h.l.SyncedOffset()
	h.files = h.files.Crash(draw)
	h.pass = nil
	h.l, _ = mustOpen(h.t, h.files, small)
	if h.l.EndOffset() < synced {
		h.t.Fatalf("the log ends at %d, what was synced at %d", h.l.EndOffset(), synced)
	}
	h.forget()
	h.compare("after a crash")
}

// compare folds the log and the list: they are the same, and no transaction is open that has ended.
func (h *history) compare(when string) {
	h.t.Helper()
	want, aborted := map[string]string{}, h.aborted()
	for i, v := range h.all {
		if v.IsControl() || aborted[i] {
			continue
		}
		if err := h.l.codecs().Entries(v, func(e batch.Entry) bool {
			if e.Offset >= h.l.StartOffset() {
				if want[string(e.Key)] = fmt.Sprint(e.Offset); e.Tombstone {
					delete(want, string(e.Key))
				}
			}
			return true
		}); err != nil {
			h.t.Fatal(err)
		}
	}
	got := map[string]string{}
	for key, value := range tableOf(h.t, h.l) {
		var written, at string
		if _, err := fmt.Sscanf(value, "%s at %s", &written, &at); err != nil {
			h.t.Fatal(value, err)
		}
		got[key] = at
	}
	if !maps.Equal(got, want) {
		h.t.Fatalf("%s: %v, want %v", when, got, want)
	}
	for _, o := range h.l.producers.transactions.open {
		if !h.open[o.producer] {
			h.t.Fatalf("%s: a transaction of producer %d is open that has ended", when, o.producer)
		}
	}
	for id, next := range h.sequence {
		p := h.l.producers.byID[id]
		if p == nil && h.l.StartOffset() == 0 || p != nil && p.count > 0 && p.lastSequence() != next-1 {
			h.t.Fatalf("%s: producer %d is remembered as %+v, its next sequence is %d", when, id, p, next)
		}
	}
}

// aborted are the indexes of the batches whose transaction was aborted.
func (h *history) aborted() map[int]bool {
	all, open := map[int]bool{}, map[int64][]int{}
	for i, v := range h.all {
		id := v.ProducerID()
		if !v.IsControl() {
			if v.IsTransactional() {
				open[id] = append(open[id], i)
			}
			continue
		}
		if m, err := batch.ReadMarker(v); err == nil && !m.Commit {
			for _, j := range open[id] {
				all[j] = true
			}
		}
		delete(open, id)
	}
	return all
}
