package plan

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/spec"
)

// String is the plan for people: one line per part, in the order in which things happen.
func (p Plan) String() string {
	var b strings.Builder
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", label, fmt.Sprintf(format, args...))
	}
	line("scenario", "%s, seed %d", p.Scenario, p.Seed)
	if p.Description != "" {
		line("", "%s", p.Description)
	}
	line("cluster", "%s, %s, placement %s", p.System, count(len(p.Nodes), "node"), p.Placement)
	p.nodeLines(line)
	for i, t := range p.Topics {
		line(first(i, "topics"), "%s", t)
	}
	line("load", "%v of %v records by %s, %s", p.Rate(), p.Load.RecordSize, count(p.Load.Producers, "producer"), count(p.Load.Readers, "reader"))
	line("", "%s", p.Load.producer())
	if text := p.Load.said(); text != "" {
		line("", "%s", text)
	}
	line("", "clients: metadata min age %v, retry back-off %v", p.Load.MetadataMinAge, p.Load.RetryBackoff)
	for i, g := range p.Groups {
		line(first(i, "groups"), "%s", g)
	}
	p.phaseLines(line)
	line("checks", "%s", strings.Join(p.Checks, ", "))
	for i, b := range p.Budgets {
		line(first(i, "budgets"), "%s", b)
	}
	line("floors", "%d records/s while the load is held, %d acknowledged and %d read in the run", p.Floor.PerSecond, p.Floor.Acked, p.Floor.Read)
	line("limits", "%v in total", p.Limits.Total)
	if p.Expect != nil {
		line("expect", "with the bug %s: rule %s fails with %s", p.Expect.Bug, p.Expect.Rule, p.Expect.Class)
		if len(p.Expect.Also) > 0 {
			line("", "and may show %s in consequence", strings.Join(p.Expect.Also, ", "))
		}
	}
	return b.String()
}

// nodeLines prints the nodes, those that differ in their ids only in one line, and their timing.
func (p Plan) nodeLines(line func(label, format string, args ...any)) {
	for i := 0; i < len(p.Nodes); {
		n, end := p.Nodes[i], i+1
		for end < len(p.Nodes) && p.Nodes[end].String() == n.String() {
			end++
		}
		label := fmt.Sprintf("  node %d", n.ID)
		if end > i+1 {
			label = fmt.Sprintf("  %d-%d", n.ID, p.Nodes[end-1].ID)
		}
		line(label, "%s", n)
		i = end
	}
	if len(p.Nodes) > 1 {
		line("timing", "session timeout %v, heartbeat %v, replica lag max %v, quorum tick %v",
			p.Timing.SessionTimeout, p.Timing.Heartbeat, p.Timing.ReplicaLagMax, p.Timing.QuorumTick)
	}
}

// String is the node for people, without its id.
func (n Node) String() string {
	roles := make([]string, len(n.Roles))
	for i, r := range n.Roles {
		roles[i] = string(r)
	}
	text := strings.Join(roles, " and ")
	if n.Rack != "" {
		text += ", rack " + n.Rack
	}
	if n.SegmentSize != 0 {
		text += ", segments of " + n.SegmentSize.String()
	}
	return fmt.Sprintf("%s, flush %s, disk %s, bugs %s", text, n.Flush, orPlain(n.Disk), orNone(n.Bugs))
}

// String is the topic for people.
func (t Topic) String() string {
	text := fmt.Sprintf("%s: %s, replication factor %d, min ISR %d", t.Name, count(int(t.Partitions), "partition"), t.ReplicationFactor, t.MinISR)
	if t.Unclean {
		text += ", unclean election"
	}
	if t.CleanupPolicy != "" {
		text += ", cleanup policy " + t.CleanupPolicy
	}
	if t.SegmentSize > 0 {
		text += ", segments of " + t.SegmentSize.String()
	}
	for _, lag := range []struct {
		name  string
		value spec.Duration
	}{{"min compaction lag", t.MinCompactionLag}, {"max compaction lag", t.MaxCompactionLag}, {"delete retention", t.DeleteRetention}} {
		if lag.value > 0 {
			text += fmt.Sprintf(", %s %v", lag.name, lag.value)
		}
	}
	return text
}

// said is what the load says of delivery, transactions, keys and isolation; "" if it says nothing.
func (l Load) said() string {
	var parts []string
	if l.Delivery != "" {
		parts = append(parts, "delivery "+string(l.Delivery))
	}
	if t := l.Transactions; t != nil {
		parts = append(parts, fmt.Sprintf("transactions of %s, %v of them aborted, timeout %v", count(t.Size, "record"), t.AbortRate, t.Timeout))
	}
	if l.Keys > 0 {
		parts = append(parts, fmt.Sprintf("%s, %s", count(l.Keys, "key"), cmp.Or(l.KeyDistribution, "uniform")))
	}
	if l.Isolation != "" {
		parts = append(parts, "readers "+l.Isolation)
	}
	return strings.Join(parts, ", ")
}

// phaseLines prints the phases and, in their place, the faults.
func (p Plan) phaseLines(line func(label, format string, args ...any)) {
	for i, phase := range p.Phases {
		label := first(i, "phases")
		switch {
		case phase.Name == Faults:
			p.faultLines(label, line)
		case phase.Within > 0:
			line(label, "%s: the floor holds for %v, within %v", phase.Name, phase.Hold, phase.Within)
		default:
			line(label, "%s: %v", phase.Name, phase.Hold)
		}
	}
	text := "a barrier and a scan of every partition"
	if p.LeaderTour {
		text = "a barrier in every partition, a tour of its leaders, and its scan"
	}
	line("", "converge within %v, then %s", p.Limits.Converge, text)
}

// faultLines prints the faults, equal ones that follow each other and those of a mix together.
func (p Plan) faultLines(label string, line func(label, format string, args ...any)) {
	if p.Guards != (timeline.Guards{}) {
		line(label, "guards: %s", p.Guards)
		label = ""
	}
	for n := 0; n < len(p.Timeline); label = "" {
		next, f := n+1, p.Timeline[n]
		if f.Drawn > 0 {
			n = p.drawnLines(label, n, line)
			continue
		}
		for next < len(p.Timeline) && p.Timeline[next] == f {
			next++
		}
		if next == n+1 {
			line(label, "fault %d: %s, then heal", next, f)
		} else {
			line(label, "faults %d to %d, each: %s, then heal", n+1, next, f)
		}
		n = next
	}
}

// drawnLines prints the faults that one mix drew: the first as others are, and the rest by when they are
// injected after it. It returns the index of the fault after them.
func (p Plan) drawnLines(label string, first int, line func(label, format string, args ...any)) (next int) {
	at := p.Timeline.Injections(first)
	next = first + len(at)
	line(label, "faults %d to %d, drawn from a mix; each is healed when its hold is over:", first+1, next)
	line("", "  fault %d: %s", first+1, p.Timeline[first])
	for i, f := range p.Timeline[first+1 : next] {
		line("", "  fault %d: %v later %s, hold %v", first+i+2, at[i+1], f.What(), f.Hold)
	}
	return next
}

// producer describes the producers.
func (l Load) producer() string {
	parts := []string{"acks " + string(l.Acks)}
	if l.Idempotent {
		parts = append(parts, "idempotent")
	}
	parts = append(parts, "linger "+l.Linger.String(), "batches of at most "+l.BatchSize.String())
	if l.MaxInFlight > 0 {
		parts = append(parts, fmt.Sprintf("%d in flight", l.MaxInFlight))
	}
	if l.RequestTimeout > 0 {
		parts = append(parts, "request timeout "+l.RequestTimeout.String())
	}
	if l.DeliveryTimeout > 0 {
		parts = append(parts, "delivery timeout "+l.DeliveryTimeout.String())
	}
	return strings.Join(parts, ", ")
}

// count prints "1 node", "3 nodes".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// first gives the label of a part to its first line only.
func first(i int, label string) string {
	if i == 0 {
		return label
	}
	return ""
}

func orPlain(disk string) string {
	if disk == "" {
		return "plain"
	}
	return disk
}

func orNone(bugs []string) string {
	if len(bugs) == 0 {
		return "none"
	}
	return strings.Join(bugs, ", ")
}
