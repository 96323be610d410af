package verify

import (
	"fmt"
	"sort"
	"time"

	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// recency judges that answers are up to date: what the research calls R2. When an answer is asked for,
// K is the highest offset known to be acknowledged (acks=all) or read. Its high watermark must be above
// K if the leader that answers committed K itself; a lower one is a stale read.
//
// An acknowledgement does not say who gave it. But a record that was sent when epoch e was known to
// have begun was committed in e or later, and in e if that was the last one: who read the barrier to the
// end was answered by a leader of the last. So the rule is strict within the last epoch, which is all of
// a run without elections. Elsewhere the leader may be a deposed one that does not know it, or a new one
// whose high watermark is not yet up to date (KIP-207): its answers may be behind while a fault is in
// force and for Expect.StaleWithin after, and the result says for how long they were. A leader that
// stays behind is found in every epoch.
//
// Consecutive stale answers to one reader are one window. In a partition that lost records a low high
// watermark is left to the loss rule.
type recency struct {
	ledger    *ledger
	allowance allowance
	acks      bool // acknowledged means committed
	known     map[history.Partition]*staircase
	sent      map[history.Partition]*terms[staircase] // acknowledged, by the newest epoch known when sent
	open      map[readerOf]*staleWindow
	closed    []staleWindow
	dropped   int64
	checked   int64
	behind    tally // closed windows that were permitted
}

// readerOf is one process in one partition.
type readerOf struct {
	process   string
	partition history.Partition
}

// staleWindow is consecutive stale answers to one reader in one epoch.
type staleWindow struct {
	readerOf
	epoch   int32
	high    int64        // the first answer's high watermark
	known   step         // what was known when the first answer was asked for
	since   history.Time // when the first offset that an answer did not cover became known
	invoke  history.Time // of the last answer
	answers int64
	first   telling
	// within: some answer was behind what was sent when its own epoch was known; late: some answer was
	// behind for longer than is allowed.
	within, late bool
}

func (w *staleWindow) length() time.Duration {
	return time.Duration(w.invoke - w.since)
}

func newRecency(l *ledger, a allowance, acks bool) *recency {
	return &recency{
		ledger: l, allowance: a, acks: acks, known: map[history.Partition]*staircase{},
		sent: map[history.Partition]*terms[staircase]{}, open: map[readerOf]*staleWindow{},
	}
}

// observe judges before it learns: an answer is not compared with the records that came with it.
func (r *recency) observe(op *history.Operation) {
	for i := range op.Watermarks {
		r.judge(op, &op.Watermarks[i])
	}
	appended := op.Kind == history.Produce || op.Kind == history.Barrier
	if op.Kind == history.Fault || op.Kind == history.Transact || appended && (op.Outcome != history.OK || !r.acks) {
		return
	}
	for i := range op.Runs {
		if run := &op.Runs[i]; run.FirstOffset != history.Unset {
			r.learn(op, run, appended)
		}
	}
}

// learn raises what is known to be committed to the run's last record.
func (r *recency) learn(op *history.Operation, run *history.Run, appended bool) {
	last := int64(run.Count) - 1
	next := step{
		returned: op.Return, offset: run.FirstOffset + last, process: op.Process, kind: op.Kind,
		record: record{run.Partition, run.Producer, run.FirstSequence + last},
	}
	known := r.known[run.Partition]
	if known == nil {
		known = &staircase{}
		r.known[run.Partition], r.sent[run.Partition] = known, &terms[staircase]{}
	}
	known.raise(next, stepsMax)
	// A poll may return what its client fetched before: only of sends it is known when they began.
	epoch := r.ledger.partition(run.Partition).epochs.before(op.Invoke)
	if !appended || epoch < 0 {
		return
	}
	if s := r.sent[run.Partition].of(epoch); s != nil {
		s.raise(next, termStepsMax)
	}
}

// judge compares an answer with what was known when it was asked for.
func (r *recency) judge(op *history.Operation, m *history.Watermark) {
	all := r.known[m.Partition]
	if all == nil {
		return
	}
	known := all.before(op.Invoke)
	if known == nil {
		return
	}
	r.checked++
	key := readerOf{op.Process, m.Partition}
	if w := r.open[key]; w != nil && (m.HighWatermark > known.offset || w.epoch != m.LeaderEpoch) {
		delete(r.open, key)
		r.close(w)
	}
	if m.HighWatermark > known.offset {
		return
	}
	w := r.open[key]
	if w == nil {
		w = &staleWindow{
			readerOf: key, epoch: m.LeaderEpoch, high: m.HighWatermark, known: *known,
			since: all.reached(m.HighWatermark), first: telling{op.Process, op.Return},
		}
		r.open[key] = w
	}
	w.invoke = op.Invoke
	w.answers++
	since := all.reached(m.HighWatermark)
	if m.HighWatermark <= w.high {
		since = min(since, w.since) // the staircase may have forgotten it meanwhile
	}
	w.late = w.late || !r.allowance.covers(since, op.Invoke)
	w.within = w.within || r.committedBy(op, m)
}

// committedBy reports whether the answer does not cover an offset that was sent when its epoch was
// known, and acknowledged before the answer was asked for.
func (r *recency) committedBy(op *history.Operation, m *history.Watermark) bool {
	for _, t := range r.sent[m.Partition].list {
		if t.epoch == m.LeaderEpoch {
			known := t.known.before(op.Invoke)
			return known != nil && known.offset >= m.HighWatermark
		}
	}
	return false
}

// close ends a window: one that is permitted whatever comes later is only counted.
func (r *recency) close(w *staleWindow) {
	switch {
	case !w.within && !w.late:
		r.behind.add(w.length())
	case len(r.closed) == candidatesMax:
		r.dropped++
	default:
		r.closed = append(r.closed, *w)
	}
}

// reached is when an offset at or above the given one became known. There is such a step.
func (s staircase) reached(offset int64) history.Time {
	i := sort.Search(len(s), func(i int) bool { return s[i].offset >= offset })
	if i == len(s) {
		panic("verify: a staircase is asked for an offset above its last step")
	}
	return s[i].returned
}

func (r *recency) result() RuleResult {
	result := RuleResult{Rule: Recency, Asked: true, Checked: r.checked, Unit: "compared watermark"}
	windows, behind := r.windows(), r.behind
	lost := r.ledger.losses()
	for i := range windows {
		w := &windows[i]
		c := r.ledger.partition(w.partition)
		last := c.reached() && w.epoch == c.epochs.newest()
		switch {
		case lost[w.partition]:
		case w.late, w.within && last:
			result.add(w.anomaly())
		default:
			behind.add(w.length())
		}
	}
	if result.Total > 0 {
		result.Total += r.dropped
	}
	if behind.count > 0 {
		result.Detail = fmt.Sprintf("%s around elections, the longest %s", plural(behind.count, "permitted stale window"), figure.Span(behind.longest))
	}
	result.conclude()
	return result
}

// windows lists the closed windows and then the open ones, in an order that does not depend on maps.
func (r *recency) windows() []staleWindow {
	list := append([]staleWindow(nil), r.closed...)
	for _, w := range r.open {
		list = append(list, *w)
	}
	sortWindows(list[len(r.closed):])
	return list
}

func (w *staleWindow) anomaly() Anomaly {
	how := "acknowledged to"
	if w.known.kind == history.Fetch || w.known.kind == history.Scan {
		how = "given to"
	}
	rival := w.known.record
	return Anomaly{
		Class: StaleRead, Partition: w.partition, Producer: history.Unset, FirstSequence: history.Unset,
		Offset: w.high, Count: w.known.offset - w.high + 1, rival: &rival, told: []telling{w.first},
		Text: fmt.Sprintf("%s: %s was told high watermark %d in leader epoch %d, although offset %d had been %s %s before it asked: stale for %v in %s",
			w.partition, w.process, w.high, w.epoch, w.known.offset, how, w.known.process, figure.Span(w.length()), plural(w.answers, "answer")),
	}
}

func (r *recency) retained() int {
	n := len(r.open) + len(r.closed)
	for _, s := range r.known {
		n += len(*s)
	}
	for _, p := range r.sent {
		for _, t := range p.list {
			n += len(*t.known)
		}
	}
	return n
}
