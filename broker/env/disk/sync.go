package disk

import (
	"slices"
	"syscall"
)

// sync is File.Sync. The delay comes before anything reaches the file below: who is killed in a slow Sync
// has not synced.
func (n *node) sync() error {
	if n.fails() {
		n.disk.delay()
		return syscall.EIO
	}
	last := n.seal()
	n.disk.delay()
	if n.layered() {
		n.turn <- struct{}{}
		defer func() { <-n.turn }()
	}
	return n.writeDown(last)
}

// fails counts the Sync and applies SyncError. The data of a Sync that fails stays where it is: visible
// to this process, never written down.
func (n *node) fails() bool {
	number := n.disk.syncs.Add(1)
	if first := int64(n.disk.rules.SyncError); first > 0 && number == first {
		n.broken.Store(true)
	}
	return n.broken.Load()
}

// seal closes the open layer and returns the last layer that a Sync from now on must cover: it may be
// one that another Sync sealed and has not written down yet. Nil when there is none.
func (n *node) seal() *layer {
	if !n.layered() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if open := n.open(); open.changed {
		open.size = n.size
		n.layers = append(n.layers, newLayer())
	}
	if len(n.layers) == 1 {
		return nil
	}
	return n.layers[len(n.layers)-2]
}

// writeDown writes the sealed layers up to last into the file below, syncs it, and drops them. A layer
// that is missing was written and synced by a Sync that came first. Called by the holder of n.turn, so
// layers leave at the front only here.
func (n *node) writeDown(last *layer) error {
	n.mu.RLock()
	sealed := slices.Clone(n.layers[:slices.Index(n.layers, last)+1])
	below, err := n.file()
	n.mu.RUnlock()
	if err != nil {
		return err
	}
	for _, l := range sealed {
		if err := l.writeTo(below); err != nil {
			return err
		}
	}
	if err := below.Sync(); err != nil {
		return err
	}
	if len(sealed) > 0 {
		n.mu.Lock()
		n.layers = slices.Delete(n.layers, 0, len(sealed))
		n.mu.Unlock()
	}
	return nil
}
