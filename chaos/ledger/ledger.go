package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/logproof/logproof/chaos/procfs"
)

// Versions of the entry's format: plain names processes only, and programs that know no other must not heal
// what names more.
const (
	versionPlain   = 1
	versionOutside = 2
)

// Child is a process that a harness started.
type Child struct {
	// Name is unique within the harness: "node 0". A later child of the same name replaces it.
	Name string `json:"name"`
	procfs.Identity
	// Group is the process group that is killed as a whole; the child leads it.
	Group int `json:"group"`
}

// Outside is all that a harness made in a system that is no child of it: containers in an engine.
type Outside struct {
	// Kind of the system: which Healer knows it.
	Kind string `json:"kind"`
	// Where it is reached.
	Where string `json:"where"`
	// Label that everything of this harness has there, and nothing of anybody else.
	Label string `json:"label"`
}

// entry is the file of one harness.
type entry struct {
	Version   int             `json:"version"`
	Boot      string          `json:"boot"`
	Namespace string          `json:"namespace"`
	Harness   procfs.Identity `json:"harness"`
	RunDir    string          `json:"run_dir"`
	Children  []Child         `json:"children"`
	Outside   []Outside       `json:"outside,omitempty"`
}

// Ledger is the entry of this process. Its methods may be called from several goroutines.
type Ledger struct {
	path string

	mu struct {
		sync.Mutex
		entry  entry
		closed bool
	}
}

// Open writes an entry for this process into dir (made if missing), before anything is started or
// broken. runDir is for people: where the run keeps its files. It is noted in full, because the
// harness that reads it may stand in another directory.
func Open(dir, runDir string) (*Ledger, error) {
	runDir, err := filepath.Abs(runDir)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	self, _, err := procfs.Identify(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	boot, namespace, err := procfs.Scope()
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	// One process may run several harnesses, so the name ends with what is unique in the directory.
	f, err := os.CreateTemp(dir, fmt.Sprintf("%d-%d-*%s", self.Pid, self.Start, finished+unfinished))
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	f.Close()
	l := &Ledger{path: f.Name()[:len(f.Name())-len(unfinished)]}
	l.mu.entry = entry{Version: versionPlain, Boot: boot, Namespace: namespace, Harness: self, RunDir: runDir}
	if err := l.mu.entry.write(l.path); err != nil {
		os.Remove(f.Name())
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	return l, nil
}

// Add notes a child; when it returns nil the note is on stable storage.
func (l *Ledger) Add(c Child) error {
	return l.note(c.Name, func(e *entry) {
		e.Children = slices.DeleteFunc(slices.Clone(e.Children), func(old Child) bool { return old.Name == c.Name })
		e.Children = append(e.Children, c)
	})
}

// AddOutside notes a label before anything is made under it; when it returns nil the note is on stable storage.
func (l *Ledger) AddOutside(o Outside) error {
	return l.note(o.Label, func(e *entry) {
		e.Version, e.Outside = versionOutside, append(slices.Clone(e.Outside), o)
	})
}

// Removed takes back what AddOutside noted: nothing has the label any more.
func (l *Ledger) Removed(o Outside) error {
	return l.note(o.Label, func(e *entry) {
		e.Outside = slices.DeleteFunc(slices.Clone(e.Outside), func(other Outside) bool { return other == o })
	})
}

// note changes the entry; what names the change in errors.
func (l *Ledger) note(what string, change func(*entry)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return fmt.Errorf("note %s in the ledger: it is closed", what)
	}
	next := l.mu.entry
	change(&next)
	if err := next.write(l.path); err != nil {
		return fmt.Errorf("note %s in the ledger: %w", what, err)
	}
	l.mu.entry = next
	return nil
}

// Close removes the entry: everything the harness started has ended. What it made outside and could not remove
// keeps the entry, for the next harness. A second call does nothing.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return nil
	}
	l.mu.closed = true
	if len(l.mu.entry.Outside) > 0 {
		return nil
	}
	if err := os.Remove(l.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("close the ledger: %w", err)
	}
	return syncDir(filepath.Dir(l.path))
}

// finished ends the name of an entry; unfinished is appended while it is being written.
const (
	finished   = ".json"
	unfinished = ".tmp"
)

// write replaces the file by the entry, durably and in one step.
func (e entry) write(path string) error {
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.Create(path + unfinished)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+unfinished, path)
	}
	if err != nil {
		os.Remove(path + unfinished)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
