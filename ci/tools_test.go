package ci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Bounds of the tools that people and machines start.
const (
	budgetSecondsMax = 30 * 60
	makefileLinesMax = 70
)

// testCommand is what the README tells people to run, and so what .ci/run runs.
const testCommand = "go test ./..."

var budgetLine = regexp.MustCompile(`(?m)^  ([a-z-]+):(\d+)$`)

// tools lists what is wrong with .ci/run, the Makefile and the README; an empty README is none.
func tools(run, makefile, readme string) []string {
	var found []string
	if !strings.Contains(run, "\npart_test() { "+testCommand+"; }\n") {
		found = append(found, fmt.Sprintf(".ci/run: its part test is not exactly %q, the README's command", testCommand))
	}
	if readme != "" && !strings.Contains(readme, testCommand) {
		found = append(found, fmt.Sprintf("README.md does not show %q, which .ci/run runs", testCommand))
	}
	total := 0
	for _, part := range budgetLine.FindAllStringSubmatch(run, -1) {
		seconds, err := strconv.Atoi(part[2])
		if err != nil {
			found = append(found, fmt.Sprintf(".ci/run: budget of %s: %v", part[1], err))
		}
		total += seconds
		if !strings.Contains(run, "\npart_"+part[1]+"() {") {
			found = append(found, fmt.Sprintf(".ci/run: part %s has a budget and no function", part[1]))
		}
	}
	if total == 0 || total > budgetSecondsMax {
		found = append(found, fmt.Sprintf(".ci/run: the budgets add up to %d s, want 1 to %d", total, budgetSecondsMax))
	}
	if lines := strings.Count(makefile, "\n"); lines > makefileLinesMax {
		found = append(found, fmt.Sprintf("Makefile: %d lines, at most %d", lines, makefileLinesMax))
	}
	return found
}

func TestTools(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil && !(name == "README.md" && errors.Is(err, fs.ErrNotExist)) {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, violation := range tools(read(".ci/run"), read("Makefile"), read("README.md")) {
		t.Error(violation)
	}
}

func TestToolsCatches(t *testing.T) {
	const run = "parts=(\n  test:100\n)\npart_test() { go test ./...; }\n"
	if found := tools(run, "all:\n", "run `go test ./...`\n"); found != nil {
		t.Errorf("good tools: found %q", found)
	}
	for want, c := range map[string]struct{ run, makefile, readme string }{
		"not exactly":   {strings.Replace(run, "go test", "go test -short", 1), "", ""},
		"does not show": {run, "", "# readme"},
		"no function":   {strings.Replace(run, ")", "  lint:5\n)", 1), "", ""},
		"add up to 18":  {strings.Replace(run, "100", "1801", 1), "", ""},
		"add up to 0":   {strings.Replace(run, "  test:100\n", "", 1), "", ""},
		"at most 70":    {run, strings.Repeat("\n", 71), ""},
	} {
		if found := tools(c.run, c.makefile, c.readme); len(found) != 1 || !strings.Contains(found[0], want) {
			t.Errorf("%q: found %q, want one violation", want, found)
		}
	}
}
