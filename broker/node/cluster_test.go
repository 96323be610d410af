package node

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/controller"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/quorum"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// party is several nodes on the test's goroutine: one queue of messages, one clock, and a network that
// delivers at once or, from and to a node that is down, not at all.
type party struct {
	t      *testing.T
	now    time.Time
	files  map[int32]*mem.FS
	up     map[int32]*member
	lives  int
	queue  []func()
	timers []partyTimer
	change func(*Config)
}

type partyTimer struct {
	at  time.Time
	run func()
}

// member is a node that is up.
type member struct {
	p        *party
	id       int32
	node     *Node
	actors   map[actor.Address]actor.Actor
	sessions int64
	// lines are the sessions here of the actors of other nodes.
	lines map[string]actor.Address
	// waiting are the callers of a session, in order.
	waiting map[actor.Address][]func(kmsg.Response, error)
	gone    bool
	events  []event.Event
	scrubs  int // looks at sealed segments
}

func partyConfig(id int32, incarnation int) Config {
	cfg := Config{
		Sessions: api.Config{NodeID: id, Shards: 2, MaxBatch: 1 << 20, MaxFetch: 8 << 20, MaxWait: time.Minute},
		Controller: controller.Config{
			Seed: uint64(id), DefaultPartitions: 1, DefaultReplication: 3, MaxPartitions: 100, DefaultMinISR: 2,
			SessionTimeout: 600 * time.Millisecond,
		},
		ClusterID: "test", Roles: Roles{Controller: true, Broker: true},
		Endpoints:   Endpoints{Host: "localhost", Port: 9000 + id, PeerHost: "localhost", PeerPort: 9100 + id},
		Incarnation: metadata.Incarnation{byte(incarnation), byte(incarnation >> 8), 1},
		Timing:      Timing{QuorumTick: 30 * time.Millisecond, Heartbeat: 150 * time.Millisecond, ReplicaLagMax: time.Second},
		Log:         log.Config{SegmentBytes: 1 << 20}, Flush: partition.FlushCommit, FlushInterval: time.Second,
	}
	for v := range int32(3) {
		cfg.Voters = append(cfg.Voters, Voter{ID: v, Host: "localhost", Port: 9100 + v})
	}
	return cfg
}

func newParty(t *testing.T, change func(*Config)) *party {
	t.Helper()
	p := &party{t: t, now: time.Unix(1_700_000_000, 0), files: map[int32]*mem.FS{}, up: map[int32]*member{}, change: change}
	for id := range int32(3) {
		p.files[id] = mem.New()
		p.start(id)
	}
	p.until("all brokers serve", func() bool {
		for _, m := range p.up {
			if !m.node.metadata.begun {
				return false
			}
		}
		return true
	})
	return p
}

func (p *party) start(id int32) {
	p.t.Helper()
	p.lives++
	cfg := partyConfig(id, p.lives)
	if p.change != nil {
		p.change(&cfg)
	}
	n, err := Open(p.files[id], cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	m := &member{
		p: p, id: id, node: n, actors: n.Actors(), lines: map[string]actor.Address{},
		waiting: map[actor.Address][]func(kmsg.Response, error){},
	}
	p.up[id] = m
	for _, s := range n.Begin() {
		m.deliver(s.To, s.Message)
	}
	p.settle()
}

// kill ends a node; power takes what it had not synced with it.
func (p *party) kill(id int32, power bool) {
	m := p.up[id]
	delete(p.up, id)
	m.gone = true
	if power {
		p.files[id] = p.files[id].Crash(nil)
	}
	for _, to := range slices.SortedFunc(maps.Keys(m.waiting), func(a, b actor.Address) int { return int(a.ID - b.ID) }) {
		for _, done := range m.waiting[to] {
			done(nil, errors.New("connection reset"))
		}
	}
	for _, other := range p.up {
		other.lines = maps.Collect(func(yield func(string, actor.Address) bool) {
			for k, v := range other.lines {
				var from int32
				if fmt.Sscanf(k, "%d ", &from); from != id && !yield(k, v) {
					return
				}
			}
		})
	}
	p.settle()
}

func (m *member) deliver(to actor.Address, message any) {
	m.p.queue = append(m.p.queue, func() {
		if !m.gone {
			m.step(to, message)
		}
	})
}

func (m *member) step(to actor.Address, message any) {
	a := m.actors[to]
	if a == nil {
		return
	}
	var fx actor.Effects
	a.Step(m.p.now, message, &fx)
	a.Step(m.p.now, actor.Drained{}, &fx)
	if fx.Fatal != nil {
		m.p.t.Fatalf("node %d: %v", m.id, fx.Fatal)
	}
	for _, e := range fx.Events {
		m.p.t.Logf("%v node %d %s", m.p.now.Sub(time.Unix(1_700_000_000, 0)), m.id, e)
	}
	for _, s := range fx.Sends {
		m.deliver(s.To, s.Message)
	}
	for _, s := range fx.Syncs {
		m.p.queue = append(m.p.queue, func() {
			if !m.gone {
				m.step(to, actor.SyncDone{Token: s.Token, Err: s.Syncer.Run()})
			}
		})
	}
	for _, timer := range fx.Timers {
		m.p.timers = append(m.p.timers, partyTimer{m.p.now.Add(timer.After), func() { m.deliver(to, timer.Message) }})
	}
	for _, c := range fx.Calls {
		m.call(to, c)
	}
	m.events = append(m.events, fx.Events...)
	for _, scrub := range fx.Scrubs {
		m.scrubs++
		next, err := scrub.Run()
		m.deliver(to, actor.Scrubbed{Token: scrub.Token, Next: next, Err: err})
	}
	for _, r := range fx.Responses {
		for _, read := range r.Reads {
			if failed, ok := read.Fill(); !ok {
				m.deliver(failed.To, failed.Message)
			}
			read.Source.Release()
		}
		done := m.waiting[to][0]
		m.waiting[to] = m.waiting[to][1:]
		done(r.Body.(kmsg.Response), nil)
	}
}

// call carries a request to another node's peer listener.
func (m *member) call(from actor.Address, c actor.Call) {
	done := func(resp kmsg.Response, err error) {
		if !m.gone {
			m.deliver(from, actor.CallDone{Token: c.Token, Response: resp, Err: err})
		}
	}
	other := m.p.up[c.Node]
	if other == nil {
		done(nil, errors.New("connection refused"))
		return
	}
	if want := 9100 + c.Node; c.Port != want {
		m.p.t.Fatalf("node %d calls node %d on port %d, want %d", m.id, c.Node, c.Port, want)
	}
	line := fmt.Sprintf("%d %d %d", m.id, from.Role, from.ID)
	session, ok := other.lines[line]
	if !ok {
		session = other.connect(wire.Peers)
		other.lines[line] = session
	}
	other.ask(session, c.Request, done)
}

func (m *member) connect(l wire.Listener) actor.Address {
	m.sessions++
	address, session := m.node.NewSession(m.sessions, l)
	m.actors[address] = session
	m.deliver(address, api.Start{})
	return address
}

func (m *member) ask(session actor.Address, body kmsg.Request, done func(kmsg.Response, error)) {
	m.waiting[session] = append(m.waiting[session], done)
	m.deliver(session, api.Arrived{Request: &wire.Request{Key: body.Key(), Version: body.GetVersion(), Body: body}})
}

func (p *party) settle() {
	for len(p.queue) > 0 {
		run := p.queue[0]
		p.queue = p.queue[1:]
		run()
	}
}

// until lets time go by until something holds, for at most a minute.
func (p *party) until(what string, done func() bool) {
	p.t.Helper()
	for range 12000 {
		p.settle()
		if done() {
			return
		}
		p.now = p.now.Add(5 * time.Millisecond)
		due := slices.DeleteFunc(slices.Clone(p.timers), func(t partyTimer) bool { return t.at.After(p.now) })
		p.timers = slices.DeleteFunc(p.timers, func(t partyTimer) bool { return !t.at.After(p.now) })
		for _, t := range due {
			t.run()
		}
	}
	p.t.Fatalf("after a minute it does not hold that %s", what)
}

// request asks a node as a client and waits for the answer.
func request[R kmsg.Response](p *party, id int32, body kmsg.Request) (answer R) {
	p.t.Helper()
	versions, _ := wire.Served(wire.Clients, body.Key())
	body.SetVersion(versions.Max)
	m := p.up[id]
	answered := false
	m.ask(m.connect(wire.Clients), body, func(resp kmsg.Response, err error) {
		if err != nil {
			p.t.Fatal(err)
		}
		answer, answered = resp.(R), true
	})
	p.until(fmt.Sprintf("node %d answers %T", id, body), func() bool { return answered })
	return answer
}

// partition as a node tells clients of it.
func (p *party) partition(id int32, topic string) kmsg.MetadataResponseTopicPartition {
	req := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &topic
	req.Topics = append(req.Topics, asked)
	return request[*kmsg.MetadataResponse](p, id, req).Topics[0].Partitions[0]
}

func (p *party) create(id int32, name string) metadata.TopicID {
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 3
	req.Topics = append(req.Topics, topic)
	resp := request[*kmsg.CreateTopicsResponse](p, id, req)
	if code := resp.Topics[0].ErrorCode; code != 0 {
		p.t.Fatalf("create %s: %v", name, kerr.ErrorForCode(code))
	}
	return resp.Topics[0].TopicID
}

func (p *party) produce(id int32, topic metadata.TopicID, sequence int32, value string) int16 {
	p.t.Helper()
	req := produceRequest(topic, 0, -1, records(5, sequence, value))
	return request[*kmsg.ProduceResponse](p, id, req).Topics[0].Partitions[0].ErrorCode
}

func (p *party) read(id int32, topic metadata.TopicID) []string {
	resp := request[*kmsg.FetchResponse](p, id, fetchRequest(topic, 0, 0, 0, 0))
	return values(p.t, resp.Topics[0].Partitions[0])
}

// healthy waits until the whole ISR is back, as every node knows, and gives the leader.
func (p *party) healthy(name string) (leader int32) {
	p.t.Helper()
	p.until("every node knows of a leader and three members of the ISR", func() bool {
		for _, m := range p.up {
			topic := m.node.metadata.image.Topic(name)
			if topic == nil || len(topic.Partitions[0].ISR) != 3 {
				return false
			}
			leader = topic.Partitions[0].Leader
		}
		return leader >= 0
	})
	return leader
}

// Three nodes: what two of them have acknowledged survives the end of each one in turn, and the log is
// the same on all of them.
func TestEachNodeFailsInTurn(t *testing.T) {
	for _, power := range []bool{false, true} {
		t.Run(fmt.Sprintf("power loss %v", power), func(t *testing.T) {
			p := newParty(t, nil)
			topic := p.create(1, "orders")
			var want []string
			say := func(leader int32) {
				value := fmt.Sprint("v", len(want))
				if code := p.produce(leader, topic, int32(len(want)), value); code != 0 {
					t.Fatalf("produce %s to node %d: %v", value, leader, kerr.ErrorForCode(code))
				}
				want = append(want, value)
			}
			leader := p.healthy("orders")
			for range 4 {
				say(leader)
				p.kill(leader, power)
				survivor := (leader + 1) % 3
				p.until("another leads", func() bool {
					now := p.up[survivor].node.metadata.image.Topic("orders").Partitions[0].Leader
					return now >= 0 && now != leader
				})
				next := p.partition(survivor, "orders").Leader
				say(next)
				if got := p.read(next, topic); !slices.Equal(got, want) {
					t.Fatalf("node %d has %v, want %v", next, got, want)
				}
				p.start(leader)
				leader = p.healthy("orders")
			}
			if got := p.read(leader, topic); !slices.Equal(got, want) {
				t.Fatalf("node %d has %v, want %v", leader, got, want)
			}
		})
	}
}

// With one member left of min.insync.replicas 2, nothing is taken; what was acknowledged stays readable.
func TestTooFewInSync(t *testing.T) {
	p := newParty(t, nil)
	topic := p.create(0, "orders")
	leader := p.healthy("orders")
	if code := p.produce(leader, topic, 0, "a"); code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	follower := (leader + 1) % 3
	p.kill(follower, false)
	p.until("the leader has one member less", func() bool {
		return len(p.up[leader].node.metadata.image.Topic("orders").Partitions[0].ISR) == 2
	})
	if code := p.produce(leader, topic, 1, "b"); code != 0 {
		t.Fatalf("with two of three: %v", kerr.ErrorForCode(code))
	}
	// Without the other follower nobody can commit; its leaving can be decided by nobody either.
	m := p.up[leader]
	waiting := m.connect(wire.Clients)
	var answer kmsg.Response
	body := produceRequest(topic, 0, -1, records(5, 2, "c"))
	body.SetVersion(13)
	p.kill(3-leader-follower, false)
	m.ask(waiting, body, func(resp kmsg.Response, _ error) { answer = resp })
	p.until("the request ends", func() bool { return answer != nil })
	if code := answer.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != kerr.RequestTimedOut.Code {
		t.Errorf("alone: %v", kerr.ErrorForCode(code))
	}
	if got := p.read(leader, topic); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("read %v", got)
	}
}

// A controller that stops hands over its lead at once: another decides long before an election would be over,
// and one that does not lead has nothing to hand over.
func TestAControllerResigns(t *testing.T) {
	p := newParty(t, nil)
	p.create(0, "orders")
	p.healthy("orders")
	active := func() int32 {
		for id, m := range p.up {
			if m.node.controller.machine != nil {
				return int32(id)
			}
		}
		return -1
	}
	was := active()
	for id := range p.up {
		if int32(id) != was {
			done := false
			p.up[id].deliver(api.Controller, Resign{Done: func() { done = true }})
			p.until("who does not lead has resigned", func() bool { return done })
		}
	}
	began, done := p.now, false
	p.up[was].deliver(api.Controller, Resign{Done: func() { done = true }})
	p.until("another is active", func() bool { return done && active() >= 0 && active() != was })
	if took, election := p.now.Sub(began), 30*time.Millisecond*quorum.DefaultElectionTicks; took >= election/2 {
		t.Errorf("another was active after %v; an election takes %v", took, election)
	}
}

// Where nobody can take over, as when all stop at once, a controller does not wait for ever.
func TestAControllerWithoutAnHeirResigns(t *testing.T) {
	p := newParty(t, nil)
	p.create(0, "orders")
	p.healthy("orders")
	for id, m := range p.up {
		if m.node.controller.machine != nil {
			p.kill(int32(id+1)%3, false)
			p.kill(int32(id+2)%3, false)
			done := false
			p.up[id].deliver(api.Controller, Resign{Done: func() { done = true }})
			p.until("it has resigned", func() bool { return done })
			return
		}
	}
	t.Fatal("nobody was active")
}
