package partition

import (
	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kerr"
)

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
	// Time that the leader gave its records in milliseconds since 1970, 0 if they have their own.
	Time int64
}

// Admit says whether records for acks=all may be appended: NOT_ENOUGH_REPLICAS while the ISR is too
// small to commit them, else nil.
func (l *Leader) Admit() *kerr.Error {
	if l.small() {
		return kerr.NotEnoughReplicas
	}
	return nil
}

// Acknowledged reports whether records before end are committed, so that nobody needs to wait.
func (l *Leader) Acknowledged(end int64) bool {
	if l.cfg.Bugs.AckEarly {
		return end <= max(l.log.HighWatermark, l.log.safe(l.cfg.Flush))
	}
	return end <= l.log.HighWatermark
}

// Wait adds an acknowledgement that is due when the high watermark reaches its end. One whose records
// were appended before, as of a producer that tries again, may come out of order.
func (l *Leader) Wait(a Ack) {
	at := len(l.acks)
	for at > 0 && l.acks[at-1].End > a.End {
		at--
	}
	l.acks = append(l.acks, Ack{})
	copy(l.acks[at+1:], l.acks[at:])
	l.acks[at] = a
}

// Due removes and returns the acknowledgements whose records are committed, in log order.
// The slice is valid until the next Wait.
func (l *Leader) Due() []Ack {
	n := 0
	for n < len(l.acks) && l.Acknowledged(l.acks[n].End) {
		n++
	}
	due := l.acks[:n:n]
	if l.acks = l.acks[n:]; len(l.acks) == 0 {
		l.acks = nil
	}
	return due
}

// Refused removes and returns the acknowledgements that got NOT_ENOUGH_REPLICAS_AFTER_APPEND: the ISR
// became too small while they waited. Their records stay, and may be committed later.
func (l *Leader) Refused() []Ack {
	refused := l.refused
	l.refused = nil
	return refused
}

// Drain removes and returns every acknowledgement that waits, due or not: the term ends, or the
// partition is going away.
func (l *Leader) Drain() []Ack {
	all := append(l.refused, l.acks...)
	l.acks, l.refused = nil, nil
	return all
}

// refuse gives up on what waits once the ISR is too small. What is committed is due all the same.
func (l *Leader) refuse() bool {
	if l.Admit() == nil {
		return false
	}
	n := 0
	for n < len(l.acks) && l.Acknowledged(l.acks[n].End) {
		n++
	}
	l.refused = append(l.refused, l.acks[n:]...)
	l.acks = l.acks[:n:n]
	return len(l.refused) > 0
}
