package log

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
)

// toldState is all that a log knows of producers and transactions.
func toldState(l *Log) string {
	var b strings.Builder
	for p := l.producers.oldest; p != nil; p = p.newer {
		fmt.Fprintf(&b, "%+v\n", bare(p))
	}
	for _, o := range l.producers.transactions.open {
		fmt.Fprintf(&b, "open %+v\n", bare(l.producers.byID[o.producer]))
	}
	fmt.Fprintf(&b, "%d known, last %d, %v, forgotten %d\n", len(l.producers.byID), l.producers.last, l.producers.transactions.ended, l.producers.transactions.forgotten)
	for _, s := range l.segments {
		for _, a := range s.aborts.entries {
			fmt.Fprintf(&b, "%+v\n", a)
		}
	}
	return b.String()
}

func bare(p *producer) producer {
	flat := *p
	flat.older, flat.newer = nil, nil
	clear(flat.batches[flat.count:])
	return flat
}

// told is what the batches of a log say of transactions, found out the slow way.
type told []span

type span struct {
	producer, first int64
	// marker is -1 while there is none.
	marker int64
	commit bool
}

func tell(batches []batch.View) (list told) {
	open := map[int64]int{}
	for _, v := range batches {
		at, has := open[v.ProducerID()]
		switch {
		case !v.IsTransactional():
		case !v.IsControl() && !has:
			open[v.ProducerID()] = len(list)
			list = append(list, span{v.ProducerID(), v.BaseOffset(), -1, false})
		case v.IsControl() && has:
			m, _ := batch.ReadMarker(v)
			list[at].marker, list[at].commit = v.BaseOffset(), m.Commit
			delete(open, v.ProducerID())
		}
	}
	return list
}

func (list told) stable(hw int64) int64 {
	stable := hw
	for _, s := range list {
		if s.first < hw && (s.marker < 0 || s.marker >= hw) {
			stable = min(stable, s.first)
		}
	}
	return stable
}

func (list told) aborted(from, to int64) string {
	var found []Aborted
	for _, s := range list {
		if s.marker >= from && s.first < to && !s.commit && from < to {
			found = append(found, Aborted{ProducerID: s.producer, First: s.first})
		}
	}
	slices.SortFunc(found, func(a, b Aborted) int { return cmp.Compare(a.First, b.First) })
	return words(found)
}

// sameAsTold compares a log with its batches.
func sameAsTold(t testing.TB, rng *rand.Rand, l *Log, batches []batch.View) {
	t.Helper()
	want, tr := tell(batches), &l.producers.transactions
	clone := transactions{open: slices.Clone(tr.open), ended: slices.Clone(tr.ended), forgotten: tr.forgotten}
	for _, v := range batches {
		hw := v.LastOffset() + 1
		if got := clone.stable(hw); got != want.stable(hw) {
			t.Fatalf("under %d: %d is stable, want %d", hw, got, want.stable(hw))
		}
	}
	for range 10 {
		from := rng.Int64N(l.EndOffset() + 1)
		to := from + rng.Int64N(l.EndOffset()-from+1)
		if got := words(l.aborted(from, to)); got != want.aborted(from, to) {
			t.Fatalf("aborted from %d to %d: %q, want %q", from, to, got, want.aborted(from, to))
		}
	}
}

// wild appends n random batches: of transactions, outside of them, markers with and without bumped epochs.
func wild(t testing.TB, rng *rand.Rand, l *Log, n int) {
	t.Helper()
	for range n {
		id := rng.Int64N(6)
		p := l.producers.byID[id]
		epoch, sequence := int16(0), int32(0)
		if p != nil {
			epoch, sequence = p.epoch, p.lastSequence()+1
		}
		var v batch.View
		switch open := p != nil && p.first >= 0; {
		case rng.IntN(4) == 0:
			v = batch.BuildMarker(id, epoch+int16(rng.IntN(2)), batch.Marker{Commit: rng.IntN(2) == 0, CoordinatorEpoch: int32(rng.IntN(3))}, rng.Int64N(1000))
		case rng.IntN(6) == 0:
			v = made(-1, -1, 1+rng.IntN(3), rng.Int64N(1000), rng.IntN(100))
		case open || rng.IntN(3) > 0:
			v = within(id, epoch, sequence, 1+rng.IntN(3))
		default:
			v = sent(id, epoch, sequence, 1+rng.IntN(3))
		}
		if !v.IsControl() {
			if err := errors.Join(l.CheckSequence(v), l.CheckTransaction(v, true)); err != nil {
				t.Fatal(err)
			}
		}
		mustAppend(t, l, v)
	}
}
