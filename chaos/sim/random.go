package sim

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"sync"
)

// running is held by the one simulation of this process: etcd raft draws its election jitter from a
// variable of the process.
var running sync.Mutex

// seedRaft points raft's source of randomness at the seed, until the function that it returns is called.
func seedRaft(seed int64) (restore func()) {
	running.Lock()
	before := crand.Reader
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], uint64(seed))
	crand.Reader = rand.NewChaCha8(key)
	return func() {
		crand.Reader = before
		running.Unlock()
	}
}
