package linearize

import (
	"fmt"
	"strings"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/figure"
)

// RuleResult is the result as a line beside those of the rules. It is fail where a window is illegal and a
// rule says why: the anomalies are that rule's. It is inconclusive where porcupine and the rules disagree, and
// where a search was given up.
func (r *Result) RuleResult() verify.RuleResult {
	line := verify.RuleResult{Rule: Rule, Asked: r.Asked, Unit: "operation", Skipped: r.Skipped}
	n := map[Outcome]int{}
	var pictures []string
	for _, w := range r.Windows {
		n[w.Outcome]++
		line.Checked += int64(w.Operations)
		if w.Picture != "" {
			pictures = append(pictures, w.Picture)
		}
	}
	switch {
	case !r.Asked:
		return line
	case len(r.Contradictions) > 0:
		line.Skipped = "logproof contradicts itself: " + strings.Join(r.Contradictions, "; ")
	case n[Illegal] > 0:
		line.Verdict = verify.Fail
	case n[Unknown] > 0:
		line.Skipped = fmt.Sprintf("the search was given up in %d of %d windows", n[Unknown], len(r.Windows))
	case len(r.Windows) > 0:
		line.Verdict = verify.Pass
	}
	if len(r.Windows) == 0 {
		return line
	}
	line.Detail = fmt.Sprintf("%s with %d of %d appends", windows(n, len(r.Windows)), r.Checked, r.Appends)
	if r.Took > 0 {
		line.Detail += ", " + figure.Span(r.Took)
	}
	if len(pictures) > 0 {
		line.Detail += "; see " + strings.Join(pictures, ", ")
	}
	return line
}

// windows is "9 windows", and what came out of them if that was not the same everywhere.
func windows(n map[Outcome]int, all int) string {
	text := fmt.Sprintf("%d windows", all)
	if all == 1 {
		text = "1 window"
	}
	if n[OK] == all {
		return text
	}
	var parts []string
	for _, o := range []Outcome{Illegal, Unknown, OK} {
		if n[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[o], o))
		}
	}
	return text + " (" + strings.Join(parts, ", ") + ")"
}
