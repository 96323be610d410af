package ci

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"
)

// forbiddenWords finds what must not be committed: promises to do it later, and paths of the
// machine that somebody happened to write on. They are spelt in two parts so that this file passes.
var forbiddenWords = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|(^|[^\w.~-])/(wo` + `rk|ro` + `ot)/`)

// words lists the forbidden words of a text, with their lines.
func words(name, text string) []string {
	var found []string
	for i, line := range strings.Split(text, "\n") {
		if word := forbiddenWords.FindString(line); word != "" {
			found = append(found, fmt.Sprintf("%s:%d: %q: finish it or open an issue; name no path of one machine", name, i+1, strings.TrimSpace(word)))
		}
	}
	return found
}

func TestWords(t *testing.T) {
	visited := 0
	err := walk(root, func(name string, content []byte) error {
		if path.Base(name) == "go.sum" {
			return nil // checksums may spell anything
		}
		visited++
		for _, violation := range words(name, string(content)) {
			t.Error(violation)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if visited < 10 {
		t.Fatalf("visited only %d files: the walk is broken", visited)
	}
}

func TestWordsCatches(t *testing.T) {
	for _, bad := range []string{"// TO" + "DO: later", "# FIX" + "ME", "XX" + "X", "cd /wo" + "rk/main", "dir=\"/ro" + "ot/x\"", "/ro" + "ot/"} {
		if found := words("x.txt", "fine\n"+bad+"\n"); len(found) != 1 || !strings.HasPrefix(found[0], "x.txt:2:") {
			t.Errorf("%q: found %q, want one violation in line 2", bad, found)
		}
	}
	for _, good := range []string{"the metho" + "d", "net" + "/wo" + "rk/x", "a./ro" + "ot/x", "XX" + "XX", "/wo" + "rking/x", "host/ro" + "ot/x"} {
		if found := words("x.txt", good); found != nil {
			t.Errorf("%q: found %q, want nothing", good, found)
		}
	}
}
