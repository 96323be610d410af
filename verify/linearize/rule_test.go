package linearize

import (
	"strings"
	"testing"

	"github.com/logproof/logproof/verify"
)

func TestRuleResult(t *testing.T) {
	window := func(o Outcome) Window { return Window{Operations: 100, Outcome: o} }
	for name, c := range map[string]struct {
		result  Result
		verdict verify.Verdict
		says    string
	}{
		"not asked": {Result{Skipped: "not asked: for a test"}, verify.Inconclusive, ""},
		"nothing":   {Result{Asked: true, Skipped: "torn"}, verify.Inconclusive, "torn"},
		"ok":        {Result{Asked: true, Windows: []Window{window(OK), window(OK)}, Appends: 9, Checked: 7}, verify.Pass, "2 windows with 7 of 9 appends"},
		"illegal":   {Result{Asked: true, Windows: []Window{window(OK), window(Illegal)}}, verify.Fail, "2 windows (1 illegal, 1 ok)"},
		"unknown":   {Result{Asked: true, Windows: []Window{window(Unknown)}}, verify.Inconclusive, "given up in 1 of 1 windows"},
		"both":      {Result{Asked: true, Windows: []Window{window(Unknown), window(Illegal)}}, verify.Fail, "1 illegal, 1 unknown"},
		"contradiction": {Result{Asked: true, Windows: []Window{window(Illegal)}, Contradictions: []string{"no rule found it"}},
			verify.Inconclusive, "contradicts itself: no rule found it"},
	} {
		line := c.result.RuleResult()
		if line.Verdict != c.verdict || line.Asked != c.result.Asked || line.Rule != Rule || !strings.Contains(line.Detail+line.Skipped, c.says) {
			t.Errorf("%s: %+v; want %s and %q", name, line, c.verdict, c.says)
		}
		if line.Checked != int64(100*len(c.result.Windows)) && c.result.Asked {
			t.Errorf("%s: %d operations", name, line.Checked)
		}
	}
}
