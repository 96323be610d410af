package node

import (
	"cmp"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// The log start of a replica rises in three ways, each durably, and never above the high watermark:
//
//	retention     every replica by itself, every log.retention.check.interval.ms, by the topic's settings
//	DeleteRecords on the leader
//	Fetch         a follower takes its leader's log start, and tells its own with the next fetch

// retainTick is when a shard looks at what its replicas need not keep.
type retainTick struct{}

// deletion is a DeleteRecords that waits until all replicas that are alive have followed.
type deletion struct {
	ticket partition.Ticket
	to     int64
}

// configure makes a log act on the settings of its topic.
func (s *shard) configure(r *replica, settings metadata.Settings, fx *actor.Effects) error {
	if r.settings == settings {
		return nil
	}
	r.settings = settings
	s.armClean(fx)
	return r.log.Configure(s.logConfig(settings))
}

// logConfig is what a topic's settings say to its logs.
func (s *shard) logConfig(settings metadata.Settings) log.Config {
	cfg := s.cfg.Log
	if settings.SegmentBytes > 0 {
		cfg.SegmentBytes = settings.SegmentBytes
	}
	if settings.SegmentMillis > 0 {
		cfg.SegmentMillis = settings.SegmentMillis
	}
	if settings.Cleanup.Compact { // what is to be compacted must be sealed by then (KIP-354)
		cfg.SegmentMillis = min(cmp.Or(cfg.SegmentMillis, log.DefaultSegmentMillis), settings.MaxCompactionLagMillis)
	}
	if settings != (metadata.Settings{}) {
		cfg.IndexIntervalBytes = int(max(settings.IndexIntervalBytes, 1))
	}
	return cfg
}

// armRetain makes the next look at retention happen.
func (s *shard) armRetain(fx *actor.Effects) {
	if s.cfg.Timing.RetentionCheck > 0 && !s.retaining {
		s.retaining = true
		fx.After(s.cfg.Timing.RetentionCheck, retainTick{})
	}
}

// retain deletes what the topics' settings do not keep. Replicas do it each by itself, as in Kafka: their segments
// need not be the same.
func (s *shard) retain(now time.Time, fx *actor.Effects) {
	s.retaining = false
	s.armRetain(fx)
	wall := s.cfg.Wall(now).UnixMilli()
	for _, r := range s.ordered() {
		if !r.settings.Cleanup.Delete || r.cut != nil {
			continue
		}
		policy := log.Retention{Millis: r.settings.RetentionMillis, Bytes: r.settings.RetentionBytes}
		d, err := r.log.Retain(policy, wall, r.stand().HighWatermark)
		s.deleted(r, d, err, fx)
	}
}

// deleted tells what went from the front of a log, and makes the rest of it durable. A disk that fails stops the
// node.
func (s *shard) deleted(r *replica, d log.Deleted, err error, fx *actor.Effects) {
	if d.Segments > 0 {
		fx.Emit(event.SegmentsDeleted{
			Topic: r.topic, Partition: r.id.Partition, Segments: d.Segments, Bytes: d.Bytes, From: d.From, Start: d.Start, Reason: d.Reason,
		})
	}
	if err != nil {
		s.failed(r, "delete records of", err, fx)
	}
	if d.Start == d.From {
		return
	}
	s.touch(r, fx)
	if r.leader != nil {
		s.wakeIf(r, func(w *watch) bool { return w.reader >= 0 }, fx) // followers shall know
		s.settleDeletions(r, fx)
	}
}

// deleteRecords raises the log start of a leader as a client asks.
func (s *shard) deleteRecords(m api.DeleteQuery, fx *actor.Effects) {
	answer := api.DeleteAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, LowWatermark: -1}
	r, code := s.find(m.Replica, -1)
	to := m.Offset
	if code == nil && to == -1 {
		to = r.leader.HighWatermark()
	}
	switch {
	case code != nil:
	case r.settings.Cleanup.Compact && !r.settings.Cleanup.Delete:
		code = kerr.PolicyViolation
	case to < 0 || to > r.leader.HighWatermark():
		code = kerr.OffsetOutOfRange
	default:
		d, err := r.log.RaiseStart(to)
		if s.deleted(r, d, err, fx); err != nil {
			code = kerr.KafkaStorageError
		}
	}
	if code != nil {
		answer.Error = code.Code
		fx.Send(m.Ticket.To, answer)
		return
	}
	r.deletions = append(r.deletions, deletion{m.Ticket, to})
	s.settleDeletions(r, fx)
}

// settleDeletions answers the deletions that all replicas which are alive have followed.
func (s *shard) settleDeletions(r *replica, fx *actor.Effects) {
	if len(r.deletions) == 0 {
		return
	}
	low := r.leader.LowWatermark(r.log.StartOffset())
	waiting := r.deletions[:0]
	for _, d := range r.deletions {
		if d.to > low {
			waiting = append(waiting, d)
			continue
		}
		fx.Send(d.ticket.To, api.DeleteAnswer{Call: d.ticket.Call, Part: d.ticket.Part, LowWatermark: low})
	}
	r.deletions = waiting
}

// dropDeletions tells who waits for a deletion that this replica leads no more.
func (r *replica) dropDeletions(code *kerr.Error, fx *actor.Effects) {
	for _, d := range r.deletions {
		fx.Send(d.ticket.To, api.DeleteAnswer{Call: d.ticket.Call, Part: d.ticket.Part, Error: code.Code, LowWatermark: -1})
	}
	r.deletions = nil
}

// followStart takes the leader's log start, as far as this replica knows records to be committed.
func (s *shard) followStart(r *replica, start int64, fx *actor.Effects) {
	if start = min(start, r.follower.HighWatermark()); start > r.log.StartOffset() {
		d, err := r.log.RaiseStart(start)
		s.deleted(r, d, err, fx)
	}
}

// restart begins the log of a follower again where its leader's starts: what lies between is gone everywhere. It
// reports false while it must wait for a sync.
func (s *shard) restart(r *replica, start int64, fx *actor.Effects) bool {
	if r.syncing {
		return false
	}
	d, err := r.log.StartAt(start)
	if err != nil {
		fx.Fatal = fmt.Errorf("%s: %w", replicaDir(r.topic, r.id.Partition), err)
		return true
	}
	r.follower.Restarted(start)
	s.deleted(r, d, nil, fx)
	return true
}
