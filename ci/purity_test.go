package ci

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// pure are the packages that decide and therefore do not wait: they get time as an argument and
// give their wishes back as effects, so that a simulator can step them and one seed replays a run.
var pure = []string{
	"broker/partition", "broker/controller", "broker/deadline", "broker/group", "broker/txn", "broker/batch", "broker/log/clean", "broker/wire/shape", "broker/env",
	"broker/actor", "broker/event", "broker/api", "broker/coordinator", "broker/node", "broker/metadata", "broker/quorum",
	"loadgen/pace", "loadgen/payload", "scenarios/spec", "scenarios/plan",
	"scenarios/report/chart", "scenarios/report/picture", "verify/course", "verify/excerpt",
}

// clocks are the functions of package time that read or wait for the machine's clock.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// impure lists everything in a file that touches the world or runs beside the caller.
func impure(file source) []string {
	var found []string
	bad := func(pos token.Pos, format string, args ...any) {
		found = append(found, fmt.Sprintf("%s: %s: package %s is pure: it is stepped, and one seed must replay it",
			file.at(pos), fmt.Sprintf(format, args...), file.pkg))
	}
	clock := ""
	for _, spec := range file.tree.Imports {
		imp := imported{path: strings.Trim(spec.Path.Value, "`\"")}
		for _, pattern := range world {
			if matches(pattern, imp) || matches("x/sys", imp) {
				bad(spec.Pos(), "import of %q", imp.path)
				break
			}
		}
		if imp.path != "time" {
			continue
		}
		clock = "time"
		if spec.Name != nil {
			clock = spec.Name.Name
		}
		if clock == "." {
			bad(spec.Pos(), "dot import of time hides the use of clocks")
		}
	}
	ast.Inspect(file.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			bad(n.Pos(), "go statement")
		case *ast.ChanType:
			bad(n.Pos(), "channel type")
		case *ast.SendStmt:
			bad(n.Pos(), "channel send")
		case *ast.SelectStmt:
			bad(n.Pos(), "select")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				bad(n.Pos(), "channel receive")
			}
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if ok && clock != "" && pkg.Name == clock && slices.Contains(clocks, n.Sel.Name) {
				bad(n.Pos(), "time.%s", n.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestPurity(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range goFiles(t) {
		if file.test || !slices.Contains(pure, file.pkg) {
			continue
		}
		seen[file.pkg] = true
		for _, violation := range impure(file) {
			t.Error(violation)
		}
	}
	for _, pkg := range pure {
		if !seen[pkg] {
			t.Logf("%s: not there yet; it is checked as soon as it has a file", pkg)
		}
	}
	if len(seen) == 0 {
		t.Error("no pure package was found: the list and the tree disagree")
	}
}

// TestWorldlessRowsArePure holds the list against the import table: a package that may not import the
// world may not read its clock or run beside its caller either, and no import would show that.
func TestWorldlessRowsArePure(t *testing.T) {
	for _, r := range table {
		if slices.Equal(r.not, world) && !slices.Contains(pure, r.room) {
			t.Errorf("the table keeps %s from the world, and the list of pure packages does not have it", r.room)
		}
	}
}

// TestPurityCatches gives each rule one small bad source.
func TestPurityCatches(t *testing.T) {
	for body, want := range map[string]string{
		"import _ \"os\"":                                                   `import of "os"`,
		"import _ \"os/exec\"":                                              `import of "os/exec"`,
		"import _ \"net\"":                                                  `import of "net"`,
		"import _ \"net/http\"":                                             `import of "net/http"`,
		"import _ \"sync\"":                                                 `import of "sync"`,
		"import _ \"sync/atomic\"":                                          `import of "sync/atomic"`,
		"import _ \"math/rand\"":                                            `import of "math/rand"`,
		"import r \"math/rand/v2\"\nvar _ = r.Int":                          `import of "math/rand/v2"`,
		"import _ \"crypto/rand\"":                                          `import of "crypto/rand"`,
		"import _ \"syscall\"":                                              `import of "syscall"`,
		"import _ \"golang.org/x/sys/unix\"":                                `import of "golang.org/x/sys/unix"`,
		"import \"time\"\nvar t = time.Now()":                               "time.Now",
		"import \"time\"\nvar f = time.Since":                               "time.Since",
		"import \"time\"\nfunc f() { time.Sleep(1) }":                       "time.Sleep",
		"import \"time\"\nvar c = time.After(1)":                            "time.After",
		"import \"time\"\nvar c = time.NewTimer(1)":                         "time.NewTimer",
		"import clock \"time\"\nvar t = clock.Now()":                        "time.Now",
		"import . \"time\"\nvar t = Now()":                                  "dot import",
		"func f() { go f() }":                                               "go statement",
		"var c chan int":                                                    "channel type",
		"type t struct{ c <-chan int }":                                     "channel type",
		"func f(c C) { c <- 1 }":                                            "channel send",
		"func f(c C) { <-c }":                                               "channel receive",
		"func f() { select {} }":                                            "select",
		"func f() { func() { go f() }() }":                                  "go statement",
		"import (\n\"fmt\"\n\"time\"\n)\nvar _, _ = fmt.Sprint, time.Until": "time.Until",
	} {
		file := mustParse(t, "broker/partition/bad.go", "package partition\n\n"+body+"\n")
		if found := impure(file); len(found) != 1 || !strings.Contains(found[0], want) {
			t.Errorf("%q: found %q, want one violation with %q", body, found, want)
		}
	}
	good := `package partition

import (
	"io/fs"
	"time"
)

type t struct{ at time.Time; after time.Duration; now func() time.Time }

func (x t) due(now time.Time) bool { return x.now().Add(x.after).Before(now) && fs.ErrExist != nil && -x.after < 0 }
`
	if found := impure(mustParse(t, "broker/partition/good.go", good)); found != nil {
		t.Errorf("the good source: found %q", found)
	}
}
