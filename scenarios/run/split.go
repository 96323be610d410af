package run

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// split says what the outages of a run were spent on, as its nodes noted it:
//
//	inject ──detect──> fenced, or elected ──elect──> leads ──client recovery──> acknowledged ──catch-up──> ISR full
//	(the fault)        (the controller)              (the new leader)           (the client)               (the controller)
//
// Reads are split like writes: their outage ends with a record that was acknowledged and is read at last.
// Nodes of the simulator note the same as processes. An outage without a fault is not split.
// What nobody noted is not known, and the reason stands in its place.
func split(dir string, p plan.Plan, judged verify.Report, faults []report.Fault) []report.Outage {
	events, err := readEvents(dir)
	var all []report.Outage
	replicas := replicasOf(p)
	for _, o := range judged.Outages {
		if o.Fault == "" { // it begins with no injection
			all = append(all, report.Outage{Outage: o})
			continue
		}
		s := splitter{events: events, faults: faults, outage: o, replicas: replicas}
		all = append(all, report.Outage{Outage: o, Split: s.parts(err)})
	}
	return all
}

// splitter looks for the parts of one outage.
type splitter struct {
	events   []event // in the order of their times
	faults   []report.Fault
	outage   verify.Outage
	replicas map[history.Partition]int
}

// parts of the outage; err is why there are no events.
func (s *splitter) parts(err error) []report.Part {
	if err == nil && s.outage.Open {
		err = fmt.Errorf("no %s succeeded again", s.outage.Kind)
	}
	if err != nil {
		return []report.Part{
			unknown(report.Detect, err), unknown(report.Elect, err), unknown(report.Recovery, err), unknown(report.CatchUp, err),
		}
	}
	fault, detected, led, err := s.election()
	if errors.Is(err, errNobody) {
		if fault, detected, ok := s.shrink(); ok {
			return []report.Part{
				part(report.Detect, fault, detected, nil), unknown(report.Elect, errors.New("the leader stayed, and went on when the ISR was without the struck node")),
				part(report.Recovery, detected, s.outage.To, nil), s.catchUp(),
			}
		}
		if s.ledBefore() {
			const why = "its leader led before the outage began: clients were late to find it"
			return []report.Part{
				{Name: report.Detect, OK: true, Reason: why}, {Name: report.Elect, OK: true, Reason: why},
				part(report.Recovery, s.outage.From, s.outage.To, nil), s.catchUp(),
			}
		}
	}
	return []report.Part{
		part(report.Detect, fault, detected, err), part(report.Elect, detected, led, err), part(report.Recovery, led, s.outage.To, err),
		s.catchUp(),
	}
}

// errNobody is why an outage has no election.
var errNobody = errors.New("no leader that took over in that time was noted")

// shrink finds when a fault was injected and when the controller took the node that it struck out of the
// cluster or of the ISR, in an outage without an election: a leader waits for all of its ISR.
func (s *splitter) shrink() (fault, detected history.Time, ok bool) {
	for _, e := range s.events {
		if e.at <= s.outage.From || e.at > s.outage.To {
			continue
		}
		if e.Name == leaderElected && s.about(e) && s.outage.Partition != verify.AllPartitions {
			return 0, 0, false // there was an election, of which too little is known
		}
		for _, f := range s.faults {
			if e.at < history.Time(f.From) || !s.overlaps(f) {
				continue
			}
			out := e.Name == isrChanged && s.about(e) && slices.ContainsFunc(f.Nodes, func(id int32) bool { return !slices.Contains(e.ISR, id) })
			if detected == 0 && (out || e.Name == brokerFenced && slices.Contains(f.Nodes, e.Broker)) {
				fault, detected = history.Time(f.From), e.at
			}
			ok = ok || out
		}
	}
	return fault, detected, ok
}

func unknown(name string, why error) report.Part { return report.Part{Name: name, Reason: why.Error()} }

// part is one whose ends are known, unless err says why they are not.
func part(name string, from, to history.Time, err error) report.Part {
	if err == nil && to < from {
		// Nothing waits for what comes after it: the write that ended the outage needed no such step.
		err = fmt.Errorf("%s ended %v before it could begin", name, time.Duration(from-to).Round(time.Microsecond))
	}
	if err != nil {
		return unknown(name, err)
	}
	return report.Part{Name: name, Took: time.Duration(to - from), OK: true}
}

// about reports whether an event is about what had the outage.
func (s *splitter) about(e event) bool {
	if s.outage.Partition == verify.AllPartitions {
		return e.Topic != ""
	}
	return e.Topic != "" && history.Partition{Topic: e.Topic, Index: e.Partition}.String() == s.outage.Partition
}

// ledBefore reports whether a leader took over under a fault that is in force, and before the outage began:
// then nothing of it was spent on an election. Readers that ask the former leader wait from the first record
// on that the new one acknowledges.
func (s *splitter) ledBefore() bool {
	if s.outage.Partition == verify.AllPartitions {
		return false // some partition was served by a leader all the time
	}
	for _, f := range s.faults {
		if s.overlaps(f) && slices.ContainsFunc(s.events, func(e event) bool {
			return e.Name == becameLeader && s.about(e) && e.at >= history.Time(f.From) && e.at <= s.outage.From && !slices.Contains(f.Nodes, e.Node)
		}) {
			return true
		}
	}
	return false
}

// election finds when the fault was injected that took the leader away, when the controller acted on it,
// and when the new leader had taken over.
func (s *splitter) election() (fault, detected, led history.Time, err error) {
	last := -1 // the leader that ended the outage: of all partitions the first that took over
	for i, e := range s.events {
		if e.Name == becameLeader && s.about(e) && e.at > s.outage.From && e.at <= s.outage.To {
			last = i
			if s.outage.Partition == verify.AllPartitions {
				break
			}
		}
	}
	if last < 0 {
		return 0, 0, 0, errNobody
	}
	took := s.events[last]
	before, ok := s.leaderBefore(took)
	if !ok {
		return 0, 0, 0, fmt.Errorf("nobody noted who led %s/%d before", took.Topic, took.Partition)
	}
	struck := slices.IndexFunc(s.faults, func(f report.Fault) bool { return slices.Contains(f.Nodes, before) && s.overlaps(f) })
	if struck < 0 {
		return 0, 0, 0, fmt.Errorf("no fault struck node %d, which led before", before)
	}
	fault = history.Time(s.faults[struck].From)
	for _, e := range s.events {
		elected := e.Name == leaderElected && e.in(history.Partition{Topic: took.Topic, Index: took.Partition})
		if e.at >= fault && (elected || e.Name == brokerFenced && e.Broker == before) {
			// Nodes note what they have applied, each in its own time: who leads knows that the controller has acted.
			return fault, min(e.at, took.at), took.at, nil
		}
	}
	return 0, 0, 0, fmt.Errorf("no controller noted that it elected node %d", took.Node)
}

// overlaps reports whether a fault was in force during the outage.
func (s *splitter) overlaps(f report.Fault) bool {
	return history.Time(f.From) < s.outage.To && (f.To == 0 || history.Time(f.To) > s.outage.From)
}

// leaderBefore is who led the partition before the leader that took over: the last that had, in an epoch
// before.
func (s *splitter) leaderBefore(took event) (leader int32, ok bool) {
	for _, e := range s.events {
		if e.Name == becameLeader && e.Topic == took.Topic && e.Partition == took.Partition && e.LeaderEpoch < took.LeaderEpoch {
			leader, ok = e.Node, true
		}
	}
	return leader, ok
}

// catchUp is the part from the end of the outage until the ISR is full again. A partition begins with all
// its replicas in the ISR: its faults wait for that.
func (s *splitter) catchUp() report.Part {
	short := map[history.Partition]bool{}
	missed := false // some ISR was short during the outage
	for _, e := range s.events {
		if (e.Name != leaderElected && e.Name != isrChanged) || !s.about(e) {
			continue
		}
		if e.at > s.outage.To && len(short) == 0 {
			break // it was full when the outage ended
		}
		missed = missed || e.at > s.outage.From && len(short) > 0
		p := history.Partition{Topic: e.Topic, Index: e.Partition}
		if delete(short, p); len(e.ISR) < s.replicas[p] {
			short[p] = true
		}
		missed = missed || e.at > s.outage.From && len(short) > 0
		if e.at > s.outage.To && len(short) == 0 {
			return report.Part{Name: report.CatchUp, Took: time.Duration(e.at - s.outage.To), OK: true}
		}
	}
	switch {
	case len(short) > 0:
		return unknown(report.CatchUp, errors.New("the ISR was not full again"))
	case missed:
		return report.Part{Name: report.CatchUp, OK: true, Reason: "the ISR was full before"}
	}
	return report.Part{Name: report.CatchUp, OK: true, Reason: "all replicas stayed in the ISR"}
}
