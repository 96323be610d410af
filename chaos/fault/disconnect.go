package fault

import (
	"context"
	"fmt"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/procfs"
)

// nobody is no node.
const nobody int32 = -1

// disconnect takes the network of a node away while its process runs on.
//
//	effect: the process lives, and says so itself through its control socket, which is no part of the network:
//	        it does not reach a peer, that peer does not reach it, and its own address answers nobody
//	heal:   it is the same process that answers at its address, it and the peer reach each other, and its
//	        replicas are in the ISR again
type disconnect struct {
	cluster      cluster.Cluster
	disconnecter cluster.Disconnecter
	pinger       cluster.Pinger
	replicated   cluster.Replicated
	node         int32

	// before is the node's process, witness a peer that it reached and that reached it; nobody where it has none.
	before  procfs.Identity
	witness int32
	taken   bool
}

// Inject takes the network away, once it has seen that it works.
func (d *disconnect) Inject(ctx context.Context) (string, error) {
	before, _, err := procfs.Identify(d.disconnecter.Pid(d.node))
	if err == nil && !before.Alive() {
		err = fmt.Errorf("pid %d has ended", before.Pid)
	}
	if err == nil {
		err = d.findWitness(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("there is no network to take away: %w", err)
	}
	d.before, d.taken = before, true // what fails half-way is given back too
	if err := d.disconnecter.Disconnect(ctx, d.node); err != nil {
		return "", err
	}
	return fmt.Sprintf("the network of pid %d was taken away", before.Pid), nil
}

// findWitness picks the first peer with which the node talks both ways.
func (d *disconnect) findWitness(ctx context.Context) (err error) {
	peers := 0
	for _, id := range d.cluster.Nodes() {
		if id == d.node {
			continue
		}
		peers++
		if err = d.reach(ctx, id, true); err == nil {
			d.witness = id
			return nil
		}
	}
	if peers == 0 {
		return canary.Versions(ctx, direct(d.cluster, d.node))
	}
	return fmt.Errorf("none of its %d peers talks with it: %w", peers, err)
}

// reach is nil when the node and a peer reach each other, or do not, whichever is wanted.
func (d *disconnect) reach(ctx context.Context, peer int32, want bool) error {
	for _, way := range [][2]int32{{d.node, peer}, {peer, d.node}} {
		within := patience
		if !want {
			within = silence
		}
		p, err := d.pinger.Ping(ctx, way[0], way[1], within)
		switch {
		case err != nil:
			return err
		case want && !p.Answered:
			return fmt.Errorf("node %d does not reach node %d: %s", way[0], way[1], p.Reason)
		case !want && p.Answered:
			return fmt.Errorf("node %d still reaches node %d, after %v", way[0], way[1], p.Took)
		}
	}
	return nil
}

// Prove waits until nothing of the network is left, and shows that the node itself is there.
func (d *disconnect) Prove(ctx context.Context) (string, error) {
	address := direct(d.cluster, d.node)
	err := until(ctx, func() error {
		if !d.before.Alive() {
			return fmt.Errorf("pid %d has ended, it is not merely without a network", d.before.Pid)
		}
		if canary.Versions(ctx, address) == nil {
			return fmt.Errorf("%s still answers", address)
		}
		if d.witness == nobody {
			return nil
		}
		if err := canary.Versions(ctx, direct(d.cluster, d.witness)); err != nil {
			return fmt.Errorf("node %d, which is to be the witness, does not answer itself: %w", d.witness, err)
		}
		return d.reach(ctx, d.witness, false)
	})
	if err != nil {
		return "", err
	}
	detail := fmt.Sprintf("pid %d lives, %s does not answer", d.before.Pid, address)
	if d.witness != nobody {
		detail += fmt.Sprintf(", node %d and node %d do not reach each other", d.node, d.witness)
	}
	return detail, nil
}

// Heal gives the network back.
func (d *disconnect) Heal(ctx context.Context) (string, error) {
	if !d.taken {
		return "no network was taken away: nothing to give back", nil
	}
	if err := d.disconnecter.Connect(ctx, d.node); err != nil {
		return "", err
	}
	return fmt.Sprintf("the network of pid %d was given back", d.before.Pid), nil
}

// ProveHealed waits until the node is reached and reaches others, and shows that it is the same one.
func (d *disconnect) ProveHealed(ctx context.Context) (string, error) {
	if err := d.cluster.WaitReady(ctx, d.node); err != nil {
		return "", err
	}
	if d.witness != nobody {
		if err := until(ctx, func() error { return d.reach(ctx, d.witness, true) }); err != nil {
			return "", err
		}
	}
	if err := d.replicated.WaitInSync(ctx, d.node); err != nil {
		return "", err
	}
	if d.taken && !d.before.Alive() {
		return "", fmt.Errorf("pid %d, whose network was taken away, has ended", d.before.Pid)
	}
	return fmt.Sprintf("pid %d, the same as before, answers at %s, its replicas are in sync", d.before.Pid, direct(d.cluster, d.node)), nil
}
