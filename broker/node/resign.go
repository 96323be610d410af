package node

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/quorum"
)

// Resign asks the controller to hand the lead of the metadata quorum to another voter before it stops, so that
// the others need not find out that it is gone: that costs them the time of an election, in which nobody
// decides. Done is called within a step when this node does not lead, or has tried for as long as an election
// takes. A broker retires first, as that needs a controller.
type Resign struct{ Done func() }

// resignation is a controller that hands over its lead.
type resignation struct {
	// done is who waits for it, nil for nobody; left are the ticks for which it is still tried.
	done func()
	left int
}

// resign begins to hand over.
func (a *controllerActor) resign(now time.Time, m Resign, fx *actor.Effects) {
	a.resignation = resignation{m.Done, quorum.DefaultElectionTicks}
	heir, ok := heirOf(a.quorum.Status(), a.cfg.Sessions.NodeID)
	if !ok {
		a.resigned()
		return
	}
	if q, err := a.quorum.TransferLeader(heir); err == nil {
		a.perform(now, q, fx)
	}
}

// resigned tells whoever waits that this node has no lead to hand over any more.
func (a *controllerActor) resigned() {
	if done := a.resignation.done; done != nil {
		a.resignation.done = nil
		done()
	}
}

// wait gives up after a while: where all stop at once the heir may be gone.
func (r *resignation) wait(resigned func()) {
	if r.left--; r.left <= 0 {
		resigned()
	}
}

// heirOf is the voter that has the most of what this leader has, of those that live; ok is false where this node
// does not lead, or nobody can take over.
func heirOf(s quorum.Status, self int32) (heir int32, ok bool) {
	var most uint64
	for _, v := range s.Voters {
		if v.ID != self && v.Heard && (!ok || v.Match > most) {
			heir, most, ok = v.ID, v.Match, true
		}
	}
	return heir, ok
}
