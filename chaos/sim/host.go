package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/file"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/node"
)

// host is a machine with one node: its files, its clock, and the process if it runs.
type host struct {
	sim *simulation
	member
	slot     int // in simulation.hosts
	endpoint endpoint
	fs       *mem.FS
	// disk is what a process sees of fs, failure what it found when it stopped itself because of that.
	disk    *disk.Disk
	failure *file.Failure
	// life numbers the processes from 1; the events of one end with it.
	life uint64
	// emptied is set once the machine has lost its disk.
	emptied bool
	// up is set while a process runs; powered while the machine answers for it.
	up, powered bool
	// paused processes keep their events in stalled.
	paused  bool
	stalled []event
	// offset of the machine's clock to the simulation's; slowSync is added to each sync.
	offset, slowSync time.Duration
	// skew is how far the time was off that an actor was told last.
	skew time.Duration
	// slowdowns of its disk, those of the timeline.
	slowdowns []*slowdown

	node   *node.Node
	boxes  map[actor.Address]*box
	shards []*box
	// conns were accepted by this process, lines were made by it.
	conns []*connection
	lines []*line
	// syncs under way, answered requests, steps and calls of this life: for marks and for proofs of faults.
	syncs                  int
	served, stepped, calls uint64
	// slowed and quick count syncs with and without slowSync, over all lives.
	slowed, quick uint64
}

// box is an actor and what it has not looked at yet.
type box struct {
	address actor.Address
	actor   actor.Actor
	inbox   []any
	due     bool        // an event that takes the inbox is made
	conn    *connection // of a session
}

func newHost(s *simulation, slot int, m member) *host {
	return &host{sim: s, member: m, slot: slot, endpoint: endpoint{id: m.id}, fs: mem.New(), powered: true}
}

func (h *host) String() string { return h.endpoint.String() }

// boot starts a process after some time.
func (h *host) boot(delay time.Duration) {
	h.powered = true
	h.sim.at(h.sim.now+delay, kindBoot, h, func() {
		if err := h.start(); err != nil {
			h.sim.checker.violated("start", "node %d does not start: %v", h.id, err)
		}
	})
}

func (h *host) start() error {
	h.life++
	n, err := h.open()
	if err != nil {
		return err
	}
	h.node, h.up, h.syncs, h.served, h.stepped = n, true, 0, 0, 0
	h.boxes, h.shards = map[actor.Address]*box{}, nil
	actors := n.Actors()
	for _, address := range h.addresses() {
		if a := actors[address]; a != nil {
			b := &box{address: address, actor: a}
			h.boxes[address] = b
			if address.Role == actor.Shard {
				h.shards = append(h.shards, b)
			}
		}
	}
	if len(h.boxes) != len(actors) {
		return fmt.Errorf("the node has %d actors, the simulator knows %d of them", len(actors), len(h.boxes))
	}
	h.begin()
	return nil
}

// accept makes the session of a new connection.
func (h *host) accept(c *connection) {
	c.life = h.life
	address, session := h.session(c)
	c.session = address
	h.boxes[address] = &box{address: address, actor: session, conn: c}
	h.conns = append(h.conns, c)
	h.deliver(address, api.Start{})
}

// kill ends the process as SIGKILL does: what it wrote stays, and the machine tells the other ends of
// all connections.
func (h *host) kill() {
	h.disconnect()
	h.end(written)
}

// cutPower ends the machine: what was not synced is lost, torn or kept as drawn, and nobody says so.
func (h *host) cutPower() {
	h.end(synced)
	h.powered = false
	h.fs = h.fs.Crash(h.sim.rng.Uint64)
}

// loseDisk ends the machine; it comes back with an empty one.
func (h *host) loseDisk() {
	h.emptied = true
	h.end(nothing)
	h.powered = false
	h.fs = mem.New()
}

// stop ends the process in order: the broker hands over what it leads, connections are closed, what is
// under way ends, and everything is made durable. A process that takes too long is killed.
func (h *host) stop(then func()) {
	limit := h.sim.now + stopWithin
	h.retire(func() {
		h.disconnect()
		h.up = false
		var settle func()
		settle = func() {
			switch {
			case h.sim.now > limit:
				h.end(written)
			case h.idle():
				h.sim.checker.ending(h) // a closed log cannot be read any more
				if err := h.node.Close(); err != nil {
					h.sim.checker.violated("node", "node %d does not stop in order: %v", h.id, err)
				}
				h.end(written)
			default:
				h.after(time.Millisecond, kindFault, settle)
				return
			}
			then()
		}
		settle()
	})
}

// stopWithin is how long a process may take to stop.
const stopWithin = 5 * time.Second

// idle reports whether no lasting actor has something to do, and no sync is under way.
func (h *host) idle() bool {
	if h.syncs > 0 {
		return false
	}
	for _, address := range h.addresses() {
		if b := h.boxes[address]; b != nil && b.due && !coordinates(address) { // what it would do, nobody was promised
			return false
		}
	}
	return true
}

// disconnect ends all connections from this side.
func (h *host) disconnect() {
	for _, c := range h.conns {
		if !c.given {
			c.reset()
		}
	}
	for _, l := range h.lines {
		if c := l.conn; c != nil {
			c.toNode(func(other *host) { other.deliver(c.session, api.Closed{}) })
		}
	}
}

// What the end of a process leaves of a replica for sure: all that was written, what was synced, or
// nothing.
func written(w *watched) int64 { return w.end }
func synced(w *watched) int64  { return min(w.end, w.synced) }
func nothing(*watched) int64   { return 0 }

// end ends a life: no event of it happens any more. The checker is told what it leaves.
func (h *host) end(leaves func(*watched) int64) {
	for _, c := range h.conns {
		if len(c.waiting) > 0 && !c.given {
			h.sim.marks[RequestLost]++
		}
	}
	for _, l := range h.lines {
		if l.conn != nil {
			l.conn.given = true
			h.sim.unanswered += uint64(len(l.conn.waiting))
		}
	}
	h.sim.checker.leaving(h)
	h.sim.checker.ending(h)
	h.life++
	h.up, h.paused, h.stalled, h.node, h.boxes, h.shards, h.conns, h.lines = false, false, nil, nil, nil, nil, nil, nil
	h.sim.checker.ended(h, leaves)
}

// resume lets a paused process go on with what has come meanwhile, in its order.
func (h *host) resume() {
	stalled := h.stalled
	h.paused, h.stalled = false, nil
	at := h.sim.now
	for _, e := range stalled {
		if e.draw == h.sim.rng {
			at++
		}
		h.sim.drawn(at, e.kind, h, e.draw, e.run)
	}
}
