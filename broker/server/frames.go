package server

import (
	"sync/atomic"

	"github.com/logproof/logproof/broker/wire"
)

// arriving is the memory of requests whose end has not come yet, of all connections. Where there is little
// of it, a frame gets at once what it says it needs; where there is much, only as much again as it has sent.
// So clients that announce what they never send hold at most generous, and twice what they did send.
type arriving struct {
	bytes atomic.Int64
}

const (
	// generous is up to where frames get what they say they need, a step at a time.
	generous = 256 << 20
	// step is the least that a frame gets then: a produce request of Kafka's default size in one piece.
	step = 2 << 20
)

// frames is wire.Memory of one connection.
type frames struct {
	pool     *buffers
	arriving *arriving
}

var _ wire.Memory = frames{}

// Get implements wire.Memory.
func (f frames) Get(n int) []byte {
	buf := f.pool.get(n)
	f.arriving.bytes.Add(int64(cap(buf)))
	return buf
}

// Put implements wire.Memory.
func (f frames) Put(buf []byte) {
	f.came(buf)
	f.pool.put(buf)
}

// Room implements wire.Memory.
func (f frames) Room(have, n int) int {
	if f.arriving.bytes.Load() < generous {
		return min(n, max(step, 4*have))
	}
	return min(n, 2*have)
}

// came says that a frame is whole: it is no longer on its way.
func (f frames) came(frame []byte) { f.arriving.bytes.Add(-int64(cap(frame))) }
