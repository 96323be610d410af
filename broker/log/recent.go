package log

import (
	"cmp"
	"slices"
)

// recentMax batches are remembered by their exact place.
const recentMax = 256

// mark is where a batch of the active segment begins.
type mark struct{ offset, position int64 }

// recent holds the places of the last batches of the active segment, so that readers near the end
// and the high watermark, which moves behind the end, need no look into the file.
type recent struct{ marks []mark }

func (r *recent) add(offset, position int64) {
	if len(r.marks) == recentMax {
		kept := copy(r.marks, r.marks[recentMax/2:])
		r.marks = r.marks[:kept]
	}
	r.marks = append(r.marks, mark{offset, position})
}

// position of the batch that begins at exactly this offset, if it is remembered.
func (r *recent) position(offset int64) (position int64, ok bool) {
	i, ok := slices.BinarySearchFunc(r.marks, offset, func(m mark, offset int64) int { return cmp.Compare(m.offset, offset) })
	if !ok {
		return 0, false
	}
	return r.marks[i].position, true
}

// clear forgets everything: another segment is active.
func (r *recent) clear() { r.marks = r.marks[:0] }
