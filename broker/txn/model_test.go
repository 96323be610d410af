package txn

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// model is producers that behave, some of which are taken for dead and are not, a coordinator that dies now and then, a
// log that fails now and then, and a network that is slow, reorders, and loses answers.
type model struct {
	*desk
	rng *rand.Rand
	// version of transactions that clients speak. In the first nothing is late: an end or a marker that comes after the
	// next transaction has begun would be taken for that one's, which is why there is a second (KIP-890).
	version   int16
	calm      bool
	logs      [modelPartitions]modelLog
	processes []*process
	attempts  []*attempt
	// flying are messages that arrive at some time, in any order.
	flying []func()
	// given are the producer ids and epochs that anybody was told, by transactional id in their order.
	given map[string][][2]int64
	wrong []string
}

const modelPartitions = 4

// modelLog is a partition: its entries, and what it knows of producers.
type modelLog struct {
	entries   []entry
	producers map[int64]*logProducer
}

// entry is a record of an attempt, or the marker of a producer.
type entry struct {
	producer int64
	of       *attempt // nil for a marker
	commit   bool
}

type logProducer struct {
	epoch       int16
	coordinator int32
	open        bool
	// markers counts them: a guard is void after the next one (KIP-890).
	markers int
}

// attempt is one transaction of one process.
type attempt struct {
	name string
	// told is what the client knows of its end: "commit", "abort" or nothing.
	told string
}

// process is a producer.
type process struct {
	id      string
	number  int
	has     Producer
	now     *attempt
	touched map[int32]bool
	waiting bool
	dead    bool
	// ending is set while an end is asked for and not answered, commit is which; spoiled transactions are aborted.
	ending, commit, spoiled bool
}

func newModel(t *testing.T, seed uint64, version int16, bugs Bugs) *model {
	m := &model{version: version, desk: newDesk(t, func(c *Config) { c.Bugs = bugs }), rng: rand.New(rand.NewPCG(seed, 1)), given: map[string][][2]int64{}}
	for i := range m.logs {
		m.logs[i].producers = map[int64]*logProducer{}
	}
	return m
}

func (m *model) bad(format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// fly delivers something later; what is lost never arrives.
func (m *model) fly(arrive func()) { m.flying = append(m.flying, arrive) }

// wait sends a request; the answer arrives at the process once, or the loss of it.
func (m *model) wait(p *process, send func(answer func(do func()))) {
	p.waiting = true
	answered := false
	m.fly(func() {
		send(func(do func()) {
			m.fly(func() {
				if !answered && !p.dead {
					answered, p.waiting = true, false
					do()
				}
			})
		})
	})
	if !m.calm && m.version == VersionTwo && m.rng.IntN(6) == 0 { // the process gives up waiting, and the request may come late
		m.fly(func() {
			if !answered {
				answered, p.waiting = true, false
				p.spoiled = p.spoiled || !p.ending // nobody commits what may come later
			}
		})
	}
}

// begins asks for an id and an epoch.
func (m *model) begins(p *process) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.SetVersion(5)
	req.TransactionalID, req.TransactionTimeoutMillis = &p.id, 10_000
	m.wait(p, func(answer func(func())) {
		m.m.Init(m.desk.now, req, func(r kmsg.Response) {
			resp := r.(*kmsg.InitProducerIDResponse)
			if resp.ErrorCode == 0 {
				m.give(p.id, resp.ProducerID, resp.ProducerEpoch)
			}
			answer(func() {
				if resp.ErrorCode == 0 {
					p.has = Producer{p.id, resp.ProducerID, resp.ProducerEpoch}
				}
			})
		})
	})
}

// give notes what a producer is given: nobody has it yet, and epochs never go back.
func (m *model) give(id string, producer int64, epoch int16) {
	all := m.given[id]
	if n := len(all); n > 0 && all[n-1][0] == producer && all[n-1][1] >= int64(epoch) {
		m.bad("%s: %d/%d is given after %d/%d", id, producer, epoch, all[n-1][0], all[n-1][1])
	}
	m.given[id] = append(all, [2]int64{producer, int64(epoch)})
}

// writes sends a record to a partition, whose leader asks the coordinator first.
func (m *model) writes(p *process) {
	if p.now == nil {
		p.now, p.touched = &attempt{name: fmt.Sprintf("%s of process %d, transaction %d", p.id, p.number, len(m.attempts))}, map[int32]bool{}
		m.attempts = append(m.attempts, p.now)
	}
	index, at, who := int32(m.rng.IntN(modelPartitions)), p.now, p.has
	p.touched[index] = true
	m.wait(p, func(answer func(func())) {
		log := &m.logs[index]
		guard := log.of(who).markers
		append := func() {
			err := log.write(who, guard, at)
			answer(func() { p.spoiled = p.spoiled || err != nil })
		}
		if m.version == VersionTwo && log.of(who).open && log.of(who).epoch == who.Epoch { // in the first, clients always ask
			append()
			return
		}
		m.m.Add(m.desk.now, who, orders(index), m.version, func(err *kerr.Error) {
			if err == nil {
				m.fly(append)
				return
			}
			answer(func() {
				p.spoiled = true
				m.hears(p, err)
			})
		})
	})
}

func (l *modelLog) of(who Producer) *logProducer {
	if l.producers[who.ID] == nil {
		l.producers[who.ID] = &logProducer{}
	}
	return l.producers[who.ID]
}

// write is what a leader does with a record.
func (l *modelLog) write(who Producer, guard int, of *attempt) *kerr.Error {
	p := l.of(who)
	switch {
	case who.Epoch < p.epoch:
		return kerr.InvalidProducerEpoch
	case (!p.open || p.epoch != who.Epoch) && guard != p.markers:
		return kerr.InvalidTxnState
	}
	p.epoch, p.open = who.Epoch, true
	l.entries = append(l.entries, entry{producer: who.ID, of: of})
	return nil
}

// mark is what one does with a marker.
func (l *modelLog) mark(m Marker) *kerr.Error {
	p := l.of(Producer{ID: m.ProducerID})
	switch {
	case m.Epoch < p.epoch, m.Epoch == p.epoch && p.open && m.Version >= 2:
		return kerr.InvalidProducerEpoch
	case m.CoordinatorEpoch < p.coordinator:
		return kerr.TransactionCoordinatorFenced
	}
	p.epoch, p.coordinator, p.open = m.Epoch, m.CoordinatorEpoch, false
	p.markers++
	l.entries = append(l.entries, entry{producer: m.ProducerID, commit: m.Commit})
	return nil
}

// ends asks for the end of the transaction, the same one until it is answered.
func (m *model) ends(p *process) {
	if !p.ending {
		p.ending, p.commit = true, !p.spoiled && m.rng.IntN(3) > 0
	}
	at, commit := p.now, p.commit
	req := kmsg.NewPtrEndTxnRequest()
	req.SetVersion(4 + m.version - VersionOne)
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = p.id, p.has.ID, p.has.Epoch, commit
	m.wait(p, func(answer func(func())) {
		m.m.End(m.desk.now, req, func(r kmsg.Response) {
			resp := r.(*kmsg.EndTxnResponse)
			answer(func() {
				switch resp.ErrorCode {
				case 0:
					at.told = outcomeName(commit)
					if m.version == VersionTwo {
						p.has.ID, p.has.Epoch = resp.ProducerID, resp.ProducerEpoch
					}
					p.now, p.ending, p.spoiled = nil, false, false
				case kerr.InvalidTxnState.Code:
					if commit {
						at.told = "abort"
					}
					p.dead = true
				default:
					m.hears(p, kerr.TypedErrorForCode(resp.ErrorCode))
				}
			})
		})
	})
}

// hears is what a process does about an error.
func (m *model) hears(p *process, err *kerr.Error) {
	switch err {
	case kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping:
		p.dead = true
	}
}

// serve does what the machine wants: writes fail now and then, with the record in the log or not; markers fly.
func (m *model) serve() {
	for {
		want := m.m.Take()
		if len(want.Writes)+len(want.Markers)+want.ProducerIDs == 0 {
			return
		}
		for range want.ProducerIDs {
			m.ids++
			m.m.ProducerID(m.desk.now, 100*m.ids, nil)
		}
		machine := m.m
		for _, w := range want.Writes {
			fate := m.rng.IntN(30)
			if m.calm {
				fate = 9
			}
			if fate > 0 {
				m.log = append(m.log, w.Record)
			}
			switch fate {
			case 0:
				machine.Written(m.desk.now, w.ID, kerr.NotEnoughReplicas)
			case 1:
				machine.Written(m.desk.now, w.ID, kerr.NotEnoughReplicasAfterAppend)
			case 2: // the answer is on its way, and a new coordinator may come before it
				m.fly(func() { machine.Written(m.desk.now, w.ID, nil) })
			default:
				machine.Written(m.desk.now, w.ID, nil)
			}
		}
		for _, marker := range want.Markers {
			m.fly(func() {
				log := &m.logs[marker.Partition.Index]
				switch lost := m.rng.IntN(8); {
				case m.calm || lost > 2 || lost == 2 && m.version == VersionOne:
					err := log.mark(marker)
					m.fly(func() { machine.Marked(m.desk.now, marker, err) })
				case lost == 0: // it never comes
					m.fly(func() { machine.Marked(m.desk.now, marker, kerr.RequestTimedOut) })
				case lost == 1: // it comes, and nobody hears of it
					log.mark(marker)
					m.fly(func() { machine.Marked(m.desk.now, marker, kerr.RequestTimedOut) })
				default: // nobody hears of it, and it comes late
					m.fly(func() { machine.Marked(m.desk.now, marker, kerr.RequestTimedOut) })
					m.fly(func() { log.mark(marker) })
				}
			})
		}
	}
}

// step lets something happen.
func (m *model) step() {
	if len(m.flying) > 0 && m.rng.IntN(3) > 0 {
		i := m.rng.IntN(len(m.flying))
		arrive := m.flying[i]
		m.flying = append(m.flying[:i], m.flying[i+1:]...)
		arrive()
		m.serve()
		return
	}
	switch m.rng.IntN(60) {
	case 0:
		m.replace()
	case 1:
		p := &process{id: string(rune('a' + m.rng.IntN(2))), number: len(m.processes)}
		m.processes = append(m.processes, p)
	case 2:
		m.pause(time.Duration(m.rng.IntN(15_000)) * time.Millisecond)
	default:
		m.pause(time.Duration(m.rng.IntN(20)) * time.Millisecond)
		if n := len(m.processes); n > 0 {
			m.moves(m.processes[max(0, n-1-m.rng.IntN(4))])
		}
	}
	m.serve()
}

// moves lets a process do what it does next.
func (m *model) moves(p *process) {
	switch {
	case p.dead || p.waiting:
	case p.has.TransactionalID == "":
		m.begins(p)
	case p.ending, p.now != nil && m.rng.IntN(3) == 0, p.spoiled:
		if p.now == nil {
			p.spoiled = false
			return
		}
		m.ends(p)
	default:
		m.writes(p)
	}
}

// replace lets another coordinator take over.
func (m *model) replace() {
	before := m.m
	m.epoch++
	m.m = New(m.cfg, m.epoch)
	for _, r := range m.log {
		if err := m.m.Load(r.Key, r.Value); err != nil {
			m.bad("%v", err)
		}
	}
	m.m.Loaded(m.desk.now)
	before.Resign(kerr.NotCoordinator)
}

func (m *model) pause(span time.Duration) {
	end := m.desk.now.Add(span)
	for at, ok := m.m.Next(); ok && !at.After(end); at, ok = m.m.Next() {
		m.desk.now = at
		m.m.Tick(at)
		m.serve()
	}
	m.desk.now = end
}
