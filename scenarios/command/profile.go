package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
)

// simulatorName is the member of a profile that is seeds of the simulator.
const simulatorName = "simulator"

// findProfile finds a profile by its name.
func findProfile(name string) (scenarios.Profile, error) {
	var names []string
	for _, p := range scenarios.Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return scenarios.Profile{}, usage("--profile %s: want one of %s", name, strings.Join(names, ", "))
}

// profileHelp lists the profiles and what is in them.
func profileHelp() string {
	var text strings.Builder
	for _, p := range scenarios.Profiles() {
		fmt.Fprintf(&text, "  %-6s %s, within %v on two cores:\n         %s; %d seeds of the simulator\n",
			p.Name, p.About, p.Within, strings.Join(p.Scenarios, ", "), p.Seeds)
	}
	return text.String()
}

// profileRun is a profile at work.
type profileRun struct {
	profile  scenarios.Profile
	plans    []plan.Plan
	flags    runFlags
	bugs     bug.Set
	progress *progress
	result   report.Profile
}

// runProfile runs all of a profile, prints one summary and ends with one exit code.
func runProfile(ctx context.Context, profile scenarios.Profile, f runFlags, stdout, stderr io.Writer) error {
	bugs, err := bug.Parse(f.bugs)
	if err != nil {
		return usage("--bug: %w", err)
	}
	if f.stop || f.metrics != "" {
		return usage("--stop-on-violation and --metrics are for one scenario: a profile runs several")
	}
	if f.placement != "" {
		return usage("--placement %s: a profile runs its scenarios where they say", f.placement)
	}
	var plans []plan.Plan // all of them before anything is started
	for _, name := range profile.Scenarios {
		made, err := makePlan(name, f)
		if err != nil {
			return err
		}
		plans = append(plans, made)
	}
	if f.dir == "" {
		f.dir = freeDir(filepath.Join("runs", profile.Name+"-"+time.Now().Format("20060102-150405")))
	}
	if err := makeDir(f.dir); err != nil {
		return err
	}
	p := profileRun{profile: profile, plans: plans, flags: f, bugs: bugs, progress: newProgress(stderr)}
	p.result = report.Profile{Name: profile.Name, Seed: f.seed, Dir: f.dir, Started: time.Now()}
	p.all(ctx)
	p.progress.Done()
	p.result.Duration = time.Since(p.result.Started)
	written := report.WriteProfile(p.result)
	if len(p.result.Missing) == 0 { // an interrupted one says nothing about the profile
		p.note("profile "+profile.Name, p.result.Verdict(), p.result.Headline(), p.result.Duration, f.dir)
	}
	shown := showProfile(p.result, f.json, stdout)
	if written != nil && shown == nil {
		return environment(written)
	}
	if written != nil { // what was found outranks that a file of it is missing
		p.progress.Event("warning", written.Error())
	}
	return shown
}

// makeDir makes a directory that must not exist, and those above it.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return environment(fmt.Errorf("make the run directory: %w", err))
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return environment(fmt.Errorf("make the run directory: %w", err))
	}
	return nil
}

// all runs the members one after the other: they would take the processors from one another.
func (p *profileRun) all(ctx context.Context) {
	for _, made := range p.plans {
		p.member(ctx, made.Scenario, func(m *report.Member) {
			m.Dir = filepath.Join(p.flags.dir, m.Name)
			r, err := execute(ctx, made, m.Dir, p.progress)
			if err != nil {
				m.Error = err.Error()
				return
			}
			m.Run = &r
		})
	}
	if p.profile.Seeds > 0 {
		p.member(ctx, simulatorName, func(m *report.Member) { m.Seeds = p.seeds(ctx) })
	}
}

// member runs one and takes what it gave, unless it was interrupted: then that says nothing about it.
func (p *profileRun) member(ctx context.Context, name string, do func(*report.Member)) {
	m := report.Member{Name: name}
	if began := time.Now(); ctx.Err() == nil {
		p.progress.Event("part", name)
		do(&m)
		m.Took = time.Since(began)
	}
	if ctx.Err() != nil {
		p.result.Missing = append(p.result.Missing, name)
		return
	}
	p.result.Members = append(p.result.Members, m)
	p.progress.Event("verdict", fmt.Sprintf("%s: %s: %s", name, m.Verdict(), m.Headline()))
	p.note(name, m.Verdict(), m.Headline(), m.Took, m.Dir)
	if m.Verdict() != verify.Pass && m.Run != nil {
		p.result.Next = append(p.result.Next, program()+" verify "+m.Dir+"    # judge the recording again")
	}
}

// seeds runs the simulator.
func (p *profileRun) seeds(ctx context.Context) (all []report.SeedResult) {
	first := p.flags.seed - 1 // of the default seed, 1, it is 0
	var told bytes.Buffer
	c := campaign{out: &told, flags: simFlags{span: p.profile.SeedTime, bugs: p.flags.bugs, seeds: "profile"}, verdict: verify.Pass}
	for i := range int64(p.profile.Seeds) {
		if ctx.Err() != nil {
			return all
		}
		p.progress.Status(fmt.Sprintf("seed %d, %d of %d", first+i, i+1, p.profile.Seeds))
		all = append(all, p.seed(&c, first+i, &told))
	}
	return all
}

// seed simulates one seed.
func (p *profileRun) seed(c *campaign, seed int64, told *bytes.Buffer) report.SeedResult {
	told.Reset()
	began := time.Now()
	out, err := c.seed(sim.Config{Seed: seed, Duration: p.profile.SeedTime, Bugs: p.bugs})
	s := report.SeedResult{Seed: seed, Verdict: out.verdict, Acked: out.report.RecordsAcked, Took: time.Since(began), Contradictions: out.opinion.Contradictions}
	if err != nil {
		s.Verdict, s.Detail = verify.Inconclusive, err.Error()
	} else if s.Verdict != verify.Pass {
		s.Detail = strings.TrimSpace(told.String())
	}
	return s
}

// note adds a line to the tally.
func (p *profileRun) note(name string, v verify.Verdict, headline string, took time.Duration, dir string) {
	noteRun(p.progress, filepath.Dir(p.flags.dir), entry{name, p.profile.Name, p.flags, v, headline, took, dir})
}

// showProfile prints the result and turns its verdict into an exit code.
func showProfile(p report.Profile, asJSON bool, stdout io.Writer) error {
	var err error
	if asJSON {
		err = report.ProfileJSON(stdout, p)
	} else {
		err = report.ProfileText(stdout, p, report.Style{Width: terminalWidth(stdout), Colour: report.Colours(isTerminal(stdout), os.Getenv)})
	}
	if err != nil {
		return environment(fmt.Errorf("print the result: %w", err))
	}
	return conclude(p.Verdict(), p.Contradictions(), p.Dir)
}

// conclude turns a verdict into an exit code. Where porcupine and the rules disagree the program is wrong,
// whatever the verdict.
func conclude(v verify.Verdict, contradictions []string, dir string) error {
	if len(contradictions) > 0 {
		return &exit{ExitInternal, fmt.Errorf("logproof contradicts itself, so one of its checkers is wrong: %s\nplease report this with the run directory %s",
			strings.Join(contradictions, "; "), dir)}
	}
	switch v {
	case verify.Pass:
		return nil
	case verify.Fail:
		return verdict(ExitFail)
	}
	return verdict(ExitInconclusive)
}

// printScenarios lists the scenarios and the profiles in the program.
func printScenarios(stdout io.Writer) error {
	var failed error
	for _, name := range scenarios.Names() {
		s, err := loadSpec(name)
		failed = errors.Join(failed, err)
		fmt.Fprintf(stdout, "%-28s %s\n", name, firstSentence(s.Description))
	}
	fmt.Fprintf(stdout, "\nprofiles, with --profile:\n%s", profileHelp())
	return failed
}

// firstSentence of a description.
func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1]
	}
	return text
}
