package command

import (
	"fmt"
	"io"
	"time"

	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/verify"
)

// markSeedsMin is the number of seeds from which on a campaign must have met every reach mark.
const markSeedsMin = 40

// campaign is what some seeds gave together.
type campaign struct {
	out     io.Writer
	flags   simFlags
	verdict verify.Verdict
	seeds   int
	events  uint64
	hash    uint64
	marks   sim.Marks
	virtual time.Duration
	// contradictions between porcupine and the rules.
	contradictions []string
}

// seed simulates and judges one seed, and tells of it what is worth telling.
func (c *campaign) seed(cfg sim.Config) (seedOutcome, error) {
	s, err := simulate(cfg)
	if err == nil {
		c.take(cfg, s)
	}
	return s, err
}

// take adds a seed that was simulated to the campaign, and tells of it what is worth telling.
func (c *campaign) take(cfg sim.Config, s seedOutcome) {
	c.seeds++
	c.events += s.result.Events
	c.virtual += s.result.Virtual
	c.hash = c.hash*1099511628211 ^ s.result.Hash
	c.marks.Add(s.result.Marks)
	c.contradictions = append(c.contradictions, s.opinion.Contradictions...)
	c.verdict = verify.Worst(c.verdict, s.verdict)
	if c.flags.seeds == "" || s.verdict != verify.Pass {
		fmt.Fprintf(c.out, "seed %d: %s: %d records acknowledged, %d faults, %d events in %v\n",
			cfg.Seed, s.verdict, s.report.Counters.RecordsAcked, s.result.Faults, s.result.Events, s.result.Virtual.Round(time.Millisecond))
	}
	if s.verdict != verify.Pass {
		c.explain(cfg, s.result, s.report)
	}
}

// explain says what is wrong with a seed, and how to see it again.
func (c *campaign) explain(cfg sim.Config, result sim.Result, report verify.Report) {
	for _, rule := range report.Rules {
		for i, a := range rule.Anomalies {
			if i == 2 {
				fmt.Fprintf(c.out, "  %s: %d anomalies in all\n", rule.Rule, rule.Total)
				break
			}
			fmt.Fprintf(c.out, "  %s %s: %s\n", rule.Rule, a.Class, a.Text)
		}
		if rule.Asked && rule.Verdict == verify.Inconclusive {
			fmt.Fprintf(c.out, "  %s is inconclusive: %s\n", rule.Rule, rule.Skipped)
		}
	}
	for _, a := range report.Assumptions {
		if a.Verdict != verify.Pass {
			fmt.Fprintf(c.out, "  assumption %s: %s\n", a.Name, a.Detail)
		}
	}
	for i, v := range result.Violations {
		if i == 3 {
			fmt.Fprintf(c.out, "  and %d more violations of invariants\n", len(result.Violations)-i)
			break
		}
		fmt.Fprintf(c.out, "  invariant at %v\n", v)
	}
	for _, p := range result.Pending {
		fmt.Fprintf(c.out, "  pending: %s\n", p)
	}
	replay := fmt.Sprintf("%s sim --seed %d --for %v --trace", program(), cfg.Seed, c.flags.span)
	if c.flags.scenario != "" {
		replay += " " + c.flags.scenario
	}
	if c.flags.plot != "" {
		replay += " --plot " + c.flags.plot
	}
	if c.flags.groups {
		replay += " --groups"
	}
	if c.flags.transactions {
		replay += " --transactions"
	}
	if c.flags.bulk {
		replay += " --bulk"
	}
	if c.flags.bugs != "" {
		replay += " --bug " + c.flags.bugs
	}
	fmt.Fprintf(c.out, "  replay: %s\n", replay)
}

// progress says how far a campaign is, and how long the rest will take.
func (c *campaign) progress(seed, last int64, took time.Duration) string {
	text := fmt.Sprintf("seed %d, %s after %d, %v simulated", seed, c.verdict, c.seeds, c.virtual.Round(time.Second))
	if c.seeds > 0 {
		left := time.Duration(float64(took) / float64(c.seeds) * float64(last-seed+1))
		text += fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	return text
}

// conclude prints the verdict of all seeds and turns it into an exit code.
func (c *campaign) conclude(took time.Duration) error {
	if c.flags.seeds != "" {
		for i, n := range c.marks {
			fmt.Fprintf(c.out, "%10d  %s\n", n, sim.Mark(i))
		}
	}
	if missed := c.marks.Missed(); c.seeds >= markSeedsMin && c.flags.swarm() && len(missed) > 0 {
		c.verdict = verify.Worst(c.verdict, verify.Fail)
		for _, m := range missed {
			fmt.Fprintf(c.out, "no seed reached %q: what depends on it was not tried\n", m.String())
		}
	}
	fmt.Fprintf(c.out, "verdict: %s\ntrace hash: %016x\n", c.verdict, c.hash)
	fmt.Fprintf(c.out, "%d seeds, %v simulated, %d events, %.0f events/s\n",
		c.seeds, c.virtual.Round(time.Second), c.events, float64(c.events)/max(took.Seconds(), 1e-9))
	return conclude(c.verdict, c.contradictions, "seeds printed above")
}
