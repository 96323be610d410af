package server

import (
	"math/bits"
	"sync"
)

// buffers is memory for frames in classes of powers of two, kept for the next frame of the class.
// It keeps a bounded number of bytes, so that a burst of large requests does not stay.
type buffers struct {
	mu struct {
		sync.Mutex
		free [32][][]byte
		kept int // bytes in free
	}
}

const (
	smallestClass = 12        // 4 KiB
	keptBytes     = 128 << 20 // a dozen of full requests and responses
)

func class(n int) int { return max(bits.Len(uint(n-1)), smallestClass) }

// get returns n bytes of any content.
func (b *buffers) get(n int) []byte {
	c := class(n)
	b.mu.Lock()
	if free := b.mu.free[c]; len(free) > 0 {
		buf := free[len(free)-1]
		free[len(free)-1] = nil
		b.mu.free[c] = free[:len(free)-1]
		b.mu.kept -= 1 << c
		b.mu.Unlock()
		return buf[:n]
	}
	b.mu.Unlock()
	return make([]byte, n, 1<<c)
}

// put takes memory back that get gave; nobody may hold it any longer.
func (b *buffers) put(buf []byte) {
	c := class(cap(buf))
	if cap(buf) != 1<<c {
		return
	}
	b.mu.Lock()
	if b.mu.kept+1<<c <= keptBytes {
		b.mu.free[c] = append(b.mu.free[c], buf[:0])
		b.mu.kept += 1 << c
	}
	b.mu.Unlock()
}
