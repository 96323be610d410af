package ci

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root of the module, as seen from this package's folder.
const root = ".."

// modulePath is what an import of a package of this module starts with.
const modulePath = "github.com/logproof/logproof"

// source is one parsed Go file.
type source struct {
	// name is the path from the root of the module, with slashes.
	name string
	// pkg is the folder, "." for the root.
	pkg string
	// test says that it is a _test.go file.
	test bool
	// nested says that it belongs to a module of its own inside this one.
	nested bool
	lines  int
	tree   *ast.File
	set    *token.FileSet
}

// at names a place in the file for a message.
func (s source) at(pos token.Pos) string {
	return s.name + ":" + strconv.Itoa(s.set.Position(pos).Line)
}

// imports lists the import paths with their places. Packages of this module are given by their
// folder ("verify/history"), with "." for the root.
func (s source) imports() []imported {
	var list []imported
	for _, spec := range s.tree.Imports {
		full, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has accepted it, so this cannot be
		}
		imp := imported{path: full, at: s.at(spec.Pos())}
		if full == modulePath {
			imp.path, imp.own = ".", true
		} else if folder, ok := strings.CutPrefix(full, modulePath+"/"); ok {
			imp.path, imp.own = folder, true
		}
		list = append(list, imp)
	}
	return list
}

// imported is one import of a file.
type imported struct {
	path string
	own  bool
	at   string
}

// standard says whether the import is of the standard library: its first element has no dot.
func (i imported) standard() bool {
	first, _, _ := strings.Cut(i.path, "/")
	return !i.own && !strings.Contains(first, ".")
}

// parse makes a source from text.
func parse(name, text string) (source, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	return source{
		name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		lines: strings.Count(text, "\n"), tree: tree, set: set,
	}, nil
}

// mustParse is parse for the small bad sources of the tests of the rules.
func mustParse(t *testing.T, name, text string) source {
	t.Helper()
	s, err := parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// goFiles parses every Go file of the module, of every build tag.
func goFiles(t *testing.T) []source {
	t.Helper()
	var files []source
	var nested []string
	err := walk(root, func(name string, content []byte) error {
		if path.Base(name) == "go.mod" && name != "go.mod" {
			nested = append(nested, path.Dir(name)+"/")
		}
		if !strings.HasSuffix(name, ".go") || strings.Contains("/"+name, "/testdata/") {
			return nil
		}
		s, err := parse(name, string(content))
		files = append(files, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i].nested = slices.ContainsFunc(nested, func(dir string) bool { return strings.HasPrefix(files[i].name, dir) })
	}
	if len(files) < 10 {
		t.Fatalf("found only %d Go files below %s: the walk is broken", len(files), root)
	}
	return files
}

// textBytesMax is more than any text here has: what is larger was left by a run.
const textBytesMax = 4 << 20

// walk gives every text file that belongs to the project. What version control ignores (the
// binary, run directories, profiles) and what is not text is left out. A file may vanish meanwhile:
// the tests of other packages run at the same time.
func walk(dir string, visit func(name string, content []byte) error) error {
	return filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && file != dir {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if name == ".git" || name == "runs" {
				return filepath.SkipDir
			}
			return nil
		}
		if name == "logproof" || !entry.Type().IsRegular() || slices.Contains([]string{".test", ".prof"}, path.Ext(name)) {
			return nil
		}
		info, err := entry.Info()
		if err != nil || info.Size() > textBytesMax {
			return ignoreVanished(err)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return ignoreVanished(err)
		}
		if bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0 {
			return nil
		}
		return visit(name, content)
	})
}

// ignoreVanished drops the error of a file that is no longer there.
func ignoreVanished(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
