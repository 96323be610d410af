package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// Distribution is how long the outages took that one kind of fault caused, one time after the other: of all
// partitions together, or of a topic. Of outages of a topic that overlap the longest counts.
type Distribution struct {
	// Fault is the kind: "kill"; "kill and pause" of those during which both were in force; "" of those
	// without a fault.
	Fault string `json:"fault"`
	// Faults is how many of that kind were injected; not each need have caused an outage, nor only one.
	Faults int `json:"faults"`
	// Of is a topic, or verify.AllPartitions.
	Of string `json:"of"`
	// Kind of operations that had no success.
	Kind history.Kind `json:"kind"`
	// Total is of the outages, Parts of what they were spent on, as far as it is known.
	Total Spread       `json:"total"`
	Parts []PartSpread `json:"parts,omitempty"`
}

// PartSpread is the spread of one part of outages: Detect, Elect, Recovery, CatchUp.
type PartSpread struct {
	Name string `json:"name"`
	Spread
}

// Spread of durations.
type Spread struct {
	Count int `json:"count"`
	// Median is the middle one, or between the two in the middle; P90 the least that nine of ten do not
	// exceed.
	Median time.Duration `json:"median_ns"`
	P90    time.Duration `json:"p90_ns"`
	Max    time.Duration `json:"max_ns"`
	Sum    time.Duration `json:"sum_ns"`
}

// spreadOf sorts the durations.
func spreadOf(all []time.Duration) Spread {
	n := len(all)
	if n == 0 {
		return Spread{}
	}
	slices.Sort(all)
	s := Spread{Count: n, Median: (all[(n-1)/2] + all[n/2]) / 2, P90: all[(9*n+9)/10-1], Max: all[n-1]}
	for _, d := range all {
		s.Sum += d
	}
	return s
}

// topicOf is the topic of an outage's partition, or verify.AllPartitions.
func topicOf(o Outage) string {
	if o.Partition == verify.AllPartitions {
		return o.Partition
	}
	topic, _, _ := cutLast(o.Partition, "/")
	return topic
}

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

// faultKind is what kinds of faults an outage overlaps: "kill", "kill and pause".
func faultKind(o Outage) string {
	var kinds []string
	for _, fault := range strings.Split(o.Fault, "; ") {
		if kind, _, _ := strings.Cut(fault, " "); kind != "" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return strings.Join(kinds, " and ")
}

// group is what outages are told apart by.
type group struct {
	of    string
	kind  history.Kind
	fault string
}

// worst leaves out outages that overlap with a longer one of the same topic and kind, and puts the others in
// the order of their time, all partitions together first.
func worst(outages []Outage) []Outage {
	all := slices.Clone(outages)
	slices.SortStableFunc(all, func(a, b Outage) int { return cmp.Compare(b.Duration(), a.Duration()) })
	var kept []Outage
	for _, o := range all {
		if !slices.ContainsFunc(kept, func(k Outage) bool {
			return topicOf(k) == topicOf(o) && k.Kind == o.Kind && o.From < k.To && k.From < o.To
		}) {
			kept = append(kept, o)
		}
	}
	slices.SortStableFunc(kept, func(a, b Outage) int {
		return cmp.Or(cmp.Compare(order(topicOf(a)), order(topicOf(b))), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.From, b.From))
	})
	return kept
}

// order puts all partitions before the topics.
func order(of string) string {
	if of == verify.AllPartitions {
		return ""
	}
	return of
}

// Distributions of the run's outages.
func (r Run) Distributions() []Distribution {
	groups := map[group][]Outage{}
	var keys []group
	for _, o := range worst(r.Outages) {
		key := group{topicOf(o), o.Kind, faultKind(o)}
		if groups[key] == nil {
			keys = append(keys, key)
		}
		groups[key] = append(groups[key], o)
	}
	slices.SortStableFunc(keys, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.fault, b.fault), cmp.Compare(order(a.of), order(b.of)), cmp.Compare(a.kind, b.kind))
	})
	var list []Distribution
	for _, key := range keys {
		d := distribution(key, groups[key])
		for _, fault := range r.Faults {
			if kind, _, _ := strings.Cut(fault.Text, " "); kind == d.Fault {
				d.Faults++
			}
		}
		list = append(list, d)
	}
	return list
}

func distribution(key group, outages []Outage) Distribution {
	d := Distribution{Fault: key.fault, Of: key.of, Kind: key.kind}
	var total []time.Duration
	parts := map[string][]time.Duration{}
	for _, o := range outages {
		total = append(total, o.Duration())
		for _, part := range o.Split {
			if part.OK {
				parts[part.Name] = append(parts[part.Name], part.Took)
			}
		}
	}
	d.Total = spreadOf(total)
	for _, name := range []string{Detect, Elect, Recovery, CatchUp} {
		if took := parts[name]; took != nil {
			d.Parts = append(d.Parts, PartSpread{name, spreadOf(took)})
		}
	}
	return d
}

// cells are the spread in a table: how many, median, 90th percentile, maximum, sum.
func (s Spread) cells() []string {
	return []string{count(int64(s.Count)), spanOrZero(s.Median), spanOrZero(s.P90), spanOrZero(s.Max), spanOrZero(s.Sum)}
}

// spanOrZero is span, and "0 s" of nothing.
func spanOrZero(d time.Duration) string {
	if d == 0 {
		return "0 s"
	}
	return figure.Span(d)
}

// distributionRows is the table of distributions with its head. The parts are those of topics: those of all
// partitions together are of the topic that was served first.
func distributionRows(list []Distribution) [][]string {
	rows := [][]string{{"", "count", "median", "p90", "max", "together"}}
	for _, d := range list {
		name := map[bool]string{true: "reads of ", false: "writes to "}[d.Kind == history.Fetch] + anyOf(d.Of)
		fault := cmp.Or(d.Fault, "no fault")
		if d.Faults > 1 {
			fault = fmt.Sprintf("%d × %s", d.Faults, fault)
		}
		name = fault + ": " + name
		rows = append(rows, append([]string{name}, d.Total.cells()...))
		if d.Of == verify.AllPartitions || d.Total.Count == 1 {
			continue
		}
		for _, part := range d.Parts {
			rows = append(rows, append([]string{"  " + part.Name}, part.cells()...))
		}
	}
	return rows
}

// operations names a kind in a sentence about a partition: "write to", "read of".
func operations(k history.Kind) string {
	if k == history.Fetch {
		return "read of"
	}
	return "write to"
}

// anyOf is a topic in a sentence.
func anyOf(of string) string {
	if of == verify.AllPartitions {
		return "any partition"
	}
	return of
}
