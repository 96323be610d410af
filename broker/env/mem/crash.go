package mem

import (
	"slices"

	"github.com/logproof/logproof/broker/env/torn"
)

// Crash cuts the power and returns what a restart finds. Every later call on this FS and its files,
// but for Close, fails with ErrCrashed, and a second Crash returns the same FS as the first.
//
// What was synced is there, always. With a nil draw nothing else is. Otherwise draw decides, one call for
// one thing, about everything not synced: an odd number keeps it. First the changes of directory entries,
// oldest first; then the files in the order of their paths, and for each file
//
//   - a pending truncation: kept, or lost together with everything written above the cut;
//   - a new size: kept, or cut back to the old size or to a page boundary between the two;
//   - each written page of 4 KiB by itself, in order: kept, lost, or (one even number in four) torn, in
//     which case each sector of 512 bytes is kept or lost by a bit of the same number.
//
// A size may be kept without its pages: the gap reads as zeros, as with a real file system. Equal draws
// after equal calls give equal results.
func (m *FS) Crash(draw func() uint64) *FS {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.after != nil {
		return m.after
	}
	if draw != nil {
		for _, c := range m.pending {
			if torn.Kept(draw()) {
				c.keep()
			}
		}
	}
	m.pending = nil
	m.after = &FS{root: survivor(m.root, draw)}
	return m.after
}

// survivor copies the stable state of a node; in the copy everything is synced.
func survivor(n *node, draw func() uint64) *node {
	if !n.isDir() {
		return &node{data: n.data.survivor(draw)}
	}
	dir := newDirectory()
	for _, name := range sortedNames(n.kept) {
		child := survivor(n.kept[name], draw)
		child.home, child.homeName = dir, name
		dir.entries[name], dir.kept[name] = child, child
	}
	return dir
}

// survivor builds the bytes of the file after the crash. Pages are shared with the old FS, which will
// not change them any more.
func (d *data) survivor(draw func() uint64) *data {
	pages, size := slices.Clone(d.kept), d.keptSize
	if draw != nil {
		pages, size = d.gamble(pages, size, draw)
	}
	pages = shaped(pages, size)
	return &data{pages: pages, size: size, kept: slices.Clone(pages), keptSize: size}
}

// gamble adds to the stable state of a file what the draw lets survive.
func (d *data) gamble(pages []*page, size int64, draw func() uint64) ([]*page, int64) {
	dirty := d.dirtyPages()
	if d.cut {
		if torn.Kept(draw()) {
			pages, size = shaped(pages, d.low), d.low
			size = torn.Grown(size, d.size, draw)
		} else {
			// The blocks written above the cut belong to a file that never came to be.
			dirty = below(dirty, int(d.low/pageSize))
		}
	} else {
		size = torn.Grown(size, d.size, draw)
	}
	if missing := len(d.pages) - len(pages); missing > 0 {
		pages = slices.Grow(pages, missing)[:len(d.pages)]
	}
	for _, number := range dirty {
		pages[number] = torn.Mixed(at(pages, number), at(d.pages, number), draw())
	}
	return pages, size
}

// shaped cuts or extends pages to size and clears what lies past it. It may change the slice, which is
// the caller's own, and not the pages, which are shared.
func shaped(pages []*page, size int64) []*page {
	count := pageCount(size)
	if count > len(pages) {
		return slices.Grow(pages, count-len(pages))[:count]
	}
	clear(pages[count:])
	pages = pages[:count]
	if inside := size % pageSize; inside > 0 && pages[count-1] != nil {
		last := *pages[count-1]
		clear(last[inside:])
		pages[count-1] = &last
	}
	return pages
}

// below returns the part of sorted numbers that is smaller than limit.
func below(numbers []int, limit int) []int {
	end, _ := slices.BinarySearch(numbers, limit)
	return numbers[:end]
}
