package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// worker is the part of a member of a group that consumes, transforms and produces in transactions: what it reads, what
// it writes and how far its group is become visible together or not at all (KIP-447).
type worker struct {
	m    *consumer
	plan *workPlan
	t    *transactional
	// taken are the records that were read and are in no transaction yet, in the order of reading.
	taken []taken
	// ended are those who wait for the end of the transaction.
	ended []func()
}

// taken is a record that was read while its partition was held for the grant-th time.
type taken struct {
	source payload.Source
	grant  uint64
}

func newWorker(m *consumer, plan *workPlan) *worker {
	s := m.sim
	w := &worker{m: m, plan: plan}
	w.t = newTransactional(&m.client, s.transactions, fmt.Sprintf("%s-%d", m.group.name, m.place), plan.version, plan.timeout, s.ledgers.producer())
	w.t.awake = func(f func()) {
		m.awake(func() {
			if !m.dead {
				f()
			}
		})
	}
	w.t.fenced = func(string) {
		s.marks[WorkerFenced]++
		m.fenced()
	}
	w.t.group = keeper{
		ask: func() int32 {
			if m.coordinator == nobody {
				m.find()
			}
			return m.coordinator
		},
		gone: func(asked int32) {
			if m.coordinator == asked {
				m.coordinator = nobody
			}
		},
	}
	return w
}

// crash ends the process, and with it what it can say of its transaction.
func (m *consumer) crash() {
	if m.work != nil && m.work.t.tx != nil {
		m.work.t.tx.abandon("the client crashed")
	}
	m.reader.crash()
}

// took is told of a record that was read.
func (w *worker) took(index int, offset int64) {
	w.taken = append(w.taken, taken{payload.Source{Exists: true, Partition: int32(index), Offset: offset}, w.m.grants[index]})
}

// settle calls then once no transaction is under way.
func (w *worker) settle(then func()) {
	if w.t.tx == nil {
		then()
		return
	}
	w.ended = append(w.ended, then)
}

// handed begins a transaction with what was read, or polls on where that was nothing. What is read while one is under
// way waits for the next.
func (w *worker) handed() {
	m := w.m
	switch {
	case w.t.tx != nil:
	case len(w.unkept()) == 0:
		m.sim.after(between(w.t.draw, time.Millisecond, 100*time.Millisecond), kindClient, func() { m.awake(m.poll) })
	default:
		w.t.named(func() {
			if w.t.tx == nil && m.owning {
				w.transform()
			}
		})
	}
}

// unkept are the positions that are not kept yet.
func (w *worker) unkept() (all []history.Position) {
	m := w.m
	for _, p := range m.owned() {
		if m.resumed[p] && m.positions[p] > max(m.done[p], 0) {
			all = append(all, history.Position{Partition: place(p), Offset: m.positions[p]})
		}
	}
	return all
}

// transform writes what the records become and the positions after them, and ends the transaction.
func (w *worker) transform() {
	m, s := w.m, w.m.sim
	positions := w.unkept()
	if len(positions) == 0 {
		w.handed()
		return
	}
	x := w.t.begin(nil)
	x.then = func(committed bool) { w.done(x, committed) }
	x.group, x.generation, x.member, x.instance = m.group.name, m.ownGeneration, m.id, m.instance
	turn := m.turn
	x.outside = func(code int16) {
		if !m.dead && m.turn == turn && m.stage == stable {
			m.trouble(code, func() {})
		}
	}
	inputs := s.terrain.transactions.inputs
	byOutput := make([][]payload.Source, s.terrain.load.Partitions-inputs)
	for _, t := range w.taken {
		if p := t.source.Partition; m.held[p] && t.grant == m.grants[p] {
			to := int(p) % len(byOutput)
			byOutput[to] = append(byOutput[to], t.source)
		}
	}
	w.taken = nil
	if s.cfg.Bugs.Has(bug.OffsetsOutsideTransactionClient) {
		m.keep(func() {})
	}
	for to, sources := range byOutput {
		for part := range slices.Chunk(sources, batchRecords) {
			x.put(inputs+to, part)
		}
	}
	commit := w.t.draw.IntN(10) >= w.plan.aborts
	x.flushed = func() {
		if x.failed != "" {
			x.end(false)
			return
		}
		x.offer(positions, func() { x.end(commit && x.failed == "") })
	}
	x.flush()
}

// done is told how a transaction ended. After one that was not committed the group stands where it stood: what was
// read is read again.
func (w *worker) done(x *transaction, committed bool) {
	m := w.m
	if committed {
		for _, p := range x.positions {
			m.done[p.Partition.Index] = max(m.done[p.Partition.Index], p.Offset)
		}
	}
	ended := w.ended
	w.ended = nil
	for _, f := range ended {
		if !m.dead {
			f()
		}
	}
	switch {
	case m.dead || !m.owning || w.t.tx != nil:
	case committed:
		m.sim.after(between(w.t.draw, time.Millisecond, 50*time.Millisecond), kindClient, func() { m.awake(w.handed) })
	default:
		w.rewind()
	}
}

// rewind goes back to where the group stands in all that the member holds.
func (w *worker) rewind() {
	m := w.m
	w.taken = nil
	for _, p := range m.owned() {
		m.resumed[p] = false
		m.grants[p]++
	}
	if m.stage == stable {
		m.resume()
	}
}

// drained says what workers have not read, or not written, of what was committed below the given ends; "" if nothing.
func (s *simulation) undrained() (text string) {
	for _, g := range s.consumers {
		if g.work == nil {
			continue
		}
		for i := range g.count() {
			end := s.checker.committed(i)
			if at := max(g.committed(i), 0); at < end {
				text += fmt.Sprintf(" %s has processed %s up to offset %d of %d;", g.name, place(i), at, end)
			}
		}
		for _, m := range g.members {
			if text != "" {
				text += " " + m.standing() + ";"
			}
		}
	}
	return text
}
