package run

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/excerpt"
	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// narrator joins each listed anomaly with what the nodes noted of themselves:
//
//	evidence ─> when it was told, at which offset ┐
//	history  ─> the high watermark of then        ├─> "acknowledged at 12.3 s by broker 1 in leader epoch 5, with ISR [1 2 3]
//	events   ─> who led, who was elected, what    │    and high watermark 812; leader epoch 6 elected broker 2 at 14.2 s, whose
//	            was truncated                     │    log ended at 790, while kill node 1 was in force"
//	faults   ─> what was in force                 ┘
//
// What nobody noted is left out. Without events there is no sentence.
type narrator struct {
	stories []*story
	in      map[history.Partition][]*story
	events  []event
	faults  []report.Fault
}

// story is one anomaly and when it happened.
type story struct {
	anomaly *verify.Anomaly
	verb    string
	// from is when the operation began that shows the anomaly first, at when it returned, to when it was known.
	from, at, to history.Time
	// high is the high watermark that was told last before at; Unset if none was.
	high int64
}

// newNarrator takes the listed anomalies of a report, with their evidence.
func newNarrator(judged *verify.Report) *narrator {
	n := &narrator{in: map[history.Partition][]*story{}}
	for i := range judged.Rules {
		rule := &judged.Rules[i]
		lists := [][]verify.Anomaly{rule.Anomalies}
		for k := range rule.Allowed {
			lists = append(lists, rule.Allowed[k].Anomalies)
		}
		for _, list := range lists {
			for k := range list {
				if s := newStory(&list[k]); s != nil {
					n.stories = append(n.stories, s)
					n.in[s.anomaly.Partition] = append(n.in[s.anomaly.Partition], s)
				}
			}
		}
	}
	return n
}

// newStory finds the operation with which an anomaly begins: the promise that was broken. It is nil without evidence.
func newStory(a *verify.Anomaly) *story {
	promise := map[verify.Class]struct {
		kind history.Kind
		verb string
	}{verify.LostWrite: {history.Produce, "acknowledged"}, verify.ReadThenGone: {history.Fetch, "read"}, verify.NewestCompacted: {history.Produce, "acknowledged"}}[a.Class]
	if s := ofTransaction(a); s != nil {
		return s
	}
	var s *story
	for i := range a.Evidence {
		op := &a.Evidence[i]
		if op.Outcome == history.Unknown && op.Kind != history.Own || promise.kind != 0 && (op.Kind != promise.kind || op.Outcome != history.OK) {
			continue
		}
		if s == nil {
			s = &story{anomaly: a, verb: promise.verb, from: op.Invoke, at: op.Return, high: history.Unset}
		}
		if op.Kind != history.Scan { // which comes long after
			s.to = max(s.to, op.Return)
		}
	}
	if s == nil {
		return nil
	}
	if s.verb == "" {
		s.verb = "first seen"
	} else {
		s.to = history.Never // it may be lost at any later time
	}
	return s
}

// ofTransaction is the story of an anomaly of a transaction, from its beginning on; nil if it is of none, or nothing
// of it is in the evidence.
func ofTransaction(a *verify.Anomaly) *story {
	for i := range a.Evidence {
		op := &a.Evidence[i]
		if op.Kind != history.Transact || a.Transaction == "" {
			continue
		}
		verb := "given up"
		switch {
		case op.Committed():
			verb = "committed, as its client was told,"
		case op.Outcome == history.OK:
			verb = "aborted, as its client was told,"
		}
		return &story{anomaly: a, verb: verb, from: op.Invoke, at: op.Return, to: history.Never, high: history.Unset}
	}
	return nil
}

// observe takes the operations of the history in their order.
func (n *narrator) observe(op *history.Operation) {
	for _, m := range op.Watermarks {
		for _, s := range n.in[m.Partition] {
			if op.Return <= s.at {
				s.high = m.HighWatermark
			}
		}
	}
}

// tell gives every anomaly its sentence, from the events of a run directory.
func (n *narrator) tell(dir string, faults []report.Fault) {
	if len(n.stories) == 0 {
		return
	}
	events, err := readEvents(dir)
	if err != nil {
		return // nobody noted anything: the anomalies stand without
	}
	n.events, n.faults = events, faults
	for _, s := range n.stories {
		s.anomaly.Cause = n.sentence(s)
	}
}

// sentence of an anomaly.
func (n *narrator) sentence(s *story) string {
	head := fmt.Sprintf("%s at %s", s.verb, moment(s.at))
	if s.anomaly.Group == "" {
		head += n.leadership(s)
	}
	turns := n.turns(s)
	if len(turns) == 0 {
		if s.anomaly.Group != "" {
			return head + "; no rebalance was noted around it" + n.inForce(s.at)
		}
		if s.anomaly.Transaction != "" {
			return head + "; no election, no truncation and no other coordinator followed" + n.inForce(s.at)
		}
		return head + "; no election and no truncation followed" + n.inForce(s.at)
	}
	return head + "; " + strings.Join(turns, "; ")
}

// leadership says who led the partition when the promise was made, with which ISR, and how far it was committed.
func (n *narrator) leadership(s *story) (text string) {
	p := s.anomaly.Partition
	var isr []int32
	leader := event{LeaderEpoch: -1}
	for _, e := range n.events {
		if e.at > s.at || !e.in(p) {
			continue
		}
		switch e.Name {
		case becameLeader:
			leader = e
		case leaderElected, isrChanged:
			isr = e.ISR
		}
	}
	if leader.LeaderEpoch >= 0 {
		text = fmt.Sprintf(" by broker %d in leader epoch %d", leader.Node, leader.LeaderEpoch)
	}
	var with []string
	if isr != nil {
		with = append(with, fmt.Sprintf("ISR %v", isr))
	}
	if s.high != history.Unset {
		with = append(with, fmt.Sprintf("high watermark %d", s.high))
	}
	if len(with) > 0 {
		text += ", with " + strings.Join(with, " and ")
	}
	return text
}

// turnsMax is how many events a sentence has.
const turnsMax = 3

// turns are the events that followed. Of records that are gone it is the one that took them, if one did.
func (n *narrator) turns(s *story) (list []string) {
	for _, e := range n.events {
		if e.at < s.from || e.at > s.to || !n.about(s, e) {
			continue
		}
		text := n.turn(e)
		if text == "" {
			continue
		}
		text += n.inForce(e.at)
		if takes(e, s.anomaly.Offset) {
			return []string{text}
		}
		if len(list) < turnsMax {
			list = append(list, text)
		}
	}
	return list
}

// about reports whether an event is about the partition or the group of the anomaly.
func (n *narrator) about(s *story, e event) bool {
	if s.anomaly.Group != "" {
		return e.Group == s.anomaly.Group
	}
	if _, id, ok := strings.Cut(s.anomaly.Transaction, " of "); ok {
		switch e.Name {
		case timedOut, fenced:
			return e.TransactionalID == id
		case tookOver: // which coordinates its id only their hash tells
			return e.Open+e.Ending > 0
		}
	}
	return e.in(s.anomaly.Partition)
}

// takes reports whether an event is one that took the record at an offset with it.
func takes(e event, offset int64) bool {
	if offset == history.Unset {
		return false
	}
	switch e.Name {
	case becameLeader:
		return e.LogEnd <= offset
	case logTruncated, damaged, quarantined:
		return e.From > offset && e.To <= offset || e.From <= offset && offset < e.To
	case logRecovered:
		return e.EndOffset <= offset
	}
	return false
}

// turn is an event as a clause; "" for one that says nothing of a loss.
func (n *narrator) turn(e event) string {
	switch e.Name {
	case becameLeader:
		text := fmt.Sprintf("leader epoch %d elected broker %d at %s, whose log ended at %d", e.LeaderEpoch, e.Node, moment(e.at), e.LogEnd)
		if n.unclean(e) {
			text += ", uncleanly"
		}
		return text
	case logTruncated:
		return fmt.Sprintf("broker %d truncated its log from %d to %d at %s", e.Node, e.From, e.To, moment(e.at))
	case logRecovered:
		text := fmt.Sprintf("broker %d opened its log at %s, which ended at %d", e.Node, moment(e.at), e.EndOffset)
		if e.Truncated > 0 {
			text += fmt.Sprintf(" after %d bytes of its tail were cut", e.Truncated)
		}
		return text
	case damaged:
		return fmt.Sprintf("broker %d found a damaged segment with offsets from %d on at %s (%s)", e.Node, e.From, moment(e.at), e.Reason)
	case quarantined:
		return fmt.Sprintf("broker %d set a segment from offset %d on aside at %s", e.Node, e.From, moment(e.at))
	case rebalanced:
		return fmt.Sprintf("broker %d gave its members an assignment of generation %d at %s (%s)", e.Node, e.Generation, moment(e.at), e.Reason)
	case timedOut:
		return fmt.Sprintf("broker %d aborted the transaction of %s at %s, after its %d ms", e.Node, e.TransactionalID, moment(e.at), e.Timeout)
	case fenced:
		return fmt.Sprintf("broker %d aborted the transaction of %s for its successor at %s", e.Node, e.TransactionalID, moment(e.at))
	case tookOver:
		return fmt.Sprintf("broker %d took over as a coordinator at %s, and found %d open transactions and %d that were ending", e.Node, moment(e.at), e.Open, e.Ending)
	case expired:
		return fmt.Sprintf("broker %d took member %s out at %s: %s", e.Node, e.Member, moment(e.at), e.Reason)
	}
	return ""
}

// unclean reports whether the controller noted that an election may have lost records.
func (n *narrator) unclean(led event) bool {
	return slices.ContainsFunc(n.events, func(e event) bool {
		return e.Name == leaderElected && e.Unclean && e.Topic == led.Topic && e.Partition == led.Partition && e.LeaderEpoch == led.LeaderEpoch
	})
}

// inForce names the faults at a time.
func (n *narrator) inForce(at history.Time) string {
	var names []string
	for _, f := range n.faults {
		if history.Time(f.From) <= at && (f.To == 0 || at <= history.Time(f.To)) {
			names = append(names, f.Text)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return ", while " + names[0] + " was in force"
	}
	return ", while " + strings.Join(names, ", ") + " were in force"
}

// moment is a time of the run for people.
func moment(t history.Time) string { return figure.Moment(time.Duration(t)) }

// withCauses gives the excerpts of anomalies the sentences of their anomalies.
func withCauses(excerpts []excerpt.Excerpt, judged verify.Report) {
	for i := range excerpts {
		e := &excerpts[i].Anomaly
		for _, rule := range judged.Rules {
			for _, a := range rule.Anomalies {
				if a.Rule == e.Rule && a.Class == e.Class && a.Text == e.Text {
					e.Cause = a.Cause
				}
			}
		}
	}
}
