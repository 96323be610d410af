package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/quorum"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// controllerActor is a vote in the metadata quorum, and the controller machine while this node leads it.
type controllerActor struct {
	cfg    Config
	quorum *quorum.Quorum
	// image is what is committed.
	image *metadata.Image
	// machine decides, in sight of what it has proposed; nil unless this node leads and knows all that
	// was committed before.
	machine *controller.Machine
	// leader of the quorum that was told of last; -1 for nobody.
	leader int32
	// term in which the machine decides.
	term int32
	// proposed is the last entry that the machine has proposed.
	proposed uint64
	// replies wait until the entry that they go by is committed, in order.
	replies []pendingReply
	// questions about the metadata log wait for something to tell.
	questions []tailQuestion
	// eager counts the ticks after the start in which the first voter still asks for votes at once.
	eager       int
	resignation resignation
	// contacts of the voters, while this node leads them.
	contacts map[int32]contact
}

type pendingReply struct {
	// index of the last entry that was proposed when the answer was made.
	index uint64
	// granted is set if the answer stands for records.
	granted bool
	to      actor.Address
	reply   api.ControllerReply
}

// quorumTick is raft's clock.
type quorumTick struct{}

// sentTo is the token of a quorum message.
type sentTo struct{ voter int32 }

func openController(fs env.FS, cfg Config) (*controllerActor, error) {
	logCfg := cfg.Log
	logCfg.Bugs = nil // planted bugs are in the data, not in the cluster's knowledge of itself
	q, err := quorum.Open(fs, metadata.LogDir, quorum.Config{
		ID: cfg.Sessions.NodeID, Voters: cfg.voterIDs(), Log: logCfg,
		UnsafeVoteUnsynced: cfg.Bugs.Has(bug.VoteUnsynced), KeepEntries: int(cfg.SnapshotEvery / 10),
		SnapshotEvery: cfg.SnapshotEvery,
	})
	if err != nil {
		return nil, fmt.Errorf("open the metadata quorum: %w", err)
	}
	a := &controllerActor{cfg: cfg, quorum: q, leader: -1, image: metadata.NewImage(cfg.ClusterID, nil), contacts: map[int32]contact{}}
	if snapshot, ok := q.Snapshot(); ok {
		if a.image, err = metadata.FromSnapshot(snapshot.Image); err != nil {
			return nil, fmt.Errorf("open the metadata quorum: %w", err)
		}
	}
	if a.image.ClusterID != cfg.ClusterID {
		return nil, fmt.Errorf("the metadata is that of cluster %q, this node is one of %q: give it the directory of its own cluster", a.image.ClusterID, cfg.ClusterID)
	}
	return a, nil
}

// Step implements actor.Actor.
func (a *controllerActor) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case begin:
		a.begin(now, fx)
	case quorumTick:
		a.tick(now, fx)
	case api.ControllerRequest:
		a.request(now, m, fx)
	case actor.SyncDone:
		a.perform(now, a.quorum.SyncDone(m), fx)
	case actor.CallDone:
		if m.Err != nil {
			a.perform(now, a.quorum.Unreachable(m.Token.(sentTo).voter), fx)
		}
	case Resign:
		a.resign(now, m, fx)
	case Committed:
		m.Done(a.image, a.quorum)
	case actor.Drained:
	default:
		panic(fmt.Sprintf("node: controller got %T", message))
	}
}

// begin starts the clock. The first voter does not wait for an election's time: where a leader lives,
// its question comes to nothing (pre-vote).
func (a *controllerActor) begin(now time.Time, fx *actor.Effects) {
	if a.image.Offset > 0 && a.cfg.Roles.Broker {
		fx.Send(api.Metadata, news{image: a.image})
	}
	if slices.Min(a.cfg.voterIDs()) == a.cfg.Sessions.NodeID {
		a.eager = quorum.DefaultElectionTicks
		a.perform(now, a.quorum.Campaign(), fx)
	}
	fx.After(a.cfg.Timing.QuorumTick, quorumTick{})
}

func (a *controllerActor) tick(now time.Time, fx *actor.Effects) {
	fx.After(a.cfg.Timing.QuorumTick, quorumTick{})
	a.observe(now) // before the quorum looks at who has answered, and begins anew
	a.perform(now, a.quorum.Tick(), fx)
	a.resignation.wait(a.resigned)
	if a.eager > 0 {
		a.eager--
		switch status := a.quorum.Status(); {
		case status.Leader.ID >= 0:
			a.eager = 0
		case status.Role != quorum.Candidate: // who has begun a term waits for its votes, and for its own disk
			a.perform(now, a.quorum.Campaign(), fx)
		}
	}
	if a.machine != nil {
		if err := a.propose(now, a.machine.Tick(now), fx); err != nil && !refused(err) {
			fx.Fatal = err
		}
	}
	a.answerAll(now, fx)
}

// request takes what sessions and the uplink ask of a controller.
func (a *controllerActor) request(now time.Time, m api.ControllerRequest, fx *actor.Effects) {
	switch body := m.Body.(type) {
	case *wire.QuorumMessageRequest:
		fx.Send(m.From, api.ControllerReply{Call: m.Call, Body: &wire.QuorumMessageResponse{}})
		// What makes no sense is dropped, as if the network had lost it.
		if q, err := a.quorum.Receive(body.Message); err == nil {
			a.perform(now, q, fx)
		}
	case *wire.MetadataTailRequest:
		a.asked(now, m, body, fx)
	case *kmsg.DescribeQuorumRequest:
		fx.Send(m.From, api.ControllerReply{Call: m.Call, Body: a.describe(now, body)})
	default:
		a.decide(now, m, fx)
	}
}

// perform does what the quorum asks for.
func (a *controllerActor) perform(now time.Time, q quorum.Effects, fx *actor.Effects) {
	if q.Fatal != nil {
		fx.Fatal = fmt.Errorf("metadata quorum: %w", q.Fatal)
		return
	}
	if q.Leader != nil {
		a.led(*q.Leader, fx)
	}
	if q.Snapshot != nil {
		image, err := metadata.FromSnapshot(q.Snapshot.Image)
		if err != nil {
			fx.Fatal = fmt.Errorf("install a snapshot of the metadata: %w", err)
			return
		}
		a.image = image
		if a.cfg.Roles.Broker {
			fx.Send(api.Metadata, news{image: image})
		}
	}
	for _, entry := range q.Committed {
		if err := a.commit(entry, fx); err != nil {
			fx.Fatal = err
			return
		}
	}
	for _, m := range q.Sends {
		to := a.cfg.Voters[slices.IndexFunc(a.cfg.Voters, func(v Voter) bool { return v.ID == m.To })]
		fx.Call(actor.Call{
			Node: to.ID, Host: to.Host, Port: to.Port, Timeout: a.cfg.Timing.CallTimeout,
			Request: &wire.QuorumMessageRequest{Message: m.Bytes}, Token: sentTo{to.ID},
		})
	}
	if q.Sync != nil {
		fx.Sync(q.Sync.Syncer, q.Sync.Token)
	}
	if q.SnapshotDue {
		a.compact(now, fx)
	}
	if a.machine == nil && a.quorum.Status().Active {
		a.takeOver(now, fx)
	}
	a.reply(fx)
	a.answerAll(now, fx)
}

// commit takes an entry that nobody can take back.
func (a *controllerActor) commit(entry quorum.Entry, fx *actor.Effects) error {
	records, err := decode(entry)
	if err != nil || len(records) == 0 {
		return err
	}
	before := a.image
	a.image = a.image.Apply(records)
	if a.machine != nil {
		announce(before, a.image, records, fx)
	}
	if a.cfg.Roles.Broker {
		fx.Send(api.Metadata, news{records: records})
	}
	return nil
}

func decode(entry quorum.Entry) ([]metadata.Record, error) {
	records := make([]metadata.Record, 0, len(entry.Values))
	for _, value := range entry.Values {
		r, err := metadata.Decode(value)
		if err != nil {
			return nil, fmt.Errorf("metadata log, entry at offset %d: %w", entry.Offset, err)
		}
		records = append(records, r)
	}
	return records, nil
}

// compact makes a snapshot of what is committed.
func (a *controllerActor) compact(now time.Time, fx *actor.Effects) {
	q, err := a.quorum.Compact(a.quorum.Status().Applied, a.image.Snapshot())
	switch {
	case errors.Is(err, quorum.ErrStale): // one is on its way
	case err != nil:
		fx.Fatal = fmt.Errorf("make a snapshot of the metadata: %w", err)
	default:
		a.perform(now, q, fx)
	}
}

// led takes note of another leader or term: what this node decided in a former one may or may not come
// to be.
func (a *controllerActor) led(leader quorum.Leader, fx *actor.Effects) {
	if leader.ID >= 0 || a.leader >= 0 {
		fx.Emit(event.QuorumLeader{Leader: leader.ID, Term: leader.Term})
	}
	a.leader = leader.ID
	if a.machine != nil && (leader.ID != a.cfg.Sessions.NodeID || leader.Term != a.term) {
		a.machine = nil
		a.abandon(fx)
	}
	if leader.ID != a.cfg.Sessions.NodeID {
		a.resigned()
	}
	if a.cfg.Roles.Broker {
		fx.Send(api.Uplink, leads{leader})
	}
}

// takeOver begins to decide, on everything that was committed before.
func (a *controllerActor) takeOver(now time.Time, fx *actor.Effects) {
	cfg := a.cfg.Controller
	// No two terms may draw the same topic ids.
	cfg.Seed += uint64(a.quorum.Status().Leader.Term) * 0x9e3779b97f4a7c15
	a.term = a.quorum.Status().Leader.Term
	a.machine = controller.New(cfg, a.image)
	a.machine.Activate(now)
	fx.Emit(event.ControllerActive{Term: a.term})
	if err := a.propose(now, a.machine.Begin(), fx); err != nil && !refused(err) {
		fx.Fatal = err
		return
	}
	if a.cfg.Roles.Broker { // what it asked before was refused
		fx.Send(api.Uplink, leads{a.quorum.Status().Leader})
	}
}
