package disk

import (
	"math"
	"slices"
	"syscall"
)

// sync is File.Sync. The delay comes before anything reaches the file below: who is killed in a slow Sync
// has not synced.
func (n *node) sync() error {
	n.disk.powered()
	if n.fails() {
		n.disk.delay()
		return syscall.EIO
	}
	last := n.seal()
	n.disk.delay()
	if n.layered() {
		n.turn <- struct{}{}
		defer func() { <-n.turn }()
		n.disk.powered()
	}
	if n.disk.Rules().SyncFails && n.lose(last) {
		return syscall.EIO
	}
	return n.writeDown(last)
}

// lose gives up what a Sync up to last has to make durable; false when that is nothing. Called by the
// holder of n.turn.
func (n *node) lose(last *layer) bool {
	if !n.layered() {
		return n.dirty.Swap(false)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	found, owed := false, int64(math.MaxInt64)
	for _, l := range n.layers[:slices.Index(n.layers, last)+1] {
		if !l.settled {
			l.settled, l.lost, found = true, true, true
			owed = min(owed, l.low, l.owed)
		}
	}
	if found {
		next := n.layers[slices.Index(n.layers, last)+1]
		next.owed = min(next.owed, owed) // with the next write: until then nothing is there to be synced
	}
	return found
}

// fails counts the Sync and applies SyncError. The data of a Sync that fails stays where it is: visible
// to this process, never written down.
func (n *node) fails() bool {
	number := n.disk.syncs.Add(1)
	first := int64(n.disk.Rules().SyncError)
	if first > 0 && number == first {
		n.broken.Store(true)
	}
	return first > 0 && n.broken.Load()
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
	sealed := slices.DeleteFunc(slices.Clone(n.layers[:slices.Index(n.layers, last)+1]), func(l *layer) bool { return l.settled })
	below, err := n.file()
	n.mu.RUnlock()
	if err != nil {
		return err
	}
	n.dirty.Store(false) // what is written from here on, this Sync may miss
	for _, l := range sealed {
		if err := l.writeTo(below); err != nil {
			return err
		}
	}
	if err := below.Sync(); err != nil {
		return err
	}
	if len(sealed) > 0 {
		n.settle(sealed)
	}
	return nil
}

// settle notes layers that are written and synced below, and drops those that nothing lost lies under.
func (n *node) settle(sealed []*layer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range sealed {
		l.settled = true
	}
	done := 0
	for n.layers[done].settled && !n.layers[done].lost {
		done++
	}
	n.layers = slices.Delete(n.layers, 0, done)
}
