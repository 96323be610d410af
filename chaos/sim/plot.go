package sim

import (
	"slices"
	"time"

	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/chaos/timeline"
)

// plot is a few faults in an order and at distances that independent ones seldom have. Each is a story
// in which a broker that breaks one rule loses what it has promised.
type plot struct {
	name string
	run  func(n *nemesis)
}

// plots of which a seed draws some.
var plots = []plot{
	{"behead", (*nemesis).behead}, {"last-replica", (*nemesis).lastReplica}, {"reborn", (*nemesis).reborn},
	{"forgetful", (*nemesis).forgetful}, {"confuse", (*nemesis).confuse}, {"newborn", (*nemesis).infanticide},
}

// plotEvery is the mean time between two plots where a run consists of nothing else.
const plotEvery = 5 * time.Second

// Plots lists the names that Config.Plot takes.
func Plots() (names []string) {
	for _, p := range plots {
		names = append(names, p.name)
	}
	return names
}

// only is the swarm that consists of one plot, again and again.
func only(name string) (w swarm) {
	for _, p := range plots {
		if p.name == name {
			w.plots, w.plotting = []plot{p}, []time.Duration{plotEvery}
		}
	}
	return w
}

// plotAgain lets the i-th plot of the swarm begin after some time, and so on while the load lasts.
func (n *nemesis) plotAgain(i int) {
	every := n.swarm.plotting[i]
	n.sim.after(between(n.sim.rng, every/5, every*2), kindFault, func() {
		if n.sim.now-n.sim.begun < n.sim.cfg.Duration-quietEnd {
			n.swarm.plots[i].run(n)
			n.plotAgain(i)
		}
	})
}

// scene draws a partition that is led, with who leads it and who follows.
func (n *nemesis) scene() (leader *host, followers []*host) {
	p := n.sim.checker.partition(n.sim.rng.IntN(n.sim.terrain.load.Partitions))
	if p == nil || p.Leader < 0 {
		return nil, nil
	}
	return n.sim.hosts[p.Leader], n.others(p.Replicas, p.Leader)
}

// soon fires a fault after a while, if it may be by then.
func (n *nemesis) soon(delay time.Duration, k timeline.Kind, h *host, hold time.Duration) {
	n.sim.after(delay, kindFault, func() {
		if n.may(k, h) && n.sim.now-n.sim.begun < n.sim.cfg.Duration-quietEnd {
			n.fire(k, h, hold, func() {})
		}
	})
}

// draw gives a duration up to a limit, seldom close to 0.
func (n *nemesis) draw(limit time.Duration) time.Duration { return between(n.sim.rng, limit/8, limit) }

// hold gives a duration up to a limit and long enough for a fault to be felt.
func (n *nemesis) hold(limit time.Duration) time.Duration {
	return between(n.sim.rng, 300*time.Millisecond, max(limit, 400*time.Millisecond))
}

// behead stops the followers, and a little later ends who leads, for longer than they are stopped: what
// was promised before they had it is lost.
func (n *nemesis) behead() {
	leader, followers := n.scene()
	if leader == nil {
		return
	}
	stop := []timeline.Kind{timeline.Pause, SlowSync, Isolate}[n.sim.rng.IntN(3)]
	end := []timeline.Kind{timeline.Kill, PowerLoss}[n.sim.rng.IntN(2)]
	hold := n.hold(time.Second)
	for _, f := range followers {
		n.soon(0, stop, f, hold)
	}
	n.soon(n.draw(600*time.Millisecond), end, leader, hold+n.draw(4*time.Second))
}

// lastReplica ends the followers, waits until the leader is alone, and takes its disk: those who have
// what is committed are the ones that are not in the ISR (KIP-966).
func (n *nemesis) lastReplica() {
	leader, followers := n.scene()
	if leader == nil || len(followers) == 0 {
		return
	}
	alone := n.sim.terrain.session + n.draw(2*time.Second)
	for _, f := range followers {
		n.soon(0, timeline.Kill, f, alone+n.draw(3*time.Second))
	}
	n.soon(alone, DiskLoss, leader, n.hold(time.Second))
}

// reborn holds a fetch of a follower on its way, takes the follower's disk, and lets the fetch arrive
// once the next process is there: it says what the former one had (KIP-903).
func (n *nemesis) reborn() {
	leader, followers := n.scene()
	if leader == nil || len(followers) == 0 {
		return
	}
	f := followers[n.sim.rng.IntN(len(followers))]
	if !n.may(DiskLoss, f) {
		return
	}
	n.cutting = []*link{n.sim.network.link(f.endpoint, leader.endpoint)}
	n.fire(CutOneWay, f, n.sim.terrain.session+n.draw(2*time.Second), func() {})
	n.soon(n.draw(300*time.Millisecond), DiskLoss, f, n.hold(0))
}

// forgetful cuts the power of voters while their syncs are slow: what a vote or an acknowledgement
// promised without having synced it is forgotten.
func (n *nemesis) forgetful() {
	active := n.sim.checker.controller()
	if active == nil {
		return
	}
	voters := slices.DeleteFunc(n.voters(), func(v *host) bool { return v == active })
	slow := n.hold(time.Second)
	for _, v := range voters {
		n.soon(0, SlowSync, v, slow)
	}
	if len(voters) == 2 && n.sim.rng.IntN(3) > 0 {
		n.outvote(active, voters, slow)
		return
	}
	end := []timeline.Kind{timeline.Kill, PowerLoss, Isolate, timeline.Pause}[n.sim.rng.IntN(4)]
	n.soon(n.draw(100*time.Millisecond), end, active, slow+n.hold(3*time.Second))
	at := n.draw(2 * time.Second)
	for _, v := range voters {
		n.soon(at+n.draw(40*time.Millisecond), PowerLoss, v, n.hold(0))
	}
}

// outvote lets the controller commit with one of two voters only, and then cuts the power of both: the
// voter comes back first, and decides with the one who knows of nothing.
func (n *nemesis) outvote(active *host, voters []*host, slow time.Duration) {
	with := n.sim.rng.IntN(2)
	without := voters[1-with]
	n.cutting = []*link{n.sim.network.link(active.endpoint, without.endpoint), n.sim.network.link(without.endpoint, active.endpoint)}
	n.fire(Cut, without, slow+n.hold(0), func() {})
	n.soon(slow, PowerLoss, active, n.hold(5*time.Second)+n.hold(3*time.Second))
	n.soon(slow, PowerLoss, voters[with], n.hold(0))
}

// confuse cuts a follower from the controllers for a moment while its leader stops and comes back: it
// goes on in a term that is over.
func (n *nemesis) confuse() {
	leader, followers := n.scene()
	if leader == nil || len(followers) == 0 {
		return
	}
	f := followers[n.sim.rng.IntN(len(followers))]
	n.cutting = nil
	for _, v := range n.voters() {
		if v != f {
			n.cutting = append(n.cutting, n.sim.network.link(v.endpoint, f.endpoint))
		}
	}
	if len(n.cutting) > 0 {
		n.fire(Cut, f, n.sim.terrain.session/2+n.draw(n.sim.terrain.session), func() {})
	}
	for _, other := range followers {
		if other != f {
			n.soon(0, timeline.Kill, other, n.hold(4*time.Second))
		}
	}
	end := []timeline.Kind{timeline.Kill, timeline.Pause, Restart}[n.sim.rng.IntN(3)]
	n.soon(n.draw(200*time.Millisecond), end, leader, n.hold(n.sim.terrain.session))
}

// infanticide ends all replicas of a partition, and one of them again in the moment in which it has
// registered: between what the controller has written and what the broker knows of it.
func (n *nemesis) infanticide() {
	leader, followers := n.scene()
	if leader == nil {
		return
	}
	all := append(followers, leader)
	for _, h := range all {
		n.soon(n.draw(100*time.Millisecond), []timeline.Kind{timeline.Kill, PowerLoss}[n.sim.rng.IntN(2)], h, n.hold(2*time.Second))
	}
	n.newborn = all[n.sim.rng.IntN(len(all))].id
}

// strangle kills the newborn process and starts another; both belong to the fault that ended the one
// before. If that is over and the disk fails now, a new process would be given one that does not; if another one ends the
// process by now, it would not see that.
func (n *nemesis) strangle() {
	h := n.sim.hosts[n.newborn]
	n.newborn = nobody
	life, fault := h.life, n.last[h.slot]
	n.sim.after(time.Duration(n.sim.rng.Int64N(int64(20*time.Millisecond))), kindFault, func() {
		if h.life == life && n.busy[h.slot] && n.last[h.slot] == fault && h.up && h.disk.Rules() == (disk.Rules{}) {
			h.cutPower()
			h.boot(between(n.sim.rng, 10*time.Millisecond, 300*time.Millisecond))
		}
	})
}

// voters of the metadata quorum.
func (n *nemesis) voters() (all []*host) {
	for _, h := range n.sim.hosts {
		if h.controller {
			all = append(all, h)
		}
	}
	return all
}
