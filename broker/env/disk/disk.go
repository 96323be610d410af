package disk

import (
	"errors"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/logproof/logproof/broker/env"
)

// New wraps under. The package holds no clock: sleep is what waits for SyncDelay, time.Sleep in a process
// and a virtual clock in a test; it may run on several goroutines at once and no lock is held meanwhile.
// The FS is safe for use by several goroutines if under is.
func New(under env.FS, rules Rules, sleep func(time.Duration)) *Disk {
	d := &Disk{
		under:   under,
		layered: rules.LoseUnsynced,
		sleep:   sleep,
		names:   map[string]*node{},
		space:   space{limit: rules.Space},
	}
	d.rules.Store(&rules)
	return d
}

// Disk is an env.FS with rules that can be changed while it is used.
type Disk struct {
	under   env.FS
	layered bool // what is not synced is kept apart: fixed when the disk is made
	rules   atomic.Pointer[Rules]
	sleep   func(time.Duration)
	space   space
	syncs   atomic.Int64 // Syncs of files since the rules came into force, for SyncError
	off     atomic.Bool  // the power is lost: no call comes back

	// mu guards names, and in every node refs, name and gone. Order of locks: mu, node.turn, node.mu,
	// space.mu.
	mu      sync.Mutex
	names   map[string]*node
	counted bool // the files that were there before are in names; needed for the space rule only
}

var _ env.FS = (*Disk)(nil)

// Rules are those in force.
func (d *Disk) Rules() Rules { return *d.rules.Load() }

// SetRules replaces the rules for everything that begins from now on. LoseUnsynced must be what it was
// when the disk was made. A space rule may make the disk full at once: what is there stays. If the files
// cannot be counted for it, the rules stay what they were.
func (d *Disk) SetRules(rules Rules) error {
	if rules.LoseUnsynced != d.layered {
		return errors.New("lose-unsynced is chosen when the disk is made: what was written before would be on the wrong side; start the node with or without it")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if rules.Space > 0 {
		if err := d.countOnce(); err != nil {
			return err
		}
	}
	d.space.restrict(rules.Space)
	d.syncs.Store(0)
	d.rules.Store(&rules)
	return nil
}

// powered waits for ever once the power is lost: a machine without power does not fail calls, it does
// not answer them.
func (d *Disk) powered() {
	if d.off.Load() {
		select {}
	}
}

// Create makes a new file.
func (d *Disk) Create(name string) (env.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return nil, err
	}
	if d.Rules().WriteFails {
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.EIO}
	}
	below, err := d.under.Create(name)
	if err != nil {
		return nil, err
	}
	made := d.newNode(path.Clean(name), 0)
	made.below = below
	made.counted = d.counted
	return d.handle(name, made), nil
}

// Open opens an existing file; all handles of it share what was not synced.
func (d *Disk) Open(name string) (env.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
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
		if known.counted = d.counted; known.counted {
			d.space.charge(size)
		}
	}
	known.attach(below)
	return d.handle(name, known), nil
}

// Remove deletes a file or an empty directory, with what was not synced. Open handles go on working.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return err
	}
	if err := d.under.Remove(name); err != nil {
		return err
	}
	d.forget(path.Clean(name))
	return nil
}

// Rename takes what was not synced along: under the new name it is still not synced.
func (d *Disk) Rename(oldName, newName string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return err
	}
	if err := d.under.Rename(oldName, newName); err != nil {
		return err
	}
	d.move(path.Clean(oldName), path.Clean(newName))
	return nil
}

// List returns the names in a directory, sorted.
func (d *Disk) List(dir string) ([]string, error) { return d.under.List(dir) }

// MkdirAll makes a directory and its parents.
func (d *Disk) MkdirAll(dir string) error { return d.under.MkdirAll(dir) }

// SyncDir takes the delay of the disk like every Sync; SyncError counts and breaks files only.
func (d *Disk) SyncDir(dir string) error {
	d.powered()
	d.delay()
	if d.Rules().SyncFails {
		return &fs.PathError{Op: "syncdir", Path: dir, Err: syscall.EIO}
	}
	return d.under.SyncDir(dir)
}

// delay waits for the sync delay, if there is one.
func (d *Disk) delay() {
	if delay := d.Rules().SyncDelay; delay > 0 {
		d.sleep(delay)
	}
	d.powered()
}

// begin is what comes before a change of names. It is called with d.mu held.
func (d *Disk) begin() error {
	d.powered()
	if d.Rules().Space == 0 {
		return nil
	}
	return d.countOnce()
}
