package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/logproof/logproof/verify"
)

// allowance is what one rule found and the claim of the run allows.
type allowance struct {
	Rule verify.Rule
	verify.Allowance
}

// String is the allowance as a sentence with one example.
func (a allowance) String() string {
	text := a.Allowance.String()
	if len(a.Anomalies) > 0 {
		text += ". One of them: " + a.Anomalies[0].Text
	}
	return text
}

// allowances lists what was found and breaks no claim, in the order of the rules.
func (r Run) allowances() (list []allowance) {
	for _, rule := range r.Report.Rules {
		for _, a := range rule.Allowed {
			list = append(list, allowance{rule.Rule, a})
		}
	}
	return list
}

// allowedShort is "allowed 12 lost-write, 3 duplicate", "" if there is nothing.
func allowedShort(list []verify.Allowance) string {
	var parts []string
	for _, a := range list {
		parts = append(parts, fmt.Sprintf("%s %s", count(a.Total), a.Class))
	}
	if len(parts) == 0 {
		return ""
	}
	return "allowed: " + strings.Join(parts, ", ")
}

// worthKnowing is the end of the headline of a run that kept its promises and showed more than it promised.
func (r Run) worthKnowing() string {
	var all []verify.Allowance
	for _, a := range r.allowances() {
		all = append(all, a.Allowance)
	}
	if len(all) == 0 {
		return ""
	}
	return "; " + allowedShort(all) + ", which its settings do not forbid"
}

func (p *page) allowed() {
	list := p.run.allowances()
	if len(list) == 0 {
		return
	}
	label := "allowed"
	for _, a := range list {
		p.line(label, a.String())
		label = ""
	}
	p.blank()
}

func markdownAllowed(out *bytes.Buffer, r Run) {
	for _, a := range r.allowances() {
		fmt.Fprintf(out, "- allowed, but worth knowing: %s\n", cell(a.String()))
	}
}

// allowedLines are the allowances for the page.
func (r Run) allowedLines() (lines []string) {
	for _, a := range r.allowances() {
		lines = append(lines, a.String())
	}
	return lines
}
