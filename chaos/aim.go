package chaos

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/fault"
	"github.com/logproof/logproof/chaos/timeline"
)

// busy is why a fault could fire only if others were not in force.
type busy struct{ error }

// members of the cluster; voters where it can tell.
func (n *Nemesis) members() timeline.Members {
	m := timeline.Members{Nodes: n.cfg.Cluster.Nodes(), Brokers: n.cfg.Cluster.Brokers()}
	if voting, ok := n.cfg.Cluster.(cluster.Voting); ok {
		m.Voters = voting.Voters()
	}
	return m
}

// aim resolves the target of a fault and prepares it on each of its ends. An end that another fault has in
// force is refused: neither could be proved, and which of them healed it would be anybody's guess.
func (n *Nemesis) aim(ctx context.Context, f *firing, inForce []*firing) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.ProveWithin)
	defer cancel()
	planned, draw := n.cfg.Timeline[f.index], n.draw(f.index)
	ends, err := n.targets(ctx, planned.Target, draw, inForce)
	if err != nil {
		return err
	}
	if err := n.guard(planned, ends, inForce); err != nil {
		return err
	}
	var peers []timeline.End
	if planned.Peers != "" {
		if peers, err = timeline.PeerEnds(ctx, planned.Peers, ends, n.members(), draw, n.locator); err != nil {
			return err
		}
	}
	if planned.Drawn > 0 {
		for _, other := range inForce {
			if (timeline.Struck{Kind: planned.Kind, Ends: ends, Peers: peers}).Disturbs(timeline.Struck{Kind: other.kind, Ends: other.ends, Peers: other.peers}) {
				return busy{fmt.Errorf("target %s is %s: it could not be proved beside fault %d, %s", planned.Target, endList(ends), other.index+1, other.kind)}
			}
		}
	}
	var acts []fault.Fault
	for _, end := range ends {
		act, err := n.prepare(planned, n.cfg.Cluster, end, peers)
		if err != nil {
			return err
		}
		acts = append(acts, act)
	}
	f.ends, f.peers, f.act, f.target = ends, peers, fault.Several(ends, acts), endList(ends)
	if len(ends) > 1 || planned.Target != timeline.NodeTarget(ends[0].ID) {
		f.note = fmt.Sprintf("target %s is %s; ", planned.Target, f.target)
	}
	if planned.Peers != "" {
		f.note += fmt.Sprintf("peers %s are %s; ", planned.Peers, endList(peers))
	}
	return nil
}

// targets resolves the target: any means a broker that no fault in force strikes, and every other target
// must not be struck.
func (n *Nemesis) targets(ctx context.Context, target timeline.Target, draw func(int) int, inForce []*firing) ([]timeline.End, error) {
	m := n.members()
	if target == timeline.Any {
		m.Brokers = slices.DeleteFunc(slices.Clone(m.Brokers), func(id int32) bool { return strikes(inForce, timeline.NodeEnd(id)) != nil })
		if len(m.Brokers) == 0 && len(inForce) > 0 {
			return nil, busy{fmt.Errorf("target any: every broker has a fault in force")}
		}
	}
	ends, err := timeline.Ends(ctx, target, m, draw, n.locator)
	if err != nil {
		return nil, err
	}
	for _, end := range ends {
		if other := strikes(inForce, end); other != nil {
			return nil, busy{fmt.Errorf("target %s is %s, on which fault %d, %s, is in force", target, end, other.index+1, other.kind)}
		}
	}
	return ends, nil
}

// strikes is the fault in force on an end; nil for none.
func strikes(inForce []*firing, end timeline.End) *firing {
	for _, f := range inForce {
		if slices.Contains(f.ends, end) {
			return f
		}
	}
	return nil
}

// guard is the error of a fault that would break a guard, by the nodes that it and those in force strike.
func (n *Nemesis) guard(planned timeline.Fault, ends []timeline.End, inForce []*firing) error {
	down := downed(planned.Kind, ends)
	if len(down) == 0 {
		return nil
	}
	for _, f := range inForce {
		down = append(down, downed(f.kind, f.ends)...)
	}
	slices.Sort(down)
	if text := n.cfg.Guards.Refuse(slices.Compact(down), n.members()); text != "" {
		return busy{fmt.Errorf("target %s is %s: %s", planned.Target, endList(ends), text)}
	}
	return nil
}

// downed are the nodes that a fault of a kind takes down.
func downed(kind timeline.Kind, ends []timeline.End) (down []int32) {
	if info, _ := timeline.Lookup(kind); !info.Down {
		return nil
	}
	for _, end := range ends {
		if !end.Client {
			down = append(down, end.ID)
		}
	}
	return down
}

// elsewhere is nil when who has the role is a node that no fault in force strikes.
func (n *Nemesis) elsewhere(ctx context.Context, role timeline.Target, inForce []*firing) error {
	nodes, err := timeline.Locate(ctx, role, n.members(), n.draw(0), n.locator)
	if err != nil {
		return err
	}
	for _, id := range nodes {
		if f := strikes(inForce, timeline.NodeEnd(id)); f != nil {
			return fmt.Errorf("%s is still node %d, on which fault %d, %s, is in force", role, id, f.index+1, f.kind)
		}
	}
	return nil
}

// endList prints "node 0", "nodes 1, 2", "nodes 0, 1, clients".
func endList(ends []timeline.End) string {
	if len(ends) == 1 {
		return ends[0].String()
	}
	text := make([]string, len(ends))
	for i, end := range ends {
		if text[i] = end.String(); !end.Client {
			text[i] = strconv.Itoa(int(end.ID))
		}
	}
	return "nodes " + strings.Join(text, ", ")
}
