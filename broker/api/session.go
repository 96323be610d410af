package api

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var (
	// Controller, Metadata, Uplink, Coordinator, Transactions and Participant are the addresses of the node's single
	// actors.
	Controller   = actor.Address{Role: actor.Controller}
	Metadata     = actor.Address{Role: actor.Metadata}
	Uplink       = actor.Address{Role: actor.Uplink}
	Coordinator  = actor.Address{Role: actor.Coordinator}
	Transactions = actor.Address{Role: actor.Transactions}
	Participant  = actor.Address{Role: actor.Participant}
)

// call is one request being answered.
type call struct {
	id      uint64
	request *wire.Request
	handler handler
	done    bool
	// deadline is when expire is called; zero for never.
	deadline time.Time
	response actor.Response
}

// finish marks the call as answered; body is nil where the client expects no response.
func (c *call) finish(body kmsg.Response, reads ...actor.Read) {
	if body != nil {
		body.SetVersion(c.request.Version)
		c.response.Body = body
	}
	c.response.Reads, c.done = reads, true
}

// Session is the actor of one connection.
type Session struct {
	self     actor.Address
	cfg      Config
	listener wire.Listener
	// host is where the client connects from.
	host string
	// image of the cluster, for clients; peers ask for what needs none.
	image *metadata.Image
	// early holds requests that came before the image that they need, and what came behind them.
	early []early
	// queue holds the calls without a response yet, in order of arrival; calls finds them by id.
	queue []*call
	calls map[uint64]*call
	next  uint64
	// armed is when the next tick comes; zero for never.
	armed  time.Time
	closed bool
	// defaults of topics that say nothing, inForce what the topics of this image say.
	defaults metadata.Settings
	inForce  map[*metadata.Topic]metadata.Settings
	// own codecs, where the node has none to share.
	own *batch.Codecs
	// enlistments are batches of which it is not known whether they belong to their transactions; lanes have them in the
	// order of their arrival. Both are nil before the first.
	enlistments map[enlistedPart]*enlistment
	lanes       map[lane][]*enlistment
	// replica is the fetch session of a follower, if one fetches here (KIP-227).
	replica fetchSession
}

// NewSession makes the actor of a connection to a listener. Its first step must be Start.
func NewSession(cfg Config, self actor.Address, listener wire.Listener) *Session {
	return &Session{self: self, cfg: cfg, listener: listener, calls: map[uint64]*call{}, defaults: metadata.Defaults(cfg.Static)}
}

// Start is the first message of a session.
type Start struct {
	// Host is where the connection comes from, an address without a port; "" if that is not known.
	Host string
}

// Step implements actor.Actor.
func (s *Session) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case Start:
		s.host = m.Host
		if s.listener == wire.Clients {
			fx.Send(Metadata, Subscribe{s.self})
		}
	case NewImage:
		s.image = m.Image
		clear(s.inForce)
		s.admit(now, fx)
	case Arrived:
		s.begin(m, now, fx)
	case Closed:
		s.close(fx)
	case actor.Drained:
		return
	case tick:
		s.armed = time.Time{}
		s.expire(now, fx)
		s.admit(now, fx)
	default:
		s.deliver(message, fx)
	}
	s.flush(fx)
	s.arm(now, fx)
}

func (s *Session) begin(a Arrived, now time.Time, fx *actor.Effects) {
	if s.closed {
		return
	}
	if s.image == nil && s.listener == wire.Clients || len(s.early) > 0 || s.ahead(a.Request) {
		s.early = append(s.early, early{a, now.Add(aheadWait)})
		return
	}
	s.start(a, now, fx)
}

// start gives a request to its handler.
func (s *Session) start(a Arrived, now time.Time, fx *actor.Effects) {
	s.next++
	c := &call{id: s.next, request: a.Request, handler: handlers[s.listener][a.Request.Key]()}
	c.response = actor.Response{Correlation: a.Request.Correlation, Request: a.Request, Arrived: a.At}
	s.queue = append(s.queue, c)
	s.calls[c.id] = c
	c.handler.start(s, c, now, fx)
}

// deliver hands an answer to the call that asked for it. A call that is over, because its time
// was up, is not asked again; what the answer holds is released.
func (s *Session) deliver(message any, fx *actor.Effects) {
	switch m := message.(type) {
	case ProduceDone:
		if c := s.open(m.Call); c != nil {
			c.handler.(producer).produced(s, c, m, fx)
		}
	case FetchData:
		if c := s.open(m.Call); c != nil {
			c.handler.(fetcher).fetched(s, c, m, fx)
		} else {
			release(m.Results)
		}
	case FetchWake:
		if c := s.open(m.Call); c != nil {
			c.handler.(fetcher).woken(s, c, fx)
		}
	case OffsetAnswer:
		if c := s.open(m.Call); c != nil {
			c.handler.(lister).listed(c, m)
		}
	case EpochAnswer:
		if c := s.open(m.Call); c != nil {
			c.handler.(ender).ended(c, m)
		}
	case CoordinatorReply:
		if c := s.open(m.Call); c != nil {
			c.handler.(coordinated).coordinated(s, c, m)
		}
	case TransactionReply:
		if c := s.open(m.Call); c != nil {
			c.handler.(transacted).transacted(s, c, m, fx)
		}
	case DeleteAnswer:
		if c := s.open(m.Call); c != nil {
			c.handler.(deleter).deleted(c, m)
		}
	case ProducerAnswer:
		if c := s.open(m.Call); c != nil {
			c.handler.(rememberer).remembered(c, m)
		}
	case SizeAnswer:
		if c := s.open(m.Call); c != nil {
			c.handler.(measurer).measured(c, m)
		}
	case VerifyAnswer:
		s.verified(m, fx)
	case Enlisted:
		s.enlisted(m, fx)
	case MarkersReply:
		if c := s.open(m.Call); c != nil {
			c.handler.(marker).marked(c, m)
		}
	case ControllerReply:
		if c := s.open(m.Call); c != nil {
			c.handler.(controlled).replied(s, c, m, fx)
		}
	default:
		panic(fmt.Sprintf("api: session got %T", message))
	}
}

func (s *Session) open(id uint64) *call {
	if c := s.calls[id]; c != nil && !c.done {
		return c
	}
	return nil
}

// flush sends the responses that are next in order.
func (s *Session) flush(fx *actor.Effects) {
	for len(s.queue) > 0 && s.queue[0].done {
		c := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		delete(s.calls, c.id)
		fx.Respond(c.response)
	}
}

// longestTick bounds how long a tick may be on its way: it outlives its connection, and a client may ask for a
// deadline that is weeks away.
const longestTick = time.Minute

// arm asks for a tick at the earliest deadline, or a while before it, if none comes by then.
func (s *Session) arm(now time.Time, fx *actor.Effects) {
	var earliest time.Time
	if len(s.early) > 0 && s.image != nil {
		earliest = s.early[0].until
	}
	for _, c := range s.queue {
		if !c.done && !c.deadline.IsZero() && (earliest.IsZero() || c.deadline.Before(earliest)) {
			earliest = c.deadline
		}
	}
	if earliest.IsZero() || !s.armed.IsZero() && !s.armed.After(earliest) {
		return
	}
	if latest := now.Add(longestTick); earliest.After(latest) {
		earliest = latest
	}
	s.armed = earliest
	fx.After(max(earliest.Sub(now), 0), tick{})
}

func (s *Session) expire(now time.Time, fx *actor.Effects) {
	for _, c := range s.queue {
		if !c.done && !c.deadline.IsZero() && !c.deadline.After(now) {
			c.handler.(expirer).expire(s, c, fx)
		}
	}
}

// close gives up every call. What was asked of shards goes on, its answers find no call.
func (s *Session) close(fx *actor.Effects) {
	s.closed = true
	if s.listener == wire.Clients {
		fx.Send(Metadata, Unsubscribe{s.self})
	}
	for _, c := range s.queue {
		for _, r := range c.response.Reads {
			r.Source.Release()
		}
		if a, ok := c.handler.(abandoner); ok && !c.done {
			a.abandon(s, c, fx)
		}
	}
	s.queue, s.early = nil, nil
	clear(s.calls)
	clear(s.enlistments)
	clear(s.lanes)
}

// hangup closes the connection: Kafka's answer where there is no response to carry an error.
func (s *Session) hangup(c *call, fx *actor.Effects, format string, args ...any) {
	fx.Hangup = fmt.Sprintf(format, args...)
	c.finish(nil)
}

// misplaced says why a partition cannot be served here: it is not there, or another node leads it.
func (s *Session) misplaced(topic *metadata.Topic, index int32) *kerr.Error {
	switch {
	case topic == nil || index < 0 || int(index) >= len(topic.Partitions):
		return kerr.UnknownTopicOrPartition
	case topic.Partitions[index].Leader != s.cfg.NodeID:
		return kerr.NotLeaderForPartition
	}
	return nil
}

// topic finds a topic by name, or by id where the name is empty.
func (s *Session) topic(name string, id metadata.TopicID) *metadata.Topic {
	if name != "" {
		return s.image.Topic(name)
	}
	return s.image.TopicByID(id)
}
