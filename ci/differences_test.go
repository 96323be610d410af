package ci

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// differencesPage is made from the table and nothing else.
const differencesPage = "docs/differences.md"

// unserved lists the requests of Kafka that clients cannot send to the reference broker.
func unserved() (names []string) {
	served := wire.Keys(wire.Clients)
	for key := range int16(kmsg.MaxKey) + 1 {
		if name := kmsg.NameForKey(key); name != "Unknown" && kmsg.RequestForKey(key) != nil && !slices.Contains(served, key) {
			names = append(names, fmt.Sprintf("%s (%d)", name, key))
		}
	}
	return names
}

// page writes the table as Markdown.
func page(table []difference, missing []string) string {
	var b strings.Builder
	b.WriteString("# What the reference broker does on purpose in another way than Apache Kafka\n\n")
	b.WriteString("Made by `go test ./ci -run Differences -update` from `ci/differences_table_test.go`. The test that is named shows what is done here.\n")
	area := ""
	for _, d := range table {
		if d.area != area {
			area = d.area
			fmt.Fprintf(&b, "\n## %s\n\n| here | Apache Kafka | test |\n|---|---|---|\n", area)
		}
		pkg, name, _ := strings.Cut(d.test, " ")
		fmt.Fprintf(&b, "| %s | %s | [`%s`](../%s) |\n", d.here, d.kafka, name, pkg)
	}
	fmt.Fprintf(&b, "\n## Requests that are not served\n\nA client that sends one is closed, as by Kafka of a version without it; ApiVersions does not list them.\n\n%s\n", strings.Join(missing, ", "))
	return b.String()
}

// wrong lists what is missing in the table: each entry has both sides, its area stands together, and its test exists.
func wrong(table []difference, tests map[string]bool) (found []string) {
	seen := map[string]bool{}
	for i, d := range table {
		if d.here == "" || d.kafka == "" || d.area == "" {
			found = append(found, fmt.Sprintf("entry %d: it does not say what both do: %+v", i, d))
		}
		if !tests[d.test] {
			found = append(found, fmt.Sprintf("%q: there is no test %q", d.here, d.test))
		}
		if i > 0 && d.area != table[i-1].area && seen[d.area] {
			found = append(found, fmt.Sprintf("%q: its area stands in two places", d.here))
		}
		seen[d.area] = true
	}
	return found
}

// testNames lists the tests of the tree, as package and name.
func testNames(files []source) map[string]bool {
	names := map[string]bool{}
	for _, file := range files {
		for _, decl := range file.tree.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && file.test && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[file.pkg+" "+f.Name.Name] = true
			}
		}
	}
	return names
}

func TestDifferences(t *testing.T) {
	for _, problem := range wrong(differences, testNames(goFiles(t))) {
		t.Error(problem)
	}
	want := page(differences, unserved())
	file := filepath.Join(root, differencesPage)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not what the table and the served keys say (%v): run go test ./ci -run Differences -update", differencesPage, err)
	}
}

func TestDifferencesCatches(t *testing.T) {
	tests := map[string]bool{"broker TestGood": true}
	good := difference{"a", "x", "y", "broker TestGood"}
	for name, table := range map[string][]difference{
		"no test":         {{"a", "x", "y", "broker TestGone"}},
		"one side":        {{"a", "x", "", "broker TestGood"}},
		"a torn area":     {good, {"b", "x", "y", "broker TestGood"}, good},
		"no test at all":  {{"a", "x", "y", ""}},
		"no area's title": {{"", "x", "y", "broker TestGood"}},
	} {
		if found := wrong(table, tests); len(found) != 1 {
			t.Errorf("%s: found %q, want one", name, found)
		}
	}
	if found := wrong([]difference{good, good}, tests); found != nil {
		t.Errorf("a good table: %q", found)
	}
	if names := unserved(); slices.Contains(names, "Produce (0)") || !slices.Contains(names, "Vote (52)") {
		t.Errorf("not served: %v", names)
	}
}
