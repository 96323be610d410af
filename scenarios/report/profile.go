package report

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/logproof/logproof/verify"
)

// Profile is what the scenarios and seeds of a profile gave together.
type Profile struct {
	Name string
	Seed int64
	// Dir holds the run directories and the files of the whole.
	Dir      string
	Started  time.Time
	Duration time.Duration
	Members  []Member
	// Missing are members that were not run, as the profile was interrupted.
	Missing []string
	Next    []string
}

// Member of a profile: a scenario, or seeds of the simulator.
type Member struct {
	Name string
	// Run is what the scenario gave; nil of seeds, and of a scenario that could not be run.
	Run *Run
	// Error says why it could not be run; "" if it was.
	Error string
	Seeds []SeedResult
	Took  time.Duration
	Dir   string
}

// SeedResult is what one seed of the simulator gave.
type SeedResult struct {
	Seed    int64
	Verdict verify.Verdict
	Acked   int64
	// Detail says what is wrong, and how to see it again; "" of a pass.
	Detail string
	Took   time.Duration
	// Contradictions between porcupine and the rules.
	Contradictions []string
}

// Verdict of the member. One that could not be run proved nothing.
func (m Member) Verdict() verify.Verdict {
	switch {
	case m.Run != nil:
		return m.Run.Verdict()
	case len(m.Seeds) == 0:
		return verify.Inconclusive
	}
	verdict := verify.Pass
	for _, s := range m.Seeds {
		verdict = verify.Worst(verdict, s.Verdict)
	}
	return verdict
}

// Headline says in one line what came out.
func (m Member) Headline() string {
	switch {
	case m.Run != nil:
		return m.Run.Headline()
	case m.Error != "":
		return "it could not be run: " + m.Error
	}
	bad := 0
	first := ""
	for _, s := range m.Seeds {
		if s.Verdict != verify.Pass {
			if bad++; first == "" {
				line, _, _ := strings.Cut(s.Detail, "\n")
				first = "; the first: " + line
			}
		}
	}
	if bad == 0 {
		return "every promise that was judged was kept"
	}
	return fmt.Sprintf("%d of %d seeds did not pass%s", bad, len(m.Seeds), first)
}

// Acked is how many records were acknowledged.
func (m Member) Acked() (n int64) {
	if m.Run != nil {
		return m.Run.Report.RecordsAcked
	}
	for _, s := range m.Seeds {
		n += s.Acked
	}
	return n
}

// Contradictions between porcupine and the rules.
func (m Member) Contradictions() (all []string) {
	if m.Run != nil {
		return m.Run.Linearizable.Contradictions
	}
	for _, s := range m.Seeds {
		all = append(all, s.Contradictions...)
	}
	return all
}

// Verdict of the profile is the worst of its members; one that is not whole proves nothing.
func (p Profile) Verdict() verify.Verdict {
	verdict := verify.Pass
	if len(p.Members) == 0 || len(p.Missing) > 0 {
		verdict = verify.Inconclusive
	}
	for _, m := range p.Members {
		verdict = verify.Worst(verdict, m.Verdict())
	}
	return verdict
}

// Headline says in one line what came out.
func (p Profile) Headline() string {
	good := 0
	for _, m := range p.Members {
		if m.Verdict() == verify.Pass {
			good++
		}
	}
	all := len(p.Members) + len(p.Missing)
	switch p.Verdict() {
	case verify.Pass:
		return fmt.Sprintf("every promise that was judged was kept, in all %d parts", all)
	case verify.Fail:
		return fmt.Sprintf("promises were broken; %d of %d parts passed", good, all)
	}
	return fmt.Sprintf("not all is proved; %d of %d parts passed", good, all)
}

// Contradictions between porcupine and the rules, in all members.
func (p Profile) Contradictions() (all []string) {
	for _, m := range p.Members {
		all = append(all, m.Contradictions()...)
	}
	return all
}

// WriteProfile makes the files of a profile in its directory: what every run gave is in its own.
func WriteProfile(p Profile) error {
	var failed []error
	for _, file := range []struct {
		name  string
		write func(io.Writer, Profile) error
	}{{ResultFile, ProfileJSON}, {JUnitFile, ProfileJUnit}, {MarkdownFile, ProfileMarkdown}} {
		if err := writeFile(filepath.Join(p.Dir, file.name), func(w io.Writer) error { return file.write(w, p) }); err != nil {
			failed = append(failed, fmt.Errorf("%s of the profile was not written: %w", file.name, err))
		}
	}
	return errors.Join(failed...)
}
