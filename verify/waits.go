package verify

import (
	"slices"
	"time"

	"github.com/logproof/logproof/verify/history"
)

const (
	// outageMin is the shortest wait that may be called an outage.
	outageMin = 100 * time.Millisecond
	// pausesMax bounds the long waits that are kept of one pulse.
	pausesMax = 1024
	// heldMax is how many of the newest waits are held back, as an operation that returns late tells that
	// they began sooner.
	heldMax = 16
)

// pulse is the successes of one kind of operation in one partition, or in all together, and what its
// clients waited for between them.
type pulse struct {
	begun   bool
	success history.Time // the last one
	since   history.Time // when what waits now began to wait, not before success; Never if nothing does
	last    history.Time // return of the last operation, whatever its outcome
	held    []wait       // the newest waits, not yet counted
	calm    quantiles    // of the waits that ended before the first fault
	pauses  []wait       // those longer than outageMin
	dropped int          // pauses that were not kept
}

// wait is the time before a success in which a client waited for one.
type wait struct {
	after     history.Time // the success before
	since, to history.Time
}

func (w wait) took() time.Duration { return time.Duration(w.to - w.since) }

func newPulse() *pulse { return &pulse{since: history.Never} }

// idle reports whether nobody ever asked anything.
func (p *pulse) idle() bool { return !p.begun && p.since == history.Never }

// asked says that a client has been waiting since a time.
func (p *pulse) asked(since history.Time) {
	for i := len(p.held) - 1; i >= 0 && p.held[i].to > since; i-- {
		p.held[i].since = max(p.held[i].after, min(p.held[i].since, since))
	}
	if p.begun {
		since = max(since, p.success)
	}
	p.since = min(p.since, since)
}

// succeed ends the wait, if there was one; a success that nobody waited for is one after no wait at all.
// first is when the first fault was injected, as far as is known.
func (p *pulse) succeed(at, first history.Time) {
	if p.begun {
		if len(p.held) == heldMax {
			p.count(p.held[0], first)
			p.held = slices.Delete(p.held, 0, 1)
		}
		p.held = append(p.held, wait{p.success, min(p.since, at), at})
	}
	p.begun, p.success, p.since = true, max(p.success, at), history.Never
}

// count takes a wait that is known to its beginning.
func (p *pulse) count(w wait, first history.Time) {
	if w.to <= first {
		p.calm.add(w.took())
	}
	if w.took() > outageMin {
		p.pause(w)
	}
}

// pause keeps a long wait; when there are too many, the longer of two stays.
func (p *pulse) pause(n wait) {
	if len(p.pauses) < pausesMax {
		p.pauses = append(p.pauses, n)
		return
	}
	p.dropped++
	shortest := 0
	for i, q := range p.pauses {
		if q.took() < p.pauses[shortest].took() {
			shortest = i
		}
	}
	if n.took() > p.pauses[shortest].took() {
		p.pauses = append(append(p.pauses[:shortest:shortest], p.pauses[shortest+1:]...), n)
	}
}

// whole is the pulse with nothing held back; the original does not change.
func (p *pulse) whole(first history.Time) *pulse {
	all := *p
	all.calm, all.pauses, all.held = p.calm.clone(), slices.Clone(p.pauses), nil
	for _, w := range p.held {
		all.count(w, first)
	}
	return &all
}

// over lists the waits that are longer than a limit. One that did not end is open, and ends at the time
// until which it was watched.
func (p *pulse) over(limit time.Duration, watched history.Time) (list []wait, open bool) {
	for _, w := range p.pauses {
		if w.took() > limit {
			list = append(list, w)
		}
	}
	if p.since < watched && time.Duration(watched-p.since) > limit {
		return append(list, wait{p.success, p.since, watched}), true
	}
	return list, false
}

func (p *pulse) retained() int { return 1 + len(p.held) + len(p.pauses) + len(p.calm.counts) }
