package disk

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/torn"
)

// PowerLoss cuts the power: no call on this FS and its files comes back any more, and what was not synced
// is lost, kept or torn in the files below, as drawn from the seed. It returns when they are what a machine
// finds that is switched on again; the process must end then, without a word to anybody. It is an error, and
// nothing happens, if the disk was made without LoseUnsynced: everything written is in the files below then.
//
// For each file in the order of their names, and each layer of it from the oldest on:
//
//   - a cut is kept, or lost with everything that was written after it;
//   - a new size is kept, or cut back to the old one or to a page boundary between the two;
//   - each page of 4 KiB by itself is kept, lost, or (one in eight) torn: each of its 512-byte sectors is
//     kept or lost.
//
// What a failed Sync gave up is lost. A Sync that is writing when the power is cut is waited for; one that
// is in its delay has not begun. The entries of directories survive.
func (d *Disk) PowerLoss(seed uint64) error {
	if !d.layered {
		return errors.New("power loss: this disk does not keep apart what is not synced: start the node with the disk rule lose-unsynced")
	}
	d.off.Store(true)
	d.mu.Lock()
	defer d.mu.Unlock()
	rng := rand.New(rand.NewPCG(seed, 1))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		if err := d.names[name].losePower(name, rng.Uint64); err != nil {
			errs = append(errs, fmt.Errorf("power loss: %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// losePower draws what is left of a file. It keeps the turn: nobody will write the file down again.
func (n *node) losePower(name string, draw func() uint64) (err error) {
	n.turn <- struct{}{}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.plainLayers() {
		return nil
	}
	below := n.below
	if below == nil {
		if below, err = n.disk.under.Open(name); err != nil {
			return err
		}
		defer func() { err = closeAfter(below, err) }()
	}
	return n.survive(below, draw)
}

// survive carries out on the file below what the draw lets survive of the layers.
func (n *node) survive(below env.File, draw func() uint64) error {
	size, err := below.Size()
	if err != nil {
		return err
	}
	left := map[int64]*page{} // pages that were drawn, as they are now
	end := size               // of the file if nothing of a growth is lost
	for _, l := range n.layers {
		if l.settled {
			continue
		}
		if cut := min(l.low, l.owed); cut < size {
			if !torn.Kept(draw()) {
				break // the rest belongs to a file that never came to be
			}
			if err := below.Truncate(cut); err != nil {
				return err
			}
			size = cut
			maps.DeleteFunc(left, func(number int64, _ *page) bool { return number*pageSize >= cut })
		}
		for _, number := range slices.Sorted(maps.Keys(l.pages)) {
			before := left[number]
			if before == nil {
				before = new(page)
				if err := readFull(below, before[:], number*pageSize); err != nil {
					return err
				}
			}
			left[number] = torn.Mixed(before, l.pages[number], draw())
		}
		if end = l.size; l == n.open() {
			end = n.size
		}
	}
	return place(below, left, size, torn.Grown(size, end, draw))
}

// place sets the size of the file below and writes the pages that lie in it.
func place(below env.File, pages map[int64]*page, size, grown int64) error {
	if grown > size {
		if err := below.Truncate(grown); err != nil {
			return err
		}
	}
	for _, number := range slices.Sorted(maps.Keys(pages)) {
		start := number * pageSize
		if start >= grown {
			break
		}
		if _, err := below.WriteAt(pages[number][:min(pageSize, grown-start)], start); err != nil {
			return err
		}
	}
	return nil
}

// plainLayers says that all that was written is below or lost. It is called with n.mu held.
func (n *node) plainLayers() bool {
	return !slices.ContainsFunc(n.layers, func(l *layer) bool { return !l.settled && l.changed })
}
