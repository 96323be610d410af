package sim

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
)

// endpoint of a link: a node or a client, each numbered from 0.
type endpoint struct {
	client bool
	id     int32
}

// link is one direction between two endpoints.
type link struct {
	from, to endpoint
	// cuts counts the faults that cut the link. A cut link holds its packets, as TCP does by sending
	// them again until the link heals.
	cuts int
	// slow is added to the delay of each packet.
	slow time.Duration
	held []packet
	// delivered counts packets, for the proofs of faults.
	delivered uint64
}

// packet is anything on its way: what it does when it arrives.
type packet struct {
	stream *stream
	arrive func()
}

// stream keeps the packets of one direction of one connection in order. Those of different
// connections may overtake each other.
type stream struct{ last time.Duration }

// network is all links, made when first used, in that order.
type network struct {
	sim   *simulation
	links []*link
}

// link finds or makes the link; there are few.
func (n *network) link(from, to endpoint) *link {
	for _, l := range n.links {
		if l.from == from && l.to == to {
			return l
		}
	}
	l := &link{from: from, to: to}
	n.links = append(n.links, l)
	return l
}

// send puts a packet on its way.
func (n *network) send(from, to endpoint, p packet) {
	l := n.link(from, to)
	if l.cuts > 0 {
		l.held = append(l.held, p)
		n.sim.marks[PacketHeld]++
		return
	}
	at := max(n.sim.now+n.sim.jitter(n.sim.terrain.linkDelay)+n.slowness(l), p.stream.last+1)
	p.stream.last = at
	n.sim.at(at, kindPacket, nil, func() {
		l.delivered++
		p.arrive()
	})
}

func (n *network) slowness(l *link) time.Duration {
	if l.slow == 0 {
		return 0
	}
	return n.sim.jitter(l.slow)
}

// heal ends one cut; after the last one what the link held is sent.
func (n *network) heal(l *link) {
	if l.cuts--; l.cuts > 0 {
		return
	}
	held := l.held
	l.held = nil
	for _, p := range held {
		n.send(l.from, l.to, p)
	}
}

// connection is one connection of a client to a node.
type connection struct {
	id     int64
	client *client
	host   *host
	// life of the host that accepted it; 0 before that.
	life     uint64
	session  actor.Address
	up, down stream // towards the node, towards the client
	// waiting holds the requests without an answer, in order.
	waiting []*request
	// given is set once the client gave it up or lost it.
	given bool
	// serving holds the responses of the session that are not on their way yet, in order.
	serving []actor.Response
}

// toNode sends something to the node's end. If no process is there the machine answers with a reset,
// unless it has no power.
func (c *connection) toNode(arrive func(h *host)) {
	h := c.host
	h.sim.network.send(c.client.endpoint, h.endpoint, packet{&c.up, func() {
		switch {
		case h.up && (c.life == h.life || c.life == 0):
			arrive(h)
		case h.powered:
			h.sim.marks[ConnectionRefused]++
			c.reset()
		}
	}})
}

// toClient sends something to the client's end.
func (c *connection) toClient(arrive func()) {
	h := c.host
	h.sim.network.send(h.endpoint, c.client.endpoint, packet{&c.down, func() {
		if !c.given {
			arrive()
		}
	}})
}

// reset tells the client that nobody is there any more.
func (c *connection) reset() { c.toClient(func() { c.client.lost(c, "connection reset") }) }
