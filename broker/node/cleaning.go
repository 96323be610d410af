package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/env/file"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/log/clean"
	"github.com/logproof/logproof/broker/metadata"
)

// A shard compacts its logs one after the other, the one that needs it most first:
//
//	every log.cleaner.backoff.ms ──> which log is due? ──> a pass over it, step by step, away from the shard ──┐
//	                                        ^                                                                  │
//	                                        └──────────── it has cleaned something ────────────────────────────┘
//
// Each replica is compacted by itself, as in Apache Kafka: what is left need not be the same bytes, but is the same for
// who reads it.

// cleanTick is when a shard looks for a log to compact.
type cleanTick struct{}

// cleaner is what a shard compacts at present: nothing if pass is nil.
type cleaner struct {
	armed   bool
	replica *replica
	pass    *log.Cleaning
}

// policy says when the log of a topic is compacted.
func policy(s *metadata.Settings) clean.Policy {
	return clean.Policy{
		MinDirtyRatio: s.MinDirtyRatio, MinLag: s.MinCompactionLagMillis, MaxLag: s.MaxCompactionLagMillis,
		DeleteRetention: s.DeleteRetentionMillis,
	}
}

// armClean makes the next look happen, if a topic wants it.
func (s *shard) armClean(fx *actor.Effects) {
	if s.cfg.Timing.Clean <= 0 || s.cleaner.armed {
		return
	}
	for _, r := range s.replicas {
		if r.settings.Cleanup.Compact {
			s.cleaner.armed = true
			fx.After(s.cfg.Timing.Clean, cleanTick{})
			return
		}
	}
}

// clean begins a pass over the log that needs it most, unless one is under way.
func (s *shard) clean(now time.Time, fx *actor.Effects) {
	if s.cleaner.pass != nil {
		return
	}
	wall := s.cfg.Wall(now).UnixMilli()
	var next *replica
	var need clean.Need
	for _, r := range s.ordered() {
		if !r.settings.Cleanup.Compact || r.cut != nil || r.damage != nil || r.uncleanable {
			continue
		}
		n := r.log.Dirt(policy(&r.settings), wall, r.stand().HighWatermark)
		if n.Due && (next == nil || n.Before(need)) {
			next, need = r, n
		}
	}
	if next == nil {
		return
	}
	s.cleaner.replica, s.cleaner.pass = next, next.log.BeginClean(need, policy(&next.settings), wall, s.cfg.CleanMapBytes)
	fx.Work(s.cleaner.pass.Step, s.cleaner)
}

// cleaned goes on with a pass after a step of it.
func (s *shard) cleaned(now time.Time, m actor.Worked, fx *actor.Effects) {
	c := m.Token.(cleaner)
	r := c.replica
	var result log.Cleaned
	done, err := true, m.Err
	if err != nil {
		r.log.StopClean(c.pass)
	} else {
		result, done, err = r.log.Advance(c.pass)
	}
	if !done {
		fx.Work(c.pass.Step, c)
		return
	}
	s.cleaner.replica, s.cleaner.pass = nil, nil
	switch {
	case r.deleted:
	case err != nil:
		s.cleanFailed(r, err, fx)
	case result.To > result.From:
		fx.Emit(event.LogCleaned{
			Topic: r.topic, Partition: r.id.Partition, From: result.From, To: result.To, Keys: result.Keys,
			Segments: result.Before.Segments, SegmentsLeft: result.After.Segments,
			Bytes: result.Before.Bytes, BytesLeft: result.After.Bytes,
			Records: result.Before.Records, RecordsLeft: result.After.Records,
		})
		s.clean(now, fx)
	}
}

// cleanFailed is a pass that could not be finished. The log is as it was, but where a new segment was just taking the
// place of old ones: then the node stops, as after any change of a log that has failed half-way. A batch that cannot be
// taken apart is there tomorrow, too; what the disk refuses, as for want of room, is tried again.
func (s *shard) cleanFailed(r *replica, err error, fx *actor.Effects) {
	var swap *log.SwapError
	var corrupt *log.CorruptError
	switch {
	case errors.As(err, &swap):
		fx.Fatal = fmt.Errorf("compact %s: %w", replicaDir(r.topic, r.id.Partition), err)
		return
	case errors.As(err, &corrupt):
		s.damaged(r, corrupt, fx)
	default:
		_, disk := file.FailureOf(err)
		r.uncleanable = !disk
	}
	fx.Emit(event.CleaningFailed{Topic: r.topic, Partition: r.id.Partition, Reason: err.Error(), Again: !r.uncleanable})
}
