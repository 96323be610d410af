package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// behindMax is how many entries may wait for the judge before recording waits for it too.
const behindMax = 1 << 16

// The judge takes so many entries at most between two looks at what it found. It looks no more often than every
// lookAfter, and so seldom that looking takes one part in lookShare of its time: a look costs as much as many entries
// do.
const (
	lookEntries = 4096
	lookAfter   = 100 * time.Millisecond
	lookShare   = 50
)

// online judges a run while it goes on, by the same engine that judges the recording. The recorder hands it
// every entry; it copies what it needs and judges on a goroutine of its own, so that a client waits for a copy
// at most.
type online struct {
	// violated is called once, with the first violation, on the judge's goroutine.
	violated func(verify.Finding)

	mu      sync.Mutex // queue and ended
	change  *sync.Cond
	queue   queued
	spare   queued
	ended   bool
	waiting int // entries that are queued or under judgement
	done    chan struct{}

	judging sync.Mutex // watch and busy
	watch   *verify.Watch
	told    bool
	looked  time.Time
	looking time.Duration // what the last look took
	busy    time.Duration
}

// queued is copies of entries. Their runs stand in one slice, as most operations have few of them.
type queued struct {
	entries []history.Entry
	runs    []history.Run
}

// newOnline starts judging; end stops it.
func newOnline(expect verify.Expect, violated func(verify.Finding)) *online {
	o := &online{violated: violated, watch: verify.NewWatch(expect, lookEntries), done: make(chan struct{})}
	o.change = sync.NewCond(&o.mu)
	go o.judge()
	return o
}

// observe takes an entry that is valid during the call only: it is a history.Recorder's Observer.
func (o *online) observe(e history.Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue.entries) >= behindMax && !o.ended {
		o.change.Wait()
	}
	if o.ended {
		return
	}
	o.queue.add(e)
	o.waiting++
	if len(o.queue.entries) == 1 {
		o.change.Broadcast()
	}
}

// add copies an entry.
func (q *queued) add(e history.Entry) {
	if e.Attempt != nil {
		a := *e.Attempt
		q.entries = append(q.entries, history.Entry{Attempt: &a})
		return
	}
	op := *e.Operation
	from := len(q.runs)
	q.runs = append(q.runs, op.Runs...)
	op.Runs = q.runs[from:len(q.runs):len(q.runs)]
	op.Corrupt, op.Watermarks, op.Markers = slices.Clone(op.Corrupt), slices.Clone(op.Watermarks), slices.Clone(op.Markers)
	if op.Group != nil {
		group := *op.Group
		group.Positions = slices.Clone(group.Positions)
		op.Group = &group
	}
	if op.Transaction != nil {
		transaction := *op.Transaction
		transaction.Positions = slices.Clone(transaction.Positions)
		op.Transaction = &transaction
	}
	q.entries = append(q.entries, history.Entry{Operation: &op})
}

// judge takes batches until the end.
func (o *online) judge() {
	defer close(o.done)
	for {
		o.mu.Lock()
		for len(o.queue.entries) == 0 && !o.ended {
			o.change.Wait()
		}
		taken := o.queue
		o.queue, o.spare = o.spare, queued{}
		ended := o.ended
		o.change.Broadcast()
		o.mu.Unlock()
		if len(taken.entries) == 0 && ended {
			o.take(nil, true)
			return
		}
		for part := range slices.Chunk(taken.entries, lookEntries) { // so that whoever asks does not wait for long
			o.take(part, false)
		}
		clear(taken.entries)
		o.mu.Lock()
		o.spare = queued{taken.entries[:0], taken.runs[:0]}
		o.mu.Unlock()
	}
}

// take judges entries, looks at what was found if it is time or the last time, and tells of the first violation.
func (o *online) take(list []history.Entry, last bool) {
	began := time.Now()
	o.judging.Lock()
	for _, e := range list {
		o.watch.Observe(e)
	}
	if last || began.Sub(o.looked) > max(lookAfter, lookShare*o.looking) {
		look := time.Now()
		o.watch.Look()
		o.looked, o.looking = began, time.Since(look)
	}
	first, bad := o.watch.Violation()
	news := bad && !o.told
	o.told = o.told || bad
	o.busy += time.Since(began)
	o.judging.Unlock()
	o.mu.Lock()
	o.waiting -= len(list)
	o.mu.Unlock()
	if news && o.violated != nil {
		o.violated(first)
	}
}

// end judges what is left and stops. What is recorded after it is not judged.
func (o *online) end() {
	o.mu.Lock()
	o.ended = true
	o.change.Broadcast()
	o.mu.Unlock()
	<-o.done
}

// state is what was judged so far.
type state struct {
	counters verify.Counters
	findings []verify.Finding
	rules    []verify.RuleResult
	behind   int
	busy     time.Duration
}

func (o *online) state() state {
	o.mu.Lock()
	behind := o.waiting
	o.mu.Unlock()
	o.judging.Lock()
	defer o.judging.Unlock()
	o.watch.Look()
	return state{o.watch.Snapshot(), o.watch.Findings(), o.watch.Report().Rules, behind, o.busy}
}

// errViolation is the cause of a load that was stopped at the first violation.
var errViolation = errors.New("the first violation stops the load")

// violationText is a finding for people.
func violationText(f verify.Finding) string {
	return fmt.Sprintf("%s of rule %s, after %d operations", f.Class, f.Rule, f.Operations)
}

// judgeOnline judges the run while it goes on, shows it on the metrics listener if there is one, and stops the load at the
// first violation if that is asked: stop then ends with errViolation. The returned function ends it.
func (c *conductor) judgeOnline(stop context.CancelCauseFunc) (end func(), err error) {
	c.online = newOnline(expectation(c.cfg.Plan), func(f verify.Finding) {
		c.cfg.Progress.Event("anomaly", violationText(f))
		if c.cfg.StopOnViolation {
			stop(errViolation)
		}
	})
	c.recorder.Observer = c.online.observe
	var closed func() error
	if c.cfg.Metrics != "" {
		address, shut, err := serveMetrics(c.cfg.Metrics, c.online)
		if err != nil {
			c.online.end()
			return nil, err
		}
		c.cfg.Progress.Event("metrics", "http://"+address+"/metrics")
		closed = shut
	}
	return func() {
		c.online.end()
		s := c.online.state()
		c.cfg.Progress.Event("judged", fmt.Sprintf("%d operations and %d attempts while they happened, in %v", s.counters.Operations, s.counters.Attempts, s.busy.Round(time.Millisecond)))
		if closed != nil {
			if err := closed(); err != nil {
				c.incident("metrics", err)
			}
		}
	}, nil
}
