package ci

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// Aims of style are lower (files 80-300 lines, functions 8-40); past these a reason is needed.
const (
	fileLinesMax     = 500
	functionLinesMax = 70
	mainLinesMax     = 30
)

// vague are package names that say nothing about what is inside, and so attract everything.
var vague = []string{"util", "utils", "common", "helper", "helpers", "pkg", "misc", "shared"}

// wellKnown are methods whose contract is that of an interface of the standard library: their
// comment would repeat it.
var wellKnown = []string{"Error", "Unwrap", "String", "Len", "Less", "Swap"}

// packageSentence is the first line of a doc.go: it is the package's line in the README's map.
var packageSentence = regexp.MustCompile(`^// Package (\w+) (.+[.?])$`)

// unintroduced lists packages without a doc.go that starts with one sentence. A program may have its
// comment in main.go instead, which holds nothing else.
func unintroduced(files []source) []string {
	documented, program := map[string]bool{}, map[string]bool{}
	packages := map[string]bool{}
	var found []string
	for _, file := range files {
		packages[file.pkg] = packages[file.pkg] || !file.test
		program[file.pkg] = program[file.pkg] || file.tree.Name.Name == "main" && file.tree.Doc != nil
		if path.Base(file.name) != "doc.go" {
			continue
		}
		documented[file.pkg] = true
		if _, _, err := sentence(file); err != nil {
			found = append(found, err.Error())
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		if !documented[pkg] && !program[pkg] {
			found = append(found, fmt.Sprintf("%s: no doc.go: every package starts with one sentence and a picture", pkg))
		}
	}
	return found
}

// sentence reads the package's name and what its doc.go says of it in the first line.
func sentence(file source) (name, text string, err error) {
	doc := file.tree.Doc
	if doc == nil {
		return "", "", fmt.Errorf("%s: no package comment", file.name)
	}
	parts := packageSentence.FindStringSubmatch(doc.List[0].Text)
	if parts == nil || parts[1] != file.tree.Name.Name {
		return "", "", fmt.Errorf("%s: the first line is %q: it must be one sentence \"// Package %s ...\" that ends there",
			file.at(doc.Pos()), doc.List[0].Text, file.tree.Name.Name)
	}
	return parts[1], parts[2], nil
}

// undocumented lists exported identifiers without a comment. In a group of constants or variables
// the comment of the group covers all of it, and the comment of one covers the others that it names.
func undocumented(file source) []string {
	var found []string
	bad := func(pos token.Pos, what, name string) {
		found = append(found, fmt.Sprintf("%s: exported %s %s has no doc comment", file.at(pos), what, name))
	}
	for _, decl := range file.tree.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			owner := receiver(decl)
			if !decl.Name.IsExported() || decl.Doc != nil || owner != "" && !ast.IsExported(owner) {
				continue
			}
			if owner == "" {
				bad(decl.Pos(), "function", decl.Name.Name)
			} else if !slices.Contains(wellKnown, decl.Name.Name) {
				bad(decl.Pos(), "method", owner+"."+decl.Name.Name)
			}
		case *ast.GenDecl:
			for _, name := range bare(decl) {
				bad(name.Pos(), decl.Tok.String(), name.Name)
			}
		}
	}
	return found
}

// bare gives the exported names of a declaration that no comment explains.
func bare(decl *ast.GenDecl) []*ast.Ident {
	if decl.Doc != nil {
		return nil
	}
	var names []*ast.Ident
	said := ""
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Doc == nil && spec.Comment == nil {
				names = append(names, spec.Name)
			}
		case *ast.ValueSpec:
			said += spec.Doc.Text()
			if spec.Doc == nil && spec.Comment == nil {
				names = append(names, spec.Names...)
			}
		}
	}
	explained := strings.FieldsFunc(said, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.DeleteFunc(names, func(n *ast.Ident) bool {
		return !n.IsExported() || slices.Contains(explained, n.Name)
	})
}

// receiver names the type of a method, "" for a function.
func receiver(decl *ast.FuncDecl) string {
	if decl.Recv == nil || len(decl.Recv.List) == 0 {
		return ""
	}
	expr := decl.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return "?"
		}
	}
}

// misnamed lists packages with a name that says nothing.
func misnamed(files []source) []string {
	found := map[string]bool{}
	for _, file := range files {
		for _, name := range append(strings.Split(file.pkg, "/"), strings.TrimSuffix(file.tree.Name.Name, "_test")) {
			if slices.Contains(vague, name) {
				found[fmt.Sprintf("%s: %q says nothing: name the package for the noun it holds", file.pkg, name)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestStyle(t *testing.T) {
	files := goFiles(t)
	violations := append(unintroduced(files), misnamed(files)...)
	for _, file := range files {
		if !file.test {
			violations = append(violations, undocumented(file)...)
		}
		if file.name == "main.go" && file.lines > mainLinesMax {
			violations = append(violations, fmt.Sprintf("main.go: %d lines: at most %d, it only calls scenarios/command", file.lines, mainLinesMax))
		}
	}
	for _, violation := range violations {
		t.Error(violation)
	}
}

// TestStyleCatches gives each rule one small bad source, and all of them a good one.
func TestStyleCatches(t *testing.T) {
	for text, want := range map[string]string{
		"package p\n":                           "no package comment",
		"// Package q is another.\npackage p\n": "must be one sentence",
		"// Package p goes on in the\n// next line.\npackage p\n": "must be one sentence",
		"// p does things.\npackage p\n":                          "must be one sentence",
	} {
		if found := unintroduced([]source{mustParse(t, "p/doc.go", text)}); len(found) != 1 || !strings.Contains(found[0], want) {
			t.Errorf("%q: found %q, want one violation with %q", text, found, want)
		}
	}
	for name, text := range map[string]string{"p/p.go": "package p\n", "p.go": "// Package p is.\npackage p\n", "main.go": "package main\n"} {
		if found := unintroduced([]source{mustParse(t, name, text)}); len(found) != 1 {
			t.Errorf("%q without doc.go: found %q", text, found)
		}
	}
	good := []source{mustParse(t, "p/doc.go", "// Package p is good.\n//\n//\tpicture\npackage p\n"),
		mustParse(t, "p/p.go", "package p\n"), mustParse(t, "main.go", "// Command x is good.\npackage main\n")}
	if found := unintroduced(good); found != nil {
		t.Errorf("good packages: found %q", found)
	}

	for body, want := range map[string]string{
		"func Do() {}":            "function Do",
		"type T struct{}":         "type T",
		"const C = 1":             "const C",
		"var (\n\tV, w = 1, 2\n)": "var V",
		"// T is.\ntype T[K any] struct{}\nfunc (*T[K]) Do() {}": "method T.Do",
		"const (\n\t// A is.\n\tA = iota\n\tB\n)":                "const B",
	} {
		if found := undocumented(mustParse(t, "p/p.go", "package p\n\n"+body+"\n")); len(found) != 1 || !strings.HasSuffix(found[0], want+" has no doc comment") {
			t.Errorf("%q: found %q, want one violation of %q", body, found, want)
		}
	}
	documented := "package p\n\n// Group of.\nconst (\n\tA = iota\n\tB\n)\n\nvar (\n\tC = 1 // C is.\n\td = 2\n\t// E and F are.\n\tE = 3\n\tF = 4\n)\n\n" +
		"// T is.\ntype T struct{ F int }\n\nfunc (T) String() string { return \"\" }\n\ntype u struct{}\n\nfunc (u) Do() {}\n"
	if found := undocumented(mustParse(t, "p/p.go", documented)); found != nil {
		t.Errorf("documented: found %q", found)
	}

	for name, text := range map[string]string{"broker/util/x.go": "package x", "broker/x/x.go": "package common", "pkg/x/x_test.go": "package x_test"} {
		if found := misnamed([]source{mustParse(t, name, text+"\n")}); len(found) != 1 {
			t.Errorf("%s: found %q, want one violation", name, found)
		}
	}
	if found := misnamed([]source{mustParse(t, "broker/utility/x.go", "package utility\n")}); found != nil {
		t.Errorf("utility: found %q", found)
	}
}
