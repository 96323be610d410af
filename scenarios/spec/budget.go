package spec

import (
	"fmt"
	"strings"

	"github.com/logproof/logproof/verify/history"
)

// Budget is what a scenario promises about availability; one that is missed makes the verdict fail. An entry
// may hold several of the four, and each is judged by itself.
type Budget struct {
	// MaxOutage bounds each outage of a partition, from the first fault on.
	MaxOutage Duration `yaml:"max_outage"`
	// TotalOutage bounds the sum of the outages of each partition.
	TotalOutage Duration `yaml:"total_outage"`
	// RecoverWithin bounds the time from the proof that nothing is broken any more until no outage goes on
	// and every ISR is full.
	RecoverWithin Duration `yaml:"recover_within"`
	// ProgressDuringFault is how many records must be acknowledged, or read by all readers together, at least
	// while each of the faults is in force.
	ProgressDuringFault int64 `yaml:"progress_during_fault"`
	// Of is produce or fetch; "" is each of both, where there are readers.
	Of string `yaml:"of"`
	// Topic that the budgets are about; "" is all of them.
	Topic string `yaml:"topic"`
}

// budgetNames are the keys of what a Budget promises, in their order.
var budgetNames = []string{"max_outage", "total_outage", "recover_within", "progress_during_fault"}

// shortestOutage: a shorter time without a success is not called an outage, whatever the load.
const shortestOutage = Duration(100 * millisecond)

// budgets checks that each promises something that a run of this scenario can be held against.
func (c *checker) budgets() {
	s := c.spec
	if len(s.Budgets) > 0 && len(s.Timeline) == 0 {
		c.errorf("budgets", "there is no fault: budgets say how well faults are borne; add a timeline, or remove them")
	}
	var topics []string
	for _, t := range s.Topics {
		topics = append(topics, t.Name)
	}
	for i, b := range s.Budgets {
		at := fmt.Sprintf("budgets[%d]", i)
		c.promises(at, b)
		if b.Topic != "" {
			c.choice(at+".topic", "topic", b.Topic, topics)
		}
		produce, fetch := history.Produce.String(), history.Fetch.String()
		if b.Of != "" {
			c.choice(at+".of", "kind of operation", b.Of, []string{produce, fetch})
		}
		if b.Of == fetch && s.Load.Readers == 0 {
			c.errorf(at+".of", "nobody reads: add load.readers, or write of: %s", produce)
		}
		if s.Load.Acks == AcksNone {
			c.errorf(at, "with acks: 0 nothing is acknowledged, so that nobody can tell when it was not: write acks: 1 or all, or remove the budgets")
		}
	}
}

// promises checks the values of one entry.
func (c *checker) promises(at string, b Budget) {
	written := 0
	for _, name := range budgetNames {
		path := at + "." + name
		if _, ok := c.spec.source.places[path]; !ok {
			continue
		}
		written++
		switch name {
		case "max_outage", "total_outage":
			if d := map[string]Duration{"max_outage": b.MaxOutage, "total_outage": b.TotalOutage}[name]; d < shortestOutage {
				c.errorf(path, "%s is %v: it must be at least %v, as a shorter time without a success is no outage", name, d, shortestOutage)
			}
		case "recover_within":
			if b.RecoverWithin < shortestOutage {
				c.errorf(path, "%s is %v: it must be at least %v, as a shorter time without a success is no outage", name, b.RecoverWithin, shortestOutage)
			}
		default:
			c.atLeast(path, b.ProgressDuringFault, 1)
		}
	}
	if written == 0 {
		c.errorf(at, "this budget promises nothing: write at least one of %s", strings.Join(budgetNames, ", "))
	}
}
