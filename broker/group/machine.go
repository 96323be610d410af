package group

import (
	"maps"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/deadline"
	"github.com/logproof/logproof/broker/event"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Machine is the groups of one partition of __consumer_offsets, for one term of its coordinator. It begins with Load
// and Loaded, and ends with Resign.
type Machine struct {
	cfg    Config
	groups map[string]*group
	// due has the deadlines of groups; one that is not its group's armed time is out of date.
	due    deadline.Queue
	writes []Write
	// waiting are the writes whose fate is not known, by id; late lists those whose answer is due at some time, in
	// the order of their times.
	waiting map[uint64]*waiting
	late    []lateWrite
	next    uint64
	events  []event.Event
	// producers has the groups in which a producer has offsets pending, or had.
	producers map[int64]map[string]bool
	// order counts what the log has of offsets and of markers: what came later there has the larger number.
	order uint64
}

// Write is records that must become durable together. Written answers it.
type Write struct {
	ID      uint64
	Records []Record
	// Offsets is set if the write commits offsets and nothing else, outside of transactions.
	Offsets bool
	// Producer is set if the write stands in a transaction: its records need a batch of their own.
	Producer *Producer
}

// waiting is a write under way.
type waiting struct {
	// done says what became of it; nil once that is known.
	done func(now time.Time, err *kerr.Error)
	// lapse tells who waits to ask again, when that takes too long; nil if nobody waits.
	lapse func(now time.Time)
}

type lateWrite struct {
	at time.Time
	id uint64
}

// New makes a machine that knows no groups.
func New(cfg Config) *Machine {
	return &Machine{cfg: cfg.complete(), groups: map[string]*group{}, waiting: map[uint64]*waiting{}, producers: map[int64]map[string]bool{}}
}

// Take gives what is to be written and what happened since it was called last, each in order.
func (m *Machine) Take() (writes []Write, events []event.Event) {
	writes, events = m.writes, m.events
	m.writes, m.events = nil, nil
	return writes, events
}

// Next is when Tick must be called; ok is false if nothing is due.
func (m *Machine) Next() (at time.Time, ok bool) {
	at, ok = m.due.Next()
	if len(m.late) > 0 && (!ok || m.late[0].at.Before(at)) {
		at, ok = m.late[0].at, true
	}
	return at, ok
}

// Tick does what is due.
func (m *Machine) Tick(now time.Time) {
	for len(m.late) > 0 && !m.late[0].at.After(now) {
		w := m.waiting[m.late[0].id]
		m.late = m.late[1:]
		if w != nil && w.lapse != nil {
			lapse := w.lapse
			w.lapse = nil
			lapse(now)
		}
	}
	for d, ok := m.due.Pop(now); ok; d, ok = m.due.Pop(now) {
		if g := m.groups[d.Name]; g != nil && g.armed.Equal(d.At) {
			g.armed = time.Time{}
			m.tick(now, g)
			m.arm(g)
		}
	}
}

// write asks for records to be written. done is called once with what became of them, unless Resign comes before;
// lapse, if not nil, where that takes longer than the commit timeout.
func (m *Machine) write(now time.Time, offsets bool, records []Record, done func(now time.Time, err *kerr.Error), lapse func(now time.Time)) {
	m.next++
	m.waiting[m.next] = &waiting{done, lapse}
	if lapse != nil {
		m.late = append(m.late, lateWrite{now.Add(m.cfg.CommitTimeout), m.next})
	}
	m.writes = append(m.writes, Write{ID: m.next, Records: records, Offsets: offsets})
}

// Written tells what became of a write: nil if it is committed, or Kafka's error of the append. Writes end in the order
// of the log, which is that in which they were taken.
func (m *Machine) Written(now time.Time, id uint64, err *kerr.Error) {
	if w := m.waiting[id]; w != nil {
		delete(m.waiting, id)
		w.done(now, err)
	}
}

// Resign ends the term: everybody who waits is told to look for the next coordinator. What was being written may
// become durable or not.
func (m *Machine) Resign(err *kerr.Error) {
	now := time.Time{}
	for _, id := range slices.Sorted(maps.Keys(m.waiting)) {
		if w := m.waiting[id]; w != nil {
			delete(m.waiting, id)
			w.done(now, err)
		}
	}
	for _, g := range m.sorted() {
		for _, mem := range g.members {
			mem.answerJoin(joinRefusal(err, mem.id))
			mem.answerSync(err, g, nil)
		}
	}
	m.groups, m.due, m.late, m.writes = map[string]*group{}, deadline.Queue{}, nil, nil
	clear(m.producers)
}

// sorted gives the groups by name.
func (m *Machine) sorted() []*group {
	all := make([]*group, 0, len(m.groups))
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		all = append(all, m.groups[name])
	}
	return all
}

// Size is how many groups there are, and how many offsets they have committed.
func (m *Machine) Size() (groups, offsets int) {
	for _, g := range m.groups {
		offsets += len(g.offsets)
	}
	return len(m.groups), offsets
}

// States counts the groups by state.
func (m *Machine) States() map[State]int {
	counts := map[State]int{}
	for _, g := range m.groups {
		counts[g.state]++
	}
	return counts
}

func (m *Machine) emit(e event.Event) { m.events = append(m.events, e) }

// arm sees to it that the group's next deadline is in the heap, or an earlier one: heartbeats move deadlines on all
// the time, and the entry stays where it is.
func (m *Machine) arm(g *group) {
	next := g.deadline()
	if next.IsZero() || !g.armed.IsZero() && !next.Before(g.armed) {
		return
	}
	g.armed = next
	m.due.Add(next, g.id)
}
