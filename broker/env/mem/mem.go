package mem

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/logproof/logproof/broker/env"
)

// ErrCrashed is what every call on an FS and its files returns once Crash has cut the power.
var ErrCrashed = errors.New("power is cut: go on with the FS that Crash returned")

// FS is a tree of files in memory. It is safe for use by several goroutines.
type FS struct {
	// mu guards the whole tree and every file in it: no call here waits for anything.
	mu      sync.RWMutex
	root    *node
	pending []change // changes of directory entries that no SyncDir has covered, oldest first
	after   *FS      // what Crash returned; nil while the power is on
}

var _ env.FS = (*FS)(nil)

// New gives an empty tree. Its root directory is durable.
func New() *FS { return &FS{root: newDirectory()} }

// node is a file or a directory, whatever its name is at the moment.
type node struct {
	entries map[string]*node // of a directory as callers see it; nil for a file
	kept    map[string]*node // of a directory on stable storage
	data    *data            // of a file; nil for a directory

	// Where stable storage has this node; nil when it has no entry there.
	home     *node
	homeName string
}

func newDirectory() *node {
	return &node{entries: map[string]*node{}, kept: map[string]*node{}}
}

func (n *node) isDir() bool { return n.data == nil }

// walk finds the node of a name; "." and "" are the root.
func (m *FS) walk(op, name string) (*node, error) {
	if m.after != nil {
		return nil, fail(op, name, ErrCrashed)
	}
	clean := path.Clean(name)
	if !fs.ValidPath(clean) {
		return nil, fail(op, name, fs.ErrInvalid)
	}
	at := m.root
	if clean == "." {
		return at, nil
	}
	for part := range strings.SplitSeq(clean, "/") {
		if !at.isDir() {
			return nil, fail(op, name, syscall.ENOTDIR)
		}
		next, ok := at.entries[part]
		if !ok {
			return nil, fail(op, name, fs.ErrNotExist)
		}
		at = next
	}
	return at, nil
}

// parent finds the directory that holds, or would hold, a name. The root has none.
func (m *FS) parent(op, name string) (dir *node, base string, err error) {
	clean := path.Clean(name)
	if clean == "." {
		return nil, "", fail(op, name, fs.ErrInvalid)
	}
	dir, err = m.walk(op, path.Dir(clean))
	if err != nil {
		var located *fs.PathError
		if errors.As(err, &located) {
			err = fail(op, name, located.Err)
		}
		return nil, "", err
	}
	if !dir.isDir() {
		return nil, "", fail(op, name, syscall.ENOTDIR)
	}
	return dir, path.Base(clean), nil
}

func fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Create makes a new file; its directory must be there.
func (m *FS) Create(name string) (env.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("create", name)
	if err != nil {
		return nil, err
	}
	if _, ok := dir.entries[base]; ok {
		return nil, fail("create", name, fs.ErrExist)
	}
	made := &node{data: &data{}}
	m.add(dir, base, made)
	return &file{fs: m, name: name, data: made.data}, nil
}

// Open opens an existing file. All handles of one file share its bytes.
func (m *FS) Open(name string) (env.File, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	found, err := m.walk("open", name)
	if err != nil {
		return nil, err
	}
	if found.isDir() {
		return nil, fail("open", name, syscall.EISDIR)
	}
	return &file{fs: m, name: name, data: found.data}, nil
}

// Remove deletes a file or an empty directory. Open handles of a removed file go on working.
func (m *FS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	found, ok := dir.entries[base]
	switch {
	case !ok:
		return fail("remove", name, fs.ErrNotExist)
	case len(found.entries) > 0:
		return fail("remove", name, syscall.ENOTEMPTY)
	}
	delete(dir.entries, base)
	m.pending = append(m.pending, change{node: found, from: dir, fromName: base})
	return nil
}

// Rename replaces newName by oldName. As with the real files of a Go program, a directory is never
// replaced.
func (m *FS) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, fromName, err := m.parent("rename", oldName)
	if err != nil {
		return err
	}
	moved, ok := from.entries[fromName]
	if !ok {
		return fail("rename", oldName, fs.ErrNotExist)
	}
	to, toName, err := m.parent("rename", newName)
	if err != nil {
		return err
	}
	replaced := to.entries[toName]
	switch {
	case replaced != nil && replaced.isDir():
		return fail("rename", newName, fs.ErrExist)
	case replaced == moved:
		return nil
	case replaced != nil && moved.isDir():
		return fail("rename", newName, syscall.ENOTDIR)
	case moved.isDir() && strings.HasPrefix(path.Clean(newName)+"/", path.Clean(oldName)+"/"):
		return fail("rename", newName, syscall.EINVAL) // into itself
	}
	delete(from.entries, fromName)
	to.entries[toName] = moved
	m.pending = append(m.pending, change{node: moved, from: from, fromName: fromName, to: to, toName: toName})
	return nil
}

// List returns the names in a directory, sorted.
func (m *FS) List(dir string) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	found, err := m.walk("list", dir)
	if err != nil {
		return nil, err
	}
	if !found.isDir() {
		return nil, fail("list", dir, syscall.ENOTDIR)
	}
	return sortedNames(found.entries), nil
}

func sortedNames(entries map[string]*node) []string {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// MkdirAll makes a directory and its parents. Each new one is an entry of the one above it, and is
// durable only after SyncDir of that one.
func (m *FS) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.walk("mkdir", ".")
	if err != nil {
		return err
	}
	clean := path.Clean(dir)
	if !fs.ValidPath(clean) {
		return fail("mkdir", dir, fs.ErrInvalid)
	}
	if clean == "." {
		return nil
	}
	for part := range strings.SplitSeq(clean, "/") {
		next, ok := at.entries[part]
		if !ok {
			next = newDirectory()
			m.add(at, part, next)
		}
		if !next.isDir() {
			return fail("mkdir", dir, syscall.ENOTDIR)
		}
		at = next
	}
	return nil
}

// SyncDir makes the entries of dir durable: what was created, removed and renamed in it.
func (m *FS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, err := m.walk("syncdir", dir)
	if err != nil {
		return err
	}
	if !found.isDir() {
		return fail("syncdir", dir, syscall.ENOTDIR)
	}
	m.settle(found)
	return nil
}

func (m *FS) add(dir *node, name string, made *node) {
	dir.entries[name] = made
	m.pending = append(m.pending, change{node: made, to: dir, toName: name})
}
