package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/verify"
)

// Outage is a time without acknowledged records, and what it was spent on.
type Outage struct {
	verify.Outage
	// Split are the parts in the order in which they happen: Detect, Elect, Recovery, CatchUp. It is
	// empty where the nodes were not asked.
	Split []Part `json:"split,omitempty"`
}

// Names of the parts of an outage.
const (
	// Detect is from the injection of the fault until the controller acts on it: it fences the broker or
	// elects another leader.
	Detect = "detect"
	// Elect is from then until the new leader has taken over.
	Elect = "elect"
	// Recovery is from then until a client's write is acknowledged: the outage is over.
	Recovery = "client recovery"
	// CatchUp is from then until all replicas are in the ISR again: the next failure can be borne.
	CatchUp = "catch-up"
)

// Part of an outage.
type Part struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took_ns"`
	// OK is false where it is not known how long it took; then Reason says why.
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// String is the part for people: "detect 571 ms", or "detect -".
func (p Part) String() string {
	if !p.OK {
		return p.Name + " -"
	}
	if p.Took == 0 {
		return p.Name + " 0 s"
	}
	return p.Name + " " + span(p.Took)
}

// outages writes the longest ones, and what all of them come to.
func (p *page) outages() {
	outages := slices.Clone(p.run.Outages)
	slices.SortStableFunc(outages, func(a, b Outage) int { return cmp.Compare(b.Duration(), a.Duration()) })
	label := "outage"
	if len(outages) > listed {
		for _, text := range outageSums(outages) {
			p.line(label, text)
			label = ""
		}
		p.line(label, "the longest:")
		outages = outages[:listed]
	}
	for _, outage := range outages {
		p.line(label, outageText(outage))
		if text := splitText(outage.Split); text != "" {
			p.line("", text)
		}
		label = ""
	}
	if len(p.run.Outages) == 0 && len(p.run.Faults) > 0 {
		p.line(label, "none that a client noticed")
	}
}

// outageSums says of all partitions together, and of each topic, how often it was out of service and for how
// long. The outages are sorted, the longest first.
func outageSums(outages []Outage) []string {
	groups := map[string][]time.Duration{}
	var names []string
	for _, o := range outages {
		name := "any partition"
		if o.Partition != verify.AllPartitions {
			name = "a partition of " + o.Partition[:strings.LastIndexByte(o.Partition, '/')]
		}
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], o.Duration())
	}
	slices.Sort(names)
	var texts []string
	for _, name := range names {
		var total time.Duration
		for _, d := range groups[name] {
			total += d
		}
		n := len(groups[name])
		text := fmt.Sprintf("%d times without a successful write to %s", n, name)
		if n == 1 {
			text = "once without a successful write to " + name
		}
		texts = append(texts, fmt.Sprintf("%s: median %s, longest %s, %s together", text, span((groups[name][(n-1)/2]+groups[name][n/2])/2), span(groups[name][0]), span(total)))
	}
	return texts
}

// outageText is an outage for people.
func outageText(o Outage) string {
	text := span(o.Duration()) + " without a successful write to "
	if o.Partition == verify.AllPartitions {
		text += "any partition"
	} else {
		text += o.Partition
	}
	text += ", from " + moment(time.Duration(o.From))
	if o.Open {
		text += " to the end of the load"
	}
	if o.Fault != "" {
		text += " (" + o.Fault + ")"
	}
	return text
}

// splitText is the split for people, with each reason once.
func splitText(split []Part) string {
	var parts, reasons []string
	for _, part := range split {
		parts = append(parts, part.String())
		if part.Reason != "" && !slices.Contains(reasons, part.Reason) {
			reasons = append(reasons, part.Reason)
		}
	}
	text := strings.Join(parts, ", ")
	if len(reasons) > 0 {
		text += " (" + strings.Join(reasons, "; ") + ")"
	}
	return text
}
