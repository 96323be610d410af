package ci

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Markers in README.md around the table that ci/referees writes.
const (
	refereesBegin = "<!-- referees -->\n"
	refereesEnd   = "<!-- /referees -->"
)

var (
	refereeRow  = regexp.MustCompile(`^\| ([^|]+) \| ([^|]+) \| (\d+) \| (\d+) \| (\d+)([^|]*) \| (\d+)([^|]*) \|$`)
	refereeFrom = regexp.MustCompile("^Written by `make referees` on \\d{4}-\\d{2}-\\d{2}, of `[0-9a-f]{7,40}(-dirty)?`\\.$")
)

// referees lists what is wrong with the README's table: it is what the command prints, its numbers add up, and
// no fail and no skip is without its reason.
func referees(readme string) []string {
	_, rest, begins := strings.Cut(readme, refereesBegin)
	text, after, ends := strings.Cut(rest, refereesEnd)
	if !begins || !ends || strings.Contains(after, refereesBegin) {
		return []string{"README.md does not have one line " + strings.TrimSpace(refereesBegin) + " followed by a line " + refereesEnd}
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	n := len(lines)
	if n < 5 || lines[0] != "| referee | version | run | pass | fail | skipped |" || lines[1] != "|---|---|---|---|---|---|" || lines[n-2] != "" {
		return []string{"the table of referees is not as make referees writes it"}
	}
	var found []string
	if !refereeFrom.MatchString(lines[n-1]) {
		found = append(found, fmt.Sprintf("%q does not say when and of what the table was made", lines[n-1]))
	}
	for _, line := range lines[2 : n-2] {
		cells := refereeRow.FindStringSubmatch(line)
		if cells == nil {
			found = append(found, fmt.Sprintf("%q is no row of the table of referees", line))
			continue
		}
		number := func(i int) int { n, _ := strconv.Atoi(cells[i]); return n }
		if number(3) != number(4)+number(5) || number(3) == 0 {
			found = append(found, fmt.Sprintf("%s: %s run, %s passed, %s failed", cells[1], cells[3], cells[4], cells[5]))
		}
		if (number(5) > 0) == (cells[6] == "") || (number(7) > 0) == (cells[8] == "") {
			found = append(found, fmt.Sprintf("%s: a fail or a skip without a reason", cells[1]))
		}
	}
	return found
}

func TestReferees(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range referees(string(readme)) {
		t.Error(violation)
	}
}

func TestRefereesCatches(t *testing.T) {
	const good = "# x\n" + refereesBegin + "| referee | version | run | pass | fail | skipped |\n|---|---|---|---|---|---|\n" +
		"| kgo | v1 | 3 | 2 | 1 (`TestX`) | 2: no transactions |\n| kcat | 1.7.1, librdkafka 2.0.2 | 3 | 3 | 0 | 0 |\n\n" +
		"Written by `make referees` on 2026-01-02, of `0123456789ab`.\n" + refereesEnd + "\n"
	if found := referees(good); found != nil {
		t.Errorf("a good table: found %q", found)
	}
	for change, want := range map[string]string{
		"<!-- referees -->|<!-- x -->":       "does not have one line",
		"| run | pass ||| pass | run |":      "not as make referees writes it",
		"on 2026-01-02||today":               "does not say when",
		"| 3 | 2 | 1 ||| 3 | 1 | 1 ":         "3 run, 1 passed, 1 failed",
		"1 (`TestX`)||1":                     "without a reason",
		"2: no transactions||2":              "without a reason",
		"| 3 | 3 | 0 | 0 ||| 0 | 0 | 0 | 0 ": "0 run",
		"| v1 | 3||| v1 | all":               "is no row",
	} {
		old, new, ok := strings.Cut(change, "||")
		if !ok {
			old, new, _ = strings.Cut(change, "|")
		}
		if found := referees(strings.Replace(good, old, new, 1)); len(found) != 1 || !strings.Contains(found[0], want) {
			t.Errorf("%q: found %q, want one violation with %q", change, found, want)
		}
	}
}
