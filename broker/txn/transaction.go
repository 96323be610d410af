package txn

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// State of a transactional id, by the number that its records have.
type State = kmsg.TransactionState

// States of transactional ids. PrepareEpochFence is a change under way and stands in no record: a transaction that is
// taken from its producer becomes PrepareAbort. Dead is one too: the record takes the id back.
const (
	Empty State = iota
	Ongoing
	PrepareCommit
	PrepareAbort
	CompleteCommit
	CompleteAbort
	Dead
	PrepareEpochFence
)

// States lists all states, in the order of their numbers.
func States() []State {
	return []State{Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, Dead, PrepareEpochFence}
}

// Partition is one that a transaction touches.
type Partition struct {
	Topic string
	Index int32
}

// ComparePartitions orders by topic and index.
func ComparePartitions(a, b Partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Index, b.Index))
}

// noProducer and noEpoch are Kafka's for there is none.
const (
	noProducer = -1
	noEpoch    = -1
)

// lastEpoch is the last that producers are given; the one above it is left for taking a transaction away from its
// producer.
const lastEpoch = math.MaxInt16 - 1

// kept is what a record says of a transactional id, besides last. It is replaced as a whole.
type kept struct {
	producer int64
	epoch    int16
	// last is the epoch before, if its producer may still ask for the present one (KIP-360); it is not in the log.
	last int16
	// previous is the producer id before a roll (KIP-890), next the one after the end that is being written.
	previous, next int64
	timeout        time.Duration
	state          State
	// partitions that the transaction touches, in order; never changed in place.
	partitions []Partition
	// started and updated are milliseconds since 1970; started is -1 before the first transaction.
	started, updated int64
	// version of transactions that ended it, or that the producer uses: 2 raises the epoch at every end.
	version int16
}

// exhausted reports whether there is no epoch left for another producer.
func (k *kept) exhausted() bool { return k.epoch >= lastEpoch }

// touches reports whether a partition is one of the transaction's.
func (k *kept) touches(p Partition) bool {
	_, found := slices.BinarySearchFunc(k.partitions, p, ComparePartitions)
	return found
}

// with gives the partitions and more of them, in order.
func (k *kept) with(more []Partition) []Partition {
	all := append(slices.Clone(k.partitions), more...)
	slices.SortFunc(all, ComparePartitions)
	return slices.Compact(all)
}

// transaction is a transactional id, with the transaction that is open or was last.
type transaction struct {
	id string
	kept
	// stored is set once a record of it is committed.
	stored bool
	// changing is set while a change is being written.
	changing bool
	// number tells the end under way from those before.
	number uint64
	// missing are the partitions without a marker of the end under way.
	missing map[Partition]*missing
	// fenced is set when a partition knows of a later coordinator: this one writes no more markers.
	fenced bool
	// doubtful is set while a record is written that is in the log and may never be committed.
	doubtful bool
	// retry is when to write again what could not be written, by calling again; zero for never.
	retry time.Time
	again func(now time.Time)
	// armed is the entry of it in the machine's deadlines; zero for none.
	armed time.Time
}

// missing is a marker that is not written, or not known to be.
type missing struct {
	// asked is set while it is on its way; due is when to send it again if it is not.
	asked bool
	due   time.Time
}

// deadline is when something of the transaction is due; zero for never.
func (t *transaction) deadline(m *Machine, now time.Time) time.Time {
	var at time.Time
	earlier := func(other time.Time) {
		if at.IsZero() || other.Before(at) {
			at = other
		}
	}
	if t.state == Ongoing && !t.changing {
		earlier(m.timesOut(now, t))
	}
	if !t.retry.IsZero() {
		earlier(t.retry)
	}
	if !t.fenced {
		for _, p := range t.missing {
			if !p.asked {
				earlier(p.due)
			}
		}
	}
	return at
}
