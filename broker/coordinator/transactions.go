package coordinator

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/txn"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TransactionsConfig is the configuration of a coordinator of transactions.
type TransactionsConfig struct {
	// Self is the broker's id, Shards how many shards it has.
	Self   int32
	Shards int
	// MaxBatch is the largest record batch that a shard takes, in bytes.
	MaxBatch int
	// BackOff comes before a question to a shard is asked again, CallTimeout is how long another node has to write markers.
	BackOff, CallTimeout time.Duration
	// ExpireEvery is how often transactional ids are looked through for what is kept no longer
	// (transaction.remove.expired.transaction.cleanup.interval.ms); 1 h if 0.
	ExpireEvery time.Duration
	Machine     txn.Config
	Bugs        bug.Set
}

// DefaultExpireTransactions is Apache Kafka's.
const DefaultExpireTransactions = time.Hour

// Transactions is the actor of the transactions of one broker.
type Transactions struct {
	terms[*txn.Machine]
	cfg TransactionsConfig
	// ends counts the transactions that ended in terms that are over.
	ends txn.Ends
	// wanted are the terms that have asked the controller for a producer id, by call.
	wanted map[uint64]*term[*txn.Machine]
	// markers are to be sent in this step; sent are those on their way to this node's own partitions, by call.
	markers []termMarker
	sent    map[uint64][]termMarker
	// out is what the present step has to say.
	out      []actor.Send
	expiring bool
}

// termMarker is a marker and who wants it written.
type termMarker struct {
	term *term[*txn.Machine]
	txn.Marker
}

// TransactionsReport asks how many transactional ids there are in each state, and how many transactions have ended
// since the process began; Done is called with the answer, from the actor.
type TransactionsReport struct {
	Done func(map[txn.State]int, txn.Ends)
}

// NewTransactions makes the coordinator of transactions of a broker. It waits for its first image.
func NewTransactions(cfg TransactionsConfig) *Transactions {
	if cfg.ExpireEvery == 0 {
		cfg.ExpireEvery = DefaultExpireTransactions
	}
	cfg.Machine.BackOff = cfg.BackOff
	cfg.Machine.Bugs = txn.Bugs{
		Amnesia: cfg.Bugs.Has(bug.CoordinatorAmnesia), DelayedEnd: cfg.Bugs.Has(bug.DelayedEndTxn),
		NoFence: cfg.Bugs.Has(bug.NoFence), MarkerLost: cfg.Bugs.Has(bug.MarkerLost),
	}
	c := &Transactions{cfg: cfg, wanted: map[uint64]*term[*txn.Machine]{}, sent: map[uint64][]termMarker{}}
	c.terms = terms[*txn.Machine]{
		office: office{
			self: api.Transactions, topic: metadata.TransactionState, broker: cfg.Self, shards: cfg.Shards, maxBatch: cfg.MaxBatch, backOff: cfg.BackOff,
		},
		led: map[int32]*term[*txn.Machine]{}, calls: map[uint64]call[*txn.Machine]{},
		fresh: func(epoch int32) *txn.Machine { return txn.New(cfg.Machine, epoch) }, loaded: c.loaded, taken: c.taken,
	}
	return c
}

// Step implements actor.Actor.
func (c *Transactions) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case api.NewImage:
		c.news(now, m.Image, fx)
	case api.Lease:
		c.renew(now, m)
	case api.TransactionRequest:
		c.request(now, m)
	case api.ControllerReply:
		c.identified(now, m)
	case actor.CallDone:
		resp, _ := m.Response.(*kmsg.WriteTxnMarkersResponse)
		c.marked(now, m.Token.([]termMarker), resp)
	case api.MarkersReply:
		sent := c.sent[m.Call]
		delete(c.sent, m.Call)
		c.marked(now, sent, m.Body)
	case expireTick:
		c.expire(now, fx)
	case TransactionsReport:
		c.report(m)
	case actor.Drained:
		c.drain(now, fx)
		c.send(now, fx)
	default:
		if !c.step(now, message, fx) {
			panic(fmt.Sprintf("transactions: got %T", message))
		}
	}
	fx.Sends = append(fx.Sends, c.out...)
	clear(c.out)
	c.out = c.out[:0]
}

// news begins and ends terms.
func (c *Transactions) news(now time.Time, image *metadata.Image, fx *actor.Effects) {
	before := c.ordered()
	c.follow(now, image, fx)
	for _, t := range before {
		if t.over {
			c.ends = c.ends.Plus(t.machine.Ended())
		}
	}
	c.expireLater(fx)
}

// loaded begins to serve the transactional ids of a partition.
func (c *Transactions) loaded(now time.Time, t *term[*txn.Machine], fx *actor.Effects) {
	t.machine.Loaded(now)
	e := event.TransactionsLoaded{
		Partition: t.replica.Partition, LeaderEpoch: t.epoch,
		Records: t.load.records, Unreadable: t.load.unreadable, Milliseconds: now.Sub(t.began).Milliseconds(),
	}
	for state, n := range t.machine.Count() {
		e.IDs += n
		switch state {
		case txn.Ongoing:
			e.Open += n
		case txn.PrepareCommit, txn.PrepareAbort:
			e.Ending += n
		}
	}
	fx.Emit(e)
}

// taken gives what a machine wants written, and what happened; its markers are kept for the end of the step, and
// producer ids asked for.
func (c *Transactions) taken(_ time.Time, t *term[*txn.Machine], fx *actor.Effects) (writes []write, events []event.Event) {
	wants := t.machine.Take()
	for range wants.ProducerIDs {
		c.next++
		c.wanted[c.next] = t
		req := kmsg.NewPtrInitProducerIDRequest()
		req.SetVersion(req.MaxVersion())
		fx.Send(api.Uplink, api.ControllerRequest{From: api.Transactions, Call: c.next, Body: req})
	}
	for _, m := range wants.Markers {
		c.markers = append(c.markers, termMarker{t, m})
	}
	for _, w := range wants.Writes {
		writes = append(writes, write{id: w.ID, records: []record{{w.Record.Key, w.Record.Value, w.Record.Timestamp}}})
	}
	return writes, wants.Events
}

// identified takes a producer id from the controller.
func (c *Transactions) identified(now time.Time, m api.ControllerReply) {
	t := c.wanted[m.Call]
	delete(c.wanted, m.Call)
	if t == nil || t.over {
		return
	}
	resp := m.Body.(*kmsg.InitProducerIDResponse)
	t.machine.ProducerID(now, resp.ProducerID, kerr.TypedErrorForCode(resp.ErrorCode))
}

// expire looks through all transactional ids, and again some time later as long as there may be any.
func (c *Transactions) expire(now time.Time, fx *actor.Effects) {
	c.expiring = false
	for _, t := range c.ordered() {
		t.machine.Expire(now)
	}
	c.expireLater(fx)
}

func (c *Transactions) expireLater(fx *actor.Effects) {
	if !c.expiring && len(c.led) > 0 {
		c.expiring = true
		fx.After(c.cfg.ExpireEvery, expireTick{})
	}
}

func (c *Transactions) report(m TransactionsReport) {
	counts, ends := map[txn.State]int{}, c.ends
	for _, t := range c.ordered() {
		for state, n := range t.machine.Count() {
			counts[state] += n
		}
		ends = ends.Plus(t.machine.Ended())
	}
	m.Done(counts, ends)
}
