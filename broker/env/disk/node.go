package disk

import (
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/logproof/logproof/broker/env"
)

// node is one file, whatever its name is at the moment and however many handles it has.
type node struct {
	disk *Disk

	// Guarded by disk.mu.
	name string
	refs int  // handles
	gone bool // removed or replaced

	turn   chan struct{} // held while layers are written down; a channel, because it is held while waiting
	broken atomic.Bool   // a Sync failed by rule: all later ones fail

	// dirty says that something was written since the last Sync; it is kept without layers only.
	dirty atomic.Bool

	// mu guards what follows. It is held across a write to the file below only where the space rule
	// needs it, and for reading by other writes to it, and across the read of at most one page where a
	// write begins or ends inside a page.
	mu      sync.RWMutex
	below   env.File // shared by all handles; nil when there is none
	counted bool     // its size is part of the space in use
	size    int64    // bytes; kept with layers or where it is counted, and stands for nothing without
	layers  []*layer // oldest first, the last is open; none without lose-unsynced
}

// attach and detach give and take the file below. detach is for the last handle.
func (n *node) attach(below env.File) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.below = below
}

func (n *node) detach() env.File {
	n.mu.Lock()
	defer n.mu.Unlock()
	below := n.below
	n.below = nil
	return below
}

// file returns the file below. A handle closed by another goroutine in the middle of a call has none.
func (n *node) file() (env.File, error) {
	if n.below == nil {
		return nil, fs.ErrClosed
	}
	return n.below, nil
}

// free gives back the space of a file that has neither name nor handle.
func (n *node) free() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.give(n.size)
}

// give gives space back that the file took. It is called with n.mu held.
func (n *node) give(bytes int64) {
	if n.counted {
		n.disk.space.give(bytes)
	}
}

// count makes the file's size part of the space in use.
func (n *node) count() (err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.layered() {
		below, err := n.file()
		if err != nil {
			return err
		}
		if n.size, err = below.Size(); err != nil {
			return err
		}
	}
	n.counted = true
	n.disk.space.charge(n.size)
	return nil
}

// plain says that the file below is the whole truth about this node.
func (n *node) plain() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return !n.broken.Load() && (n.layers == nil || len(n.layers) == 1 && !n.layers[0].changed)
}

func (n *node) layered() bool { return n.disk.layered }

func (n *node) readAt(p []byte, off int64) (int, error) {
	if n.layered() {
		return n.readLayers(p, off)
	}
	n.mu.RLock()
	below, err := n.file()
	n.mu.RUnlock()
	if err != nil {
		return 0, err
	}
	return below.ReadAt(p, off)
}

func (n *node) length() (int64, error) {
	n.mu.RLock()
	below, err := n.file()
	size := n.size
	n.mu.RUnlock()
	if err != nil || n.layered() {
		return size, err
	}
	return below.Size()
}

func (n *node) writeAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := n.writes(); err != nil {
		return 0, err
	}
	if written, done, err := n.writePlain(p, off); done {
		return written, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	below, err := n.file()
	if err != nil {
		return 0, err
	}
	fits, full := n.reserve(p, off)
	if len(fits) == 0 {
		return 0, full
	}
	reserved := max(n.size, off+int64(len(fits)))
	written, err := n.put(below, fits, off)
	if written > 0 {
		n.size = max(n.size, off+int64(written))
	}
	n.give(reserved - n.size)
	if err == nil {
		err = full
	}
	return written, err
}

// writes is what comes before every change of the file.
func (n *node) writes() error {
	n.disk.powered()
	rules := n.disk.rules.Load()
	if rules.WriteDelay > 0 {
		n.disk.sleep(rules.WriteDelay)
		n.disk.powered()
	}
	if rules.WriteFails {
		return syscall.EIO
	}
	if !n.layered() {
		n.dirty.Store(true)
	}
	return nil
}

// writePlain writes to a file that is neither layered nor counted, beside other writes; done is false if
// it is one of the two.
func (n *node) writePlain(p []byte, off int64) (written int, done bool, err error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.layered() || n.counted {
		return 0, false, nil
	}
	below, err := n.file()
	if err != nil {
		return 0, true, err
	}
	written, err = below.WriteAt(p, off)
	return written, true, err
}

// put writes where writes go. It is called with n.mu held.
func (n *node) put(below env.File, p []byte, off int64) (int, error) {
	if n.layered() {
		return n.writeLayer(p, off)
	}
	return below.WriteAt(p, off)
}

// reserve takes space for a write and cuts the write to what there is space for.
func (n *node) reserve(p []byte, off int64) ([]byte, error) {
	grow := off + int64(len(p)) - n.size
	if grow <= 0 || !n.counted {
		return p, nil
	}
	granted := n.disk.space.take(grow)
	if granted == grow {
		return p, nil
	}
	fit := int64(len(p)) - (grow - granted)
	if fit <= 0 { // not even the gap before the write fits
		n.disk.space.give(granted)
		return nil, syscall.ENOSPC
	}
	return p[:fit], syscall.ENOSPC
}

func (n *node) truncate(size int64) error {
	if err := n.writes(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	below, err := n.file()
	if err != nil {
		return err
	}
	if !n.layered() && !n.counted {
		return below.Truncate(size)
	}
	grow := int64(0)
	if n.counted {
		grow = max(0, size-n.size)
	}
	if granted := n.disk.space.take(grow); granted < grow {
		n.disk.space.give(granted)
		return syscall.ENOSPC
	}
	if n.layered() {
		err = n.cutLayer(size)
	} else {
		err = below.Truncate(size)
	}
	if err != nil {
		n.give(grow)
		return err
	}
	n.give(n.size + grow - size)
	n.size = size
	return nil
}
