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
}

// add puts a promise into the open group or, if it does not continue it, into a new one.
func (g *groups) add(p *promise) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.count > 0 && (g.mu.count == groupMax || g.mu.open.Outcome != p.outcome || g.mu.open.Error != p.reason || !g.extends(p)) {
		g.closeLocked()
	}
	if g.mu.count == 0 {
		g.mu.open = history.Operation{
			Process: g.process, Kind: history.Produce, Outcome: p.outcome, Invoke: p.invoke, Error: p.reason,
			Runs: []history.Run{{Partition: p.partition, FirstOffset: p.offset, Producer: g.producer, FirstSequence: p.sequence, Count: 1}},
		}
		g.mu.count = 1
		g.closeLater()
		return
	}
	g.mu.open.Runs[0].Count++
	g.mu.open.Invoke = min(g.mu.open.Invoke, p.invoke)
	g.mu.count++
}

// extends reports whether the promise is the next record of the open group.
func (g *groups) extends(p *promise) bool {
	run := &g.mu.open.Runs[0]
	if run.Partition != p.partition || run.FirstSequence+int64(run.Count) != p.sequence {
		return false
	}
	if run.FirstOffset == history.Unset {
		return p.offset == history.Unset
	}
	return p.offset == run.FirstOffset+int64(run.Count)
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
