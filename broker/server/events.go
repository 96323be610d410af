package server

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/logproof/logproof/broker/event"
)

// events turns what actors emit into lines of events.jsonl, log lines and metrics, in one order.
type events struct {
	node    int32
	log     *slog.Logger
	metrics *metrics
	clock   *Clock
	began   time.Time
	mu      struct {
		sync.Mutex
		out io.Writer // nil for none, and after a write that failed
	}
}

func newEvents(node int32, out io.Writer, log *slog.Logger, m *metrics, clock *Clock) *events {
	e := &events{node: node, log: log, metrics: m, clock: clock, began: time.Now()}
	e.mu.out = out
	return e
}

func (s *events) emit(e event.Event) {
	level := slog.LevelInfo
	switch e := e.(type) {
	case event.LogRecovered:
		s.metrics.recovery.Set(time.Since(s.began).Seconds())
		level = slog.LevelDebug
		if e.TruncatedBytes > 0 {
			level = slog.LevelWarn
			s.metrics.truncated.WithLabelValues("torn_tail").Add(float64(e.TruncatedBytes))
		}
	case event.DiskFailed:
		level = slog.LevelError
		s.metrics.diskFailures.WithLabelValues(e.Op, e.Errno).Inc()
	case event.NodeFailed:
		level = slog.LevelError
	case event.SegmentDamaged:
		level = slog.LevelError
		s.metrics.damaged.Inc()
	case event.LogCleaned:
		s.metrics.cleanings.WithLabelValues("done").Inc()
		s.metrics.cleanedBytes.WithLabelValues("read").Add(float64(e.Bytes))
		s.metrics.cleanedBytes.WithLabelValues("written").Add(float64(e.BytesLeft))
		s.metrics.cleanedRecords.WithLabelValues("read").Add(float64(e.Records))
		s.metrics.cleanedRecords.WithLabelValues("written").Add(float64(e.RecordsLeft))
	case event.CleaningFailed:
		level = slog.LevelWarn
		s.metrics.cleanings.WithLabelValues("failed").Inc()
	case event.SegmentsDeleted:
		s.metrics.deleted.WithLabelValues(e.Reason).Add(float64(e.Segments))
	case event.BrokerFenced, event.LogTruncated, event.SegmentQuarantined, event.DiskChanged, event.ClockChanged:
		level = slog.LevelWarn
	case event.LeaderElected:
		if e.Leader < 0 || e.Unclean {
			level = slog.LevelWarn
		}
	case event.CoordinatorLoaded:
		if e.Groups == 0 { // one for each partition
			level = slog.LevelDebug
		}
		if e.Unreadable > 0 {
			level = slog.LevelError
		}
	case event.TransactionsLoaded:
		if e.IDs == 0 { // one for each partition
			level = slog.LevelDebug
		}
		if e.Unreadable > 0 {
			level = slog.LevelError
		}
	case event.BecameLeader, event.BecameFollower: // one for each partition
		level = slog.LevelDebug
	}
	s.metrics.replication.count(s.node, e)
	s.metrics.groups.count(e)
	s.log.Log(context.Background(), level, e.String(), "event", e.Name())
	s.write(e)
}

// write appends a line. A file that cannot be written any more is given up, with a word in the log:
// a broker does not stop because nobody can hear it.
func (s *events) write(e event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.out == nil {
		return
	}
	line, err := event.Line(s.clock.Now(), s.clock.Offset(), s.node, e)
	if err == nil {
		_, err = s.mu.out.Write(line)
	}
	if err != nil {
		s.mu.out = nil
		s.log.Error("events are not written any more", "error", err)
	}
}
