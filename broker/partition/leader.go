package partition

import (
	"fmt"

	"github.com/logproof/logproof/broker/actor"
)

// Flush says what a record needs before it counts as committed on this node.
type Flush string

const (
	// FlushNone leaves syncing to the operating system, as Apache Kafka does by default.
	FlushNone Flush = "none"
	// FlushInterval syncs now and then, and does not wait for it.
	FlushInterval Flush = "interval"
	// FlushCommit syncs before a record is committed: the default here.
	FlushCommit Flush = "commit"
)

// ParseFlush reads a policy as YAML and --flush write it.
func ParseFlush(s string) (Flush, error) {
	switch f := Flush(s); f {
	case FlushNone, FlushInterval, FlushCommit:
		return f, nil
	}
	return "", fmt.Errorf("unknown flush policy %q: known are none, interval, commit", s)
}

// Ticket says whom to answer: an actor, its call, and which part of the call.
type Ticket struct {
	To   actor.Address
	Call uint64
	Part int32
}

// Ack is a produce request that waits until its records are committed.
type Ack struct {
	Ticket     Ticket
	BaseOffset int64
	// End is the offset after its last record: it is due once the high watermark is there.
	End int64
}

// Leader is the state of a partition on the node that leads it.
type Leader struct {
	Epoch int32
	flush Flush
	// Invariant: highWatermark <= logEnd, synced <= logEnd; all three never go back.
	logEnd, synced, highWatermark int64
	// acks in order of End, because appends are in order.
	acks []Ack
}

// NewLeader starts a term over a recovered log. All that recovery kept is on disk, and the only
// replica has it: it is committed.
func NewLeader(epoch int32, flush Flush, logEnd int64) *Leader {
	return &Leader{Epoch: epoch, flush: flush, logEnd: logEnd, synced: logEnd, highWatermark: logEnd}
}

// HighWatermark is the offset below which records are committed and readers may see them.
func (l *Leader) HighWatermark() int64 { return l.highWatermark }

// LogEnd is the offset of the next record.
func (l *Leader) LogEnd() int64 { return l.logEnd }

// Appended moves the log end; it reports whether the high watermark moved with it.
func (l *Leader) Appended(end int64) bool {
	if end < l.logEnd {
		panic(fmt.Sprintf("partition: log end went back from %d to %d", l.logEnd, end))
	}
	l.logEnd = end
	return l.advance()
}

// Synced moves the synced end; it reports whether the high watermark moved with it.
func (l *Leader) Synced(end int64) bool {
	if end > l.logEnd {
		panic(fmt.Sprintf("partition: synced to %d beyond the log end %d", end, l.logEnd))
	}
	l.synced = max(l.synced, end)
	return l.advance()
}

// advance sets the high watermark to the minimum over the in-sync replicas of what each has
// safely: its synced end where commits wait for syncs, else its log end. This node is the only
// replica.
func (l *Leader) advance() bool {
	safe := l.logEnd
	if l.flush == FlushCommit {
		safe = l.synced
	}
	if safe <= l.highWatermark {
		return false
	}
	l.highWatermark = safe
	return true
}

// Wait adds an acknowledgement that is due when the high watermark reaches its end.
func (l *Leader) Wait(a Ack) { l.acks = append(l.acks, a) }

// Due removes and returns the acknowledgements whose records are committed, in append order.
// The slice is valid until the next Wait.
func (l *Leader) Due() []Ack {
	n := 0
	for n < len(l.acks) && l.acks[n].End <= l.highWatermark {
		n++
	}
	due := l.acks[:n:n]
	if l.acks = l.acks[n:]; len(l.acks) == 0 {
		l.acks = nil
	}
	return due
}

// Drain removes and returns every acknowledgement that waits, due or not: the partition is going away.
func (l *Leader) Drain() []Ack {
	all := l.acks
	l.acks = nil
	return all
}
