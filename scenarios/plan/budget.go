package plan

import (
	"fmt"

	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify/history"
)

// Budget is one promise about availability.
type Budget struct {
	// Name is that of verify: max_outage, total_outage, recover_within, progress_during_fault.
	Name string `json:"budget"`
	// Of is produce or fetch; "" is both, which only recover_within can be about.
	Of string `json:"of,omitempty"`
	// Topic that it is about; "" is all of them.
	Topic string `json:"topic,omitempty"`
	// Within is the most time, Records the least records: one of them is set.
	Within  spec.Duration `json:"within,omitempty"`
	Records int64         `json:"records,omitempty"`
}

// budgets takes the entries of a scenario apart: one for each promise and kind of operation.
func budgets(s spec.Spec) (all []Budget) {
	for _, b := range s.Budgets {
		kinds := []string{b.Of}
		if b.Of == "" {
			if kinds = []string{history.Produce.String()}; s.Load.Readers > 0 {
				kinds = append(kinds, history.Fetch.String())
			}
		}
		timed := func(name string, within spec.Duration) {
			for _, of := range kinds {
				if within != 0 {
					all = append(all, Budget{Name: name, Of: of, Topic: b.Topic, Within: within})
				}
			}
		}
		timed("max_outage", b.MaxOutage)
		timed("total_outage", b.TotalOutage)
		if b.RecoverWithin != 0 {
			all = append(all, Budget{Name: "recover_within", Of: b.Of, Topic: b.Topic, Within: b.RecoverWithin})
		}
		for _, of := range kinds {
			if b.ProgressDuringFault != 0 {
				all = append(all, Budget{Name: "progress_during_fault", Of: of, Topic: b.Topic, Records: b.ProgressDuringFault})
			}
		}
	}
	return all
}

// String is the budget for people.
func (b Budget) String() string {
	text := b.Name
	if b.Of != "" {
		text += " of " + b.Of
	}
	if b.Topic != "" {
		text += ", " + b.Topic
	}
	if b.Records > 0 {
		return fmt.Sprintf("%s: at least %s", text, count(int(b.Records), "record"))
	}
	return fmt.Sprintf("%s: at most %v", text, b.Within)
}
