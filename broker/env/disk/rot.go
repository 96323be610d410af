package disk

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
)

// rotTries bounds the search for a byte that is on disk.
const rotTries = 64

// Rot changes one bit of a file on disk, as drawn from the seed, and says in which byte: nobody is told, no
// rule applies, no time is changed. Bytes that are not synced are not on disk: it is an error if no other are
// found.
func (d *Disk) Rot(name string, seed uint64) (position int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	below, err := d.under.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { err = closeAfter(below, err) }()
	size, err := below.Size()
	if err != nil {
		return 0, err
	}
	if size == 0 {
		return 0, fmt.Errorf("bit rot: nothing of %s is on disk", name)
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	known := d.names[path.Clean(name)]
	for range rotTries {
		position = rng.Int64N(size)
		if known != nil && known.holds(position/pageSize) {
			continue
		}
		var b [1]byte
		if n, err := below.ReadAt(b[:], position); n < 1 && !errors.Is(err, io.EOF) {
			return 0, err
		}
		b[0] ^= 1 << rng.IntN(8)
		_, err := below.WriteAt(b[:], position)
		return position, err
	}
	return 0, fmt.Errorf("bit rot: most of %s is not synced yet: wait until it is", name)
}

// holds says that a page is in memory, where no rot can be seen.
func (n *node) holds(number int64) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	_, hidden := find(n.layers, number)
	return hidden
}
