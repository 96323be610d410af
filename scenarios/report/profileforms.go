package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/figure"
)

// ProfileSchema of result.json of a profile.
const ProfileSchema = "logproof.profile/v1"

// profileFile is result.json of a profile.
type profileFile struct {
	Schema         string         `json:"schema"`
	Profile        string         `json:"profile"`
	Seed           int64          `json:"seed"`
	Started        time.Time      `json:"started"`
	Verdict        verify.Verdict `json:"verdict"`
	Headline       string         `json:"headline"`
	DurationNS     time.Duration  `json:"duration_ns"`
	Dir            string         `json:"dir"`
	Contradictions []string       `json:"contradictions"`
	Members        []memberLine   `json:"members"`
	Missing        []string       `json:"missing"`
	Next           []string       `json:"next"`
}

type memberLine struct {
	Name     string         `json:"name"`
	Verdict  verify.Verdict `json:"verdict"`
	Headline string         `json:"headline"`
	TookNS   time.Duration  `json:"took_ns"`
	Acked    int64          `json:"records_acked"`
	Dir      string         `json:"dir,omitempty"`
	Seeds    []seedLine     `json:"seeds,omitempty"`
}

type seedLine struct {
	Seed    int64          `json:"seed"`
	Verdict verify.Verdict `json:"verdict"`
	Acked   int64          `json:"records_acked"`
	Detail  string         `json:"detail,omitempty"`
}

// ProfileJSON writes the verdict of a profile and of each of its members.
func ProfileJSON(w io.Writer, p Profile) error {
	file := profileFile{
		Schema: ProfileSchema, Profile: p.Name, Seed: p.Seed, Started: p.Started.UTC(), Verdict: p.Verdict(), Headline: p.Headline(),
		DurationNS: p.Duration, Dir: p.Dir, Contradictions: some(p.Contradictions()), Members: []memberLine{}, Missing: some(p.Missing), Next: some(p.Next),
	}
	for _, m := range p.Members {
		line := memberLine{Name: m.Name, Verdict: m.Verdict(), Headline: m.Headline(), TookNS: m.Took, Acked: m.Acked(), Dir: m.Dir}
		for _, s := range m.Seeds {
			line.Seeds = append(line.Seeds, seedLine{s.Seed, s.Verdict, s.Acked, s.Detail})
		}
		file.Members = append(file.Members, line)
	}
	return encode(w, file)
}

// ProfileJUnit writes a suite for each member: the rules and assumptions of a scenario, a case for each seed.
func ProfileJUnit(w io.Writer, p Profile) error {
	var suites []junitSuite
	for _, m := range p.Members {
		if m.Run != nil {
			suites = append(suites, runSuite(*m.Run))
			continue
		}
		suite := junitSuite{Name: "logproof." + m.Name, Time: fmt.Sprintf("%.3f", m.Took.Seconds()), Timestamp: p.Started.UTC().Format(time.RFC3339)}
		if m.Error != "" {
			suite.add(junitCase{Class: m.Name, Name: "run", Error: &junitOutcome{Message: m.Headline(), Type: verify.Inconclusive.String()}})
		}
		for _, s := range m.Seeds {
			c := junitCase{Class: m.Name, Name: fmt.Sprintf("seed %d", s.Seed), Output: s.Detail}
			switch s.Verdict {
			case verify.Fail:
				c.Failure = &junitOutcome{Message: s.Detail, Type: s.Verdict.String()}
			case verify.Inconclusive:
				c.Error = &junitOutcome{Message: s.Detail, Type: s.Verdict.String()}
			}
			suite.add(c)
		}
		suites = append(suites, suite)
	}
	for _, name := range p.Missing {
		suite := junitSuite{Name: "logproof." + name, Time: "0.000", Timestamp: p.Started.UTC().Format(time.RFC3339)}
		suite.add(junitCase{Class: name, Name: "run", Error: &junitOutcome{Message: "it was not run", Type: verify.Inconclusive.String()}})
		suites = append(suites, suite)
	}
	return writeSuites(w, suites)
}

// ProfileMarkdown writes the summary for a pull request: the table, and what did not pass.
func ProfileMarkdown(w io.Writer, p Profile) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "### logproof %s: %s\n\n%s\n\n", cell(p.Name), p.Verdict(), cell(p.Headline()))
	for i, row := range p.rows() {
		for j := range row {
			row[j] = cell(row[j])
		}
		out.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			out.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	out.WriteString("\n")
	for _, m := range p.Members {
		if m.Verdict() != verify.Pass {
			fmt.Fprintf(&out, "- **%s**: %s\n", cell(m.Name), cell(m.Headline()))
		}
	}
	for _, said := range p.Contradictions() {
		fmt.Fprintf(&out, "- **logproof contradicts itself**: %s\n", cell(said))
	}
	fmt.Fprintf(&out, "\nSeed %d, %s.\n", p.Seed, figure.Span(p.Duration))
	_, err := w.Write(out.Bytes())
	return err
}

// ProfileText writes the result for people: the verdict, the table, and what did not pass.
func ProfileText(w io.Writer, p Profile, style Style) error {
	page := page{width: max(style.Width, 40), colour: style.Colour}
	if style.Width == 0 {
		page.width = 100
	}
	page.headline(p.Verdict(), p.Name+": "+p.Headline())
	page.block("parts", table(p.rows()))
	page.blank()
	for _, m := range p.Members {
		if m.Verdict() != verify.Pass {
			page.line(m.Verdict().String(), m.Name+": "+m.Headline())
		}
	}
	page.line("profile", fmt.Sprintf("%s, seed %d, %s", p.Name, p.Seed, figure.Span(p.Duration)))
	page.line("files", p.Dir)
	for i, command := range p.Next {
		page.block([2]string{"next", ""}[min(i, 1)], []string{command})
	}
	_, err := w.Write(page.out.Bytes())
	return err
}

// rows of the table of members.
func (p Profile) rows() [][]string {
	rows := [][]string{{"part", "verdict", "seconds", "acknowledged"}}
	for _, m := range p.Members {
		rows = append(rows, []string{m.Name, m.Verdict().String(), fmt.Sprintf("%.1f", m.Took.Seconds()), count(m.Acked())})
	}
	for _, name := range p.Missing {
		rows = append(rows, []string{name, verify.Inconclusive.String(), "-", "not run"})
	}
	return rows
}
