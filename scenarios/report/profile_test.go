package report

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/linearize"
)

// profile of one scenario that passed, and seeds.
func profile(seeds ...verify.Verdict) Profile {
	p := Profile{Name: "smoke", Seed: 1, Dir: "runs/smoke-1", Started: time.Unix(1767000000, 0), Duration: 30 * time.Second}
	r := Run{Scenario: "demo", Report: verify.Report{Verdict: verify.Pass, Rules: []verify.RuleResult{{Rule: verify.Loss, Asked: true, Verdict: verify.Pass}}}}
	r.Report.RecordsAcked = 1234
	p.Members = []Member{{Name: "demo", Run: &r, Took: time.Second, Dir: "runs/smoke-1/demo"}}
	m := Member{Name: "simulator"}
	for i, v := range seeds {
		s := SeedResult{Seed: int64(i), Verdict: v, Acked: 10}
		if v != verify.Pass {
			s.Detail = "seed " + string(rune('0'+i)) + ": <lost> a record\nand more"
		}
		m.Seeds = append(m.Seeds, s)
	}
	if len(seeds) > 0 {
		p.Members = append(p.Members, m)
	}
	return p
}

// Fail outranks inconclusive outranks pass; what was not run proves nothing.
func TestVerdictOfProfile(t *testing.T) {
	broken := profile(verify.Pass)
	broken.Members[0] = Member{Name: "demo", Error: "no port is free"}
	cut := profile(verify.Pass)
	cut.Missing = []string{"disk-loss"}
	both := profile(verify.Fail)
	both.Missing = []string{"disk-loss"}
	for name, c := range map[string]struct {
		profile Profile
		verdict verify.Verdict
		says    []string
	}{
		"pass":         {profile(verify.Pass, verify.Pass), verify.Pass, []string{"in all 2 parts", "1,234", "simulator"}},
		"inconclusive": {profile(verify.Pass, verify.Inconclusive), verify.Inconclusive, []string{"1 of 2 parts passed", "1 of 2 seeds did not pass; the first: seed 1"}},
		"fail":         {profile(verify.Inconclusive, verify.Fail), verify.Fail, []string{"promises were broken", "2 of 2 seeds"}},
		"not run":      {cut, verify.Inconclusive, []string{"disk-loss", "not run"}},
		"both":         {both, verify.Fail, nil},
		"broken":       {broken, verify.Inconclusive, []string{"it could not be run: no port is free"}},
		"empty":        {Profile{Name: "none"}, verify.Inconclusive, nil},
	} {
		if got := c.profile.Verdict(); got != c.verdict {
			t.Errorf("%s: verdict %s, want %s", name, got, c.verdict)
		}
		var text, markdown, junit, result bytes.Buffer
		for _, err := range []error{
			ProfileText(&text, c.profile, Style{}), ProfileMarkdown(&markdown, c.profile), ProfileJUnit(&junit, c.profile), ProfileJSON(&result, c.profile),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !strings.HasPrefix(text.String(), strings.ToUpper(c.verdict.String())) || !strings.Contains(result.String(), `"verdict": "`+c.verdict.String()+`"`) {
			t.Errorf("%s: the text begins otherwise:\n%s\n%s", name, text.String(), result.String())
		}
		for _, says := range c.says {
			if !strings.Contains(text.String(), says) || !strings.Contains(markdown.String(), says) {
				t.Errorf("%s: it does not say %q:\n%s\n%s", name, says, text.String(), markdown.String())
			}
		}
		if strings.Contains(markdown.String(), "<lost>") {
			t.Errorf("%s: markup in the summary:\n%s", name, markdown.String())
		}
		var file junitFile
		if err := xml.Unmarshal(junit.Bytes(), &file); err != nil {
			t.Fatal(err)
		}
		red := 0
		for _, s := range file.Suites {
			red += s.Failures + s.Errors
		}
		if red > 0 != (c.verdict != verify.Pass) && name != "empty" {
			t.Errorf("%s: %d cases are red:\n%s", name, red, junit.String())
		}
	}
}

func TestContradictionsOfProfile(t *testing.T) {
	p := profile(verify.Pass)
	p.Members[0].Run.Linearizable = linearize.Result{Contradictions: []string{"one says this"}}
	p.Members[1].Seeds[0].Contradictions = []string{"another that"}
	if got := strings.Join(p.Contradictions(), "; "); got != "one says this; another that" {
		t.Errorf("contradictions: %s", got)
	}
	var markdown bytes.Buffer
	if err := ProfileMarkdown(&markdown, p); err != nil || !strings.Contains(markdown.String(), "contradicts itself**: another that") {
		t.Errorf("%v\n%s", err, markdown.String())
	}
}
