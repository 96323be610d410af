package sim

import (
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactionChecker is what the checker knows of transactions, from nothing but the committed logs: what coordinators
// have decided is in __transaction_state, and what became of it stands as markers in the partitions.
type transactionChecker struct {
	// ids by transactional id, in the order in which they came to be known; owner is the id of a producer id.
	ids   map[string]*decided
	names []string
	owner map[int64]string
	// parts by judged partition.
	parts []openPart
}

// decided is what the log of a coordinator says of a transactional id.
type decided struct {
	id    string
	state kmsg.TransactionState
	pid   int64
	epoch int16
	// places are the judged partitions of its transaction.
	places []int
	// version of the protocol that its last transaction was of.
	timeout int32
}

// openPart is what is open in a partition.
type openPart struct {
	// open is where the transaction of each producer begins, epochs the newest epoch of each.
	open   map[int64]int64
	epochs map[int64]int16
	// aborted are the aborted transactions, by the offset of their marker.
	aborted []abortedRange
}

// abortedRange is an aborted transaction of a producer: from its first record to its marker.
type abortedRange struct{ pid, first, marker int64 }

func newTransactionChecker(parts int) transactionChecker {
	t := transactionChecker{ids: map[string]*decided{}, owner: map[int64]string{}}
	for range parts {
		t.parts = append(t.parts, openPart{open: map[int64]int64{}, epochs: map[int64]int16{}})
	}
	return t
}

// agreedOn is told of every batch that has become committed, once and in the order of its partition.
func (c *checker) agreedOn(index int, v batch.View) {
	if c.sim.terrain.transactions.partitions == 0 {
		return
	}
	switch {
	case c.place(index).Topic == metadata.TransactionState:
		records, err := batch.Records(v)
		if err != nil {
			c.violated("decision", "%s: a batch at offset %d cannot be read: %v", c.place(index), v.BaseOffset(), err)
		}
		for i := range records {
			c.decided(&records[i])
		}
	case v.IsControl():
		c.marker(index, v)
	case v.IsTransactional():
		c.transactional(index, v)
	}
}

// decided looks at what a coordinator has written of a transactional id.
func (c *checker) decided(r *batch.Record) {
	key, value := kmsg.NewTxnMetadataKey(), kmsg.NewTxnMetadataValue()
	t := &c.transactions
	if key.ReadFrom(r.Key) != nil {
		return
	}
	was := t.ids[key.TransactionalID]
	if r.Value == nil {
		if was != nil {
			was.state, was.pid = kmsg.TransactionStateEmpty, -1
		}
		return
	}
	if err := value.ReadFrom(r.Value); err != nil {
		c.violated("decision", "the coordinator of %s writes what cannot be read: %v", key.TransactionalID, err)
		return
	}
	now := &decided{id: key.TransactionalID, state: value.State, pid: value.ProducerID, epoch: value.ProducerEpoch, timeout: value.TimeoutMillis}
	for _, topic := range value.Topics {
		for _, p := range topic.Partitions {
			if at, ok := c.index(topic.Topic, p); ok {
				now.places = append(now.places, int(at))
			}
		}
	}
	if was == nil {
		t.names = append(t.names, now.id)
	} else {
		c.follows(was, now)
	}
	t.ids[now.id], t.owner[now.pid] = now, now.id
}

// follows checks that a state of a transactional id may follow another: a decision stays, and is complete only once
// every marker is in its log.
func (c *checker) follows(was, now *decided) {
	if was.pid == now.pid && now.epoch < was.epoch {
		c.violated("epochs", "%s: the epoch of producer %d goes back from %d to %d", now.id, now.pid, was.epoch, now.epoch)
	}
	if !slices.Contains(mayFollow[was.state], now.state) {
		c.violated("decision", "%s: %v is followed by %v", now.id, was.state, now.state)
	}
	switch now.state {
	case kmsg.TransactionStateCompleteCommit, kmsg.TransactionStateCompleteAbort:
		for _, at := range was.places {
			if first, open := c.transactions.parts[at].open[was.pid]; open {
				c.violated("markers", "%s: %v, and its transaction from offset %d of %s on has no marker", now.id, now.state, first, c.place(at))
			}
		}
	case kmsg.TransactionStatePrepareAbort, kmsg.TransactionStatePrepareEpochFence:
		c.sim.marks[AbortDecided]++
	}
}

// mayFollow says which states of a transactional id may follow each (KIP-98): the two that are decided are followed by
// their completion and by nothing else.
var mayFollow = map[kmsg.TransactionState][]kmsg.TransactionState{
	kmsg.TransactionStateEmpty:         {kmsg.TransactionStateEmpty, kmsg.TransactionStateOngoing, kmsg.TransactionStatePrepareAbort, kmsg.TransactionStateDead},
	kmsg.TransactionStateOngoing:       {kmsg.TransactionStateOngoing, kmsg.TransactionStatePrepareCommit, kmsg.TransactionStatePrepareAbort, kmsg.TransactionStatePrepareEpochFence},
	kmsg.TransactionStatePrepareCommit: {kmsg.TransactionStatePrepareCommit, kmsg.TransactionStateCompleteCommit},
	kmsg.TransactionStatePrepareAbort:  {kmsg.TransactionStatePrepareAbort, kmsg.TransactionStateCompleteAbort},
	kmsg.TransactionStateCompleteCommit: {
		kmsg.TransactionStateCompleteCommit, kmsg.TransactionStateOngoing, kmsg.TransactionStateEmpty, kmsg.TransactionStatePrepareAbort, kmsg.TransactionStateDead,
	},
	kmsg.TransactionStateCompleteAbort: {
		kmsg.TransactionStateCompleteAbort, kmsg.TransactionStateOngoing, kmsg.TransactionStateEmpty, kmsg.TransactionStatePrepareAbort, kmsg.TransactionStateDead,
	},
	kmsg.TransactionStateDead:              {kmsg.TransactionStateEmpty, kmsg.TransactionStateDead, kmsg.TransactionStateOngoing},
	kmsg.TransactionStatePrepareEpochFence: {kmsg.TransactionStatePrepareAbort},
}

// transactional looks at records of a transaction: its coordinator knew of the partition before they were appended, and
// does until their marker is in the log.
func (c *checker) transactional(index int, v batch.View) {
	t, p := &c.transactions, &c.transactions.parts[index]
	pid, epoch := v.ProducerID(), v.ProducerEpoch()
	if epoch < p.epochs[pid] {
		c.violated("epochs", "%s: offset %d is of producer %d in epoch %d, before it came epoch %d", c.place(index), v.BaseOffset(), pid, epoch, p.epochs[pid])
	}
	p.epochs[pid] = max(p.epochs[pid], epoch)
	if _, open := p.open[pid]; !open {
		p.open[pid] = v.BaseOffset()
	}
	d := t.ids[t.owner[pid]]
	if d == nil || !d.isOpen() || d.pid == pid && !slices.Contains(d.places, index) {
		c.violated("late", "%s: the batch at offset %d is of a transaction of producer %d, epoch %d, that its coordinator does not have: %v", c.place(index), v.BaseOffset(), pid, epoch, d)
	}
}

// isOpen reports whether there is a transaction that is not complete.
func (d *decided) isOpen() bool {
	switch d.state {
	case kmsg.TransactionStateOngoing, kmsg.TransactionStatePrepareCommit, kmsg.TransactionStatePrepareAbort, kmsg.TransactionStatePrepareEpochFence:
		return true
	}
	return false
}

// commits reports whether a transaction is decided to be committed.
func (d *decided) commits() bool {
	return d.state == kmsg.TransactionStatePrepareCommit || d.state == kmsg.TransactionStateCompleteCommit
}

// aborts reports whether a transaction is decided to be aborted.
func (d *decided) aborts() bool {
	return d.state == kmsg.TransactionStatePrepareAbort || d.state == kmsg.TransactionStateCompleteAbort
}

func (d *decided) String() string {
	if d == nil {
		return "nothing is known of it"
	}
	return fmt.Sprintf("%s is %v with producer %d in epoch %d", d.id, d.state, d.pid, d.epoch)
}

// marker looks at a marker: it says what the coordinator has decided.
func (c *checker) marker(index int, v batch.View) {
	t, p := &c.transactions, &c.transactions.parts[index]
	pid := v.ProducerID()
	m, err := batch.ReadMarker(v)
	if err != nil {
		c.violated("markers", "%s: the control batch at offset %d cannot be read: %v", c.place(index), v.BaseOffset(), err)
		return
	}
	if v.ProducerEpoch() < p.epochs[pid] {
		c.violated("epochs", "%s: the marker at offset %d is of producer %d in epoch %d, before it came epoch %d", c.place(index), v.BaseOffset(), pid, v.ProducerEpoch(), p.epochs[pid])
	}
	p.epochs[pid] = max(p.epochs[pid], v.ProducerEpoch())
	first, open := p.open[pid]
	if !open {
		c.sim.marks[MarkerRepeated]++
		return
	}
	delete(p.open, pid)
	if d := t.ids[t.owner[pid]]; d == nil || m.Commit && !d.commits() || !m.Commit && !d.aborts() {
		c.violated("markers", "%s: the marker at offset %d commits (%v) the transaction of producer %d from offset %d on: %v", c.place(index), v.BaseOffset(), m.Commit, pid, first, d)
	}
	if !m.Commit {
		p.aborted = append(p.aborted, abortedRange{pid, first, v.BaseOffset()})
	}
}

// undecided names the transactions that are not complete, and the records whose transaction has no marker; "" if there
// are none.
func (c *checker) undecided() (text string) {
	t := &c.transactions
	for _, name := range t.names {
		if d := t.ids[name]; d.isOpen() {
			text += " " + d.String() + ";"
		}
	}
	for i := range t.parts {
		if n := len(t.parts[i].open); n > 0 {
			text += fmt.Sprintf(" %s has %d open;", c.place(i), n)
		}
	}
	return text
}

// committed is where the committed records of a partition end.
func (c *checker) committed(index int) int64 {
	if chain := c.parts[index].chain; len(chain) > 0 {
		return chain[len(chain)-1].end
	}
	return 0
}

// leaving counts in which state of which transactions a coordinator ends.
func (c *checker) leaving(h *host) {
	t := &c.transactions
	for _, name := range t.names {
		d := t.ids[name]
		if c.transactionCoordinator(name) != h.id {
			continue
		}
		marked := 0
		for _, at := range d.places {
			if _, open := t.parts[at].open[d.pid]; !open {
				marked++
			}
		}
		switch prepared := d.state == kmsg.TransactionStatePrepareCommit || d.state == kmsg.TransactionStatePrepareAbort; {
		case d.state == kmsg.TransactionStateOngoing:
			c.sim.marks[CoordinatorEndedOngoing]++
		case prepared && marked > 0 && marked < len(d.places):
			c.sim.marks[CoordinatorEndedMarking]++
		case d.state == kmsg.TransactionStatePrepareCommit:
			c.sim.marks[CoordinatorEndedCommitting]++
		case prepared:
			c.sim.marks[CoordinatorEndedAborting]++
		}
	}
}

// transactionCoordinator is the broker that leads the partition of a transactional id; nobody if none is known to.
func (c *checker) transactionCoordinator(id string) int32 {
	n := int(c.sim.terrain.transactions.partitions)
	if n == 0 {
		return nobody
	}
	p := c.partition(len(c.parts) - n + int(api.CoordinatorPartition(id, n)))
	if p == nil {
		return nobody
	}
	return p.Leader
}
