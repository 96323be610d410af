package verify

import (
	"fmt"
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// producerOrder judges that the records of each idempotent producer (KIP-98) stand in each partition
// once and in send order: what the research calls R4. It follows the final scan and every live
// reader forward through the log. A sequence at or below the highest one seen is out of order if it
// had been skipped before, and a duplicate if it had been seen.
//
// Only acknowledged records must be in order. A record whose outcome is unknown was given up by its
// client, which then sent the next ones under a new session; the promise is per session.
type producerOrder struct {
	ledger  *ledger
	places  map[place]*int64 // offset after the highest one that a reader has passed
	views   map[view]*order
	found   map[stream]*disorder
	streams []stream // of found, in order of discovery
	checked int64
}

// place is one reader in one partition.
type place struct {
	process   string
	partition history.Partition
}

// holesMax bounds the holes that are kept of one reader of committed records in one stream.
const holesMax = 1024

// view is one reader of one stream.
type view struct {
	process string
	stream  stream
}

// order is how far a reader has come in a stream.
type order struct {
	next  int64     // after the highest sequence seen
	floor int64     // below it nothing is judged any more
	holes intervals // sequences below next that were not seen: open until they turn up, for ever if they failed
}

// disorder is what was found in a stream by all readers together, so that each record counts once.
type disorder struct {
	late, twice intervals // sequences that came too late; that came again
	first       []sighting
}

// sighting is where a violation was seen first, for the text.
type sighting struct {
	class Class
	interval
	offset  int64
	process string
}

func newProducerOrder(l *ledger) *producerOrder {
	return &producerOrder{ledger: l, places: map[place]*int64{}, views: map[view]*order{}, found: map[stream]*disorder{}}
}

func (p *producerOrder) observe(op *history.Operation) {
	if op.Kind != history.Fetch && op.Kind != history.Scan {
		return
	}
	for i := range op.Runs {
		run := op.Runs[i]
		if run.FirstSequence < 0 || !p.forward(op, &run) || run.Producer == history.BarrierProducer {
			continue
		}
		p.checked += int64(run.Count)
		p.follow(op, &run)
	}
}

// forward cuts off the part of a run that the reader had passed before: reading an offset again is
// not a second record. It reports whether anything is left.
func (p *producerOrder) forward(op *history.Operation, run *history.Run) bool {
	key := place{op.Process, run.Partition}
	next := p.places[key]
	if next == nil {
		next = new(int64)
		p.places[key] = next
	}
	if seen := *next - run.FirstOffset; seen >= int64(run.Count) {
		return false
	} else if seen > 0 {
		run.FirstOffset += seen
		run.FirstSequence += seen
		run.Count -= int32(seen)
	}
	*next = run.FirstOffset + int64(run.Count)
	return true
}

// follow takes the next run of one reader.
func (p *producerOrder) follow(op *history.Operation, run *history.Run) {
	process := op.Process
	s := stream{run.Partition, run.Producer}
	v := p.views[view{process, s}]
	if v == nil {
		v = &order{}
		p.views[view{process, s}] = v
	}
	first, end := run.FirstSequence, run.FirstSequence+int64(run.Count)
	if first = max(first, v.floor); first < v.next {
		low := min(end, v.next)
		for _, late := range v.holes.within(first, low) {
			p.note(s, NonmonotonicSend, late, run, process)
		}
		for _, twice := range v.holes.without(first, low) {
			p.note(s, Duplicate, twice, run, process)
		}
		v.holes.remove(first, low)
	} else if first > v.next {
		v.holes.add(v.next, first)
		v.forget(op.Isolation)
	}
	v.next = max(v.next, end)
}

// forget drops the oldest holes of who reads committed: those that were aborted stay open for ever. What turns up
// there later is not judged by this reader: the scan shows it too.
func (v *order) forget(is history.Isolation) {
	if is == history.ReadCommitted && len(v.holes) > holesMax {
		v.floor = v.holes[holesMax/2].first
		v.holes = slices.Delete(v.holes, 0, holesMax/2)
	}
}

// note keeps a violation if no other reader has shown it before.
func (p *producerOrder) note(s stream, class Class, part interval, run *history.Run, process string) {
	d := p.found[s]
	if d == nil {
		d = &disorder{}
		p.found[s] = d
		p.streams = append(p.streams, s)
	}
	set := &d.late
	if class == Duplicate {
		set = &d.twice
	}
	if news := set.without(part.first, part.end); len(news) > 0 && len(d.first) < candidatesMax {
		for _, n := range news {
			d.first = append(d.first, sighting{class, n, run.FirstOffset + n.first - run.FirstSequence, process})
		}
	}
	set.add(part.first, part.end)
}

func (p *producerOrder) result() RuleResult {
	r := RuleResult{Rule: ProducerOrder, Asked: true, Checked: p.checked, Unit: "record read"}
	for _, s := range p.streams {
		d, acked := p.found[s], p.ledger.stream(s.partition, s.producer).acked
		for _, seen := range d.first {
			if seen.class == Duplicate {
				r.add(s.anomaly(seen, seen.interval))
				continue
			}
			for _, part := range acked.within(seen.first, seen.end) {
				r.add(s.anomaly(seen, part))
			}
		}
	}
	r.conclude()
	return r
}

func (s stream) anomaly(seen sighting, part interval) Anomaly {
	a := Anomaly{
		Class: seen.class, Partition: s.partition, Producer: int64(s.producer),
		FirstSequence: part.first, Count: part.size(), Offset: seen.offset + part.first - seen.first,
	}
	records := fmt.Sprintf("%s of %s (%s)", plural(a.Count, "record"), who(s.producer), span("sequence", a.FirstSequence, a.Count))
	if seen.class == Duplicate {
		a.Text = fmt.Sprintf("%s: %s: a second time in the log at %s, as %s saw it",
			s.partition, records, span("offset", a.Offset, a.Count), seen.process)
	} else {
		a.Text = fmt.Sprintf("%s: %s: in the log at %s, after later ones of the same producer, as %s saw it",
			s.partition, records, span("offset", a.Offset, a.Count), seen.process)
	}
	return a
}

func (p *producerOrder) retained() int {
	n := len(p.places) + len(p.views)
	for _, v := range p.views {
		n += len(v.holes)
	}
	for _, d := range p.found {
		n += len(d.late) + len(d.twice) + len(d.first)
	}
	return n
}
