package sim

import (
	"fmt"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/wire"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// responseRule strikes responses after the node has done what was asked. It stays until one has passed that
// it did not strike, which proves that it healed.
type responseRule struct {
	kind   timeline.Kind
	params timeline.Params
	key    int16
	// end and peers are between whom the responses pass, either way.
	end   endpoint
	peers []endpoint
	// over is set once it strikes no more; struck counts what arrived as it left the rule, passed what arrived
	// after it was over.
	over           bool
	begun          int
	struck, passed int
	// stale is the answer that others are replaced with.
	stale kmsg.Response
}

// errorCodes are the codes of the errors that a response may be made to say, by Kafka's names.
var errorCodes = map[string]int16{
	"UNKNOWN_SERVER_ERROR": -1, "OFFSET_OUT_OF_RANGE": 1, "UNKNOWN_TOPIC_OR_PARTITION": 3, "LEADER_NOT_AVAILABLE": 5,
	"NOT_LEADER_OR_FOLLOWER": 6, "REQUEST_TIMED_OUT": 7, "NETWORK_EXCEPTION": 13, "COORDINATOR_LOAD_IN_PROGRESS": 14,
	"NOT_ENOUGH_REPLICAS": 19, "NOT_ENOUGH_REPLICAS_AFTER_APPEND": 20, "KAFKA_STORAGE_ERROR": 56, "FENCED_LEADER_EPOCH": 74,
	"UNKNOWN_LEADER_EPOCH": 75,
}

// responseFaults are the timeline's faults of responses.
func responseFaults() map[timeline.Kind]*effect {
	all := map[timeline.Kind]*effect{}
	for kind, says := range map[timeline.Kind]string{
		timeline.DropResponse:      "a connection ended in the place of an answer",
		timeline.DelayResponse:     "an answer came as late as it should",
		timeline.DuplicateResponse: "an answer came twice",
		timeline.RewriteError:      "an answer says the error",
		timeline.StaleMetadata:     "an answer was that of before",
	} {
		all[kind] = &effect{
			inject: func(f *firing) {
				f.sim.network.responses = append(f.sim.network.responses, f.rule)
			},
			prove: func(f *firing) string {
				if f.rule.struck == 0 {
					f.inquire()
					return ""
				}
				return says
			},
			heal: func(f *firing) { f.rule.over = true },
			healed: func(f *firing) string {
				if f.rule.passed == 0 {
					f.inquire()
					return ""
				}
				f.sim.network.responses = without(f.sim.network.responses, f.rule)
				return "an answer came as it was given"
			},
		}
	}
	return all
}

// newRule makes the rule of a fault of responses, which is not in force before it stands in the network.
func (f *firing) newRule() *responseRule {
	return &responseRule{kind: f.kind, params: f.params, key: apiKey(f.kind, f.params), end: f.end, peers: f.peers}
}

// inquire asks a node for metadata where such answers are struck: clients may have no reason to.
func (f *firing) inquire() {
	if f.asking || f.rule.key != metadataKey {
		return
	}
	for _, peer := range f.peers {
		if !peer.client && !f.end.client {
			continue // nodes learn of the cluster in another way
		}
		req := kmsg.NewPtrMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(Topic)
		req.Topics = append(req.Topics, topic)
		versions, _ := wire.Served(wire.Clients, metadataKey)
		req.SetVersion(versions.Max)
		f.knock(peer, req, func(bool, string) {})
		return
	}
}

const metadataKey = 3

// apiKey of the requests whose responses are struck.
func apiKey(kind timeline.Kind, p timeline.Params) int16 {
	name := p.API
	if kind == timeline.StaleMetadata {
		name = "Metadata"
	}
	for key := range int16(kmsg.MaxKey + 1) {
		if wire.Name(key) == name {
			return key
		}
	}
	return -1
}

// matches reports whether a response to a request of a connection is one of those that the rule is about.
func (r *responseRule) matches(c *connection, body kmsg.Response) bool {
	between := func(end, peer endpoint) bool {
		if end != r.end {
			return false
		}
		for _, p := range r.peers {
			if p == peer {
				return true
			}
		}
		return false
	}
	return body.Key() == r.key && (between(c.host.endpoint, c.from) || between(c.from, c.host.endpoint)) && r.about(body)
}

// about reports whether the response is about the topic and the partition of the rule. There is one topic.
func (r *responseRule) about(body kmsg.Response) bool {
	if r.params.Topic == "" || r.params.Partition == timeline.EveryPartition {
		return true
	}
	found := false
	eachPartition(body, func(partition int32, _ *int16) { found = found || partition == r.params.Partition })
	return found
}

// eachPartition calls f for each partition in a response, with its error code.
func eachPartition(body kmsg.Response, f func(partition int32, code *int16)) {
	switch resp := body.(type) {
	case *kmsg.ProduceResponse:
		for t := range resp.Topics {
			for i := range resp.Topics[t].Partitions {
				p := &resp.Topics[t].Partitions[i]
				f(p.Partition, &p.ErrorCode)
			}
		}
	case *kmsg.FetchResponse:
		for t := range resp.Topics {
			for i := range resp.Topics[t].Partitions {
				p := &resp.Topics[t].Partitions[i]
				f(p.Partition, &p.ErrorCode)
			}
		}
	case *kmsg.MetadataResponse:
		for t := range resp.Topics {
			for i := range resp.Topics[t].Partitions {
				p := &resp.Topics[t].Partitions[i]
				f(p.Partition, &p.ErrorCode)
			}
		}
	}
}

// pass sends a response to who asked, as the rules of the network let it. Without a rule about it, it goes
// as it is.
func (c *connection) pass(r actor.Response) {
	body, _ := r.Body.(kmsg.Response)
	for _, rule := range c.host.sim.network.responses {
		if body == nil || !rule.matches(c, body) {
			continue
		}
		if rule.over {
			c.toAsker(func() { rule.passed++; c.answered(r) })
			return
		}
		if rule.params.Count > 0 && rule.begun == rule.params.Count {
			continue
		}
		rule.begun++
		rule.strike(c, r, body)
		return
	}
	c.toAsker(func() { c.answered(r) })
}

// strike does to one response what the rule says.
func (r *responseRule) strike(c *connection, answer actor.Response, body kmsg.Response) {
	s := c.host.sim
	deliver := func() { r.struck++; c.answered(answer) }
	switch r.kind {
	case timeline.DropResponse:
		c.toAsker(func() { r.struck++; c.lost("connection ended in the place of an answer") })
		c.toNodeClosed()
	case timeline.DelayResponse:
		given := s.now
		// Answers of a connection stay in order: those that follow come after it.
		c.down.last = max(c.down.last, s.now+s.slowed([]*slowdown{{r.params.Delay, r.params.Jitter}}))
		s.network.send(c.host.endpoint, c.from, packet{&c.down, func() {
			if s.now-given >= r.params.Delay {
				r.struck++
			}
			if !c.given { // who asked may have given up: that is what the fault is for
				c.answered(answer)
			}
		}})
	case timeline.DuplicateResponse:
		c.toAsker(func() { c.answered(answer) })
		// A client that gets an answer to nothing that it asked does not go on with the connection.
		c.toAsker(func() { r.struck++; c.giveUp("an answer came twice") })
	case timeline.RewriteError:
		code := errorCodes[r.params.Error]
		eachPartition(body, func(partition int32, at *int16) {
			if r.params.Topic == "" || r.params.Partition == timeline.EveryPartition || r.params.Partition == partition {
				*at = code
			}
		})
		c.toAsker(deliver)
	case timeline.StaleMetadata:
		if r.stale == nil {
			r.stale = body // the first answer of the fault's time is given again and again
			c.toAsker(func() { c.answered(answer) })
			return
		}
		answer.Body = r.stale
		c.toAsker(deliver)
	default:
		panic(fmt.Sprintf("sim: no response is struck by %s", r.kind))
	}
}

// toNodeClosed tells the node that the other end has gone.
func (c *connection) toNodeClosed() {
	c.toNode(func(h *host) { h.deliver(c.session, closed) })
}
