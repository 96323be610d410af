package linearize

import (
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// Rule is the name under which reports tell what porcupine found, beside those of verify.Rules.
const Rule verify.Rule = "linearizable"

// Bounds where a Config has 0.
const (
	DefaultOperations = 2000
	DefaultWindows    = 48
	// DefaultSteps is twenty times what a legal window needs, which is little more than a step for each
	// operation. It bounds the time and memory of a search for what does not exist.
	DefaultSteps = 40_000
)

// Config of a check.
type Config struct {
	// Expect is what the rules were asked: porcupine judges what append-order, reader-agreement, loss and
	// corruption judge together, so it is asked where all of them are.
	Expect verify.Expect
	// Seed of the windows that are drawn.
	Seed int64
	// Operations of a window and Windows of a history at most; 0 is the default.
	Operations, Windows int
	// Steps of the search of one window at most; 0 is DefaultSteps.
	Steps int
	// Enough, if set, is asked before each window but the first: when it says yes the rest is left unchecked.
	// Windows around anomalies are searched all the same.
	Enough func() bool
}

// Outcome of one window.
type Outcome uint8

// The outcomes.
const (
	// Unknown: the search was given up.
	Unknown Outcome = iota
	// OK: there is an order of the operations that a log allows.
	OK
	// Illegal: there is none.
	Illegal
)

// String is "ok", "illegal" or "unknown".
func (o Outcome) String() string { return [...]string{"unknown", "ok", "illegal"}[o] }

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Window is what came out of one window.
type Window struct {
	Partition history.Partition `json:"partition"`
	// Why it was chosen: the class of an anomaly, a fault, "election", "outage" or "drawn".
	Why string `json:"why"`
	// First and Last offset of it, beside the barrier.
	First int64 `json:"first_offset"`
	Last  int64 `json:"last_offset"`
	// Operations that were searched; LeftOut are reads and answers that were too many.
	Operations int     `json:"operations"`
	LeftOut    int     `json:"left_out,omitempty"`
	Outcome    Outcome `json:"outcome"`
	// Picture is the file in the run directory that shows why it is illegal; "" without one.
	Picture string `json:"picture,omitempty"`

	problem *problem
	anomaly *verify.Anomaly
}

// Result of a check.
type Result struct {
	// Skipped says why nothing was checked, "" if something was.
	Skipped string   `json:"skipped,omitempty"`
	Asked   bool     `json:"asked"`
	Windows []Window `json:"windows"`
	// Appends that were acknowledged, and how many of them are in a window.
	Appends int `json:"appends"`
	Checked int `json:"appends_checked"`
	// Unsearched are windows that were chosen and not searched, as it had been enough.
	Unsearched int `json:"windows_not_searched"`
	// Took is what it cost; whoever has a clock fills it in.
	Took time.Duration `json:"took_ns"`
	// Contradictions between porcupine and the rules, each a sentence: every one is a bug of logproof.
	Contradictions []string `json:"contradictions,omitempty"`

	survey *survey
}

// Check judges windows of a history with porcupine and compares with what the rules found, which has its
// evidence (verify.Explain). The history is opened three times.
func Check(open func() (Source, error), found verify.Report, cfg Config) (Result, error) {
	cfg.fill()
	if missing := unasked(cfg.Expect); missing != "" {
		return Result{Skipped: "not asked: it judges what " + missing + " judges, which is not asked"}, nil
	}
	if lost := permitted(found); lost != "" {
		return Result{Skipped: "not asked: " + lost}, nil
	}
	s, err := take(open, found.Outages)
	if err != nil {
		return Result{}, err
	}
	s.leaveOut(cfg.Expect)
	if len(s.places) == 0 && len(cfg.Expect.Compacted) > 0 {
		return Result{Skipped: "not asked: a log that is compacted is none that porcupine knows"}, nil
	}
	r := Result{Asked: true, survey: s}
	for _, p := range s.places {
		r.Appends += p.appends
	}
	if !s.whole {
		r.Skipped = "the history is torn: what is missing could explain anything"
		return r, nil
	}
	chosen := choose(s, found, cfg)
	if len(chosen) == 0 {
		r.Skipped = "no partition has an acknowledged record and was scanned to its barrier"
		return r, nil
	}
	if err := outline(open, chosen); err != nil {
		return r, err
	}
	if err := collect(open, chosen, cfg.Operations); err != nil {
		return r, err
	}
	r.search(chosen, cfg)
	r.compare(found)
	return r, nil
}

func (c *Config) fill() {
	for _, f := range []struct {
		value    *int
		fallback int
	}{{&c.Operations, DefaultOperations}, {&c.Windows, DefaultWindows}, {&c.Steps, DefaultSteps}} {
		if *f.value <= 0 {
			*f.value = f.fallback
		}
	}
	if c.Enough == nil {
		c.Enough = func() bool { return false }
	}
}

// unasked names a rule without which porcupine would judge more than was asked.
func unasked(x verify.Expect) string {
	for _, rule := range []verify.Rule{verify.AppendOrder, verify.ReaderAgreement, verify.Loss, verify.Corruption} {
		if x.Rules != nil && !slices.Contains(x.Rules, rule) {
			return string(rule)
		}
	}
	return ""
}

// leaveOut drops the partitions of compacted topics: records go from them.
func (s *survey) leaveOut(x verify.Expect) {
	for p := range s.places {
		if slices.ContainsFunc(x.Compacted, func(c verify.CompactedTopic) bool { return c.Topic == p.Topic }) {
			delete(s.places, p)
		}
	}
}

// permitted says what of a log that is none the claim of the run allows; "" if nothing was found.
func permitted(found verify.Report) string {
	for _, rule := range found.Rules {
		for _, a := range rule.Allowed {
			switch a.Class {
			case verify.LostWrite, verify.ReadThenGone, verify.InconsistentOffsets, verify.NonmonotonicAppend:
				return "a log that may lose records is none that porcupine knows (" + a.String() + ")"
			}
		}
	}
	return ""
}

// search judges the windows in their order.
func (r *Result) search(chosen []*window, cfg Config) {
	checked := map[history.Partition]*offsets{}
	for _, w := range chosen {
		if w.anomaly == nil && len(r.Windows) > 0 && cfg.Enough() {
			r.Unsearched++
			continue
		}
		p := w.build(cfg.Expect.Idempotent)
		w.collected = collected{left: w.left} // its operations are in the problem
		if len(p.calls) == 0 {
			continue
		}
		out := Window{Partition: w.partition, Why: w.why, Operations: len(p.calls), LeftOut: w.left, anomaly: w.anomaly}
		out.First, out.Last = w.offsets[0].first, w.offsets[len(w.offsets)-1].end-1
		if n := len(w.offsets); n > 1 { // the barrier stands apart
			out.Last = w.offsets[n-2].end - 1
		}
		if out.Outcome, p = p.judge(cfg.Steps); out.Outcome == Illegal {
			out.problem = p
		}
		if w.anomaly == nil {
			if checked[w.partition] == nil {
				checked[w.partition] = &offsets{}
			}
			checked[w.partition].add(int64(w.from), int64(w.to))
		}
		r.Windows = append(r.Windows, out)
	}
	for _, set := range checked {
		r.Checked += int(set.size())
	}
}

// judge searches a problem. Where the search is given up it looks at parts: with fewer operations under way
// at once it comes to an end, and a part that is illegal makes the whole illegal. It returns that part. Three
// parts have a quarter of the steps each, so all of it together takes no more than four times as many.
func (p *problem) judge(steps int) (Outcome, *problem) {
	outcome := p.search(steps)
	if n := len(p.table.offsets); outcome == Unknown && n > smallestPart {
		for _, from := range []int{0, n / 4, n / 2} { // they overlap: what is illegal may stand in the middle
			kept := make([]bool, n)
			for i := from; i < from+(n+1)/2 && i < n; i++ {
				kept[i] = true
			}
			if part, where := p.only(kept).judge(steps / 4); part == Illegal {
				return Illegal, where
			}
		}
	}
	return outcome, p
}

// smallestPart is the number of offsets of a part that is not divided any more.
const smallestPart = 16

// search asks porcupine.
func (p *problem) search(steps int) Outcome {
	left := steps
	allow := func() bool { left--; return left >= 0 }
	legal := porcupine.CheckOperations(p.table.model(allow), p.operations())
	switch {
	case legal:
		return OK
	case left < 0:
		return Unknown
	}
	return Illegal
}

// compare finds where porcupine and the rules disagree.
func (r *Result) compare(found verify.Report) {
	accused := map[history.Partition]bool{}
	unlisted := false // there are anomalies of which no more is known than that they are
	for _, rule := range found.Rules {
		if rule.Rule == verify.Availability {
			continue // that a log is slow is no reason why it should not be one
		}
		unlisted = unlisted || rule.Total > int64(len(rule.Anomalies))
		for _, a := range rule.Anomalies {
			accused[a.Partition] = true
		}
	}
	for _, w := range r.Windows {
		switch {
		case w.Outcome == Illegal && !accused[w.Partition] && !unlisted:
			r.Contradictions = append(r.Contradictions, fmt.Sprintf(
				"porcupine finds no legal order of %d operations on %s, offsets %d to %d (%s), and no rule found anything wrong there",
				w.Operations, w.Partition, w.First, w.Last, w.Why))
		case w.Outcome == OK && w.LeftOut == 0 && w.anomaly != nil && visible(w.anomaly):
			r.Contradictions = append(r.Contradictions, fmt.Sprintf(
				"%s found %s (%s), and porcupine finds a legal order of the %d operations around it",
				w.anomaly.Rule, w.anomaly.Class, w.anomaly.Text, w.Operations))
		}
	}
}

// visible reports whether an anomaly must make the window around it illegal. The others are about what the
// model does not have: bytes, the order of one producer, the way of one reader, watermarks.
func visible(a *verify.Anomaly) bool {
	switch a.Class {
	case verify.NonmonotonicAppend:
		return true
	case verify.InconsistentOffsets:
		return a.Producer != history.Unset // otherwise it is known by chain hash only
	case verify.LostWrite, verify.ReadThenGone:
		return a.Offset != history.Unset
	}
	return false
}
