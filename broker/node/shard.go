package node

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// shard owns some replicas of this node. All appends to a replica and all decisions about it are
// made here, one after the other; reads and syncs of its files happen elsewhere.
type shard struct {
	self     actor.Address
	fs       env.FS
	cfg      Config
	machine  partition.Config
	replicas map[api.Replica]*replica
	// away are the replicas that other brokers have now. A session may not know that yet.
	away map[api.Replica]bool
	// sources are the brokers from which replicas here fetch, by id.
	sources []*source
	// dirty lists the replicas to sync at the next Drained, each once.
	dirty []*replica
	// watches of fetches that wait for data, by call.
	watches map[watchKey]*watch
	// interval is set while the timer of FlushInterval runs, ticking while that of leaders does.
	interval, ticking bool
	// codecs look into batches that are compressed.
	codecs *batch.Codecs
	// retaining is set while the timer of retention runs.
	retaining bool
	scrubbing scrubbing
	cleaner   cleaner
	// questions are how many have been numbered, whether a batch belongs to a transaction.
	questions uint64
	// unopened replicas wait for the controller.
	unopened map[api.Replica]unopened
}

// replica is one partition on this node. It leads or it follows, once it has been told.
type replica struct {
	id       api.Replica
	topic    string
	log      *log.Log
	leader   *partition.Leader
	follower *partition.Follower
	// position is where the log stood when the last term ended.
	position partition.Log
	// source is where a follower fetches; resting is set while it must not, after an error of its own.
	source  *source
	resting bool
	// cut is what a follower must cut as soon as no sync is under way; nil if nothing.
	cut *partition.Truncation
	// damage is set while a segment of the log is not as it was written, aside from when one was set aside until
	// the log has its records again.
	damage *damage
	aside  *event.SegmentQuarantined
	// dirty is set while the replica stands in the shard's list, syncing while a sync is under way.
	dirty, syncing bool
	// deleted is set when the replica is gone but a sync is still under way.
	deleted bool
	watches []*watch
	// settings of the topic that the log acts on, deletions the DeleteRecords that wait for followers.
	settings metadata.Settings
	// uncleanable is set once compaction has met a batch that it cannot take apart.
	uncleanable bool
	deletions   []deletion
	guards      guards
	planted     planted
}

// flushTick syncs what FlushInterval left, leaderTick tells leaders the time.
type (
	flushTick  struct{}
	leaderTick struct{}
)

func newShard(fs env.FS, cfg Config, id int64) *shard {
	cfg.Log.Codecs = new(batch.Codecs)
	return &shard{
		self: actor.Address{Role: actor.Shard, ID: id}, fs: fs, cfg: cfg, codecs: cfg.Log.Codecs,
		machine: partition.Config{
			Self: cfg.Sessions.NodeID, Flush: cfg.Flush, ReplicaLagMax: cfg.Timing.ReplicaLagMax, Bugs: partitionBugs(cfg.Bugs),
		},
		replicas: map[api.Replica]*replica{}, unopened: map[api.Replica]unopened{}, away: map[api.Replica]bool{}, watches: map[watchKey]*watch{},
	}
}

// Step implements actor.Actor.
func (s *shard) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case api.ProducePart:
		s.produce(now, m, fx)
	case api.VerifyPart:
		s.verify(m, fx)
	case api.FetchRead:
		s.read(now, m, fx)
	case api.FetchUnwatch:
		s.unwatch(watchKey{m.To, m.Call})
	case api.OffsetQuery:
		s.offset(m, fx)
	case api.EpochQuery:
		s.epoch(m, fx)
	case api.DeleteQuery:
		s.deleteRecords(m, fx)
	case retainTick:
		s.retain(now, fx)
	case api.ProducerQuery:
		s.producers(m, fx)
	case api.SizeQuery:
		s.sizes(m, fx)
	case actor.Drained:
		if s.cfg.Flush != partition.FlushInterval {
			s.sync(fx)
		}
		s.fetch(fx)
	case actor.SyncDone:
		s.synced(m, fx)
	case actor.CallDone:
		s.fetched(m, fx)
	case rested:
		s.rested(m)
	case altered:
		s.altered(m, fx)
	case actor.ReadFailed:
		s.readFailed(m, fx)
	case actor.Scrubbed:
		s.scrubbed(m, fx)
	case scrubTick:
		s.scrub(fx)
	case cleanTick:
		s.cleaner.armed = false
		s.armClean(fx)
		s.clean(now, fx)
	case actor.Worked:
		s.cleaned(now, m, fx)
	case struck:
		s.struck(now, m, fx)
	case damagedAgain:
		s.strikeAgain(m, fx)
	case flushTick:
		s.interval = false
		s.sync(fx)
	case leaderTick:
		s.tick(now, fx)
	case assign:
		s.assign(now, m, fx)
	case unassign:
		s.unassign(m, fx)
	case Report:
		s.report(m)
	default:
		panic(fmt.Sprintf("node: shard got %T", message))
	}
}

// touch notes that a replica has something to sync. Without flushes only sealed segments are
// synced, as in Apache Kafka: recovery may then take damage in one of them for what it is.
func (s *shard) touch(r *replica, fx *actor.Effects) {
	if r.dirty || s.cfg.Flush == partition.FlushNone && !r.log.SealedDirty() {
		return
	}
	r.dirty = true
	s.dirty = append(s.dirty, r)
	if s.cfg.Flush == partition.FlushInterval && !s.interval {
		s.interval = true
		fx.After(s.cfg.FlushInterval, flushTick{})
	}
}

// sync begins one sync for each dirty replica that has none under way: all appends since the last
// one share it (group commit).
func (s *shard) sync(fx *actor.Effects) {
	waiting := s.dirty[:0]
	for _, r := range s.dirty {
		switch {
		case r.deleted:
		case r.syncing:
			waiting = append(waiting, r)
		default:
			r.dirty, r.syncing = false, true
			point := r.log.BeginSync()
			fx.Sync(point, syncToken{r, point.End})
		}
	}
	clear(s.dirty[len(waiting):])
	s.dirty = waiting
}

type syncToken struct {
	replica *replica
	end     int64
}

// synced moves the high watermark and answers who waited for it. After a failed sync nobody knows
// what is on disk, and asking again may lie: the node stops.
func (s *shard) synced(m actor.SyncDone, fx *actor.Effects) {
	token := m.Token.(syncToken)
	r := token.replica
	r.syncing = false
	if r.deleted {
		return
	}
	if m.Err != nil {
		fx.Fatal = fmt.Errorf("sync %s-%d: %w; what it holds since offset %d may not be on disk", r.topic, r.id.Partition, m.Err, r.log.SyncedOffset())
		return
	}
	r.log.Synced(token.end)
	switch {
	case r.leader != nil:
		s.moved(r, r.leader.Synced(r.log.SyncedOffset()), fx)
	case r.follower != nil:
		if r.cut != nil {
			s.truncate(r, *r.cut, fx)
			return
		}
		r.follower.Synced(r.log.SyncedOffset())
		s.mend(r, fx)
	}
}

// moved acts on what an event did to a leader: acknowledgements that are due or given up, fetches that
// wait, and what it wants of the controller. news says that the high watermark moved or that
// acknowledgements are due.
func (s *shard) moved(r *replica, news bool, fx *actor.Effects) {
	if news {
		s.acknowledgeAll(r, fx)
		s.wake(r, fx)
	}
	if proposal, ok := r.leader.Proposal(); ok {
		fx.Send(api.Uplink, alter{s.self, r.id, proposal})
	}
}

func (s *shard) acknowledgeAll(r *replica, fx *actor.Effects) {
	start := r.log.StartOffset()
	for _, ack := range r.leader.Due() {
		fx.Send(ack.Ticket.To, api.ProduceDone{Call: ack.Ticket.Call, Part: ack.Ticket.Part, BaseOffset: ack.BaseOffset, LogStart: start, AppendTime: ack.Time})
	}
	for _, ack := range r.leader.Refused() {
		fx.Send(ack.Ticket.To, refusal(ack.Ticket, kerr.NotEnoughReplicasAfterAppend, ""))
	}
}

// ordered gives the replicas by topic and partition: what is done to all of them is done in the same
// order in every run.
func (s *shard) ordered() []*replica {
	return slices.SortedFunc(maps.Values(s.replicas), func(a, b *replica) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.id.Partition, b.id.Partition))
	})
}

func (s *shard) close() error {
	var first error
	if c := s.cleaner; c.pass != nil {
		c.replica.log.StopClean(c.pass)
	}
	for _, r := range s.ordered() {
		if err := r.log.Close(); err != nil && first == nil {
			first = fmt.Errorf("close %s-%d: %w", r.topic, r.id.Partition, err)
		}
	}
	return first
}
