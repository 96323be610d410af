package disk

import (
	"maps"
	"math"
	"slices"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/torn"
)

const (
	pageSize = torn.PageSize
	runPages = 256 // how many neighbouring pages go down in one write
)

type page = torn.Page

// layer is what was written to a file between two Syncs. Once sealed it does not change.
type layer struct {
	pages map[int64]*page
	// low is the lowest size that the file was cut to: pages from there on hide what lies under this
	// layer. The page that a cut goes through is always in pages.
	low     int64
	size    int64 // of the file when the layer was sealed
	changed bool
	// settled layers are not written down any more: they are there already, or they are lost because
	// their Sync failed. A lost layer stays, and all layers after it do, because reads still see it.
	settled, lost bool
	// owed is the lowest cut of lost layers right before this one: the size of a file is no page that
	// can be lost, it goes down with this layer.
	owed int64
}

func newLayer() *layer {
	return &layer{pages: map[int64]*page{}, low: math.MaxInt64, owed: math.MaxInt64}
}

// cut hides everything from size on. The page around size must be in pages already.
func (l *layer) cut(size int64) {
	for number := range l.pages {
		if number*pageSize >= size {
			delete(l.pages, number)
		}
	}
	if inside := size % pageSize; inside > 0 {
		clear(l.pages[size/pageSize][inside:])
	}
	l.low = min(l.low, size)
}

// find looks a page up in layers from the newest to the oldest. No page and hidden false means that the
// file below has it; no page and hidden true that it is zeros.
func find(layers []*layer, number int64) (found *page, hidden bool) {
	for _, l := range slices.Backward(layers) {
		if p := l.pages[number]; p != nil {
			return p, true
		}
		if number*pageSize >= l.low {
			return nil, true
		}
	}
	return nil, false
}

// writeTo carries the layer out on the file below. It may run again after it failed halfway.
func (l *layer) writeTo(below env.File) error {
	size, err := below.Size()
	if err != nil {
		return err
	}
	if cut := min(l.low, l.owed); size > cut {
		if err := below.Truncate(cut); err != nil {
			return err
		}
		size = cut
	}
	var buffer []byte
	numbers := slices.Sorted(maps.Keys(l.pages))
	for len(numbers) > 0 {
		count := run(numbers)
		start := numbers[0] * pageSize
		buffer = buffer[:0]
		for _, number := range numbers[:count] {
			buffer = append(buffer, l.pages[number][:]...)
		}
		buffer = buffer[:min(int64(len(buffer)), l.size-start)]
		if _, err := below.WriteAt(buffer, start); err != nil {
			return err
		}
		size = max(size, start+int64(len(buffer)))
		numbers = numbers[count:]
	}
	if size < l.size {
		return below.Truncate(l.size)
	}
	return nil
}

// run counts the neighbouring pages at the front of sorted numbers.
func run(numbers []int64) int {
	count := 1
	for count < len(numbers) && count < runPages && numbers[count] == numbers[count-1]+1 {
		count++
	}
	return count
}
