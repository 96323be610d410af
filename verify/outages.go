package verify

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// outageMin is the shortest time without a successful produce that may be called an outage.
const outageMin = 100 * time.Millisecond

// pausesMax bounds the pauses kept of one partition, or of all together.
const pausesMax = 1024

// AllPartitions stands in place of a partition in an Outage of all of them together.
const AllPartitions = "all"

// Outage is a time in which no record was acknowledged, as clients saw it: from the last success
// before to the first success after. It is longer than 100 ms, than the 99th percentile before the first
// fault of the duration of produce operations, and than three times that of the time between two
// successes.
type Outage struct {
	// Partition is AllPartitions for a time without success anywhere, else the one of its topic that was
	// without success for the longest then.
	Partition string       `json:"partition"`
	From      history.Time `json:"from"`
	To        history.Time `json:"to"`
	// Open says that no success came after; To is then the return of the last failed operation.
	Open bool `json:"open,omitempty"`
	// Fault that overlaps it, "" if none: "kill node 0"; several are separated by semicolons.
	Fault string `json:"fault,omitempty"`
}

// Duration of the outage.
func (o Outage) Duration() time.Duration { return time.Duration(o.To - o.From) }

// outages finds pauses between successes as they happen and decides at the end which are outages,
// when the time of the first fault and so the usual durations are known.
type outages struct {
	faults     *faults
	durations  quantiles // of produce operations
	all        *pulse
	partitions map[history.Partition]*pulse
	between    quantiles // successes of one partition
	betweenAll quantiles // successes of all
}

// pulse is the successes of one partition, or of all together.
type pulse struct {
	begun   bool
	success history.Time // last successful return
	last    history.Time // last return of any produce operation
	pauses  []pause
}

// pause is a time between two successes, longer than outageMin.
type pause struct{ from, to history.Time }

func newOutages(f *faults) *outages {
	return &outages{faults: f, all: &pulse{}, partitions: map[history.Partition]*pulse{}}
}

func (o *outages) observe(op *history.Operation) {
	if op.Kind != history.Produce {
		return
	}
	ok, calm := op.Outcome == history.OK, op.Return < o.faults.first()
	if ok && calm {
		o.durations.add(time.Duration(op.Return - op.Invoke))
	}
	o.all.beat(op.Return, ok, calm, &o.betweenAll)
	for i := range op.Runs {
		p := op.Runs[i].Partition
		if o.partitions[p] == nil {
			o.partitions[p] = &pulse{}
		}
		o.partitions[p].beat(op.Return, ok, calm, &o.between)
	}
}

// beat takes the return of a produce operation.
func (p *pulse) beat(at history.Time, ok, calm bool, between *quantiles) {
	p.last = max(p.last, at)
	if !ok {
		return
	}
	if p.begun {
		gap := time.Duration(at - p.success)
		if calm {
			between.add(gap)
		}
		if gap > outageMin {
			p.pause(pause{p.success, at})
		}
	}
	p.begun, p.success = true, max(p.success, at)
}

// pause keeps a pause; when there are too many, the longer of two stays.
func (p *pulse) pause(n pause) {
	if len(p.pauses) < pausesMax {
		p.pauses = append(p.pauses, n)
		return
	}
	shortest := 0
	for i, q := range p.pauses {
		if q.to-q.from < p.pauses[shortest].to-p.pauses[shortest].from {
			shortest = i
		}
	}
	if q := p.pauses[shortest]; n.to-n.from > q.to-q.from {
		p.pauses = append(append(p.pauses[:shortest:shortest], p.pauses[shortest+1:]...), n)
	}
}

// report lists the times when nothing was acknowledged anywhere, and of each topic, as topics may promise
// different things, those of its partitions: of several that overlap the longest.
func (o *outages) report() []Outage {
	list := o.over(AllPartitions, o.all, o.limit(&o.betweenAll))
	byTopic := map[string][]Outage{}
	var topics []string
	for _, p := range sortedPartitions(o.partitions) {
		if !slices.Contains(topics, p.Topic) {
			topics = append(topics, p.Topic)
		}
		byTopic[p.Topic] = append(byTopic[p.Topic], o.over(p.String(), o.partitions[p], o.limit(&o.between))...)
	}
	for _, topic := range topics {
		list = append(list, longest(byTopic[topic])...)
	}
	return list
}

// longest leaves out outages that overlap with a longer one, and puts the others in order.
func longest(all []Outage) []Outage {
	slices.SortStableFunc(all, func(a, b Outage) int { return cmp.Compare(b.Duration(), a.Duration()) })
	var kept []Outage
	for _, o := range all {
		if !slices.ContainsFunc(kept, func(k Outage) bool { return o.From < k.To && k.From < o.To }) {
			kept = append(kept, o)
		}
	}
	slices.SortFunc(kept, func(a, b Outage) int { return cmp.Compare(a.From, b.From) })
	return kept
}

// limit is how long a pause must be to be an outage.
func (o *outages) limit(between *quantiles) time.Duration {
	return max(outageMin, o.durations.p99(), 3*between.p99())
}

// over lists the pauses of a pulse that are longer than the limit.
func (o *outages) over(name string, p *pulse, limit time.Duration) []Outage {
	var list []Outage
	add := func(from, to history.Time, open bool) {
		if time.Duration(to-from) > limit {
			list = append(list, Outage{Partition: name, From: from, To: to, Open: open, Fault: o.faults.during(from, to)})
		}
	}
	for _, q := range p.pauses {
		add(q.from, q.to, false)
	}
	if p.begun {
		add(p.success, p.last, true)
	}
	return list
}

func (o *outages) retained() int {
	n := len(o.all.pauses)
	for _, p := range o.partitions {
		n += 1 + len(p.pauses)
	}
	return n
}

// quantiles counts durations in buckets of at most an eighth of their value: enough for a limit.
type quantiles struct {
	counts [64 * 8]int64
	n      int64
}

func (q *quantiles) add(d time.Duration) {
	q.n++
	q.counts[bucket(uint64(max(d, 1)))]++
}

// bucket is the exponent and the three bits after the leading one.
func bucket(v uint64) int {
	e := bits.Len64(v) - 1
	if e < 3 {
		return e * 8
	}
	return e*8 + int(v>>(e-3)&7)
}

// p99 is an upper bound of the 99th percentile, 0 of nothing.
func (q *quantiles) p99() time.Duration {
	var sum int64
	for i, c := range q.counts {
		if sum += c; c > 0 && sum*100 >= q.n*99 {
			e, part := i/8, i%8
			if e >= 3 {
				return time.Duration(uint64(8+part+1)<<(e-3)) - 1
			}
			return time.Duration(1 << (e + 1))
		}
	}
	return 0
}
