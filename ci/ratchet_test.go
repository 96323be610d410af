package ci

import (
	"fmt"
	"go/ast"
	"os"
	"strconv"
	"strings"
	"testing"
)

// allowance is one line of ratchet.txt: a length that is past the limit for a reason.
type allowance struct {
	lines  int
	reason string
}

// readRatchet reads the text of ratchet.txt; keys are "file <path>" and "func <path> <name>".
func readRatchet(text string) (map[string]allowance, error) {
	allowed := map[string]allowance{}
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		at := map[string]int{"file": 2, "func": 3}[fields[0]]
		if at == 0 || len(fields) < at+2 {
			return nil, fmt.Errorf("ratchet.txt:%d: %q is not \"file <path> <lines> <reason>\" or \"func <path> <name> <lines> <reason>\"", i+1, line)
		}
		lines, err := strconv.Atoi(fields[at])
		if err != nil {
			return nil, fmt.Errorf("ratchet.txt:%d: %q is not a number of lines", i+1, fields[at])
		}
		reason := strings.Join(fields[at+1:], " ")
		if len(reason) < 15 {
			return nil, fmt.Errorf("ratchet.txt:%d: %q is no reason: say why it is not split", i+1, reason)
		}
		key := strings.Join(fields[:at], " ")
		if _, twice := allowed[key]; twice {
			return nil, fmt.Errorf("ratchet.txt:%d: %s stands twice", i+1, key)
		}
		allowed[key] = allowance{lines, reason}
	}
	return allowed, nil
}

// lengths gives what is past a limit: every file, and the functions of files that are no tests
// (a test's table may be long).
func lengths(files []source) map[string]int {
	long := map[string]int{}
	for _, file := range files {
		if file.lines > fileLinesMax {
			long["file "+file.name] = file.lines
		}
		if file.test {
			continue
		}
		for _, decl := range file.tree.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := file.set.Position(fn.End()).Line - file.set.Position(fn.Pos()).Line + 1
			name := fn.Name.Name
			if owner := receiver(fn); owner != "" {
				name = owner + "." + name
			}
			if lines > functionLinesMax {
				long["func "+file.name+" "+name] = lines
			}
		}
	}
	return long
}

// ratchet compares lengths with what is allowed.
func ratchet(long map[string]int, allowed map[string]allowance) []string {
	var found []string
	for what, lines := range long {
		entry, ok := allowed[what]
		switch {
		case !ok:
			found = append(found, fmt.Sprintf("%s: %d lines (files at most %d, functions %d): split it, or give the reason in ci/ratchet.txt",
				what, lines, fileLinesMax, functionLinesMax))
		case lines > entry.lines:
			found = append(found, fmt.Sprintf("%s: grew from %d to %d lines: split it, or raise it in ci/ratchet.txt with a reason that still holds",
				what, entry.lines, lines))
		case lines < entry.lines:
			found = append(found, fmt.Sprintf("%s: shrank from %d to %d lines: lower it in ci/ratchet.txt, so that it cannot grow back",
				what, entry.lines, lines))
		}
	}
	for what := range allowed {
		if _, ok := long[what]; !ok {
			found = append(found, fmt.Sprintf("%s: within the limit or gone: remove its line from ci/ratchet.txt", what))
		}
	}
	return found
}

func TestLengths(t *testing.T) {
	text, err := os.ReadFile("ratchet.txt")
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := readRatchet(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range ratchet(lengths(goFiles(t)), allowed) {
		t.Error(violation)
	}
}

func TestLengthsCatches(t *testing.T) {
	body := strings.Repeat("\t_ = 0\n", functionLinesMax)
	long := mustParse(t, "p/p.go", "package p\n\nfunc (x *t) f() {\n"+body+"}\n\nfunc g() {\n"+strings.TrimPrefix(body, "\t_ = 0\n\t_ = 0\n")+"}\n")
	if got := lengths([]source{long}); len(got) != 1 || got["func p/p.go t.f"] != functionLinesMax+2 {
		t.Errorf("lengths of functions: %v", got)
	}
	for lines, want := range map[int]int{fileLinesMax: 0, fileLinesMax + 1: 1} {
		file := mustParse(t, "p/p_test.go", "package p\n"+strings.Repeat("\n", lines-1))
		if got := lengths([]source{file}); len(got) != want {
			t.Errorf("a file of %d lines: %v", lines, got)
		}
	}
	now := map[string]int{"file a.go": 600}
	for line, want := range map[string]string{
		"":                                       "split it",
		"file a.go 599 a state table, generated": "grew from 599 to 600",
		"file a.go 601 a state table, generated": "shrank from 601 to 600",
		"file a.go 600 a state table, generated": "",
		"file a.go 600 a state table, generated\nfile b.go 700 a state table, generated": "remove its line",
	} {
		allowed, err := readRatchet(line)
		if err != nil {
			t.Fatal(err)
		}
		found := strings.Join(ratchet(now, allowed), "\n")
		if !strings.Contains(found, want) || want == "" && found != "" {
			t.Errorf("%q: found %q, want %q", line, found, want)
		}
	}
	for line, want := range map[string]string{
		"a.go 600 a state table, generated": "is not \"file",
		"file a.go many a state table":      "not a number",
		"file a.go 600 big":                 "no reason",
		"func a.go Do 90":                   "is not \"file",
		"# c\nfile a.go 600 a generated table\nfile a.go 600 a generated table": "stands twice",
	} {
		if _, err := readRatchet(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want one with %q", line, err, want)
		}
	}
}
