package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka's error codes that a client acts on. All others mean: ask again who leads, and try again.
const (
	codeOffsetOutOfRange           = 1
	codeUnknownPartition           = 3
	codeNotLeader                  = 6
	codeTimedOut                   = 7
	codeNotEnoughReplicas          = 19
	codeNotEnoughAfterAppend       = 20
	codeTopicExists                = 36
	codeOutOfOrder                 = 45
	codeStorage                    = 56
	codeDuplicateSequence          = 46
	codeInvalidEpoch               = 47
	codeUnknownProducer            = 59
	codeFencedEpoch                = 74
	codeUnknownEpoch               = 75
	codeUnknownTopicID             = 100
	codeNoAnswer             int16 = -2 // of no broker: the connection went before the answer

	backOffLow  = 20 * time.Millisecond
	backOffHigh = 100 * time.Millisecond
)

// nobody leads a partition, or has been asked.
const nobody int32 = -1

// client is what producers and readers share: connections, requests in order, and where partitions
// are led.
type client struct {
	sim      *simulation
	name     string
	endpoint endpoint
	// conns by broker; nil where there is none.
	conns       []*connection
	correlation int32
	// topic, leaders and their epochs (KIP-320) as the answers to Metadata said: the newest epoch counts.
	// A leader is nobody while it is not known.
	topic   metadata.TopicID
	leaders []int32
	epochs  []int32
	asking  bool
	// dead is set once it has crashed, given once it was given what it asked for.
	dead, given bool
	// ready is called after every answer that told of a leader.
	ready func()
}

func (s *simulation) newClient(name string) client {
	c := client{sim: s, name: name, endpoint: endpoint{true, s.clients}, conns: make([]*connection, s.terrain.cluster.Brokers)}
	for range s.terrain.load.Partitions {
		c.leaders, c.epochs = append(c.leaders, nobody), append(c.epochs, -1)
	}
	s.clients++
	return c
}

// ask sends a request to a broker, over the connection that there is or a new one.
func (c *client) ask(broker int32, body kmsg.Request, done func(*request, kmsg.Response)) *request {
	return c.askWithin(c.sim.terrain.requestTimeout, broker, body, done)
}

func (c *client) askWithin(timeout time.Duration, broker int32, body kmsg.Request, done func(*request, kmsg.Response)) *request {
	return c.askVersion(timeout, broker, 0, body, done)
}

// askVersion sends a request in a version; 0 is the newest.
func (c *client) askVersion(timeout time.Duration, broker int32, version int16, body kmsg.Request, done func(*request, kmsg.Response)) *request {
	conn := c.conns[broker]
	if conn == nil {
		conn = c.sim.dial(c.name, c.endpoint, nil, c.sim.hosts[broker], wire.Clients)
		conn.ended = func(reason string, waiting int) {
			c.conns[broker] = nil
			c.sim.story.lost(conn, reason, waiting)
		}
		c.conns[broker] = conn
	}
	c.correlation++
	if versions, _ := wire.Served(wire.Clients, body.Key()); version == 0 {
		version = versions.Max
	}
	body.SetVersion(version)
	r := &request{correlation: c.correlation, body: body, done: done}
	conn.ask(r, timeout, func() *wire.Request {
		return &wire.Request{Key: body.Key(), Version: version, Correlation: r.correlation, ClientID: c.name, Body: body}
	})
	return r
}

// any draws a broker: clients know all of them, and which of them lives they find out.
func (c *client) any() int32 { return int32(c.sim.rng.IntN(len(c.conns))) }

// later calls f after a drawn back-off.
func (c *client) later(f func()) {
	c.sim.after(between(c.sim.rng, backOffLow, backOffHigh), kindClient, func() {
		if !c.dead {
			f()
		}
	})
}

// refresh asks any broker where the partitions are, again and again until it is told; ready follows.
func (c *client) refresh() {
	if c.asking {
		return
	}
	c.asking = true
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(Topic)
	req.Topics = append(req.Topics, topic)
	c.ask(c.any(), req, func(_ *request, resp kmsg.Response) {
		if c.asking = false; c.dead {
			return
		}
		if resp == nil || !c.learn(resp.(*kmsg.MetadataResponse)) {
			c.later(c.refresh)
			return
		}
		c.ready()
	})
}

// learn reports whether the answer tells of a leader that may be asked. A broker that is behind is not
// believed: the newest epoch counts.
func (c *client) learn(resp *kmsg.MetadataResponse) (leads bool) {
	if len(resp.Topics) != 1 || resp.Topics[0].ErrorCode != 0 || len(resp.Topics[0].Partitions) != len(c.leaders) {
		return false
	}
	t := &resp.Topics[0]
	c.topic = t.TopicID
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if p.LeaderEpoch < c.epochs[p.Partition] {
			continue
		}
		c.leaders[p.Partition], c.epochs[p.Partition] = nobody, p.LeaderEpoch
		if p.ErrorCode == 0 && p.Leader >= 0 && int(p.Leader) < len(c.conns) {
			c.leaders[p.Partition], leads = p.Leader, true
		}
	}
	return leads
}

// createTopic makes the topic, again and again until it is there.
func (c *client) createTopic(done func()) {
	cluster := &c.sim.terrain.cluster
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(c.sim.terrain.requestTimeout.Milliseconds())
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = Topic, int32(c.sim.terrain.load.Partitions), int16(cluster.Replication)
	minISR := kmsg.NewCreateTopicsRequestTopicConfig()
	minISR.Name, minISR.Value = metadata.MinISRConfig, kmsg.StringPtr(fmt.Sprint(cluster.MinISR))
	topic.Configs = append(topic.Configs, minISR)
	req.Topics = append(req.Topics, topic)
	c.ask(c.any(), req, func(_ *request, resp kmsg.Response) {
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
