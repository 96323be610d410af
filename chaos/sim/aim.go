package sim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/logproof/logproof/chaos/timeline"
)

// busy is why a fault could fire only if others were not in force.
type busy struct{ error }

// members of the cluster, and the clients of its load.
func (n *nemesis) members() timeline.Members {
	m := n.sim.terrain.cluster.ids()
	m.Clients = n.sim.terrain.load.Producers + n.sim.terrain.load.Readers
	return m
}

// aim resolves the target of a fault, with the draws that chaos.Nemesis makes for it.
func (e *executor) aim(index int) (*strike, error) {
	n, planned := e.n, e.line[index]
	ctx, draw, m := context.Background(), timeline.Draw(n.sim.cfg.Seed, index), n.members()
	if planned.Target == timeline.Any {
		m.Brokers = slices.DeleteFunc(slices.Clone(m.Brokers), func(id int32) bool { return e.struck(timeline.NodeEnd(id)) != nil })
		if len(m.Brokers) == 0 && len(e.inForce) > 0 {
			return nil, busy{fmt.Errorf("target any: every broker has a fault in force")}
		}
	}
	s := &strike{index: index, planned: planned}
	var err error
	if s.ends, err = timeline.Ends(ctx, planned.Target, m, draw, locator{n.sim}); err != nil {
		return nil, err
	}
	for _, end := range s.ends {
		if other := e.struck(end); other != nil {
			return nil, busy{fmt.Errorf("target %s is %s, on which fault %d, %s, is in force", planned.Target, end, other.index+1, other.planned.Kind)}
		}
	}
	if err := e.guard(s); err != nil {
		return nil, err
	}
	var peers []timeline.End
	if planned.Peers != "" {
		if peers, err = timeline.PeerEnds(ctx, planned.Peers, s.ends, n.members(), draw, locator{n.sim}); err != nil {
			return nil, err
		}
	}
	s.peers = peers
	for _, other := range e.inForce {
		if planned.Drawn > 0 && s.struck().Disturbs(other.struck()) {
			return nil, busy{fmt.Errorf("target %s is %s: it could not be proved beside fault %d, %s", planned.Target, s.target(), other.index+1, other.planned.Kind)}
		}
	}
	for _, end := range n.single(s.ends) {
		f := &firing{sim: n.sim, index: int32(index), kind: planned.Kind, effect: ofTimeline[planned.Kind], params: planned.Params, end: end}
		if !end.client {
			f.host = n.sim.hostByID(end.id)
		}
		if f.peers = n.reachable(end, n.single(peers)); planned.Peers != "" && len(f.peers) == 0 {
			return nil, fmt.Errorf("peers %s: %s has no link to any of them", planned.Peers, end)
		}
		if planned.Kind == timeline.TransferLeader {
			if err := f.successor(planned.Target); err != nil {
				return nil, err
			}
		}
		if planned.Kind == timeline.Reassign {
			if err := f.elsewhere(planned.Target); err != nil {
				return nil, err
			}
		}
		f.aim()
		f.slowdown, f.rule = &slowdown{f.params.Delay, f.params.Jitter}, f.newRule()
		if f.effect.process {
			n.busy[f.host.slot] = true
		}
		s.parts = append(s.parts, f)
	}
	return s, nil
}

// struck is what the fault strikes.
func (s *strike) struck() timeline.Struck {
	return timeline.Struck{Kind: s.planned.Kind, Ends: s.ends, Peers: s.peers}
}

// guard is the error of a fault that would break a guard, by the nodes that it and those in force strike.
func (e *executor) guard(s *strike) error {
	down := s.downed()
	if len(down) == 0 {
		return nil
	}
	for _, other := range e.inForce {
		down = append(down, other.downed()...)
	}
	slices.Sort(down)
	if text := e.n.sim.cfg.Guards.Refuse(slices.Compact(down), e.n.members()); text != "" {
		return busy{fmt.Errorf("target %s is %s: %s", s.planned.Target, s.target(), text)}
	}
	return nil
}

// downed are the nodes that a fault takes down.
func (s *strike) downed() (down []int32) {
	if info, _ := timeline.Lookup(s.planned.Kind); !info.Down {
		return nil
	}
	for _, end := range s.ends {
		if !end.Client {
			down = append(down, end.ID)
		}
	}
	return down
}

// single are the ends one by one: all clients of the load for those that mean every client.
func (n *nemesis) single(ends []timeline.End) (all []endpoint) {
	for _, end := range ends {
		switch {
		case !end.Client:
			all = append(all, endpoint{id: end.ID})
		case end.ID != timeline.EveryClient:
			all = append(all, endpoint{true, end.ID})
		default:
			for i := range n.members().Clients {
				all = append(all, endpoint{true, int32(i)})
			}
		}
	}
	return all
}

// reachable are the peers that an end has links to: clients have none to nodes that are controllers only.
func (n *nemesis) reachable(end endpoint, peers []endpoint) []endpoint {
	serves := func(e endpoint) bool { return !e.client && n.sim.hostByID(e.id).broker }
	return slices.DeleteFunc(peers, func(peer endpoint) bool {
		return end.client && !serves(peer) || peer.client && !serves(end)
	})
}

// target of the fault as it was resolved: "node 0", "nodes 1, 2", "clients".
func (s *strike) target() string {
	if len(s.ends) == 1 {
		return s.ends[0].String()
	}
	text := make([]string, len(s.ends))
	for i, end := range s.ends {
		text[i] = strconv.Itoa(int(end.ID))
	}
	return "nodes " + strings.Join(text, ", ")
}

// note says how the target was resolved, where that was left open.
func (s *strike) note() string {
	if len(s.ends) == 1 && s.planned.Target == timeline.NodeTarget(s.ends[0].ID) {
		return ""
	}
	return fmt.Sprintf("target %s is %s; ", s.planned.Target, s.target())
}
