package verify

import (
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// DefaultWatchEvery is how many operations a Watch lets pass between two looks.
const DefaultWatchEvery = 64

// Finding is what a rule has found of one class so far, and when it was found first.
type Finding struct {
	Rule  Rule  `json:"rule"`
	Class Class `json:"class"`
	// First is the return of the operation after which the class was first found, and Operations how many had
	// been observed then: the Watch looks every few operations, so both may be that many late.
	First      history.Time `json:"first"`
	Operations int64        `json:"operations"`
	// Total is how many anomalies of the class the last look counted.
	Total int64 `json:"total"`
	// Allowed is set for what Expect.Claim allows.
	Allowed bool `json:"allowed,omitempty"`
	// Provisional is set while an operation that is under way may still explain it.
	Provisional bool `json:"provisional,omitempty"`
}

// provisional reports whether a rule may give an anomaly of the class back before the history has ended: a
// position that nobody committed may be that of a commit which was not answered yet, a marker may still come, and what contradicts an acknowledgement
// may be the shadow of a lost record, which is no other violation if the claim allows to lose it.
func (w *Watch) provisional(c Class) bool {
	switch c {
	case ResumeSkip, ResumeRegress, AbortedOffsets, HungTransaction:
		return !w.engine.ended
	case NonmonotonicAppend, InconsistentOffsets:
		return !w.engine.ended && w.engine.expect.Claim.forgives(w.engine.wipes.most)
	}
	return false
}

// Watch is an Engine that looks at what its rules found while it goes on: for counters that are shown during a
// run, and to stop at the first violation. What it finds is final unless it is Provisional, but for its name: what
// turns out to be the shadow of a lost record is reported as the loss. Not for concurrent use.
type Watch struct {
	engine   *Engine
	every    int64
	unseen   int64
	last     history.Time
	findings []Finding
}

// NewWatch makes a Watch that looks after every so many operations; 0 is DefaultWatchEvery.
func NewWatch(expect Expect, every int64) *Watch {
	if every <= 0 {
		every = DefaultWatchEvery
	}
	return &Watch{engine: New(expect), every: every}
}

// Observe takes the next entry, as Engine.Observe does.
func (w *Watch) Observe(entry history.Entry) {
	w.engine.Observe(entry)
	if entry.Operation == nil {
		return
	}
	w.last = entry.Operation.Return
	if w.unseen++; w.unseen >= w.every {
		w.Look()
	}
}

// End says that the history is over, as Engine.End does, and looks once more.
func (w *Watch) End(err error) {
	w.engine.End(err)
	w.Look()
	w.findings = slices.DeleteFunc(w.findings, func(f Finding) bool { return f.Total == 0 })
}

// Look updates the findings. It costs as much as all rules have open, and not what they have judged.
func (w *Watch) Look() {
	w.unseen = 0
	for i := range w.findings {
		w.findings[i].Total = 0
	}
	for _, j := range w.engine.judges {
		r := w.engine.expect.Claim.separate(j.result(), w.engine.wipes.most)
		rest := r.Total
		for _, s := range r.strains {
			w.find(r.Rule, s.class, s.total, false)
			rest -= s.total
		}
		if len(r.strains) > 0 { // what was counted without being kept is of a class that was kept
			w.find(r.Rule, r.strains[0].class, rest, false)
		}
		for _, a := range r.Allowed {
			w.find(r.Rule, a.Class, a.Total, true)
		}
	}
}

// find adds anomalies to their finding.
func (w *Watch) find(rule Rule, class Class, n int64, allowed bool) {
	for i := range w.findings {
		if f := &w.findings[i]; f.Rule == rule && f.Class == class && f.Allowed == allowed {
			f.Total += n
			f.Provisional = w.provisional(class)
			return
		}
	}
	if n > 0 {
		w.findings = append(w.findings, Finding{Rule: rule, Class: class, First: w.last, Operations: w.engine.ledger.counters.Operations, Total: n, Allowed: allowed, Provisional: w.provisional(class)})
	}
}

// Findings lists what was found at the last look, in the order in which it was found first. A Total is 0 where the
// rule gave its anomalies back; such findings go at the end.
func (w *Watch) Findings() []Finding { return slices.Clone(w.findings) }

// Violation is the first finding that the claim does not allow and nothing can explain any more; false if there
// is none.
func (w *Watch) Violation() (Finding, bool) {
	for _, f := range w.findings {
		if !f.Allowed && !f.Provisional && f.Total > 0 {
			return f, true
		}
	}
	return Finding{}, false
}

// Snapshot is what was counted so far; it is cheap.
func (w *Watch) Snapshot() Counters { return w.engine.Snapshot() }

// Retained is Engine.Retained.
func (w *Watch) Retained() int { return w.engine.Retained() }

// Report judges everything observed so far, as Engine.Report does.
func (w *Watch) Report() Report { return w.engine.Report() }
