package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// kgoDoors are what kgo's tests name to come to a cluster.
var kgoDoors = []string{"getSeedBrokers", "scramSeeds"}

// clusterTests are the tests in a folder that reach a cluster: those that name one of kgoDoors, or a function of the
// tests that does. The others test the client by itself; a broker would pass them by not being there.
func clusterTests(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		return nil, err
	}
	names := map[string]map[string]bool{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
				names[f.Name.Name] = named(f.Body)
			}
		}
	}
	reach := map[string]bool{}
	for _, door := range kgoDoors {
		reach[door] = true
	}
	for grown := true; grown; {
		grown = false
		for name, uses := range names {
			if !reach[name] && slices.ContainsFunc(slices.Collect(maps.Keys(reach)), func(r string) bool { return uses[r] }) {
				reach[name], grown = true, true
			}
		}
	}
	var tests []string
	for _, name := range slices.Sorted(maps.Keys(reach)) {
		if strings.HasPrefix(name, "Test") {
			tests = append(tests, name)
		}
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("no test in %s comes to a cluster by %v: its tests have changed", folder, kgoDoors)
	}
	return tests, nil
}

// named are all identifiers in a body.
func named(body *ast.BlockStmt) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			found[id.Name] = true
		}
		return true
	})
	return found
}
