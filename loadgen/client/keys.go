package client

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// KeySpec says which keys the records of a load have. The zero value is none.
type KeySpec struct {
	// Count of the keys; 0 is records without keys.
	Count int
	// Zipf draws the n-th key about in proportion to 1/n; else all are as likely.
	Zipf bool
	// Seed of the draws, which are others for each producer.
	Seed uint64
}

// Validate says what is wrong, or returns nil.
func (s KeySpec) Validate() error {
	if s.Count < 0 {
		return fmt.Errorf("%d keys: there must be 0 or more", s.Count)
	}
	return nil
}

// KeyBytes of a key by its number: "key-7".
func KeyBytes(buf []byte, number uint32) []byte {
	return strconv.AppendUint(append(buf[:0], "key-"...), uint64(number), 10)
}

// PartitionOf a key among so many partitions, as Kafka's default partitioner says.
func PartitionOf(key []byte, partitions int) int32 {
	return int32(murmur2(key)&0x7fffffff) % int32(partitions)
}

// murmur2 is the hash of Kafka's default partitioner (org.apache.kafka.common.utils.Utils).
func murmur2(data []byte) uint32 {
	const m, r = 0x5bd1e995, 24
	h := uint32(0x9747b28c) ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := binary.LittleEndian.Uint32(data) * m
		h = h*m ^ (k^k>>r)*m
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(data[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}

// router says which lane a record goes to and which key it has.
type router struct {
	lanes []*lane
	// first is, by topic, the index of the lane of its partition 0, and count how many partitions it has.
	first, count map[uint16]int
	draw         func() uint32 // nil without keys
}

func newRouter(targets []Target, written func(Target) func() uint64, keys KeySpec, producer uint32) *router {
	r := &router{first: map[uint16]int{}, count: map[uint16]int{}}
	for i, target := range targets {
		r.lanes = append(r.lanes, &lane{target: target, written: written(target)})
		if target.Partition.Index == 0 {
			r.first[target.Topic] = i
		}
		r.count[target.Topic]++
	}
	if keys.Count > 0 {
		rng := rand.New(rand.NewPCG(keys.Seed, uint64(producer)))
		r.draw = func() uint32 { return uint32(rng.IntN(keys.Count)) }
		if keys.Zipf {
			z := rand.NewZipf(rng, 1.01, 1, uint64(keys.Count-1))
			r.draw = func() uint32 { return uint32(z.Uint64()) }
		}
	}
	return r
}

// route a record that the schedule meant for a target: a keyed one goes where its key says, in the same topic. The
// key is one more than its number, 0 for none.
func (r *router) route(target int) (to *lane, key uint32) {
	if r.draw == nil {
		return r.lanes[target], 0
	}
	number := r.draw()
	topic := r.lanes[target].target.Topic
	var buf [16]byte
	return r.lanes[r.first[topic]+int(PartitionOf(KeyBytes(buf[:0], number), r.count[topic]))], number + 1
}
