package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/figure"
)

// tiles are the figures that matter most, of a broken run what is broken.
func (r Run) tiles() []tile {
	var tiles []tile
	if missed := len(r.missed()); missed > 0 {
		tiles = append(tiles, tile{"budgets missed", fmt.Sprint(missed), fmt.Sprintf("of %d", len(r.Report.Budgets))})
	}
	if r.broken() {
		var total int64
		rules := 0
		for _, rule := range r.Report.Rules {
			if rule.Rule != verify.Availability && rule.Total > 0 {
				total += rule.Total
				rules++
			}
		}
		tiles = append(tiles, tile{"anomalies", count(total), fmt.Sprintf("found by %d of %d rules", rules, asked(r.Report.Rules))})
	} else if r.Throughput.AckedOver > 0 {
		rate, size := r.Throughput.acked()
		tiles = append(tiles, tile{"acknowledged", rate + " records/s", "of " + count(int64(perSecond(r.Throughput.Intended, r.Throughput.Over)+0.5)) + " intended; " + size})
		if t, ok := r.tail(); ok {
			tiles = append(tiles, t)
		}
	}
	tiles = append(tiles, r.outageTile(), tile{
		"judged", count(r.Report.Operations) + " operations",
		fmt.Sprintf("%s records acknowledged, %s read, %s scanned", count(r.Report.RecordsAcked), count(r.Report.RecordsRead), count(r.Report.RecordsScanned)),
	})
	return tiles
}

func asked(rules []verify.RuleResult) (n int) {
	for _, rule := range rules {
		if rule.Asked {
			n++
		}
	}
	return n
}

// tail is the p99 of the response.
func (r Run) tail() (tile, bool) {
	if len(r.Latency) == 0 {
		return tile{}, false
	}
	l := r.Latency[0]
	i := slices.IndexFunc(l.Percentiles, func(p Percentile) bool { return p.Percent == 99 && p.OK })
	if i < 0 {
		return tile{}, false
	}
	note := ""
	for _, p := range l.Percentiles {
		if p.OK && (p.Percent == 50 || p.Percent == 100) {
			note += ", " + percentName(p.Percent) + " " + figure.Span(p.Value)
		}
	}
	return tile{"p99 " + l.Name, figure.Span(l.Percentiles[i].Value), strings.TrimPrefix(note, ", ")}, true
}

func (r Run) outageTile() tile {
	switch {
	case len(r.Outages) == 0 && len(r.Faults) == 0:
		return tile{"faults", "none", "nothing was broken on purpose"}
	case len(r.Outages) == 0:
		return tile{"longest outage", "none", fmt.Sprintf("that a client noticed; faults: %d", len(r.Faults))}
	}
	longest := slices.MaxFunc(r.Outages, func(a, b Outage) int { return int(a.Duration() - b.Duration()) })
	note := placeOf(longest)
	if longest.Fault != "" {
		note += ", " + longest.Fault
	}
	return tile{"longest outage", figure.Span(longest.Duration()), note}
}

// doubtReasons lists doubts; neighbours with one reason share a line.
func doubtReasons(doubts []doubt) (reasons []reason) {
	for i := 0; i < len(doubts); {
		names := []string{}
		first := doubts[i]
		for ; i < len(doubts) && doubts[i].reason == first.reason; i++ {
			names = append(names, doubts[i].name)
		}
		line := reason{Name: first.name, Text: first.reason}
		if more := len(names) - 1; more > 0 {
			line.Name += fmt.Sprintf(" and %d more", more)
			line.Text += "; the same of " + strings.Join(names[1:], ", ")
		}
		reasons = append(reasons, line)
	}
	return reasons
}

// headlineMax is how many doubts the head of the page names: all of them stand below it.
const headlineMax = 3

// pageHeadline is the headline, short enough for large letters.
func (r Run) pageHeadline() string {
	doubts := r.doubts()
	if r.Verdict() != verify.Inconclusive || len(doubts) <= headlineMax+1 {
		return r.Headline()
	}
	var names []string
	for _, doubt := range doubts[:headlineMax] {
		names = append(names, doubt.name)
	}
	return fmt.Sprintf("nothing is proved, in doubt: %s and %d more", strings.Join(names, ", "), len(doubts)-headlineMax)
}

// why lists what made the verdict what it is.
func (r Run) why() []reason {
	var reasons []reason
	for _, rule := range r.Report.Rules {
		switch {
		case rule.Rule == verify.Availability: // its budgets follow
		case rule.Total > 0:
			reasons = append(reasons, reason{string(rule.Rule), "found " + classesOf(rule), "broken"})
		case rule.Verdict == verify.Fail:
			reasons = append(reasons, reason{string(rule.Rule), judged(rule), "rules"})
		}
	}
	for _, b := range r.Report.Budgets {
		if b.Verdict == verify.Fail {
			reasons = append(reasons, reason{b.Title(), budgetText(b), "outages"})
		}
	}
	reasons = append(reasons, doubtReasons(r.doubts())...)
	if len(reasons) == 0 && r.Verdict() == verify.Pass {
		held := 0
		for _, a := range r.AllAssumptions() {
			if a.Verdict == verify.Pass {
				held++
			}
		}
		reasons = append(reasons, reason{"rules", fmt.Sprintf("all %d that were asked found nothing", asked(r.Report.Rules)), "rules"},
			reason{"assumptions", fmt.Sprintf("all %d hold", held), "assumptions"})
	}
	return reasons
}

// classesOf counts the anomalies of one rule by class.
func classesOf(rule verify.RuleResult) string {
	one := Run{Report: verify.Report{Rules: []verify.RuleResult{rule}}}
	return one.classes()
}
