package sim

import (
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka's error codes that transactional producers act on.
const (
	codeInvalidTxnState       = 48
	codeInvalidMapping        = 49
	codeConcurrent            = 51
	codeUnstableOffsets       = 88
	codeProducerFenced        = 90
	codeAbortable             = 120
	transactionalKeys         = 1 // the type of coordinator that FindCoordinator is asked for
	endVersion1               = 4 // the newest versions that a client of transaction version 1 speaks
	produceVersion1           = 11
	offsetsVersion1           = 4
	addVersion          int16 = 3
)

// transactional is what has a transactional id: a producer, or a worker of a group. It knows its coordinator, its
// producer id and epoch, and its present transaction.
type transactional struct {
	client *client
	draw   *rand.Rand
	id     string
	// version of the protocol, and the timeout that its transactions ask for.
	version int
	timeout time.Duration
	// number of the producer of its records.
	number uint32

	coordinator int32
	finding     bool
	// pid and epoch that the coordinator gave; pid is -1 before that. renew is set where the epoch must not be used for
	// another transaction, and unanswered is how many requests of the run had been lost when it was given.
	pid        int64
	epoch      int16
	renew      bool
	naming     bool
	unanswered uint64
	// wire is the next sequence of each partition in the epoch, records that of the payloads.
	wire    []int32
	records []int64
	// count of the transactions that it began, tx the present one.
	count int64
	tx    *transaction
	last  string // what the last failure was, for people
	// group whose positions are part of its transactions.
	group keeper
	// awake lets something happen now, or once a process that stands still goes on; fenced is called when another
	// process has the id.
	awake  func(func())
	fenced func(why string)
}

func newTransactional(c *client, draw *rand.Rand, id string, version int, timeout time.Duration, number uint32) *transactional {
	n := c.sim.terrain.load.Partitions
	return &transactional{client: c, draw: draw, id: id, version: version, timeout: timeout, number: number, coordinator: nobody, pid: -1, wire: make([]int32, n), records: make([]int64, n)}
}

// later does something after a back-off.
func (t *transactional) later(f func()) {
	t.client.later(func() { t.awake(f) })
}

// find asks any broker who coordinates the transactional id, again and again until it is told.
func (t *transactional) find() {
	if t.finding {
		return
	}
	t.finding = true
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorType, req.CoordinatorKeys = transactionalKeys, []string{t.id}
	c := t.client
	c.ask(c.any(), req, func(_ *request, resp kmsg.Response) {
		if t.finding = false; c.dead {
			return
		}
		if resp != nil {
			if one := &resp.(*kmsg.FindCoordinatorResponse).Coordinators[0]; one.ErrorCode == 0 {
				t.coordinator = one.NodeID
				return
			}
		}
		c.later(t.find)
	})
}

// coordinate asks the coordinator, which is looked for first if it is not known. A version of 0 is the newest.
func (t *transactional) coordinate(version int16, body func() kmsg.Request, done func(kmsg.Response)) {
	if t.coordinator == nobody {
		t.find()
		t.later(func() { t.coordinate(version, body, done) })
		return
	}
	t.belated(t.coordinator, func() {
		t.client.askVersion(t.client.sim.terrain.requestTimeout, t.coordinator, version, body(), func(_ *request, resp kmsg.Response) {
			t.awake(func() { done(resp) })
		})
	})
}

// belatedEvery is how manieth request of a transaction takes longer than its client waits, about.
const belatedEvery = 40

// belated sends a request to a broker. Now and then it is so long on its way that the client has asked again by then:
// it may arrive when the transaction is over, and the next one has begun (KAFKA-17754).
func (t *transactional) belated(broker int32, send func()) {
	s := t.client.sim
	if s.walker != nil || !s.loading || t.draw.IntN(belatedEvery) > 0 {
		send()
		return
	}
	l, more := s.network.link(t.client.endpoint, s.hosts[broker].endpoint), s.terrain.requestTimeout
	l.slow += more
	send()
	l.slow -= more
}

// retry says whether an error of a coordinator may pass, and looks for another one where it is none.
func (t *transactional) retry(code int16) bool {
	t.last = failure(code)
	switch code {
	case codeLoadInProgress, codeConcurrent:
		t.client.sim.marks[TransactionWaited]++
		return true
	case codeNoAnswer, codeNotAvailable, codeNotCoordinator, codeTimedOut, codeNotEnoughAfterAppend, codeNotEnoughReplicas, codeNotLeader:
		t.coordinator = nobody
		return true
	}
	return false
}

// isFenced says whether an error means that another process has the id, or that the coordinator has ended what this one
// had begun.
func isFenced(code int16) bool {
	return code == codeInvalidEpoch || code == codeProducerFenced || code == codeInvalidMapping
}

// named calls then once the producer has an id and an epoch that it may use; not at all where it is being named already.
//
// Transaction version 1 promises nothing while a request of the same epoch may still be on its way: a late EndTxn, or
// a late marker, decides the next transaction (KAFKA-17754). A client of it takes a new epoch when any request of the
// run was lost since it has its own.
func (t *transactional) named(then func()) {
	switch {
	case t.naming:
		return
	case t.pid >= 0 && !t.renew && !t.late():
		then()
		return
	}
	t.naming = true
	t.name(then)
}

// late reports whether a request of the epoch may still be on its way, for a client of version 1.
func (t *transactional) late() bool {
	return t.version == 1 && t.unanswered != t.client.sim.unanswered
}

// name asks the coordinator for an id and an epoch, again and again until it has them.
func (t *transactional) name(then func()) {
	lost := t.client.sim.unanswered
	t.coordinate(0, func() kmsg.Request {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID, req.TransactionTimeoutMillis = kmsg.StringPtr(t.id), int32(t.timeout.Milliseconds())
		req.ProducerID, req.ProducerEpoch = t.pid, -1
		if t.pid >= 0 {
			req.ProducerEpoch = t.epoch
		}
		return req
	}, func(answer kmsg.Response) {
		code := codeNoAnswer
		if answer != nil {
			code = answer.(*kmsg.InitProducerIDResponse).ErrorCode
		}
		switch {
		case code == 0:
			resp := answer.(*kmsg.InitProducerIDResponse)
			t.unanswered, t.renew, t.naming = lost, false, false
			t.take(resp.ProducerID, resp.ProducerEpoch)
			then()
		case isFenced(code):
			t.fenced(failure(code))
		default:
			t.retry(code)
			t.later(func() { t.name(then) })
		}
	})
}

// take goes on with a producer id and an epoch, whose sequences begin at 0.
func (t *transactional) take(pid int64, epoch int16) {
	if t.pid != pid || t.epoch != epoch {
		clear(t.wire)
	}
	t.pid, t.epoch = pid, epoch
	t.client.sim.changed(uint64(pid), uint64(epoch))
}
