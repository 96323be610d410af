package catalog

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/logproof/logproof/verify"
)

// constants of a type in package verify: what the tables must not leave out.
func constants(t *testing.T, of string) (values []string) {
	t.Helper()
	files, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../"+f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if name, ok := v.Type.(*ast.Ident); ok && name.Name == of && len(v.Values) == 1 {
				value, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, value)
			}
			return true
		})
	}
	if len(values) == 0 {
		t.Fatalf("package verify has no constants of type %s", of)
	}
	return values
}

// Every class has one entry, with a rule, causes and an example that is really found.
func TestEveryAnomalyIsExplained(t *testing.T) {
	var have []string
	for _, a := range Anomalies() {
		have = append(have, string(a.Class))
		if !slices.Contains(rules(), a.Rule) || len(a.Causes) == 0 || !strings.HasSuffix(a.Definition, ".") {
			t.Errorf("%s: rule %q, %d causes, definition %q", a.Class, a.Rule, len(a.Causes), a.Definition)
		}
		if a.Class == verify.BudgetMissed {
			continue // it is about time, which the zoo has little of
		}
		s, ok := a.Example()
		if !ok || s.Words[0] != string(a.Rule) {
			t.Errorf("%s: its example is %q, found by %q, and its rule is %q", a.Class, s.Name, s.Words, a.Rule)
			continue
		}
		found := Judged(s)
		if len(found) == 0 || !strings.HasPrefix(found[0], string(a.Class)+": ") {
			t.Errorf("%s: in its example %s stands %q", a.Class, s.Name, found)
		}
	}
	for _, c := range constants(t, "Class") {
		if n := count(have, c); n != 1 {
			t.Errorf("class %s has %d entries in the catalog, want 1", c, n)
		}
	}
}

func count(list []string, s string) (n int) {
	for _, l := range list {
		if l == s {
			n++
		}
	}
	return n
}

// Every level is part of a promise, and every promise is made of levels.
func TestEveryLevelIsExplained(t *testing.T) {
	var used []string
	for _, p := range Promises() {
		if p.Title == "" || p.Says == "" || len(p.Levels) == 0 || len(p.Rules) == 0 {
			t.Errorf("promise %s leaves something out", p.Name)
		}
		for _, l := range p.Levels {
			used = append(used, string(l))
		}
	}
	for _, l := range constants(t, "Level") {
		if !slices.Contains(used, l) {
			t.Errorf("no promise is made of level %s", l)
		}
	}
}

// Jepsen's Kafka checker knows these anomalies: each has an entry, as a class of that name, as the other name of one, or by itself.
func TestEveryNameOfJepsenIsExplained(t *testing.T) {
	for _, name := range []string{
		"inconsistent-offsets", "duplicate", "lost-write", "unseen", "G1a", "precommitted-read", "int-nonmonotonic-poll", "int-poll-skip",
		"nonmonotonic-poll", "poll-skip", "int-nonmonotonic-send", "int-send-skip", "nonmonotonic-send", "G0", "G1c", "realtime-lag", "consume-counts",
	} {
		if _, ok := Text(name, 80); !ok {
			t.Errorf("Jepsen's %s is not explained", name)
		}
	}
}

// Every name is one thing, and its text fits.
func TestEveryNameHasAText(t *testing.T) {
	known := Known()
	for _, name := range known {
		if n := count(known, name); n != 1 {
			t.Errorf("%s names %d things", name, n)
		}
		for _, width := range []int{60, 100} {
			text, ok := Text(strings.ToUpper(name), width)
			if !ok || len(text) < 80 {
				t.Errorf("%s is explained by %q", name, text)
			}
			for line := range strings.Lines(text) {
				history := strings.Contains(line, "=") || strings.Contains(line, "..") // histories are as wide as they are
				if len([]rune(strings.TrimSuffix(line, "\n"))) > width && !history {
					t.Errorf("%s: a line of more than %d characters: %q", name, width, line)
				}
			}
		}
	}
	if _, ok := Text("lost-wrote", 80); ok {
		t.Error("lost-wrote is explained")
	}
}

// A promise says with which settings it is made, and what it is not.
func TestExactlyOnceNamesItsSettings(t *testing.T) {
	text, _ := Text("exactly-once", 100)
	text = strings.Join(strings.Fields(text), " ")
	for _, want := range []string{"transactional.id", "isolation.level=read_committed", "sendOffsetsToTransaction", "transaction.version=2", "KAFKA-17754", "outside of Kafka", "enable.auto.commit=false"} {
		if !strings.Contains(text, want) {
			t.Errorf("exactly-once does not say %q:\n%s", want, text)
		}
	}
}
