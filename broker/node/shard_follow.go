package node

import (
	"fmt"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/replication"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// source is a broker from which replicas of this shard fetch: all of them in one request at a time, over a
// connection that the shard has for itself.
type source struct {
	broker   int32
	host     string
	port     int32
	replicas []*replica
	session  replication.Session
	// busy while a request is under way, resting while none must be made after one that failed.
	busy, resting bool
}

// rested ends the rest of a source, or of one of its replicas if there is one.
type rested struct {
	source  *source
	replica api.Replica
	one     bool
}

// fetch asks every leader from which replicas here are ready to read on. With flush: commit a replica is
// ready when what it has is synced, because its offset says so to the leader. A request waits for all of
// them: a leader that has nothing answers late, and would keep those who come to be ready meanwhile.
func (s *shard) fetch(fx *actor.Effects) {
	for _, src := range s.sources {
		if src.busy || src.resting {
			continue
		}
		if positions := src.positions(); len(positions) > 0 {
			src.busy = true
			req := src.session.Request(positions)
			req.MaxWaitMillis = int32(s.cfg.Timing.FetchWait.Milliseconds())
			fx.Call(actor.Call{
				Node: src.broker, Host: src.host, Port: src.port, Request: req,
				Timeout: s.cfg.Timing.FetchWait + s.cfg.Timing.CallTimeout, Token: src,
			})
		}
	}
}

// positions of all replicas, or none as long as one is not ready.
func (src *source) positions() (all []replication.Position) {
	for _, r := range src.replicas {
		if r.resting || r.damage != nil {
			continue
		}
		f, ready := r.follower.Fetch(r.log)
		f.LogStart = r.log.StartOffset()
		if !ready || r.cut != nil {
			return nil
		}
		all = append(all, replication.Position{Topic: r.id.Topic, Partition: r.id.Partition, Fetch: f})
	}
	return all
}

// fetched takes a leader's answer.
func (s *shard) fetched(m actor.CallDone, fx *actor.Effects) {
	src := m.Token.(*source)
	src.busy = false
	resp, ok := m.Response.(*kmsg.FetchResponse)
	if !ok {
		src.session.Reset()
		s.rest(src, fx)
		return
	}
	if src.session.Answered(resp) != nil {
		s.rest(src, fx)
		return
	}
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			id := api.Replica{Topic: resp.Topics[i].TopicID, Partition: p.Partition}
			asked, known := src.session.Asked(id.Topic, id.Partition)
			r := s.replicas[id]
			// What was asked in a former term is no longer of use.
			if !known || r == nil || r.source != src || r.follower.Epoch != asked.LeaderEpoch || r.cut != nil {
				continue
			}
			if !s.take(r, p, asked, fx) {
				r.resting = true
				fx.After(s.cfg.Timing.BackOff, rested{source: src, replica: id, one: true})
			}
			if fx.Fatal != nil {
				return
			}
		}
	}
}

// take takes what the leader says of one partition; false is an error after which the replica rests.
func (s *shard) take(r *replica, p *kmsg.FetchResponseTopicPartition, asked partition.Fetch, fx *actor.Effects) bool {
	switch {
	case p.ErrorCode == kerr.OffsetOutOfRange.Code && p.LogStartOffset > r.log.EndOffset():
		return s.restart(r, p.LogStartOffset, fx)
	case p.ErrorCode != 0:
		return false
	case p.DivergingEpoch.EndOffset >= 0:
		s.truncateSoon(r, r.follower.Diverged(partition.DivergingEpoch{Epoch: p.DivergingEpoch.Epoch, End: p.DivergingEpoch.EndOffset}, r.log), fx)
		return true
	}
	if len(p.RecordBatches) > 0 && asked.Offset == r.log.EndOffset() {
		if err := s.appendFetched(r, p.RecordBatches, fx); err != nil {
			return false
		}
	}
	r.follower.LeaderSaid(p.HighWatermark)
	s.followStart(r, p.LogStartOffset, fx)
	r.refilled(p.HighWatermark, fx)
	return true
}

// appendFetched writes what the leader wrote. Bytes that are not the continuation of this log are asked
// for again; a disk that fails stops the node, as it does where it leads.
func (s *shard) appendFetched(r *replica, batches []byte, fx *actor.Effects) error {
	before := r.log.EndOffset()
	_, err := r.log.AppendAsFollower(batches)
	if end := r.log.EndOffset(); end > before {
		r.follower.Appended(end)
		s.touch(r, fx)
	}
	if err != nil {
		s.failed(r, "append to", err, fx)
		return fmt.Errorf("%s: %w", replicaDir(r.topic, r.id.Partition), err)
	}
	return nil
}

// rest keeps a source from being asked for a while.
func (s *shard) rest(src *source, fx *actor.Effects) {
	src.resting = true
	fx.After(s.cfg.Timing.BackOff, rested{source: src})
}

func (s *shard) rested(m rested) {
	if !m.one {
		m.source.resting = false
	} else if r := s.replicas[m.replica]; r != nil && r.source == m.source {
		r.resting = false
	}
}
