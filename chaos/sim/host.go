package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env/mem"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/wire"
)

// host is a machine with one node: its files, its clock, and the process if it runs.
type host struct {
	sim      *simulation
	id       int32
	endpoint endpoint
	fs       *mem.FS
	// life numbers the processes from 1; the events of one end with it.
	life uint64
	// up is set while a process runs; powered while the machine answers for it.
	up, powered bool
	// paused processes keep their events in stalled.
	paused  bool
	stalled []event
	// offset of the machine's clock to the simulation's; slowSync is added to each sync.
	offset, slowSync time.Duration

	node   *node.Node
	boxes  map[actor.Address]*box
	shards []*box
	conns  []*connection
	// syncs under way, answered requests and steps of this life: for marks and for proofs of faults.
	syncs           int
	served, stepped uint64
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

func newHost(s *simulation, id int32) *host {
	return &host{sim: s, id: id, endpoint: endpoint{id: id}, fs: mem.New(), powered: true}
}

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
	t := &h.sim.terrain
	n, err := node.Open(h.fs, node.Config{
		Sessions: api.Config{
			NodeID: h.id, Shards: t.shards, MaxBatch: 1 << 20, MaxFetch: 8 << 20, MaxWait: time.Minute,
		},
		Controller: controller.Config{
			Seed: h.sim.rng.Uint64(), DefaultPartitions: 1, DefaultReplication: 1, MaxPartitions: 1000,
		},
		ClusterID: "simulated", Roles: node.Roles{Controller: true, Broker: true}, Voters: []node.Voter{{ID: h.id}},
		Endpoints: node.Endpoints{Host: fmt.Sprintf("node-%d", h.id), Port: 9092}, Incarnation: metadata.Incarnation{byte(h.life), byte(h.life >> 8), 1},
		Log:   log.Config{SegmentBytes: t.segmentBytes, IndexIntervalBytes: 512, Bugs: h.sim.cfg.Bugs},
		Flush: partition.FlushCommit, FlushInterval: time.Second, Bugs: h.sim.cfg.Bugs,
	})
	if err != nil {
		return err
	}
	h.node, h.up, h.syncs, h.served, h.stepped = n, true, 0, 0, 0
	h.boxes, h.shards = map[actor.Address]*box{}, nil
	actors := n.Actors()
	for _, address := range []actor.Address{api.Controller, api.Metadata, api.Uplink} {
		h.boxes[address] = &box{address: address, actor: actors[address]}
	}
	for i := range t.shards {
		address := actor.Address{Role: actor.Shard, ID: int64(i)}
		b := &box{address: address, actor: actors[address]}
		h.boxes[address], h.shards = b, append(h.shards, b)
	}
	for _, m := range n.Begin() {
		h.deliver(m.To, m.Message)
	}
	return nil
}

// deliver puts a message into an inbox. One for a session that has ended is dropped, and gives up
// what it holds.
func (h *host) deliver(to actor.Address, message any) {
	b := h.boxes[to]
	if b == nil {
		if data, ok := message.(api.FetchData); ok {
			for i := range data.Results {
				if data.Results[i].Source != nil {
					data.Results[i].Source.Release()
				}
			}
		}
		return
	}
	b.inbox = append(b.inbox, message)
	if !b.due {
		b.due = true
		h.after(time.Duration(500+h.sim.rng.IntN(20_000)), kindStep, func() { h.step(b) })
	}
}

// after makes an event of this life of the node.
func (h *host) after(d time.Duration, k kind, run func()) { h.sim.at(h.sim.now+d, k, h, run) }

// step lets an actor take its inbox, and does what it asks for.
func (h *host) step(b *box) {
	messages := b.inbox
	b.inbox, b.due = nil, false
	h.stepped++
	now := startTime.Add(h.sim.now + h.offset)
	h.sim.checker.before(h, b, messages)
	var fx actor.Effects
	for _, m := range messages {
		b.actor.Step(now, m, &fx)
	}
	b.actor.Step(now, actor.Drained{}, &fx)
	h.sim.changed(uint64(b.address.Role), uint64(b.address.ID), uint64(len(messages)),
		uint64(len(fx.Sends)), uint64(len(fx.Timers)), uint64(len(fx.Syncs)), uint64(len(fx.Responses)))
	for _, e := range fx.Events {
		if found, ok := e.(nodeevent.LogRecovered); ok {
			h.sim.checker.recovered(h, found)
		}
	}
	h.sim.checker.after(h, b, messages, &fx)
	if fx.Fatal != nil {
		h.sim.checker.violated("node", "node %d stopped itself: %v", h.id, fx.Fatal)
		h.kill()
		return
	}
	h.perform(b, &fx)
	for _, m := range messages {
		if _, closed := m.(api.Closed); closed {
			delete(h.boxes, b.address)
		}
	}
}

func (h *host) perform(b *box, fx *actor.Effects) {
	for _, s := range fx.Sends {
		h.deliver(s.To, s.Message)
	}
	for _, t := range fx.Timers {
		h.after(t.After, kindTimer, func() { h.deliver(b.address, t.Message) })
	}
	for _, s := range fx.Syncs {
		h.sync(b, s)
	}
	for _, r := range fx.Responses {
		h.respond(b.conn, r)
	}
	if fx.Hangup != "" {
		b.conn.reset()
	}
}

// sync takes its time. When in that time the bytes reach the disk is drawn: at its beginning, so that
// a crash may come between sync and answer, or at its end.
func (h *host) sync(b *box, s actor.Sync) {
	done := actor.SyncDone{Token: s.Token}
	early := h.sim.rng.IntN(2) == 0
	if early {
		done.Err = s.Syncer.Run()
	}
	delay := h.sim.jitter(h.sim.terrain.syncDelay)
	slow := h.slowSync > 0
	if slow {
		delay += h.sim.jitter(h.slowSync)
	}
	h.syncs++
	h.sim.checker.syncing(b, s)
	h.after(delay, kindSync, func() {
		if !early {
			done.Err = s.Syncer.Run()
		}
		h.syncs--
		if slow {
			h.slowed++
		} else {
			h.quick++
		}
		h.sim.checker.ran(b, s)
		h.deliver(b.address, done)
	})
}

// respond fills a response from the log, away from the actors, and sends it after those before it.
func (h *host) respond(c *connection, r actor.Response) {
	c.serving = append(c.serving, r)
	h.after(time.Duration(500+h.sim.rng.IntN(20_000)), kindServe, func() {
		r := c.serving[0]
		c.serving = c.serving[1:]
		for _, read := range r.Reads {
			read.Fill()
			read.Source.Release()
		}
		h.served++
		h.sim.story.answered(h, c, r)
		c.toClient(func() { c.client.answered(c, r) })
	})
}

// accept makes the session of a new connection.
func (h *host) accept(c *connection) {
	c.life = h.life
	address, session := h.node.NewSession(c.id, wire.Clients)
	c.session = address
	h.boxes[address] = &box{address: address, actor: session, conn: c}
	h.conns = append(h.conns, c)
	h.deliver(address, api.Start{})
}

// kill ends the process as SIGKILL does: what it wrote stays, connections are reset.
func (h *host) kill() {
	conns := h.end()
	for _, c := range conns {
		if !c.given {
			c.reset()
		}
	}
}

// cutPower ends the machine: what was not synced is lost, torn or kept as drawn, and nobody says so.
func (h *host) cutPower() {
	h.end()
	h.powered = false
	h.fs = h.fs.Crash(h.sim.rng.Uint64)
}

// end ends a life: no event of it happens any more.
func (h *host) end() []*connection {
	conns := h.conns
	for _, c := range conns {
		if len(c.waiting) > 0 && !c.given {
			h.sim.marks[RequestLost]++
		}
	}
	h.life++
	h.up, h.paused, h.stalled, h.node, h.boxes, h.shards, h.conns = false, false, nil, nil, nil, nil, nil
	return conns
}

// resume lets a paused process go on with what has come meanwhile, in its order.
func (h *host) resume() {
	stalled := h.stalled
	h.paused, h.stalled = false, nil
	at := h.sim.now
	for _, e := range stalled {
		at++
		h.sim.at(at, e.kind, h, e.run)
	}
}
