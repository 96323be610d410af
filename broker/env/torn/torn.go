package torn

const (
	// PageSize in bytes is what a disk keeps or loses as one.
	PageSize = 4096
	// sectorSize in bytes is what a disk never tears.
	sectorSize = 512
)

// Page is so much of a file, from an offset that is a multiple of PageSize.
type Page [PageSize]byte

// Kept says that what a number was drawn for survives: the odd ones do.
func Kept(number uint64) bool { return number&1 == 1 }

// Grown draws how far the new size of a longer file got: the new size, the old one, or a page boundary between
// the two. A file that is not longer has the old size, and nothing is drawn.
func Grown(from, to int64, draw func() uint64) int64 {
	if to <= from {
		return from
	}
	number := draw()
	if Kept(number) {
		return to
	}
	first := from / PageSize
	boundaries := uint64((to+PageSize-1)/PageSize - first)
	passed := int64((number >> 1) % (boundaries + 1))
	if passed == 0 {
		return from
	}
	return min((first+passed)*PageSize, to)
}

// Mixed says what is left of one page: the new one, the old one, or (one even number in four) sectors of both, in a
// page of its own.
func Mixed(before, after *Page, number uint64) *Page {
	switch {
	case Kept(number):
		return after
	case number>>1&3 != 3:
		return before
	}
	torn := *before
	for sector := 0; sector < PageSize; sector += sectorSize {
		if number>>(8+sector/sectorSize)&1 == 1 {
			copy(torn[sector:sector+sectorSize], after[sector:])
		}
	}
	return &torn
}
