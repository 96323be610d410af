package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka's error codes that a client acts on.
const (
	codeOffsetOutOfRange        = 1
	codeTimedOut                = 7
	codeTopicExists             = 36
	codeOutOfOrder              = 45
	codeDuplicateSequence       = 46
	codeInvalidEpoch            = 47
	codeUnknownProducer         = 59
	backOffLow                  = 20 * time.Millisecond
	backOffHigh                 = 100 * time.Millisecond
	codeNoAnswer          int16 = -2 // of no broker: the connection went before the answer
)

// client is what producers and readers share: connections, requests in order, and where partitions
// are led.
type client struct {
	sim      *simulation
	name     string
	endpoint endpoint
	// conns by node; nil where there is none.
	conns       []*connection
	correlation int32
	// topic and leaders as the last Metadata answer said; leaders is empty before that.
	topic   metadata.TopicID
	leaders []int32
	epochs  []int32 // of the leaders (KIP-320)
	asking  bool
	// ready is called after every Metadata answer that names all leaders.
	ready func()
}

// request is one request on its way, or waiting for its answer.
type request struct {
	correlation int32
	body        kmsg.Request
	conn        *connection
	written     time.Duration
	over        bool
	// done is called once: with the answer, or with nil when the connection went before it.
	done func(*request, kmsg.Response)
}

func (s *simulation) newClient(name string) client {
	c := client{sim: s, name: name, endpoint: endpoint{true, s.clients}, conns: make([]*connection, len(s.hosts))}
	s.clients++
	return c
}

// ask sends a request to a node, over the connection that there is or a new one.
func (c *client) ask(node int32, body kmsg.Request, done func(*request, kmsg.Response)) *request {
	conn := c.conns[node]
	if conn == nil {
		conn = c.dial(node)
	}
	c.correlation++
	versions, _ := wire.Served(wire.Clients, body.Key())
	body.SetVersion(versions.Max)
	r := &request{correlation: c.correlation, body: body, conn: conn, written: c.sim.now, done: done}
	conn.waiting = append(conn.waiting, r)
	conn.toNode(func(h *host) {
		if r.over {
			c.sim.marks[ConnectionsOvertook]++
		}
		h.deliver(conn.session, api.Arrived{
			Request: &wire.Request{Key: body.Key(), Version: versions.Max, Correlation: r.correlation, ClientID: c.name, Body: body},
			At:      startTime.Add(c.sim.now + h.offset),
		})
	})
	c.sim.after(c.sim.terrain.requestTimeout, kindClient, func() {
		if r.over {
			return
		}
		if conn.host.paused {
			c.sim.marks[RequestGivenUp]++
		}
		conn.toNode(func(h *host) { h.deliver(conn.session, api.Closed{}) })
		c.lost(conn, "request timed out")
	})
	return r
}

func (c *client) dial(node int32) *connection {
	c.sim.conns++
	conn := &connection{id: c.sim.conns, client: c, host: c.sim.hosts[node]}
	c.conns[node] = conn
	conn.toNode(func(h *host) { h.accept(conn) })
	return conn
}

// answered takes the next answer of a connection: answers come in the order of requests.
func (c *client) answered(conn *connection, r actor.Response) {
	next := conn.waiting[0]
	if r.Correlation != next.correlation {
		c.sim.checker.violated("session-order", "%s was given the answer to request %d, request %d is before it", c.name, r.Correlation, next.correlation)
	}
	conn.waiting = conn.waiting[1:]
	next.over = true
	c.sim.changed(uint64(c.endpoint.id), uint64(next.correlation), uint64(next.body.Key()))
	next.done(next, r.Body.(kmsg.Response))
}

// lost gives a connection up; nobody knows what became of its requests.
func (c *client) lost(conn *connection, reason string) {
	if conn.given {
		return
	}
	conn.given = true
	c.conns[conn.host.id] = nil
	waiting := conn.waiting
	conn.waiting = nil
	c.sim.changed(uint64(c.endpoint.id), uint64(len(waiting)))
	if len(waiting) > 0 {
		c.sim.marks[AnswerLost]++
	}
	c.sim.story.lost(conn, reason, len(waiting))
	for _, r := range waiting {
		r.over = true
		r.done(r, nil)
	}
}

// later calls f after a drawn back-off.
func (c *client) later(f func()) {
	c.sim.after(between(c.sim.rng, backOffLow, backOffHigh), kindClient, f)
}

// refresh asks any node where the partitions are, again and again until it is told; ready follows.
func (c *client) refresh() {
	if c.asking {
		return
	}
	c.asking = true
	c.leaders = nil
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(Topic)
	req.Topics = append(req.Topics, topic)
	c.ask(nodeIDs[c.sim.rng.IntN(len(nodeIDs))], req, func(_ *request, resp kmsg.Response) {
		c.asking = false
		if resp == nil || !c.learn(resp.(*kmsg.MetadataResponse)) {
			c.later(c.refresh)
			return
		}
		c.ready()
	})
}

// learn reports whether the answer names a leader for every partition.
func (c *client) learn(resp *kmsg.MetadataResponse) bool {
	if len(resp.Topics) != 1 || resp.Topics[0].ErrorCode != 0 || len(resp.Topics[0].Partitions) != c.sim.terrain.load.Partitions {
		return false
	}
	t := &resp.Topics[0]
	leaders, epochs := make([]int32, len(t.Partitions)), make([]int32, len(t.Partitions))
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if p.ErrorCode != 0 || p.Leader < 0 || int(p.Leader) >= len(c.conns) {
			return false
		}
		leaders[p.Partition], epochs[p.Partition] = p.Leader, p.LeaderEpoch
	}
	c.topic, c.leaders, c.epochs = t.TopicID, leaders, epochs
	return true
}

// createTopic makes the topic, again and again until it is there.
func (c *client) createTopic(done func()) {
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = Topic, int32(c.sim.terrain.load.Partitions), 1
	req.Topics = append(req.Topics, topic)
	c.ask(nodeIDs[0], req, func(_ *request, resp kmsg.Response) {
		if resp != nil {
			if code := resp.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode; code == 0 || code == codeTopicExists {
				done()
				return
			}
		}
		c.later(func() { c.createTopic(done) })
	})
}

// place is a partition of the topic.
func place(index int) history.Partition { return history.Partition{Topic: Topic, Index: int32(index)} }

// failure says what an error code is, for people.
func failure(code int16) string {
	if code == codeNoAnswer {
		return "no answer"
	}
	return fmt.Sprintf("error %d", code)
}
