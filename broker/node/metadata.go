package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
)

// metadataActor applies committed records in order: it tells the shards which replicas they own,
// waits until they have them, and only then shows the new image to the sessions. So a client
// never hears of a partition that this node could not serve yet.
type metadataActor struct {
	cfg   Config
	image *metadata.Image
	// next is the image that becomes visible when its shards are ready; nil if there is none.
	next    *metadata.Image
	waiting int
	// backlog came while shards were getting ready.
	backlog []metadata.Record
	// begun is set once everything that was committed before this process is applied.
	begun    bool
	sessions []actor.Address
}

// committed are the next records of the metadata log.
type committed struct{ records []metadata.Record }

// assign tells a shard to open the log of a replica, unassign to delete it; assigned answers both.
type (
	assign struct {
		replica api.Replica
		topic   string
		epoch   int32
	}
	unassign struct {
		replica api.Replica
		topic   string
	}
	assigned struct{}
)

func newMetadata(cfg Config) *metadataActor {
	return &metadataActor{cfg: cfg, image: metadata.NewImage(cfg.ClusterID, cfg.Sessions.NodeID, cfg.Brokers)}
}

// Step implements actor.Actor.
func (a *metadataActor) Step(_ time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case committed:
		a.backlog = append(a.backlog, m.records...)
		if a.next == nil {
			a.apply(fx)
		}
	case assigned:
		if a.waiting--; a.waiting == 0 {
			a.publish(fx)
		}
	case api.Subscribe:
		a.sessions = append(a.sessions, m.Session)
		if a.begun {
			fx.Send(m.Session, api.NewImage{Image: a.image})
		}
	case api.Unsubscribe:
		a.sessions = slices.DeleteFunc(a.sessions, func(s actor.Address) bool { return s == m.Session })
	case actor.Drained:
	default:
		panic(fmt.Sprintf("node: metadata got %T", message))
	}
}

// apply begins with the backlog, up to its first deletion: the directory of a deleted topic must
// be gone before another topic of that name opens it.
func (a *metadataActor) apply(fx *actor.Effects) {
	n := len(a.backlog)
	if i := slices.IndexFunc(a.backlog, func(r metadata.Record) bool { return r.RemoveTopic != nil }); i >= 0 {
		n = i + 1
	}
	records := a.backlog[:n:n]
	a.backlog = a.backlog[n:]
	a.next = a.image.Apply(records)
	for _, r := range records {
		switch {
		case r.Partition != nil:
			a.assign(r.Partition, fx)
		case r.RemoveTopic != nil:
			a.unassign(r.RemoveTopic.ID, records[:n-1], fx)
		}
	}
	if a.waiting == 0 {
		a.publish(fx)
	}
}

// assign opens a replica here, unless its topic is deleted further on in the same records.
func (a *metadataActor) assign(r *metadata.PartitionRecord, fx *actor.Effects) {
	topic := a.next.TopicByID(r.TopicID)
	if topic == nil || r.Leader != a.cfg.Sessions.NodeID {
		return
	}
	replica := api.Replica{Topic: r.TopicID, Partition: r.Index}
	a.waiting++
	fx.Send(api.ShardOf(replica, a.cfg.Sessions.Shards), assign{replica: replica, topic: topic.Name, epoch: r.LeaderEpoch})
}

// unassign deletes the replicas of a topic, also when the process that should have deleted them
// was killed: before are the records applied together with the deletion.
func (a *metadataActor) unassign(id metadata.TopicID, before []metadata.Record, fx *actor.Effects) {
	topic := a.image.Apply(before).TopicByID(id)
	if topic == nil {
		return
	}
	for _, p := range topic.Partitions {
		replica := api.Replica{Topic: id, Partition: p.Index}
		a.waiting++
		fx.Send(api.ShardOf(replica, a.cfg.Sessions.Shards), unassign{replica: replica, topic: topic.Name})
	}
}

// tell emits the difference of two images.
func tell(old, next *metadata.Image, fx *actor.Effects) {
	for _, name := range old.Names() {
		if topic := old.Topic(name); next.TopicByID(topic.ID) == nil {
			fx.Emit(event.TopicDeleted{Topic: name, ID: topic.ID.String()})
		}
	}
	for _, name := range next.Names() {
		if topic := next.Topic(name); old.TopicByID(topic.ID) == nil {
			fx.Emit(event.TopicCreated{Topic: name, ID: topic.ID.String(), Partitions: len(topic.Partitions)})
		}
	}
}

// publish makes the next image the image.
func (a *metadataActor) publish(fx *actor.Effects) {
	if a.begun { // topics that were there before this process are no news
		tell(a.image, a.next, fx)
	}
	a.image, a.next = a.next, nil
	a.begun = a.begun || len(a.backlog) == 0
	if a.begun {
		for _, session := range a.sessions {
			fx.Send(session, api.NewImage{Image: a.image})
		}
	}
	fx.Send(api.Controller, applied{a.image.Offset})
	if len(a.backlog) > 0 {
		a.apply(fx)
	}
}
