package node

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/quorum"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// uplink carries the requests of a broker to the active controller, wherever that is: those of its life
// (lifecycle.go), its leaders' proposals (proposals.go) and what its clients ask (forward.go).
type uplink struct {
	cfg Config
	// image is what everybody on this node goes by.
	image *metadata.Image
	// leader of the quorum, as far as this node knows.
	leader quorum.Leader
	// at is the voter that is asked: the leader, or one after the other while none answers as such.
	at    int
	calls map[uint64]uplinkCall
	next  uint64
	lifecycle
	proposals
	forwarding
}

// uplinkCall is a request that the controller has not answered yet.
type uplinkCall struct {
	// voter that was asked.
	voter int32
	// done takes the answer; nil if there is none, and what became of the request is not known.
	done func(now time.Time, resp kmsg.Response, fx *actor.Effects)
}

func newUplink(fs env.FS, cfg Config) (*uplink, error) {
	u := &uplink{
		cfg: cfg, image: metadata.NewImage(cfg.ClusterID, nil), leader: quorum.Leader{ID: -1, Term: -1},
		at: int(cfg.Sessions.NodeID) % len(cfg.Voters), calls: map[uint64]uplinkCall{},
	}
	return u, u.lifecycle.open(fs, &u.cfg)
}

// Step implements actor.Actor.
func (u *uplink) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case begin:
		u.beat(now, fx)
	case beatTick:
		u.ticked(now, fx)
	case beatAgain:
		u.beat(now, fx)
	case leads:
		u.led(now, m.leader, fx)
	case applied:
		u.image = m.image
		u.applied(now, fx)
		u.leaseTransactions(false, fx)
		u.settle(now, fx)
	case api.ControllerRequest:
		u.forward(now, m, fx)
	case forwardAgain:
		u.retry(fx)
	case settleAgain:
		u.settle(now, fx)
	case damaged:
		u.tellDamage(m, fx)
	case alter:
		u.proposals.add(m)
	case Retire:
		u.retire(now, m, fx)
	case actor.CallDone:
		u.answered(now, m.Token.(uint64), m.Response, fx)
	case api.ControllerReply:
		u.answered(now, m.Call, m.Body, fx)
	case actor.Drained:
		u.propose(fx)
	default:
		panic(fmt.Sprintf("node: uplink got %T", message))
	}
}

// ask sends a request to the controller; done is called once.
func (u *uplink) ask(body kmsg.Request, fx *actor.Effects, done func(time.Time, kmsg.Response, *actor.Effects)) {
	u.next++
	v := u.cfg.Voters[u.at]
	u.calls[u.next] = uplinkCall{v.ID, done}
	if v.ID == u.cfg.Sessions.NodeID {
		fx.Send(api.Controller, api.ControllerRequest{From: api.Uplink, Call: u.next, Body: body})
		return
	}
	versions, _ := wire.Served(wire.Peers, body.Key()) // the library may know newer ones
	body.SetVersion(versions.Max)
	fx.Call(actor.Call{
		Node: v.ID, Host: v.Host, Port: v.Port, Request: body, Timeout: u.cfg.Timing.CallTimeout, Token: u.next,
	})
}

// answered hands an answer to who asked. A voter that is not the controller, or does not answer, is left
// for the next one, unless another is known to lead by now.
func (u *uplink) answered(now time.Time, id uint64, resp kmsg.Response, fx *actor.Effects) {
	call, ok := u.calls[id]
	if !ok {
		return // given up when another controller came to lead
	}
	delete(u.calls, id)
	if (resp == nil || controller.NotController(resp)) && u.cfg.Voters[u.at].ID == call.voter {
		u.at = (u.at + 1) % len(u.cfg.Voters)
	}
	call.done(now, resp, fx)
}

// led takes note of who leads the quorum.
func (u *uplink) led(now time.Time, leader quorum.Leader, fx *actor.Effects) {
	if leader.Term < u.leader.Term {
		return
	}
	u.leader = leader
	at := slices.IndexFunc(u.cfg.Voters, func(v Voter) bool { return v.ID == leader.ID })
	if at < 0 {
		return
	}
	u.at = at
	// Who led before may never answer, as a process that stands still.
	for _, id := range slices.Sorted(maps.Keys(u.calls)) {
		if call := u.calls[id]; call.voter != leader.ID {
			delete(u.calls, id)
			call.done(now, nil, fx)
		}
	}
	u.beat(now, fx)
	u.retry(fx)
}
