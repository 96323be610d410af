package verify

import (
	"slices"
	"sort"

	"github.com/logproof/logproof/verify/history"
)

// Bounds of what is kept for each partition. Forgetting is sound: an older term is then judged by
// less, never by more.
const (
	termsMax     = 4   // leader epochs whose numbers are kept
	termStepsMax = 128 // steps of each staircase of a term
	noticesMax   = 64  // leader epochs whose first notice is kept
)

// terms keeps one T for each of the newest leader epochs of a partition that were heard of.
type terms[T any] struct{ list []term[T] }

type term[T any] struct {
	epoch int32
	known *T
}

// of returns what is kept of an epoch, made when first asked for; nil if the epoch is older than all
// that are kept.
func (t *terms[T]) of(epoch int32) *T {
	i := sort.Search(len(t.list), func(i int) bool { return t.list[i].epoch >= epoch })
	if i < len(t.list) && t.list[i].epoch == epoch {
		return t.list[i].known
	}
	if i == 0 && len(t.list) == termsMax {
		return nil
	}
	known := new(T)
	t.list = slices.Insert(t.list, i, term[T]{epoch, known})
	if len(t.list) > termsMax {
		t.list = slices.Delete(t.list, 0, 1)
	}
	return known
}

// notice is when anybody was first told that a leader epoch had begun.
type notice struct {
	epoch    int32
	returned history.Time
}

// notices are the leader epochs of one partition in the order in which they became known; both
// columns increase. An epoch that becomes known after a later one is no news.
type notices []notice

// hear takes the epoch of an answer. Answers come in order of return.
func (n *notices) hear(epoch int32, returned history.Time) {
	if epoch < 0 || epoch <= n.newest() {
		return
	}
	if len(*n) == noticesMax {
		*n = slices.Delete(*n, 0, 1)
	}
	*n = append(*n, notice{epoch, returned})
}

// newest is the highest epoch that was ever told; -1 if none was.
func (n notices) newest() int32 {
	if len(n) == 0 {
		return -1
	}
	return n[len(n)-1].epoch
}

// before is the highest epoch that was known to have begun strictly before t; -1 if none was.
func (n notices) before(t history.Time) int32 {
	i := sort.Search(len(n), func(i int) bool { return n[i].returned >= t })
	if i == 0 {
		return -1
	}
	return n[i-1].epoch
}

// deposed is when it became known that a later epoch had begun; history.Never if it did not.
func (n notices) deposed(epoch int32) history.Time {
	i := sort.Search(len(n), func(i int) bool { return n[i].epoch > epoch })
	if i == len(n) {
		return history.Never
	}
	return n[i].returned
}

// allowance says how long a leader may be behind what others know: one that was deposed and has not
// heard of it, or one that was just elected and whose high watermark is not yet up to date (KIP-207).
type allowance struct {
	faults *faults
	within history.Time
}

// covers reports whether an answer to a question of the time invoke may be behind what has been known
// since the given time. It may while a fault is in force, and within the allowance after the last one
// healed. Faults are known as far as the history was observed.
func (a allowance) covers(since, invoke history.Time) bool {
	calm := a.faults.calm()
	return calm == history.Never || invoke-max(since, calm) <= a.within
}
