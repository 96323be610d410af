package tally

import (
	"cmp"
	"math"
	"slices"

	"github.com/logproof/logproof/verify"
)

// Rates is how the runs of one scenario ended.
type Rates struct {
	// Scenario, with the bugs that were planted: "demo", "demo +ack-early".
	Scenario string `json:"scenario"`
	Runs     int    `json:"runs"`
	Pass     Rate   `json:"pass"`
	Fail     Rate   `json:"fail"`
	// Inconclusive runs proved nothing.
	Inconclusive Rate `json:"inconclusive"`
	// Median is that of the seconds that a run took; Load is the highest load per core.
	Median float64 `json:"median_seconds"`
	Load   float64 `json:"highest_load_per_core"`
}

// Rate is how often something happened, and between which bounds its probability is with a confidence of 95 %.
type Rate struct {
	Count int     `json:"count"`
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// z is the quantile of the normal distribution for two-sided bounds of 95 %.
const z = 1.959964

// NewRate is count of n, with the interval of Wilson (1927), which holds for few runs and for rates of 0 and 1 too.
func NewRate(count, n int) Rate {
	if n == 0 {
		return Rate{High: 1}
	}
	p, m := float64(count)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Rate{Count: count, Share: p, Low: max(0, middle-half), High: min(1, middle+half)}
}

// Summarize counts lines by scenario, sorted by name.
func Summarize(lines []Line) (all []Rates) {
	groups := map[string][]Line{}
	for _, l := range lines {
		name := l.Scenario
		if l.Bugs != "" {
			name += " +" + l.Bugs
		}
		groups[name] = append(groups[name], l)
	}
	for name, group := range groups {
		n := map[verify.Verdict]int{}
		r := Rates{Scenario: name, Runs: len(group)}
		var seconds []float64
		for _, l := range group {
			n[l.Verdict]++
			seconds = append(seconds, l.Seconds)
			r.Load = max(r.Load, l.Load/float64(max(1, l.Cores)))
		}
		r.Pass, r.Fail, r.Inconclusive = NewRate(n[verify.Pass], r.Runs), NewRate(n[verify.Fail], r.Runs), NewRate(n[verify.Inconclusive], r.Runs)
		slices.Sort(seconds)
		r.Median = (seconds[(len(seconds)-1)/2] + seconds[len(seconds)/2]) / 2
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Rates) int { return cmp.Compare(a.Scenario, b.Scenario) })
	return all
}
