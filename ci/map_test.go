package ci

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the package map into README.md")

// Markers in README.md around the map.
const (
	mapBegin = "<!-- map -->"
	mapEnd   = "<!-- /map -->"
)

// packageMap lists every package with the first sentence of its doc.go, sorted by path.
func packageMap(files []source) (string, error) {
	var lines []string
	for _, file := range files {
		if path.Base(file.name) != "doc.go" {
			continue
		}
		_, text, err := sentence(file)
		if err != nil {
			return "", err
		}
		lines = append(lines, fmt.Sprintf("- [`%s`](%s) %s\n", file.pkg, file.pkg, text))
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

// withMap puts the map between the markers of a README.
func withMap(readme, list string) (string, error) {
	before, rest, begins := strings.Cut(readme, mapBegin)
	_, after, ends := strings.Cut(rest, mapEnd)
	if !begins || !ends {
		return "", fmt.Errorf("README.md has no %s line followed by a %s line: write both where the map of packages belongs, then run go test ./ci -run Map -update", mapBegin, mapEnd)
	}
	if strings.Contains(after, mapBegin) {
		return "", fmt.Errorf("README.md has two %s lines: keep one", mapBegin)
	}
	return before + mapBegin + "\n" + list + mapEnd + after, nil
}

func TestMap(t *testing.T) {
	file := filepath.Join(root, "README.md")
	readme, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	list, err := packageMap(goFiles(t))
	if err != nil {
		t.Fatal(err)
	}
	want, err := withMap(string(readme), list)
	if err != nil {
		t.Fatal(err)
	}
	if want == string(readme) {
		return
	}
	if !*update {
		t.Fatalf("the map of packages in README.md is not what the doc.go files say: run go test ./ci -run Map -update. It should be:\n%s", list)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMapCatches(t *testing.T) {
	files := []source{
		mustParse(t, "b/doc.go", "// Package b is second.\npackage b\n"),
		mustParse(t, "a/c/doc.go", "// Package c is first.\npackage c\n"),
		mustParse(t, "a/c/c.go", "package c\n"),
	}
	list, err := packageMap(files)
	if want := "- [`a/c`](a/c) is first.\n- [`b`](b) is second.\n"; err != nil || list != want {
		t.Fatalf("map is %q, %v; want %q", list, err, want)
	}
	got, err := withMap("# x\n"+mapBegin+"\nold\n"+mapEnd+"\nmore\n", list)
	if want := "# x\n" + mapBegin + "\n" + list + mapEnd + "\nmore\n"; err != nil || got != want {
		t.Fatalf("README is %q, %v; want %q", got, err, want)
	}
	if again, err := withMap(got, list); err != nil || again != got {
		t.Errorf("a second update changes it: %q, %v", again, err)
	}
	for _, readme := range []string{"# x\n", mapBegin + "\n", mapEnd + "\n", mapEnd + mapBegin, got + got} {
		if _, err := withMap(readme, list); err == nil {
			t.Errorf("%q: no error about its markers", readme)
		}
	}
	if _, err := packageMap([]source{mustParse(t, "b/doc.go", "package b\n")}); err == nil {
		t.Error("a package without a sentence: no error")
	}
}
