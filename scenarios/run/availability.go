package run

import (
	"time"

	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// budgets are those of a plan as verify takes them. The error is for a plan that was changed by hand.
func budgets(p plan.Plan) (all []verify.Budget, err error) {
	for _, b := range p.Budgets {
		budget := verify.Budget{Name: b.Name, Topic: b.Topic, Within: time.Duration(b.Within), Records: b.Records}
		if b.Of != "" {
			if err := budget.Of.UnmarshalText([]byte(b.Of)); err != nil {
				return nil, err
			}
		}
		all = append(all, budget)
	}
	return all, nil
}

// inSync says when partitions of a plan were short of replicas, as the controllers noted it. A partition
// begins with all of its replicas in the ISR: the first fault waits for that.
func inSync(dir string, p plan.Plan) *verify.ISR {
	events, err := readEvents(dir)
	if err != nil {
		return &verify.ISR{Unknown: err.Error()}
	}
	replicas := replicasOf(p)
	since := map[history.Partition]history.Time{}
	isr := &verify.ISR{}
	end := func(at history.Partition, to history.Time) {
		isr.Short = append(isr.Short, verify.ShortISR{Partition: at, From: since[at], To: to})
		delete(since, at)
	}
	for _, e := range events {
		at := history.Partition{Topic: e.Topic, Index: e.Partition}
		if replicas[at] == 0 || e.Name != leaderElected && e.Name != isrChanged {
			continue
		}
		_, short := since[at]
		switch full := len(e.ISR) >= replicas[at]; {
		case !full && !short:
			since[at] = e.at
		case full && short:
			end(at, e.at)
		}
	}
	for _, at := range p.Partitions() {
		if _, short := since[at]; short {
			end(at, history.Never)
		}
	}
	return isr
}

// replicasOf is how many replicas each partition has.
func replicasOf(p plan.Plan) map[history.Partition]int {
	replicas := map[history.Partition]int{}
	for _, t := range p.Topics {
		for i := range t.Partitions {
			replicas[history.Partition{Topic: t.Name, Index: i}] = int(t.ReplicationFactor)
		}
	}
	return replicas
}
