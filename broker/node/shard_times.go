package node

import (
	"fmt"
	"math"
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
)

// date gives a batch the timestamps that its topic wants (KIP-32), in place: the leader's clock, which comes back as
// at, or the records' own, and then the largest of them is told from the records. Those that are too far from the
// leader's clock are refused, all of the batch with them (KIP-937).
func (s *shard) date(now time.Time, r *replica, m api.ProducePart) (at int64, wrong *api.ProduceDone) {
	if m.Times == nil {
		return 0, nil
	}
	wall := s.cfg.Wall(now).UnixMilli()
	if r.settings.TimestampType == metadata.LogAppendTime {
		m.Batch.SetTimestamps(batch.LogAppendTime, wall)
		return wall, nil
	}
	m.Batch.SetTimestamps(batch.CreateTime, m.Times.MaxTimestamp)
	if r.settings == (metadata.Settings{}) {
		return 0, nil
	}
	oldest, youngest := bounds(wall, r.settings)
	// A record without a timestamp hides which is the oldest of the others.
	if low := m.Times.MinTimestamp; (low >= oldest && low != -1 || oldest == math.MinInt64) && within(m.Times.MaxTimestamp, oldest, youngest) {
		return 0, nil
	}
	refused := refusal(m.Ticket, kerr.InvalidTimestamp, "One or more records have been rejected due to invalid timestamp")
	err := s.codecs.Each(m.Batch, func(h batch.Head) bool {
		if !within(h.Timestamp, oldest, youngest) {
			refused.Records = append(refused.Records, api.RecordError{
				Index: h.Index, Message: fmt.Sprintf("Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]", h.Timestamp, h.Index, oldest, youngest),
			})
		}
		return len(refused.Records) < api.RecordErrorsMax
	})
	if err != nil {
		refused.Message = err.Error()
	}
	if len(refused.Records) == 0 && err == nil {
		return 0, nil // no record but those without a timestamp
	}
	return 0, &refused
}

// bounds are the oldest and the youngest timestamp that a topic takes.
func bounds(wall int64, settings metadata.Settings) (oldest, youngest int64) {
	oldest, youngest = math.MinInt64, math.MaxInt64
	if before := settings.TimestampBeforeMaxMillis; before <= wall {
		oldest = wall - before
	}
	if after := settings.TimestampAfterMaxMillis; after <= math.MaxInt64-wall {
		youngest = wall + after
	}
	return oldest, youngest
}

// within reports whether a timestamp may stand; -1 is none.
func within(timestamp, oldest, youngest int64) bool {
	return timestamp == -1 || timestamp >= oldest && timestamp <= youngest
}
