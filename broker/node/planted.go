package node

import (
	"errors"
	"slices"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/log"
)

// plantedEvery is how many batches of a replica go by between two that a planted bug touches.
const plantedEvery = 20

// planted is what the planted bugs of broker/bug remember of a replica; its zero value does nothing.
type planted struct {
	batches int
	held    *api.ProducePart
}

// due says that it is the turn of a batch.
func (p *planted) due() bool {
	p.batches++
	return p.batches%plantedEvery == 0
}

// unknown is bug.DedupeNotReplicated: what was appended before the term began is not known to be there.
func (s *shard) unknown(r *replica, err error) bool {
	var duplicate *log.Duplicate
	return s.cfg.Bugs.Has(bug.DedupeNotReplicated) && errors.As(err, &duplicate) && duplicate.BaseOffset < r.leader.EpochStart()
}

// corrupt is bug.CorruptPayload: the last byte of the last record's value changes, and the checksum
// with it. The byte after it is the record's count of headers.
func (p *planted) corrupt(v batch.View) {
	if p.due() {
		v[len(v)-2] ^= 1
		v.Stamp()
	}
}

// hold is bug.FlipOrder: a batch is kept back and appended after the one that follows it. It
// reports whether it took the batch.
func (s *shard) hold(r *replica, m api.ProducePart, fx *actor.Effects) bool {
	p, held := &r.planted, r.planted.held
	p.held = nil
	switch p.batches++; {
	case held != nil:
		s.append(r, m, 0, fx)
		s.append(r, *held, 0, fx)
	case p.batches%plantedEvery == 0:
		m.Batch, p.held = slices.Clone(m.Batch), &m
	}
	return held != nil || p.held != nil
}
