package node

import (
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/log"
)

// guardsMax questions of different producers are kept of one replica; the oldest goes first, and its producer asks
// again.
const guardsMax = 1 << 14

// guard is a question whether a batch belongs to a transaction, of which the coordinator's answer is awaited.
type guard struct {
	number uint64
	epoch  int16
	// sequence is the smallest that was asked about: the transaction begins with it.
	sequence int32
}

// guards of a replica that leads, by producer (Kafka's VerificationGuard, KIP-890). A guard is good for the first batch
// of a transaction, and void once that has come, or a marker that ends it, or another epoch, or the end of the term:
// then the answer of the coordinator may be about a transaction that has ended since.
type guards struct {
	given map[int64]guard
	// order of giving; a producer whose guard is gone may still stand here.
	order []int64
}

// give numbers a question, by the last number that the shard gave. While it is open, the producer's other questions of
// the same epoch are the same one.
func (g *guards) give(last *uint64, producer int64, epoch int16, sequence int32) uint64 {
	known, ok := g.given[producer]
	if ok && known.epoch == epoch {
		known.sequence = min(known.sequence, sequence)
		g.given[producer] = known
		return known.number
	}
	if g.given == nil {
		g.given = map[int64]guard{}
	}
	if !ok {
		g.makeRoom()
		g.order = append(g.order, producer)
	}
	*last++
	g.given[producer] = guard{*last, epoch, sequence}
	return *last
}

// makeRoom for one more producer.
func (g *guards) makeRoom() {
	if len(g.order) < 2*guardsMax {
		return
	}
	stands := map[int64]bool{}
	g.order = slices.DeleteFunc(g.order, func(producer int64) bool {
		_, ok := g.given[producer]
		gone := !ok || stands[producer]
		stands[producer] = true
		return gone
	})
	if n := len(g.order) - guardsMax; n >= 0 {
		for _, producer := range g.order[:n+1] {
			delete(g.given, producer)
		}
		g.order = slices.Delete(g.order, 0, n+1)
	}
}

// check reports whether a guard is good for a batch. Where sequences count, a batch that has overtaken the one before it
// must not begin the transaction: that one would be out of order for ever.
func (g *guards) check(v batch.View, number uint64, sequenced bool) (bool, error) {
	known, ok := g.given[v.ProducerID()]
	if !ok || known.number != number || known.epoch != v.ProducerEpoch() {
		return false, nil
	}
	if sequenced && v.BaseSequence() > known.sequence {
		return false, fmt.Errorf("%w: producer %d sent sequence %d, and asked about %d before", log.ErrOutOfOrderSequence, v.ProducerID(), v.BaseSequence(), known.sequence)
	}
	return true, nil
}

// done makes the guard of a producer void that was given for what has been appended, the batch of a transaction, or for
// what a marker has ended. The epoch of a bumped marker is that of the transaction after the one that it ends: the
// question of that one, which may have been asked while this one was ending, stays good.
func (g *guards) done(v batch.View, bumped bool) {
	known, ok := g.given[v.ProducerID()]
	if ok && !(v.IsControl() && (known.epoch > v.ProducerEpoch() || bumped && known.epoch == v.ProducerEpoch())) {
		delete(g.given, v.ProducerID())
	}
}

// clear makes all guards void: the term has ended.
func (g *guards) clear() { g.given, g.order = nil, nil }
