package report

import (
	"fmt"
	"strings"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// budgetText is a budget with what was measured, for people: "at most 1 s; 812 ms was the longest: ...".
func budgetText(b verify.BudgetResult) string { return promised(b.Budget) + "; " + b.Detail }

// promised is what a budget allows or asks for.
func promised(b verify.Budget) string {
	if b.Name != verify.ProgressDuringFault {
		return "at most " + figure.Span(b.Within)
	}
	what := "acknowledged"
	if b.Of == history.Fetch {
		what = "read"
	}
	return fmt.Sprintf("at least %s %s %s", count(b.Records), units(b.Records, "record"), what)
}

// missed lists the titles of the budgets that were missed.
func (r Run) missed() []string {
	var titles []string
	for _, b := range r.Report.Budgets {
		if b.Verdict == verify.Fail {
			titles = append(titles, b.Title())
		}
	}
	return titles
}

// broken reports whether a promise about the log was broken: a budget that was missed is none.
func (r Run) broken() bool {
	for _, rule := range r.Report.Rules {
		if rule.Rule != verify.Availability && rule.Verdict == verify.Fail {
			return true
		}
	}
	return r.Verdict() == verify.Fail && len(r.missed()) == 0
}

// failure is the headline of a run that failed: what was broken in the log comes first.
func (r Run) failure() string {
	missed := r.missed()
	text := "a budget was missed: "
	if len(missed) > 1 {
		text = fmt.Sprintf("%d budgets were missed: ", len(missed))
	}
	text += strings.Join(missed, "; ")
	switch {
	case len(missed) == 0:
		return "promises were broken: " + r.classes()
	case r.broken():
		return "promises were broken: " + r.classes() + "; and " + text
	}
	return text
}

// budgets writes one line for each budget. Where it was measured stands in the files, and above for those that
// did not pass.
func (p *page) budgets() {
	words := 0
	for _, b := range p.run.Report.Budgets {
		words = max(words, len(b.Verdict.String()))
	}
	label := "budgets"
	for _, b := range p.run.Report.Budgets {
		word := b.Verdict.String()
		head := fmt.Sprintf("%-*s%s%s  ", labelWidth, label, p.paint(b.Verdict, word), strings.Repeat(" ", words-len(word)))
		indent := labelWidth + words + 2
		for _, text := range wrap(b.Title()+": "+measured(b)+", "+promised(b.Budget), max(p.width-indent, 16)) {
			p.out.WriteString(head + text + "\n")
			head = strings.Repeat(" ", indent)
		}
		label = ""
	}
}

// measured is what came out of a budget, in short.
func measured(b verify.BudgetResult) string {
	switch {
	case b.Verdict == verify.Inconclusive:
		return "not judged"
	case b.Name == verify.ProgressDuringFault:
		return count(b.Progress)
	case b.Took == 0:
		return "none"
	}
	return figure.Span(b.Took)
}

// budgetCase is the test case of one budget. One that could not be judged is an error, as a rule's would be.
func budgetCase(scenario string, b verify.BudgetResult) junitCase {
	c := junitCase{Class: scenario + ".budget", Name: b.Title(), Output: budgetText(b)}
	switch b.Verdict {
	case verify.Pass:
	case verify.Fail:
		c.Failure = &junitOutcome{Message: budgetText(b), Type: string(verify.BudgetMissed)}
	default:
		c.Error = &junitOutcome{Message: budgetText(b), Type: b.Verdict.String()}
	}
	return c
}
