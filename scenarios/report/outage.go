package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// Outage is a time in which clients waited in vain, and what it was spent on.
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
	// Recovery is from then until a client's write is acknowledged, or its read answered with what it waited
	// for: the outage is over.
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
	return p.Name + " " + figure.Span(p.Took)
}

// outages writes the longest ones, and how long all of them took.
func (p *page) outages() {
	outages := worst(p.run.Outages)
	label := "outage"
	if len(outages) > listed {
		p.rows("outages", distributionRows(p.run.Distributions()))
		label = "the longest"
	}
	slices.SortStableFunc(outages, func(a, b Outage) int { return cmp.Compare(b.Duration(), a.Duration()) })
	for _, outage := range outages[:min(listed, len(outages))] {
		p.line(label, outageText(outage))
		if text := splitText(outage.Split); text != "" {
			p.line("", text)
		}
		label = ""
	}
	if len(p.run.Outages) == 0 && len(p.run.Faults) > 0 {
		p.line(label, "none that a client noticed")
	}
	if rule := outageRule(p.run.Report.Baselines); rule != "" && len(p.run.Faults)+len(outages) > 0 {
		p.line("", rule)
	}
}

// outageRule says from what length on a wait is an outage, "" where nothing was measured.
func outageRule(baselines []verify.Baseline) string {
	var limits []string
	for _, kind := range []history.Kind{history.Produce, history.Fetch} {
		var least, most time.Duration
		for _, b := range baselines {
			if b.Kind == kind {
				if least == 0 || b.Limit < least {
					least = b.Limit
				}
				most = max(most, b.Limit)
			}
		}
		switch {
		case most == 0:
		case least == most:
			limits = append(limits, figure.Span(most)+" for a "+operations(kind))
		default:
			limits = append(limits, figure.Span(least)+" to "+figure.Span(most)+" for a "+operations(kind))
		}
	}
	if limits == nil {
		return ""
	}
	return "an outage is a wait without any success for more than max(100 ms, 3 x p99 of the waits before the first fault): " +
		strings.Join(limits, " a partition, ") + " a partition"
}

// outageText is an outage for people.
func outageText(o Outage) string {
	text := figure.Span(o.Duration()) + " without a successful " + operations(o.Kind) + " "
	if o.Partition == verify.AllPartitions {
		text += "any partition"
	} else {
		text += o.Partition
	}
	text += ", from " + figure.Moment(time.Duration(o.From))
	if o.Open {
		text += " to the end"
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
