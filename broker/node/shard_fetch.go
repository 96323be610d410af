package node

import (
	"errors"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// watch is a fetch that waits for data in some replicas of this shard.
type watch struct {
	key      watchKey
	replicas []*replica
	// from is the high watermark of replicas[i] that the fetch has seen.
	from []int64
	// need is how many bytes above from, over all replicas, wake the fetch.
	need int64
}

type watchKey struct {
	to   actor.Address
	call uint64
}

// read answers what readers may see, without touching a file: the ranges are read elsewhere.
func (s *shard) read(m api.FetchRead, fx *actor.Effects) {
	data := api.FetchData{Call: m.Call, Round: m.Round, Results: make([]api.FetchResult, 0, len(m.Parts))}
	left, bytes, failed := m.MaxBytes, 0, false
	for _, part := range m.Parts {
		result := s.readPart(part, left)
		left -= result.Bytes
		bytes += result.Bytes
		failed = failed || result.Error != 0 || result.Diverging != nil
		data.Results = append(data.Results, result)
	}
	if m.Watch > 0 && bytes < m.Watch && !failed {
		data.Watching = true
		need := m.Watch - bytes
		if m.Several {
			need = 1
		}
		s.watch(m, need)
	}
	fx.Send(m.To, data)
}

func (s *shard) readPart(part api.FetchPart, left int) api.FetchResult {
	result := api.FetchResult{Part: part.Part, HighWatermark: -1, LogStart: -1, LeaderEpoch: -1}
	r, code := s.lead(part.Replica, part.Epoch)
	if code != nil {
		result.Error = code.Code
		return result
	}
	watermark := r.leader.HighWatermark()
	result.HighWatermark, result.LogStart, result.LeaderEpoch = watermark, r.log.StartOffset(), r.leader.Epoch
	if part.Offset < r.log.StartOffset() {
		result.Error = kerr.OffsetOutOfRange.Code
		return result
	}
	if d, diverging := partition.Diverging(r.log, part.LastEpoch, part.Offset); diverging {
		at := d // on the heap only if it is needed
		result.Diverging = &at
		return result
	}
	switch {
	case part.Offset > r.leader.LogEnd():
		result.Error = kerr.OffsetOutOfRange.Code
		return result
	case part.Offset >= watermark || left <= 0:
		return result
	}
	source, err := r.log.Read(part.Offset, watermark, min(part.MaxBytes, left))
	switch {
	case errors.Is(err, log.ErrOffsetOutOfRange):
		result.Error = kerr.OffsetOutOfRange.Code
	case err != nil:
		result.Error = kerr.KafkaStorageError.Code
	default:
		result.Source, result.Bytes = source, source.Len()
	}
	return result
}

// lead finds a replica and checks the leader epoch that the client believes in (KIP-320); -1 is a
// client that does not know one.
func (s *shard) lead(id api.Replica, epoch int32) (*replica, *kerr.Error) {
	r := s.replicas[id]
	switch {
	case r == nil:
		return nil, kerr.UnknownTopicOrPartition
	case epoch >= 0 && epoch < r.leader.Epoch:
		return nil, kerr.FencedLeaderEpoch
	case epoch > r.leader.Epoch:
		return nil, kerr.UnknownLeaderEpoch
	}
	return r, nil
}

// watch replaces the watch of the call, if there is one.
func (s *shard) watch(m api.FetchRead, need int) {
	key := watchKey{m.To, m.Call}
	s.unwatch(key)
	w := &watch{key: key, need: int64(need)}
	for _, part := range m.Parts {
		if r := s.replicas[part.Replica]; r != nil {
			w.replicas = append(w.replicas, r)
			w.from = append(w.from, max(r.leader.HighWatermark(), part.Offset))
			r.watches = append(r.watches, w)
		}
	}
	s.watches[key] = w
}

func (s *shard) unwatch(key watchKey) {
	w := s.watches[key]
	if w == nil {
		return
	}
	delete(s.watches, key)
	for _, r := range w.replicas {
		for i, other := range r.watches {
			if other == w {
				last := len(r.watches) - 1
				r.watches[i], r.watches[last] = r.watches[last], nil
				r.watches = r.watches[:last]
				break
			}
		}
	}
}

// wake tells the fetches that watch a replica, if they have enough now or the replica has gone.
func (s *shard) wake(r *replica, fx *actor.Effects) {
	for i := len(r.watches) - 1; i >= 0; i-- {
		if i >= len(r.watches) {
			continue // a fetch that names a replica twice watches it twice, and is removed at once
		}
		if w := r.watches[i]; r.deleted || w.bytes() >= w.need {
			s.unwatch(w.key)
			fx.Send(w.key.to, api.FetchWake{Call: w.key.call})
		}
	}
}

func (w *watch) bytes() (sum int64) {
	for i, r := range w.replicas {
		if watermark := r.leader.HighWatermark(); watermark > w.from[i] {
			sum += r.log.Bytes(w.from[i], watermark)
		}
	}
	return sum
}

// offset answers one partition of ListOffsets.
func (s *shard) offset(m api.OffsetQuery, fx *actor.Effects) {
	answer := api.OffsetAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, Offset: -1, Timestamp: -1, LeaderEpoch: -1}
	r, code := s.lead(m.Replica, m.Epoch)
	if code != nil {
		answer.Error = code.Code
		fx.Send(m.Ticket.To, answer)
		return
	}
	switch m.Timestamp {
	case api.LatestOffset:
		answer.LeaderEpoch = r.leader.Epoch
		if answer.Offset, code = r.leader.LatestOffset(); code != nil {
			answer.Error = code.Code
		}
	case api.EarliestOffset, api.EarliestLocalOffset:
		answer.Offset = r.log.StartOffset()
		answer.LeaderEpoch = r.log.EpochForOffset(answer.Offset)
	case api.LatestTieredOffset, api.EarliestPending:
	case api.MaxTimestampOffset:
		// The log knows the largest timestamp; which record of its batch has it is in the file.
		if _, timestamp := r.log.MaxTimestamp(); timestamp >= 0 {
			r.search(timestamp, &answer)
		}
	default:
		r.search(m.Timestamp, &answer)
	}
	fx.Send(m.Ticket.To, answer)
}

// search finds the first record that readers may see and that is at least as young.
func (r *replica) search(timestamp int64, answer *api.OffsetAnswer) {
	if timestamp < 0 {
		answer.Error = kerr.InvalidRequest.Code
		return
	}
	offset, found, ok, err := r.log.OffsetForTimestamp(timestamp)
	switch {
	case err != nil:
		answer.Error = kerr.KafkaStorageError.Code
	case ok && offset < r.leader.HighWatermark():
		answer.Offset, answer.Timestamp, answer.LeaderEpoch = offset, found, r.log.EpochForOffset(offset)
	}
}

// epoch answers one partition of OffsetForLeaderEpoch.
func (s *shard) epoch(m api.EpochQuery, fx *actor.Effects) {
	answer := api.EpochAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, LeaderEpoch: log.UndefinedEpoch, EndOffset: -1}
	if r, code := s.lead(m.Replica, m.Epoch); code != nil {
		answer.Error = code.Code
	} else {
		answer.LeaderEpoch, answer.EndOffset = r.log.EndOffsetForEpoch(m.Asked)
	}
	fx.Send(m.Ticket.To, answer)
}
