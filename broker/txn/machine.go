package txn

import (
	"maps"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/deadline"
	"github.com/logproof/logproof/broker/event"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Machine is the transactional ids of one partition of __transaction_state, for one term of its coordinator. It begins
// with Load and Loaded, and ends with Resign.
type Machine struct {
	cfg Config
	// epoch of the coordinator: the leader epoch of its partition. Markers carry it.
	epoch int32
	ids   map[string]*transaction
	// due has the deadlines of transactional ids; one that is not its id's armed time is out of date.
	due deadline.Queue
	// waiting are the writes whose fate is not known, by id; late lists them in the order of the times at which their
	// answers are due.
	waiting map[uint64]*waiting
	late    []lateWrite
	next    uint64
	// stock are producer ids that nobody has, parked are requests that wait for one.
	stock  []int64
	parked []parked
	out    Wants
	ends   Ends
}

// Wants is what a machine wants done, and what has happened, each in order.
type Wants struct {
	Writes  []Write
	Markers []Marker
	// ProducerIDs are how many more of them are needed; ProducerID brings one.
	ProducerIDs int
	Events      []event.Event
}

// Write is the record of one transactional id. Written answers it.
type Write struct {
	ID     uint64
	Record Record
}

// Ends counts the transactions that ended under this machine, by how.
type Ends struct {
	// Committed and Aborted by their producers, TimedOut, and Fenced when another producer began.
	Committed, Aborted, TimedOut, Fenced uint64
}

// Plus is the sum of two counts.
func (e Ends) Plus(other Ends) Ends {
	return Ends{e.Committed + other.Committed, e.Aborted + other.Aborted, e.TimedOut + other.TimedOut, e.Fenced + other.Fenced}
}

// waiting is a write under way.
type waiting struct {
	// done says what became of it.
	done func(now time.Time, err *kerr.Error)
	// tell answers who waits; nil once it was called.
	tell Outcome
}

type lateWrite struct {
	at time.Time
	id uint64
}

// parked is a request that is begun again once there is a producer id, or refused.
type parked struct {
	again  func(now time.Time)
	refuse Outcome
}

// New makes a machine that knows no transactional ids; epoch is that of its term.
func New(cfg Config, epoch int32) *Machine {
	return &Machine{cfg: cfg.complete(), epoch: epoch, ids: map[string]*transaction{}, waiting: map[uint64]*waiting{}}
}

// Take gives what is wanted since it was called last.
func (m *Machine) Take() Wants {
	out := m.out
	m.out = Wants{}
	return out
}

// Next is when Tick must be called; ok is false if nothing is due.
func (m *Machine) Next() (at time.Time, ok bool) {
	at, ok = m.due.Next()
	if len(m.late) > 0 && (!ok || m.late[0].at.Before(at)) {
		at, ok = m.late[0].at, true
	}
	return at, ok
}

// Tick does what is due: it aborts transactions whose time is up, and sends markers again.
func (m *Machine) Tick(now time.Time) {
	for len(m.late) > 0 && !m.late[0].at.After(now) {
		w := m.waiting[m.late[0].id]
		m.late = m.late[1:]
		if w != nil {
			w.answer(kerr.CoordinatorNotAvailable)
		}
	}
	for d, ok := m.due.Pop(now); ok; d, ok = m.due.Pop(now) {
		if t := m.ids[d.Name]; t != nil && t.armed.Equal(d.At) {
			t.armed = time.Time{}
			if t.state == Ongoing && !t.changing && !m.timesOut(now, t).After(now) {
				m.timeOut(now, t)
			}
			if !t.retry.IsZero() && !t.retry.After(now) {
				again := t.again
				t.retry, t.again = time.Time{}, nil
				again(now)
			}
			m.send(now, t)
			m.arm(now, t)
		}
	}
}

// arm sees to it that the next deadline is in the heap, or an earlier one.
func (m *Machine) arm(now time.Time, t *transaction) {
	next := t.deadline(m, now)
	if next.IsZero() || m.ids[t.id] != t || !t.armed.IsZero() && !next.Before(t.armed) {
		return
	}
	t.armed = next
	m.due.Add(next, t.id)
}

// change writes what a transactional id becomes, which it is once that is committed. done, if not nil, goes on from
// there; tell answers who asked for it, with an error if that takes too long.
func (m *Machine) change(now time.Time, t *transaction, to kept, done func(now time.Time, err *kerr.Error), tell Outcome) {
	to.updated = m.cfg.Wall(now).UnixMilli()
	m.keep(now, t, to.record(t.id), func(now time.Time, err *kerr.Error) {
		if err == nil {
			t.kept, t.stored = to, true
		} else if !t.stored {
			delete(m.ids, t.id)
		}
		if done != nil {
			done(now, err)
		}
	}, tell)
}

// keep writes a record of a transactional id, of which nothing else is decided before it is known what became of
// it. A record that is in the log, or may be, may come to be committed whatever the error: it is written again until one
// of it is, since a decision that was undone here would be another one for whoever reads it there.
func (m *Machine) keep(now time.Time, t *transaction, r Record, done func(now time.Time, err *kerr.Error), tell Outcome) {
	t.changing = true
	m.write(now, r, func(now time.Time, err *kerr.Error) {
		if err != nil && (t.doubtful || !definite(err)) {
			t.doubtful = true
			t.retry, t.again = now.Add(m.cfg.BackOff), func(now time.Time) { m.keep(now, t, r, done, nil) }
		} else {
			t.changing, t.doubtful = false, false
			done(now, err)
		}
		m.arm(now, t)
	}, tell)
}

// definite reports whether an error says that nothing was appended.
func definite(err *kerr.Error) bool {
	return err == kerr.NotEnoughReplicas || err == kerr.MessageTooLarge
}

func (m *Machine) write(now time.Time, r Record, done func(now time.Time, err *kerr.Error), tell Outcome) {
	m.next++
	m.waiting[m.next] = &waiting{done, tell}
	if tell != nil {
		m.late = append(m.late, lateWrite{now.Add(m.cfg.WriteTimeout), m.next})
	}
	m.out.Writes = append(m.out.Writes, Write{m.next, r})
}

func (w *waiting) answer(err *kerr.Error) {
	if tell := w.tell; tell != nil {
		w.tell = nil
		tell(err)
	}
}

// Written tells what became of a write: nil if it is committed, or Kafka's error of the append, after which the record
// may still come to be committed. Writes end in the order of the log, which is that in which they were taken.
func (m *Machine) Written(now time.Time, id uint64, err *kerr.Error) {
	if w := m.waiting[id]; w != nil {
		delete(m.waiting, id)
		w.done(now, err)
		w.answer(coordinatorError(err))
	}
}

// coordinatorError maps the error of an append to one that makes clients do what helps.
func coordinatorError(err *kerr.Error) *kerr.Error {
	switch err {
	case nil:
		return nil
	case kerr.NotLeaderForPartition, kerr.KafkaStorageError, kerr.NotCoordinator, kerr.FencedLeaderEpoch:
		return kerr.NotCoordinator
	case kerr.MessageTooLarge:
		return kerr.UnknownServerError
	}
	return kerr.CoordinatorNotAvailable
}

// ProducerID brings a producer id that nobody has, or the error of why there is none.
func (m *Machine) ProducerID(now time.Time, id int64, err *kerr.Error) {
	if err != nil {
		if len(m.parked) > 0 {
			p := m.parked[0]
			m.parked = m.parked[1:]
			p.refuse(kerr.CoordinatorLoadInProgress) // Kafka's, which clients take for a reason to ask again
		}
		return
	}
	m.stock = append(m.stock, id)
	waiters := m.parked
	m.parked = nil
	for i, p := range waiters {
		if len(m.stock) == 0 {
			m.parked = append(m.parked, waiters[i:]...)
			return
		}
		p.again(now)
	}
}

// producerID gives an unused producer id. ok is false if there is none: then again is called when there is one, or
// refuse with an error.
func (m *Machine) producerID(again func(time.Time), refuse Outcome) (id int64, ok bool) {
	if len(m.stock) > 0 {
		id, m.stock = m.stock[0], m.stock[1:]
		return id, true
	}
	m.parked = append(m.parked, parked{again, refuse})
	m.out.ProducerIDs++
	return noProducer, false
}

// Resign ends the term: everybody who waits is told to look for the next coordinator. What was being written may
// become durable or not.
func (m *Machine) Resign(err *kerr.Error) {
	for _, id := range slices.Sorted(maps.Keys(m.waiting)) {
		m.waiting[id].answer(err)
	}
	for _, p := range m.parked {
		p.refuse(err)
	}
	m.ids, m.waiting, m.due, m.late, m.parked = map[string]*transaction{}, map[uint64]*waiting{}, deadline.Queue{}, nil, nil
	m.out = Wants{}
}

// sorted gives the transactional ids by name.
func (m *Machine) sorted() []*transaction {
	all := make([]*transaction, 0, len(m.ids))
	for _, id := range slices.Sorted(maps.Keys(m.ids)) {
		all = append(all, m.ids[id])
	}
	return all
}

// Ended counts the transactions that ended under this machine.
func (m *Machine) Ended() Ends { return m.ends }

// Count counts the transactional ids by state.
func (m *Machine) Count() map[State]int {
	counts := map[State]int{}
	for _, t := range m.ids {
		counts[t.state]++
	}
	return counts
}

func (m *Machine) emit(e event.Event) { m.out.Events = append(m.out.Events, e) }
