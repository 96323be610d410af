package sim

import (
	"fmt"
	"time"
)

// endpoint of a link: a node by its id, or a client, numbered from 0.
type endpoint struct {
	client bool
	id     int32
}

func (e endpoint) String() string {
	if e.client {
		return fmt.Sprintf("client %d", e.id)
	}
	return fmt.Sprintf("node %d", e.id)
}

// link is one direction between two endpoints.
type link struct {
	from, to endpoint
	// cuts counts the faults that cut the link. A cut link holds its packets, as TCP does by sending
	// them again until the link heals.
	cuts int
	// slow is added to the delay of each packet.
	slow time.Duration
	// slowdowns are those of the timeline; refuses and resets count its faults that end connections whose
	// requests go this way.
	slowdowns       []*slowdown
	refuses, resets int
	held            []packet
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
	// byEnd finds a link; it is never ranged over.
	byEnd map[[2]endpoint]*link
	// responses are the rules that strike them; ending counts the faults that end connections.
	responses []*responseRule
	ending    int
}

// refuses reports whether a fault refuses connections that are dialled this way, resets whether one resets them.
func (n *network) refuses(from, to endpoint) bool {
	return n.ending > 0 && n.link(from, to).refuses > 0
}
func (n *network) resets(from, to endpoint) bool { return n.ending > 0 && n.link(from, to).resets > 0 }

// link finds or makes the link.
func (n *network) link(from, to endpoint) *link {
	ends := [2]endpoint{from, to}
	if l := n.byEnd[ends]; l != nil {
		return l
	}
	l := &link{from: from, to: to}
	n.links = append(n.links, l)
	n.byEnd[ends] = l
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

// probe sends a packet that does nothing: a fault of a link is proved by what becomes of it.
func (n *network) probe(l *link) { n.send(l.from, l.to, packet{&stream{}, func() {}}) }

func (n *network) slowness(l *link) time.Duration {
	sum := n.sim.slowed(l.slowdowns)
	if l.slow > 0 {
		sum += n.sim.jitter(l.slow)
	}
	return sum
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
