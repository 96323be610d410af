package client

import (
	"sync"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// groupMax bounds the records of one operation, so that its interval stays that of about one batch.
const groupMax = 4096

// groupAge is how long a group of a producer may wait for more promises.
const groupAge = 2 * time.Millisecond

// groups joins promises into operations. The client keeps the promises of one batch together, so one
// open group is enough: a promise that does not continue it closes it. A group at the end of a burst
// is closed by a timer. Holding a group back widens the interval of its operation, which is sound: a
// wider interval forbids less.
type groups struct {
	recorder Recorder
	process  string
	producer uint32
	age      time.Duration // how long a group may wait for more promises

	mu struct {
		sync.Mutex
		open  history.Operation
		count int // records in open; 0 is none
		timer *time.Timer
	}
}

// promise is the outcome of one record.
type promise struct {
	partition history.Partition
	sequence  int64
	offset    int64
	invoke    history.Time
	outcome   history.Outcome
	reason    string
	// Of records with keys, records made from others, and records in a transaction.
	key         uint32
	source      *history.Input
	transaction *history.TransactionPart
}

// record is the promise as a record of a run.
func (p *promise) record(producer uint32) history.Record {
	return history.Record{Partition: p.partition, Offset: p.offset, Producer: producer, Sequence: p.sequence, Source: p.source, Key: p.key}
}

// add puts a promise into the open group or, if it does not continue it, into a new one.
func (g *groups) add(p *promise) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.count > 0 && (g.mu.count == groupMax || g.mu.open.Outcome != p.outcome || g.mu.open.Error != p.reason || g.mu.open.Transaction != p.transaction || !g.extends(p)) {
		g.closeLocked()
	}
	if g.mu.count == 0 {
		g.mu.open = history.Operation{
			Process: g.process, Kind: history.Produce, Outcome: p.outcome, Invoke: p.invoke, Error: p.reason,
			Runs: history.AppendRecord(nil, p.record(g.producer)), Transaction: p.transaction,
		}
		g.mu.count = 1
		g.closeLater()
		return
	}
	g.mu.open.Invoke = min(g.mu.open.Invoke, p.invoke)
	g.mu.count++
}

// extends adds the promise to the open group, if it is the next record of its run.
func (g *groups) extends(p *promise) bool {
	runs := history.AppendRecord(g.mu.open.Runs, p.record(g.producer))
	if len(runs) > 1 {
		return false
	}
	g.mu.open.Runs = runs
	return true
}

// closeLater makes the timer close the group that was just opened. A timer that was set for the group
// before and fires late closes this one early, which is harmless.
func (g *groups) closeLater() {
	if g.mu.timer == nil {
		g.mu.timer = time.AfterFunc(g.age, g.flush)
		return
	}
	g.mu.timer.Reset(g.age)
}

// flush closes the open group.
func (g *groups) flush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closeLocked()
}

// closeLocked records the open group with the time of now as its return: each of its promises was
// kept before. The recorder is called under the lock so that operations of one producer are recorded
// in the order of their promises.
func (g *groups) closeLocked() {
	if g.mu.count == 0 {
		return
	}
	g.recorder.Operation(g.mu.open)
	g.mu.open, g.mu.count = history.Operation{}, 0
}
