package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
)

// swarm is which faults a seed has, and how often each comes.
type swarm struct {
	kinds []timeline.Kind
	// every is the mean time between two faults of a kind, by its place in kinds.
	every []time.Duration
	// plots are the seed's, and plotting the mean time between two of each.
	plots    []plot
	plotting []time.Duration
}

// drawSwarm draws a random subset of the faults at random rates; one seed in eight is calm.
func drawSwarm(rng *rand.Rand, seed int64) (w swarm) {
	calm := rng.IntN(8) == 0
	for _, k := range drawnKinds {
		use, every := rng.IntN(2) == 0, between(rng, 2*time.Second, 20*time.Second)
		if use && !calm {
			w.kinds, w.every = append(w.kinds, k), append(w.every, every)
		}
	}
	for _, p := range plots {
		use, every := rng.IntN(3) == 0, between(rng, 3*time.Second, 20*time.Second)
		if use && !calm {
			w.plots, w.plotting = append(w.plots, p), append(w.plotting, every)
		}
	}
	if !calm {
		w.drawDisks(seed)
	}
	return w
}

// again fires the i-th kind of the swarm after some time, and so on while the load lasts.
func (n *nemesis) again(i int) {
	every := n.swarm.every[i]
	n.sim.after(between(n.sim.rng, every/5, every*2), kindFault, func() {
		if n.sim.now-n.sim.begun > n.sim.cfg.Duration-quietEnd {
			return
		}
		n.strike(n.swarm.kinds[i], func() { n.again(i) })
	})
}

// strike fires a kind at what it draws, and calls then once all of that has healed.
func (n *nemesis) strike(k timeline.Kind, then func()) {
	hold := between(n.sim.rng, 300*time.Millisecond, 3*time.Second)
	var targets []*host
	for _, h := range n.drawTargets(k) {
		if n.may(k, h) {
			targets = append(targets, h)
		}
	}
	if len(targets) == 0 {
		n.sim.after(200*time.Millisecond, kindFault, then)
		return
	}
	healed := 0
	done := func() {
		if healed++; healed == len(targets) {
			then()
		}
	}
	for _, h := range targets {
		n.fire(k, h, hold, done)
	}
}

// drawTargets draws one node, or several brokers for the faults of processes: up to N-1 of N, or all.
func (n *nemesis) drawTargets(k timeline.Kind) []*host {
	s, rng := n.sim, n.sim.rng
	brokers := s.hosts[:s.terrain.cluster.Brokers]
	one := []*host{s.hosts[rng.IntN(len(s.hosts))]}
	switch k {
	case DiskLoss, BitRot:
		return []*host{brokers[rng.IntN(len(brokers))]}
	case Restart, Cut, CutOneWay, SlowLink, Clock:
		return one
	}
	part := s.checker.partition(rng.IntN(len(s.checker.parts)))
	switch draw := rng.IntN(12); {
	case draw < 3:
		return one
	case draw < 6 && part != nil && part.Leader >= 0:
		return []*host{s.hosts[part.Leader]}
	case draw < 7:
		if h := s.checker.controller(); h != nil {
			return []*host{h}
		}
	case draw < 9 && part != nil && part.Leader >= 0:
		return n.others(part.Replicas, part.Leader)
	case draw < 10:
		some := slices.Clone(brokers)
		rng.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		return some[:1+rng.IntN(max(1, len(some)-1))]
	case draw == 10 && (k == timeline.Kill || k == PowerLoss):
		return n.voters()
	case draw == 11 && (k == timeline.Kill || k == PowerLoss):
		return brokers
	}
	return one
}

// others are the hosts of replicas without one of them.
func (n *nemesis) others(replicas []int32, without int32) (all []*host) {
	for _, id := range replicas {
		if id != without {
			all = append(all, n.sim.hosts[id])
		}
	}
	return all
}

// may keeps the swarm within what is promised: two faults of one process do not meet, a disk is lost
// only where min ISR says that others have what is acknowledged, and none before the last one is full
// again. A voter never loses its disk: it would forget its votes.
func (n *nemesis) may(k timeline.Kind, h *host) bool {
	switch {
	case effects[k].process && n.busy[h.slot]:
		return false
	case k == BitRot:
		return n.mayRot(h)
	case k == DiskLoss:
		return !h.controller && n.sim.terrain.cluster.MinISR >= 2 && !n.sim.checker.refilling()
	}
	return true
}
