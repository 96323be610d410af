package envtest

import (
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/env"
)

// tree is the model of an FS: path to content, where the content of a directory is directory. Its methods
// carry a call out if it is legal and say whether it was.
type tree map[string]string

const directory = "/"

// treeLikeMap creates, moves and removes at random and compares with the model. Few names are used, so
// that a new file meets what an old one left behind.
func treeLikeMap(t *testing.T, under env.FS) {
	random := rand.New(rand.NewPCG(3, 4))
	model := tree{".": directory}
	spots := []string{"a", "b", "d", "e", "d/a", "d/b", "e/a", "e/d", "e/d/a", "d/e"}
	for step := range 500 {
		name, other := spots[random.IntN(len(spots))], spots[random.IntN(len(spots))]
		var err error
		var legal bool
		var call string
		switch random.IntN(6) {
		case 0:
			call, err, legal = "MkdirAll", under.MkdirAll(name), model.mkdirAll(name)
		case 1:
			call, err, legal = "Remove", under.Remove(name), model.remove(name)
		case 2:
			call, err, legal = "Rename to "+other+" of", under.Rename(name, other), model.rename(name, other)
		case 3:
			call, err, legal = "SyncDir", under.SyncDir(name), model[name] == directory
		default:
			content := strings.Repeat("x", step%50) + name
			call, err, legal = "write of", rewrite(t, under, name, content, step%3 == 0), model.write(name, content)
		}
		if (err == nil) != legal {
			t.Fatalf("step %d: %s %q: %v; legal: %t", step, call, name, err, legal)
		}
	}
	for name, content := range model {
		if content == directory {
			wantList(t, under, name, model.list(name)...)
			continue
		}
		f := open(t, under, name)
		wantBytes(t, f, content)
		shut(t, f)
	}
}

// rewrite gives a file a new content, making the file if it is missing.
func rewrite(t *testing.T, under env.FS, name, content string, sync bool) error {
	t.Helper()
	f, err := under.Open(name)
	if err != nil {
		if f, err = under.Create(name); err != nil {
			return err
		}
	}
	must(t, f.Truncate(0))
	write(t, f, content, 0)
	if sync {
		must(t, f.Sync())
	}
	return f.Close()
}

func (m tree) mkdirAll(name string) bool {
	for at := name; at != "."; at = path.Dir(at) {
		if content, ok := m[at]; ok && content != directory {
			return false
		}
	}
	for at := name; at != "."; at = path.Dir(at) {
		m[at] = directory
	}
	return true
}

func (m tree) remove(name string) bool {
	if _, ok := m[name]; !ok || len(m.list(name)) > 0 {
		return false
	}
	delete(m, name)
	return true
}

func (m tree) rename(from, to string) bool {
	moved, ok := m[from]
	replaced := m[to]
	switch {
	case !ok || m[path.Dir(to)] != directory:
		return false
	case replaced == directory, moved == directory && replaced != "":
		return false
	case strings.HasPrefix(to, from+"/"): // into itself
		return false
	case from == to:
		return true
	}
	for name, content := range maps.Clone(m) {
		if name == from || strings.HasPrefix(name, from+"/") {
			delete(m, name)
			m[to+name[len(from):]] = content
		}
	}
	return true
}

func (m tree) write(name, content string) bool {
	if m[name] == directory || m[path.Dir(name)] != directory {
		return false
	}
	m[name] = content
	return true
}

func (m tree) list(dir string) []string {
	var names []string
	for name := range m {
		if name != "." && path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names
}
