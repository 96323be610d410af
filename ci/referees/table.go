package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Markers in README.md around the table.
const (
	tableBegin = "<!-- referees -->"
	tableEnd   = "<!-- /referees -->"
)

// table is Markdown: a line for each suite, and under it what it was made from. from is that sentence.
func table(rows []row, from string) string {
	var b strings.Builder
	b.WriteString("| referee | version | run | pass | fail | skipped |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		failed, passed, skipped := r.count(fail), r.count(pass), r.count(skip)
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %s | %s |\n", r.title, r.version, passed+failed, passed, reasons(failed, r.results, fail), reasons(skipped, r.results, skip))
	}
	return b.String() + "\n" + from + "\n"
}

// reasons is a number, and why: skips are told by reason, fails by name.
func reasons(n int, results []result, of outcome) string {
	if n == 0 {
		return "0"
	}
	var order []string
	count := map[string]int{}
	for _, r := range results {
		if r.outcome != of {
			continue
		}
		why := r.reason
		if of == fail {
			why = "`" + r.name + "`"
		}
		if count[why] == 0 {
			order = append(order, why)
		}
		count[why]++
	}
	for i, why := range order {
		if of == skip {
			order[i] = fmt.Sprintf("%d: %s", count[why], why)
		}
		order[i] = strings.NewReplacer("|", "/", "\n", " ").Replace(order[i])
	}
	if len(order) == 1 && of == skip {
		return order[0]
	}
	return fmt.Sprintf("%d (%s)", n, strings.Join(order, "; "))
}

// provenance says what was judged, and when.
func provenance(ctx context.Context, root string, at time.Time) string {
	cmd := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12")
	cmd.Dir = root
	what := "this tree"
	if said, err := cmd.Output(); err == nil {
		what = "`" + strings.TrimSpace(string(said)) + "`"
	}
	return fmt.Sprintf("Written by `make referees` on %s, of %s.", at.UTC().Format(time.DateOnly), what)
}

// intoReadme puts the table between the markers of a file.
func intoReadme(path, text string) error {
	readme, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed, err := withTable(string(readme), text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(changed), 0o644)
}

func withTable(readme, text string) (string, error) {
	before, rest, begins := strings.Cut(readme, tableBegin)
	_, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends || strings.Contains(after, tableBegin) {
		return "", fmt.Errorf("it does not have one line %s followed by a line %s", tableBegin, tableEnd)
	}
	return before + tableBegin + "\n" + text + tableEnd + after, nil
}
