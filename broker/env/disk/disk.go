package disk

import (
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logproof/logproof/broker/env"
)

// New wraps under. The package holds no clock: sleep is what waits for SyncDelay, time.Sleep in a process
// and a virtual clock in a test; it may run on several goroutines at once and no lock is held meanwhile.
// The FS is safe for use by several goroutines if under is.
func New(under env.FS, rules Rules, sleep func(time.Duration)) env.FS {
	return &disk{
		under: under,
		rules: rules,
		sleep: sleep,
		names: map[string]*node{},
		space: space{limit: rules.Space},
	}
}

type disk struct {
	under env.FS
	rules Rules
	sleep func(time.Duration)
	space space
	syncs atomic.Int64 // Syncs of files so far, for SyncError

	// mu guards names, and in every node refs, name and gone. Order of locks: mu, node.mu, space.mu.
	mu      sync.Mutex
	names   map[string]*node
	counted bool // the files that were there before are in names; needed for the space rule only
}

// Create makes a new file.
func (d *disk) Create(name string) (env.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.countOnce(); err != nil {
		return nil, err
	}
	below, err := d.under.Create(name)
	if err != nil {
		return nil, err
	}
	made := d.newNode(path.Clean(name), 0)
	made.below = below
	return d.handle(name, made), nil
}

// Open opens an existing file; all handles of it share what was not synced.
func (d *disk) Open(name string) (env.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.countOnce(); err != nil {
		return nil, err
	}
	known := d.names[path.Clean(name)]
	if known != nil && known.refs > 0 {
		return d.handle(name, known), nil
	}
	below, err := d.under.Open(name)
	if err != nil {
		return nil, err
	}
	if known == nil {
		size, err := below.Size()
		if err != nil {
			return nil, closeAfter(below, err)
		}
		known = d.newNode(path.Clean(name), size)
		d.space.charge(size)
	}
	known.attach(below)
	return d.handle(name, known), nil
}

// Remove deletes a file or an empty directory, with what was not synced. Open handles go on working.
func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.countOnce(); err != nil {
		return err
	}
	if err := d.under.Remove(name); err != nil {
		return err
	}
	d.forget(path.Clean(name))
	return nil
}

// Rename takes what was not synced along: under the new name it is still not synced.
func (d *disk) Rename(oldName, newName string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.countOnce(); err != nil {
		return err
	}
	if err := d.under.Rename(oldName, newName); err != nil {
		return err
	}
	d.move(path.Clean(oldName), path.Clean(newName))
	return nil
}

// List returns the names in a directory, sorted.
func (d *disk) List(dir string) ([]string, error) { return d.under.List(dir) }

// MkdirAll makes a directory and its parents.
func (d *disk) MkdirAll(dir string) error { return d.under.MkdirAll(dir) }

// SyncDir takes the delay of the disk like every Sync; SyncError counts and breaks files only.
func (d *disk) SyncDir(dir string) error {
	d.delay()
	return d.under.SyncDir(dir)
}

// delay waits for the sync delay, if there is one.
func (d *disk) delay() {
	if d.rules.SyncDelay > 0 {
		d.sleep(d.rules.SyncDelay)
	}
}
