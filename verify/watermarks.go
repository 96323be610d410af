package verify

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// watermarks judges what leaders say of their logs: what the research calls R8. One answer is
// compared with another only if it was asked for after the other was there. It is asserted that
//
//   - of one leader epoch, so of one leader, the high watermark, the last stable offset and the log
//     start never go back. Across epochs they may: a new leader begins with a high watermark and a log
//     start that it heard from the old one some time ago, and fetches are answered meanwhile
//     (KIP-207 protects only ListOffsets);
//   - nobody is answered in an epoch below one that was known, except by a leader that cannot know
//     better: while a fault is in force, and Expect.StaleWithin after it healed or the later epoch
//     became known, whichever is last. A leader without contact to its controllers goes on serving;
//   - in one answer the last stable offset and the log start are at most the high watermark, and every
//     record is below it, and below the last stable offset where committed records were asked for. (Apache Kafka takes the number a moment before it reads the records, so there
//     the last can be broken by an append in between; the reference broker takes both in one step.)
//
// A watermark that goes back in a partition that lost records is left to the loss rule.
type watermarks struct {
	ledger     *ledger
	allowance  allowance
	partitions map[history.Partition]*terms[levels]
	candidates []contradiction
	checked    int64
	dropped    int64
	behind     tally
}

// levels is what the leader of one epoch said over time.
type levels struct{ high, stable, start staircase }

// contradiction is an answer that cannot be.
type contradiction struct {
	Anomaly
	shadow bool // it may follow from a lost record
}

// tally counts what was permitted although it was behind.
type tally struct {
	count   int64
	longest time.Duration
}

func (t *tally) add(d time.Duration) { t.count, t.longest = t.count+1, max(t.longest, d) }

func newWatermarks(l *ledger, a allowance) *watermarks {
	return &watermarks{ledger: l, allowance: a, partitions: map[history.Partition]*terms[levels]{}}
}

func (w *watermarks) observe(op *history.Operation) {
	for i := range op.Watermarks {
		m := &op.Watermarks[i]
		w.checked++
		w.alone(op, m)
		if m.LeaderEpoch < 0 {
			continue
		}
		w.deposed(op, m)
		w.inTerm(op, m)
	}
}

// alone judges an answer by itself.
func (w *watermarks) alone(op *history.Operation, m *history.Watermark) {
	for _, other := range []struct {
		name   string
		offset int64
	}{{"last stable offset", m.LastStable}, {"log start offset", m.LogStart}} {
		if other.offset > m.HighWatermark {
			w.found(op, m, contradiction{Anomaly: Anomaly{
				Class: WatermarkDisorder, Offset: m.HighWatermark, Count: other.offset - m.HighWatermark,
				Text: fmt.Sprintf("%s: %s was told %s %d and high watermark %d in one answer",
					m.Partition, op.Process, other.name, other.offset, m.HighWatermark),
			}})
		}
	}
	if op.Isolation == history.ReadCommitted && m.LastStable != history.Unset && m.Next > m.LastStable && m.Next <= m.HighWatermark {
		w.found(op, m, contradiction{Anomaly: Anomaly{
			Class: ReadAboveStable, Offset: m.LastStable, Count: m.Next - m.LastStable,
			Text: fmt.Sprintf("%s: %s reads committed and was given records up to offset %d in an answer whose last stable offset is %d: their transactions were not decided",
				m.Partition, op.Process, m.Next-1, m.LastStable),
		}})
	}
	if m.Next > m.HighWatermark {
		w.found(op, m, contradiction{Anomaly: Anomaly{
			Class: ReadAboveWatermark, Offset: m.HighWatermark, Count: m.Next - m.HighWatermark,
			Text: fmt.Sprintf("%s: %s was given records up to offset %d in an answer whose high watermark is %d: they were not committed",
				m.Partition, op.Process, m.Next-1, m.HighWatermark),
		}})
	}
}

// deposed judges an answer in an epoch below one that was known when it was asked for.
func (w *watermarks) deposed(op *history.Operation, m *history.Watermark) {
	since := w.ledger.partition(m.Partition).epochs.deposed(m.LeaderEpoch)
	if since >= op.Invoke {
		return
	}
	age := time.Duration(op.Invoke - since)
	if w.allowance.covers(since, op.Invoke) {
		w.behind.add(age)
		return
	}
	w.found(op, m, contradiction{Anomaly: Anomaly{
		Class: EpochRegress, Offset: m.HighWatermark, Count: 1,
		Text: fmt.Sprintf("%s: %s was answered in leader epoch %d, although a later epoch had been known for %s before it asked and no fault kept the leader from knowing",
			m.Partition, op.Process, m.LeaderEpoch, figure.Span(age)),
	}})
}

// inTerm compares an answer with others of the same epoch and takes it among them.
func (w *watermarks) inTerm(op *history.Operation, m *history.Watermark) {
	p := w.partitions[m.Partition]
	if p == nil {
		p = &terms[levels]{}
		w.partitions[m.Partition] = p
	}
	t := p.of(m.LeaderEpoch)
	if t == nil {
		return
	}
	back := w.level(op, m, &t.high, m.HighWatermark, WatermarkRegress, "high watermark")
	if !back { // the last stable offset goes back with it
		w.level(op, m, &t.stable, m.LastStable, WatermarkRegress, "last stable offset")
	}
	w.level(op, m, &t.start, m.LogStart, LogStartRegress, "log start offset")
}

// level compares one number of an answer with what was told before, and takes it among that. It
// reports whether the number went back.
func (w *watermarks) level(op *history.Operation, m *history.Watermark, s *staircase, offset int64, class Class, name string) (back bool) {
	if offset == history.Unset {
		return false
	}
	if known := s.before(op.Invoke); known != nil && offset < known.offset {
		back = true
		w.found(op, m, contradiction{
			shadow: class == WatermarkRegress,
			Anomaly: Anomaly{
				Class: class, Offset: offset, Count: known.offset - offset, told: []telling{{known.process, known.returned}},
				Text: fmt.Sprintf("%s: %s was told %s %d in leader epoch %d, although %s had been told %d in the same epoch %s before",
					m.Partition, op.Process, name, offset, m.LeaderEpoch, known.process, known.offset, figure.Span(time.Duration(op.Invoke-known.returned))),
			},
		})
	}
	s.raise(step{returned: op.Return, offset: offset, process: op.Process, kind: op.Kind}, termStepsMax)
	return back
}

// found keeps a contradiction until the end.
func (w *watermarks) found(op *history.Operation, m *history.Watermark, c contradiction) {
	if len(w.candidates) == candidatesMax {
		w.dropped++
		return
	}
	c.Partition, c.Producer, c.FirstSequence = m.Partition, history.Unset, history.Unset
	c.told = append(c.told, telling{op.Process, op.Return})
	w.candidates = append(w.candidates, c)
}

func (w *watermarks) result() RuleResult {
	r := RuleResult{Rule: Watermarks, Asked: true, Checked: w.checked, Unit: "told watermark"}
	lost := w.ledger.losses()
	for _, c := range w.candidates {
		if !c.shadow || !lost[c.Partition] {
			r.add(c.Anomaly)
		}
	}
	if r.Total > 0 {
		r.Total += w.dropped
	}
	if w.behind.count > 0 {
		r.Detail = fmt.Sprintf("%s of deposed leaders, at most %s after the later leader epoch was known",
			plural(w.behind.count, "permitted answer"), figure.Span(w.behind.longest))
	}
	r.conclude()
	return r
}

func (w *watermarks) retained() int {
	n := len(w.candidates)
	for _, p := range w.partitions {
		for _, t := range p.list {
			n += len(t.known.high) + len(t.known.stable) + len(t.known.start)
		}
	}
	return n
}
