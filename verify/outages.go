package verify

import (
	"time"

	"github.com/logproof/logproof/verify/history"
)

// fewWaits is how many waits a partition needs for a percentile of its own: of fewer the 99th is the
// longest.
const fewWaits = 100

// AllPartitions stands in place of a partition in an Outage of all of them together.
const AllPartitions = "all"

// Outage is a time in which clients waited for an operation of one kind and none succeeded. It is longer
// than the limit of its partition and kind: see Baseline.
type Outage struct {
	// Partition is AllPartitions for a time without success anywhere.
	Partition string `json:"partition"`
	// Kind is history.Produce: records were sent and none was acknowledged; or history.Fetch: records were
	// acknowledged and none was given to a reader.
	Kind history.Kind `json:"kind"`
	// From is when the first of those that waited began to, and not before the last success; To is the
	// first success after.
	From history.Time `json:"from"`
	To   history.Time `json:"to"`
	// Open says that no success came after; To is then how long it was watched: the return of the last
	// operation.
	Open bool `json:"open,omitempty"`
	// Fault that overlaps it, "" if none: "kill node 0"; several are separated by semicolons.
	Fault string `json:"fault,omitempty"`
}

// Duration of the outage.
func (o Outage) Duration() time.Duration { return time.Duration(o.To - o.From) }

// Baseline is what is usual for one kind of operation in a partition: how long clients waited before a
// success, for each success before the first fault was injected; or of the whole run if none was.
type Baseline struct {
	// Partition is AllPartitions for all of them together.
	Partition string       `json:"partition"`
	Kind      history.Kind `json:"kind"`
	// Waits is the number of successes that were preceded by another; 0 is no baseline.
	Waits int64 `json:"waits"`
	// P99 is the 99th percentile of the waits, to an eighth above. Of fewer than a hundred waits it is the
	// longest, or that of all partitions of the topic together if that is more.
	P99 time.Duration `json:"p99_ns"`
	// Limit is max(100 ms, 3 x P99): a longer wait is an outage.
	Limit time.Duration `json:"limit_ns"`
}

// outages finds waits between successes as they happen and decides at the end which are outages, when the
// time of the first fault and so what is usual are known.
type outages struct {
	faults        *faults
	writes, reads *pulse // of all partitions together
	partitions    map[history.Partition]*attended
	waiting       int          // partitions with records that no reader was given
	last          history.Time // return of the last operation of a client of the load
}

// attended is a partition that clients write to and read.
type attended struct {
	writes, reads *pulse
	acked, read   int64 // the offsets after the highest that were acknowledged, and given to a reader
}

func newOutages(f *faults) *outages {
	return &outages{faults: f, writes: newPulse(), reads: newPulse(), partitions: map[history.Partition]*attended{}}
}

func (o *outages) of(p history.Partition) *attended {
	here := o.partitions[p]
	if here == nil {
		here = &attended{writes: newPulse(), reads: newPulse()}
		o.partitions[p] = here
	}
	return here
}

func (o *outages) observe(op *history.Operation) {
	switch op.Kind {
	case history.Produce:
		o.produced(op)
	case history.Transact:
		o.committed(op)
	case history.Fetch:
		o.fetched(op)
	default:
		return
	}
	o.last = max(o.last, op.Return)
}

// produced: who sends waits from the invocation to a success.
func (o *outages) produced(op *history.Operation) {
	first := o.faults.first()
	beat := func(p *pulse) {
		p.last = max(p.last, op.Return)
		p.asked(op.Invoke)
		if op.Outcome == history.OK {
			p.succeed(op.Return, first)
		}
	}
	beat(o.writes)
	for i := range op.Runs {
		run := &op.Runs[i]
		here := o.of(run.Partition)
		beat(here.writes)
		if op.Outcome == history.OK && op.Transaction == nil && run.FirstOffset != history.Unset {
			o.acknowledged(here, run.FirstOffset+int64(run.Count), op.Return)
		}
	}
}

// committed: what was sent in a transaction can be read when it has committed.
func (o *outages) committed(op *history.Operation) {
	if !op.Committed() {
		return
	}
	for i := range op.Runs {
		if run := &op.Runs[i]; run.FirstOffset != history.Unset {
			o.acknowledged(o.of(run.Partition), run.FirstOffset+int64(run.Count), op.Return)
		}
	}
}

// acknowledged: readers wait for a record from its acknowledgement on, unless one of them has it already.
func (o *outages) acknowledged(here *attended, end int64, at history.Time) {
	if here.acked = max(here.acked, end); here.acked > here.read && here.reads.since == history.Never {
		here.reads.asked(at)
		o.reads.asked(at)
		o.waiting++
	}
}

// fetched: what a reader is given ends the wait if no reader was given it before.
func (o *outages) fetched(op *history.Operation) {
	first, news := o.faults.first(), false
	for i := range op.Runs {
		run := &op.Runs[i]
		here, end := o.of(run.Partition), run.FirstOffset+int64(run.Count)
		if end <= here.read {
			continue // a reader that is behind, or reads again
		}
		here.read, news = end, true
		if here.reads.since != history.Never {
			o.waiting--
		}
		here.reads.succeed(op.Return, first)
		if here.acked > here.read {
			here.reads.asked(op.Return)
			o.waiting++
		}
	}
	if news {
		o.reads.succeed(op.Return, first)
		if o.waiting > 0 {
			o.reads.asked(op.Return)
		}
	}
}

// surveyed is what came out of one pulse.
type surveyed struct {
	Baseline
	partition history.Partition // zero for all
	outages   []Outage
	dropped   int // long waits that are not among them, as there were too many
}

// survey decides for every kind and partition what is usual and what is an outage. Reads are part of it
// if anybody read.
func (o *outages) survey() []surveyed {
	all := o.surveyKind(history.Produce, o.writes, func(a *attended) *pulse { return a.writes })
	if o.reads.begun {
		all = append(all, o.surveyKind(history.Fetch, o.reads, func(a *attended) *pulse { return a.reads })...)
	}
	return all
}

func (o *outages) surveyKind(kind history.Kind, together *pulse, of func(*attended) *pulse) []surveyed {
	first := o.faults.first()
	topics := map[string]*quantiles{}
	whole := map[history.Partition]*pulse{}
	for p, here := range o.partitions {
		if of(here).idle() {
			continue
		}
		whole[p] = of(here).whole(first)
		if topics[p.Topic] == nil {
			topics[p.Topic] = &quantiles{}
		}
		topics[p.Topic].merge(whole[p].calm)
	}
	list := []surveyed{o.surveyPulse(AllPartitions, kind, together.whole(first), &quantiles{})}
	for _, p := range sortedPartitions(whole) {
		found := o.surveyPulse(p.String(), kind, whole[p], topics[p.Topic])
		found.partition = p
		list = append(list, found)
	}
	return list
}

func (o *outages) surveyPulse(name string, kind history.Kind, p *pulse, topic *quantiles) surveyed {
	base := Baseline{Partition: name, Kind: kind, Waits: p.calm.n, P99: p.calm.p99()}
	if base.Waits < fewWaits {
		base.P99 = max(base.P99, topic.p99())
	}
	base.Limit = max(outageMin, 3*base.P99)
	watched := p.last
	if kind == history.Fetch {
		watched = o.last // a reader that is given nothing has no operation
	}
	found := surveyed{Baseline: base, dropped: p.dropped}
	waits, open := p.over(base.Limit, watched)
	for i, w := range waits {
		found.outages = append(found.outages, Outage{
			Partition: name, Kind: kind, From: w.since, To: w.to, Open: open && i == len(waits)-1, Fault: o.faults.during(w.since, w.to),
		})
	}
	return found
}

func (o *outages) retained() int {
	n := o.writes.retained() + o.reads.retained()
	for _, here := range o.partitions {
		n += here.writes.retained() + here.reads.retained()
	}
	return n
}
