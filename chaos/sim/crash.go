package sim

import (
	"fmt"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/verify/history"
)

// closed is what a session is told when the other end has gone.
var closed = api.Closed{}

// clientFaults are the timeline's faults of clients.
func clientFaults() map[timeline.Kind]*effect {
	return map[timeline.Kind]*effect{
		timeline.CrashClient: {
			inject: func(f *firing) { f.sim.crashClient(int(f.end.id)) },
			prove: func(f *firing) string {
				for _, h := range f.sim.hosts {
					for _, c := range h.conns {
						// A node that stands still, or is cut off, learns of it later.
						learns := !h.paused && f.sim.network.link(f.end, h.endpoint).cuts == 0
						if c.from == f.end && learns && h.boxes[c.session] != nil {
							return ""
						}
					}
				}
				return "no node has a connection of it"
			},
			heal: func(f *firing) { f.sim.startClient(int(f.end.id)) },
			healed: func(f *firing) string {
				if !f.sim.served(int(f.end.id)) {
					return ""
				}
				return "its successor is answered"
			},
		},
	}
}

// crashClient ends a client of the load, producers first, where it stands. What it had sent may be
// written or not, and what it had not sent is not.
func (s *simulation) crashClient(number int) {
	if number >= len(s.producers) {
		s.readers[number-len(s.producers)].crash()
		return
	}
	p := s.producers[number]
	p.crash()
	for _, l := range p.lanes {
		for _, b := range l.flight {
			outcome := history.Unknown
			if b.tries == 0 {
				outcome = history.Fail
			}
			l.abandon(b.first, b.count, history.Time(b.called), outcome)
		}
		for _, r := range l.buffered {
			l.abandon(r.sequence, 1, history.Time(r.called), history.Fail)
		}
		l.flight, l.buffered = nil, nil
	}
}

// abandon records what a producer that crashed knows of records that were not acknowledged.
func (l *lane) abandon(first int64, count int32, called history.Time, outcome history.Outcome) {
	p := l.producer
	p.sim.settled += int64(count)
	p.sim.changed(uint64(l.index), uint64(first), uint64(outcome))
	p.sim.operation(history.Operation{
		Process: p.name, Kind: history.Produce, Outcome: outcome, Invoke: called, Error: "the client crashed",
		Runs: []history.Run{{Partition: place(l.index), FirstOffset: history.Unset, Producer: p.id, FirstSequence: first, Count: count}},
	})
}

// crash ends a client: its connections are closed, and it asks nothing any more.
func (c *client) crash() {
	c.dead, c.given = true, false
	for _, conn := range c.conns {
		if conn != nil {
			conn.giveUp("the client crashed")
		}
	}
}

// startClient starts the successor of a client that crashed, in its place: a producer goes on with the
// schedule under a number and a producer id of its own, a reader begins anew.
func (s *simulation) startClient(number int) {
	s.successors++
	if number >= len(s.producers) {
		at := number - len(s.producers)
		r := newReader(s, fmt.Sprintf("reader-%d", len(s.readers)+s.successors), history.Fetch)
		r.endpoint = s.readers[at].endpoint
		s.readers[at] = r
		r.refresh()
		return
	}
	before := s.producers[number]
	p := newProducer(s, uint32(s.terrain.load.Producers+s.successors))
	p.endpoint, p.taken = before.endpoint, before.taken
	s.producers[number] = p
	p.refresh()
	p.tick()
}

// served reports whether a client was given what it asked for.
func (s *simulation) served(number int) bool {
	if number >= len(s.producers) {
		return s.readers[number-len(s.producers)].given
	}
	return s.producers[number].given
}
