package node

import (
	"errors"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// watch is a fetch that waits for data in some replicas of this shard.
type watch struct {
	key watchKey
	// reader is -1, or the broker that fetches to have a copy.
	reader   int32
	replicas []*replica
	// committed[i] says that the fetch sees replicas[i] to its last stable offset.
	committed []bool
	// from is the end of replicas[i] that the fetch has seen.
	from []int64
	// need is how many bytes above from, over all replicas, wake the fetch.
	need int64
}

type watchKey struct {
	to   actor.Address
	call uint64
}

// read answers what readers may see, without touching a file: the ranges are read elsewhere.
func (s *shard) read(now time.Time, m api.FetchRead, fx *actor.Effects) {
	data := api.FetchData{Call: m.Call, Round: m.Round, Results: make([]api.FetchResult, 0, len(m.Parts))}
	left, bytes, failed := m.MaxBytes, 0, false
	for _, part := range m.Parts {
		var result api.FetchResult
		if m.Replica >= 0 {
			result = s.copyPart(now, m, part, left, fx)
		} else {
			result = s.readPart(part, left)
		}
		left -= result.Bytes
		bytes += result.Bytes
		failed = failed || result.Error != 0 || result.Diverging != nil || result.News
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

// readPart is what a reader sees of one partition: what is committed.
func (s *shard) readPart(part api.FetchPart, left int) api.FetchResult {
	r, result := s.leading(part)
	if r == nil {
		return result
	}
	bound := result.HighWatermark
	if s.cfg.Bugs.Has(bug.ReadUncommittedTail) {
		bound = r.leader.LogEnd()
	}
	if part.Committed {
		bound, result.Aborted = result.LastStable, []api.AbortedTxn{}
	}
	switch {
	case part.Offset > r.leader.LogEnd():
		result.Error = kerr.OffsetOutOfRange.Code
	case part.Offset < bound && left > 0:
		s.plan(r, &result, part, bound, left)
	}
	return result
}

// copyPart is what a follower sees of one partition: all there is. Its fetch says what it has, which is
// told once: the same fetch may be looked at again when there is more.
func (s *shard) copyPart(now time.Time, m api.FetchRead, part api.FetchPart, left int, fx *actor.Effects) api.FetchResult {
	believed := part
	if r := s.replicas[part.Replica]; r != nil && r.leader != nil && s.machine.Bugs.IsrExpandEarly.OtherEpoch {
		believed.Epoch = max(believed.Epoch, r.leader.Epoch) // the planted bug: a former term is as good
	}
	r, result := s.leading(believed)
	if r == nil || result.Diverging != nil {
		return result
	}
	if m.Round == 1 {
		news, refused := r.leader.Fetched(partition.Fetch{
			Replica: m.Replica, BrokerEpoch: m.BrokerEpoch, LeaderEpoch: part.Epoch, LastEpoch: part.LastEpoch,
			Offset: part.Offset, HighWatermark: part.HighWatermark, LogStart: part.LogStart,
		}, now)
		if refused != nil {
			result.Error = refused.Code
			return result
		}
		s.moved(r, news, fx)
		s.settleDeletions(r, fx)
		result.HighWatermark, result.LastStable = r.leader.HighWatermark(), s.stable(r)
	}
	result.News = r.leader.Behind(m.Replica) || part.LogStart >= 0 && part.LogStart < result.LogStart
	if end := r.leader.LogEnd(); part.Offset < end && left > 0 {
		s.plan(r, &result, part, end, left)
	}
	return result
}

// leading begins the answer for one partition; no replica comes with one that is complete.
func (s *shard) leading(part api.FetchPart) (*replica, api.FetchResult) {
	result := api.FetchResult{Part: part.Part, HighWatermark: -1, LastStable: -1, LogStart: -1, LeaderEpoch: -1}
	r, code := s.find(part.Replica, part.Epoch)
	if code != nil {
		result.Error = code.Code
		return nil, result
	}
	result.HighWatermark, result.LastStable = r.leader.HighWatermark(), s.stable(r)
	result.LogStart, result.LeaderEpoch = r.log.StartOffset(), r.leader.Epoch
	if part.Offset < r.log.StartOffset() {
		result.Error = kerr.OffsetOutOfRange.Code
		return nil, result
	}
	if d, diverging := partition.Diverging(r.log, part.LastEpoch, part.Offset); diverging && !s.cfg.Bugs.Has(bug.NoTruncate) {
		result.Diverging = &d
		return nil, result
	}
	return r, result
}

// plan adds the range to be read.
func (s *shard) plan(r *replica, result *api.FetchResult, part api.FetchPart, bound int64, left int) {
	source, err := r.log.Read(part.Offset, bound, min(part.MaxBytes, left))
	switch {
	case errors.Is(err, log.ErrOffsetOutOfRange):
		result.Error = kerr.OffsetOutOfRange.Code
	case err != nil:
		result.Error = kerr.KafkaStorageError.Code
	default:
		result.Source, result.Bytes, result.Owner, result.Token = source, source.Len(), s.self, r
		if part.Committed {
			result.Aborted = s.aborted(r, source)
		}
	}
}

// find finds a replica that leads and checks the leader epoch that the client believes in (KIP-320); -1 is
// a client that does not know one.
func (s *shard) find(id api.Replica, epoch int32) (*replica, *kerr.Error) {
	r := s.replicas[id]
	switch {
	case r == nil:
		return nil, s.missing(id)
	case r.leader == nil:
		return nil, kerr.NotLeaderForPartition
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
	w := &watch{key: key, reader: m.Replica, need: int64(need)}
	for _, part := range m.Parts {
		if r := s.replicas[part.Replica]; r != nil && r.leader != nil {
			w.replicas = append(w.replicas, r)
			w.committed = append(w.committed, part.Committed)
			w.from = append(w.from, max(s.end(w, len(w.replicas)-1), part.Offset))
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

// wake tells the fetches that watch a replica that has more, if they have enough now: readers that there
// is more to read, followers that they are behind in what they know (KIP-1166).
func (s *shard) wake(r *replica, fx *actor.Effects) {
	s.wakeIf(r, func(w *watch) bool { return s.bytes(w) >= w.need || w.reader >= 0 && r.leader.Behind(w.reader) }, fx)
}

// wakeReplicas tells the followers that a replica has more, committed or not.
func (s *shard) wakeReplicas(r *replica, fx *actor.Effects) {
	s.wakeIf(r, func(w *watch) bool { return w.reader >= 0 && s.bytes(w) >= w.need }, fx)
}

// wakeAll tells everybody that watches a replica that it does not lead any more, or has gone.
func (s *shard) wakeAll(r *replica, fx *actor.Effects) {
	s.wakeIf(r, func(*watch) bool { return true }, fx)
}

func (s *shard) wakeIf(r *replica, due func(*watch) bool, fx *actor.Effects) {
	for i := len(r.watches) - 1; i >= 0; i-- {
		if i >= len(r.watches) {
			continue // a fetch that names a replica twice watches it twice, and is removed at once
		}
		if w := r.watches[i]; due(w) {
			s.unwatch(w.key)
			fx.Send(w.key.to, api.FetchWake{Call: w.key.call})
		}
	}
}

// end of what a watch may see of its i-th replica, which leads.
func (s *shard) end(w *watch, i int) int64 {
	switch r := w.replicas[i]; {
	case w.reader >= 0:
		return r.leader.LogEnd()
	case w.committed[i]:
		return s.stable(r)
	default:
		return r.leader.HighWatermark()
	}
}

func (s *shard) bytes(w *watch) (sum int64) {
	for i, r := range w.replicas {
		if r.leader == nil {
			continue
		}
		if end := s.end(w, i); end > w.from[i] {
			sum += r.log.Bytes(w.from[i], end)
		}
	}
	return sum
}

// offset answers one partition of ListOffsets.
func (s *shard) offset(m api.OffsetQuery, fx *actor.Effects) {
	answer := api.OffsetAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, Offset: -1, Timestamp: -1, LeaderEpoch: -1}
	r, code := s.find(m.Replica, m.Epoch)
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
		} else if m.Committed {
			answer.Offset = s.stable(r)
		}
	case api.EarliestOffset, api.EarliestLocalOffset:
		answer.Offset = r.log.StartOffset()
		answer.LeaderEpoch = r.log.EpochForOffset(answer.Offset)
	case api.LatestTieredOffset, api.EarliestPending:
	case api.MaxTimestampOffset:
		// The log knows the largest timestamp; which record of its batch has it is in the file.
		if _, timestamp := r.log.MaxTimestamp(); timestamp >= 0 {
			s.search(r, timestamp, m.Committed, &answer, fx)
		}
	default:
		s.search(r, m.Timestamp, m.Committed, &answer, fx)
	}
	fx.Send(m.Ticket.To, answer)
}

// search finds the first record that readers may see and that is at least as young.
func (s *shard) search(r *replica, timestamp int64, committed bool, answer *api.OffsetAnswer, fx *actor.Effects) {
	if timestamp < 0 {
		answer.Error = kerr.InvalidRequest.Code
		return
	}
	bound := r.leader.HighWatermark()
	if committed {
		bound = s.stable(r)
	}
	offset, found, ok, err := r.log.OffsetForTimestamp(timestamp)
	switch {
	case err != nil:
		answer.Error = kerr.KafkaStorageError.Code
		s.readFailed(actor.ReadFailed{Token: r, Err: err}, fx)
	case ok && offset < bound:
		answer.Offset, answer.Timestamp, answer.LeaderEpoch = offset, found, r.log.EpochForOffset(offset)
	}
}

// epoch answers one partition of OffsetForLeaderEpoch.
func (s *shard) epoch(m api.EpochQuery, fx *actor.Effects) {
	answer := api.EpochAnswer{Call: m.Ticket.Call, Part: m.Ticket.Part, LeaderEpoch: log.UndefinedEpoch, EndOffset: -1}
	if r, code := s.find(m.Replica, m.Epoch); code != nil {
		answer.Error = code.Code
	} else {
		answer.LeaderEpoch, answer.EndOffset = r.log.EndOffsetForEpoch(m.Asked)
	}
	fx.Send(m.Ticket.To, answer)
}
