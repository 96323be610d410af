package mem

import (
	"io"
	"maps"
	"slices"

	"github.com/logproof/logproof/broker/env/torn"
)

const pageSize = torn.PageSize

type page = torn.Page

// zeros stands for a page that was never written. It is only read.
var zeros page

// data is the bytes of one file, seen and kept. A nil page is a hole and reads as zeros.
//
// Invariants: bytes of a page at or past size are zero; a page whose number is not in dirty is shared
// with kept and is replaced, never changed, by a write.
type data struct {
	pages []*page
	size  int64
	dirty map[int]struct{} // pages written since the last sync

	kept     []*page // on stable storage
	keptSize int64
	cut      bool  // truncated below keptSize since the last sync
	low      int64 // the lowest such size; has a meaning only if cut
}

func pageCount(size int64) int { return int((size + pageSize - 1) / pageSize) }

func at(pages []*page, number int) *page {
	if number < len(pages) && pages[number] != nil {
		return pages[number]
	}
	return &zeros
}

func (d *data) readAt(p []byte, off int64) (int, error) {
	if off >= d.size {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	want := len(p)
	p = p[:min(int64(want), d.size-off)]
	for done := 0; done < len(p); {
		number, inside := int((off+int64(done))/pageSize), int((off+int64(done))%pageSize)
		done += copy(p[done:], at(d.pages, number)[inside:])
	}
	if len(p) < want {
		return len(p), io.EOF
	}
	return len(p), nil
}

func (d *data) writeAt(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	d.resize(max(d.size, off+int64(len(p))))
	for done := 0; done < len(p); {
		number, inside := int((off+int64(done))/pageSize), int((off+int64(done))%pageSize)
		done += copy(d.own(number)[inside:], p[done:])
	}
}

// own gives a page that may be changed: one that stable storage does not share.
func (d *data) own(number int) *page {
	if _, ok := d.dirty[number]; ok && d.pages[number] != nil {
		return d.pages[number]
	}
	mine := new(page)
	*mine = *at(d.pages, number)
	d.pages[number] = mine
	if d.dirty == nil {
		d.dirty = map[int]struct{}{}
	}
	d.dirty[number] = struct{}{}
	return mine
}

// resize sets the size, and on growth makes room for the pages (holes at first).
func (d *data) resize(size int64) {
	count := pageCount(size)
	if count > len(d.pages) {
		d.pages = slices.Grow(d.pages, count-len(d.pages))[:count]
	}
	d.size = size
}

func (d *data) truncate(size int64) {
	if size >= d.size {
		d.resize(size)
		return
	}
	count := pageCount(size)
	for number := count; number < len(d.pages); number++ {
		d.pages[number] = nil
		delete(d.dirty, number)
	}
	d.pages = d.pages[:count]
	if inside := size % pageSize; inside > 0 && d.pages[count-1] != nil {
		clear(d.own(count - 1)[inside:])
	}
	d.size = size
	if size < d.keptSize && (!d.cut || size < d.low) {
		d.cut, d.low = true, size
	}
}

// sync costs the pages written since the last one, or after a truncation the pages above the cut.
func (d *data) sync() {
	count := len(d.pages)
	if d.cut {
		from := min(int(d.low/pageSize), count)
		clear(d.kept[min(from, len(d.kept)):])
		d.kept = append(d.kept[:min(from, len(d.kept))], d.pages[from:]...)
	}
	if count > len(d.kept) {
		d.kept = slices.Grow(d.kept, count-len(d.kept))[:count]
	}
	for number := range d.dirty {
		d.kept[number] = d.pages[number]
	}
	clear(d.dirty)
	d.keptSize, d.cut = d.size, false
}

// dirtyPages returns the numbers of the pages written since the last sync, in order, so that equal
// draws give equal crashes.
func (d *data) dirtyPages() []int { return slices.Sorted(maps.Keys(d.dirty)) }
