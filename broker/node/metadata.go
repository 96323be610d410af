package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
)

// metadataActor applies committed records in order: it tells the shards which replicas they own and
// what part they play, waits until they do, and only then shows the new image to the sessions. So a
// client never hears of a partition that this node could not serve yet.
//
// Nothing is opened before this process is registered in the image: what the log says of an earlier
// process, such as that it leads, is not true of this one.
type metadataActor struct {
	cfg  Config
	tail *tail // nil where the records come from the controller of this node
	// image is what everybody here goes by.
	image *metadata.Image
	// next is the image that becomes visible when its shards are ready; nil if there is none.
	next    *metadata.Image
	waiting int
	// backlog came while shards were getting ready.
	backlog []news
	// sent is what the shards were told of the replicas here.
	sent map[api.Replica]briefing
	// left is what earlier processes have left here, until this one has looked which of it was given up.
	left []unassign
	// begun is set once this process serves clients.
	begun    bool
	sessions []actor.Address
	// transacts is set once the cluster has transactions: before, nobody coordinates any.
	transacts bool
}

type (
	// news of the metadata log: its next records, or an image that replaces all of them so far.
	news struct {
		records []metadata.Record
		image   *metadata.Image
		// cleared is set once the topics that image does not have are being deleted.
		cleared bool
	}
	// applied tells the uplink what everybody here goes by now.
	applied struct{ image *metadata.Image }
)

// assign tells a shard of a replica, new or changed, unassign to delete it; assigned answers both.
type (
	assign struct {
		replica api.Replica
		topic   string
		state   partition.State
		// settings of the topic that are in force on this broker.
		settings metadata.Settings
		// leader is where the leader's peers reach it, if the partition has one.
		leader metadata.Broker
	}
	unassign struct {
		replica api.Replica
		topic   string
		// moved is set if the topic lives on, elsewhere.
		moved bool
	}
	assigned struct{}
)

// briefing is what a shard knows of a replica.
type briefing struct {
	state    partition.State
	settings metadata.Settings
}

func newMetadata(cfg Config) *metadataActor {
	a := &metadataActor{cfg: cfg, image: metadata.NewImage(cfg.ClusterID, nil), sent: map[api.Replica]briefing{}}
	if !cfg.Roles.Controller {
		a.tail = newTail(cfg)
	}
	return a
}

// Step implements actor.Actor.
func (a *metadataActor) Step(_ time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case begin:
		a.follow(fx)
	case actor.CallDone:
		a.told(m, fx)
	case tailAgain:
		a.follow(fx)
	case news:
		a.add(m, fx)
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

func (a *metadataActor) add(m news, fx *actor.Effects) {
	if last := len(a.backlog) - 1; last >= 0 && a.backlog[last].image == nil && m.image == nil {
		a.backlog[last].records = append(a.backlog[last].records, m.records...)
	} else {
		a.backlog = append(a.backlog, m)
	}
	if a.next == nil {
		a.apply(fx)
	}
}

// apply begins with the backlog, up to its first deletion: the directory of a deleted topic must
// be gone before another topic of that name opens it.
func (a *metadataActor) apply(fx *actor.Effects) {
	a.next = a.image
	records := a.backlog[0].records
	if image := a.backlog[0].image; image != nil {
		if !a.backlog[0].cleared {
			// What is gone goes first, under the image that knows of it.
			a.backlog[0].cleared = true
			for _, name := range a.image.Names() {
				if id := a.image.Topic(name).ID; image.TopicByID(id) == nil {
					a.unassign(id, nil, fx)
				}
			}
		}
		if a.waiting == 0 {
			a.next, a.backlog = image, a.backlog[1:]
		}
	} else if i := slices.IndexFunc(records, deletes); i >= 0 && i+1 < len(records) {
		a.backlog[0].records, records = records[i+1:], records[:i+1:i+1]
	} else {
		a.backlog = a.backlog[1:]
	}
	if n := len(records); n > 0 {
		a.next = a.image.Apply(records)
		if removed := records[n-1].RemoveTopic; removed != nil {
			a.unassign(removed.ID, records[:n-1], fx)
		}
	}
	if self := a.next.Broker(a.cfg.Sessions.NodeID); self != nil && self.Incarnation == a.cfg.Incarnation {
		a.assignAll(fx)
	}
	if a.waiting == 0 {
		a.publish(fx)
	}
}

func deletes(r metadata.Record) bool { return r.RemoveTopic != nil }

// assignAll tells the shards of every replica here that is not as they were told, and of those that a
// reassignment took away.
func (a *metadataActor) assignAll(fx *actor.Effects) {
	for _, m := range a.left {
		if _, p := a.next.Partition(m.replica.Topic, m.replica.Partition); p != nil && !slices.Contains(p.Replicas, a.cfg.Sessions.NodeID) {
			a.giveUp(m, fx)
		}
	}
	a.left = nil
	defaults := a.next.Defaults(a.cfg.settings, a.cfg.Sessions.NodeID)
	same := slices.Equal(a.image.Registered(), a.next.Registered()) && defaults == a.image.Defaults(a.cfg.settings, a.cfg.Sessions.NodeID)
	for _, name := range a.next.Names() {
		topic := a.next.Topic(name)
		if same && a.image.TopicByID(topic.ID) == topic {
			continue
		}
		for i := range topic.Partitions {
			p := &topic.Partitions[i]
			replica := api.Replica{Topic: topic.ID, Partition: p.Index}
			if slices.Contains(p.Replicas, a.cfg.Sessions.NodeID) {
				a.assign(topic, p, defaults, fx)
			} else if _, here := a.sent[replica]; here {
				a.giveUp(unassign{replica, topic.Name, true}, fx)
			}
		}
	}
}

// giveUp lets a shard delete a replica, or the files that are left of one.
func (a *metadataActor) giveUp(m unassign, fx *actor.Effects) {
	delete(a.sent, m.replica)
	a.waiting++
	fx.Send(api.ShardOf(m.replica, a.cfg.Sessions.Shards), m)
}

func (a *metadataActor) assign(topic *metadata.Topic, p *metadata.Partition, defaults metadata.Settings, fx *actor.Effects) {
	m := assign{
		replica: api.Replica{Topic: topic.ID, Partition: p.Index}, topic: topic.Name,
		state: partition.State{
			Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch,
			Replicas: p.Replicas, ISR: p.ISR, Adding: len(p.Adding), MinISR: topic.MinISR(p, int(defaults.MinISR)),
		},
		settings: topic.Settings(defaults),
	}
	for _, id := range p.Replicas {
		if b := a.next.Broker(id); b != nil {
			m.state.Brokers = append(m.state.Brokers, partition.Broker{ID: id, Epoch: b.Epoch, Fenced: b.Fenced, ShuttingDown: b.ShuttingDown})
		}
	}
	if b := a.next.Broker(p.Leader); b != nil {
		m.leader = *b
	}
	if before, ok := a.sent[m.replica]; ok && before.state.Equal(m.state) && before.settings == m.settings {
		return
	}
	a.sent[m.replica] = briefing{m.state, m.settings}
	a.waiting++
	fx.Send(api.ShardOf(m.replica, a.cfg.Sessions.Shards), m)
}

// unassign deletes the replicas of a topic here, also when the process that should have deleted them
// was killed: before are the records applied together with the deletion.
func (a *metadataActor) unassign(id metadata.TopicID, before []metadata.Record, fx *actor.Effects) {
	topic := a.image.Apply(before).TopicByID(id)
	if topic == nil {
		return
	}
	for _, p := range topic.Partitions {
		replica := api.Replica{Topic: id, Partition: p.Index}
		if _, here := a.sent[replica]; here || slices.Contains(p.Replicas, a.cfg.Sessions.NodeID) {
			a.giveUp(unassign{replica: replica, topic: topic.Name}, fx)
		}
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

// publish makes the next image the image. Clients are served once this process is unfenced.
func (a *metadataActor) publish(fx *actor.Effects) {
	if a.begun { // topics that were there before this process are no news
		tell(a.image, a.next, fx)
	}
	a.image, a.next = a.next, nil
	if !a.begun && len(a.backlog) == 0 {
		self := a.image.Broker(a.cfg.Sessions.NodeID)
		a.begun = self != nil && self.Incarnation == a.cfg.Incarnation && !self.Fenced
	}
	if a.begun {
		fx.Send(api.Coordinator, api.NewImage{Image: a.image})
		if a.transacts = a.transacts || a.image.Topic(metadata.TransactionState) != nil; a.transacts {
			fx.Send(api.Transactions, api.NewImage{Image: a.image})
			fx.Send(api.Participant, api.NewImage{Image: a.image})
		}
		for _, session := range a.sessions {
			fx.Send(session, api.NewImage{Image: a.image})
		}
	}
	fx.Send(api.Uplink, applied{a.image})
	if len(a.backlog) > 0 {
		a.apply(fx)
	}
}
