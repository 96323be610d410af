package verify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

// ISR is when partitions were short of replicas, which clients do not see: whoever conducts a run reads it
// from what its nodes noted.
type ISR struct {
	// Unknown says why it is not known, "" if it is.
	Unknown string `json:"unknown,omitempty"`
	// Short lists the times in which some replica was not in the ISR.
	Short []ShortISR `json:"short,omitempty"`
}

// ShortISR is a time in which a partition had fewer replicas in sync than it has.
type ShortISR struct {
	Partition history.Partition `json:"partition"`
	From      history.Time      `json:"from"`
	// To is history.Never if it was not over at the end.
	To history.Time `json:"to"`
}

// ailing is a time in which something had not recovered.
type ailing struct {
	from, to history.Time
	what     string
}

// healing is a moment at which every fault that was in force was proved healed, and when the next came.
type healing struct {
	at, next history.Time
	faults   string
}

// healings lists them in order. A fault that was not proved healed has none, nor has what it overlaps.
func (f *faults) healings() []healing {
	runs := slices.Clone(f.list)
	slices.SortStableFunc(runs, func(a, b *faultRun) int {
		x, _ := a.window()
		y, _ := b.window()
		return cmp.Compare(x, y)
	})
	var list []healing
	for _, run := range runs {
		from, to := run.window()
		if from == history.Never {
			break // it was never injected
		}
		last := len(list) - 1
		if last >= 0 && from < list[last].at {
			list[last].at = max(list[last].at, to)
			list[last].faults += "; " + run.String()
			continue
		}
		if last >= 0 {
			list[last].next = from
		}
		list = append(list, healing{at: to, next: history.Never, faults: run.String()})
	}
	return slices.DeleteFunc(list, func(h healing) bool { return h.at == history.Never })
}

// recover judges how long after each healing the last of what ailed was well again.
func (b *budgeter) recover(r *BudgetResult) {
	r.Detail = "all was well when the heal was proved"
	doubt := b.unfit(r.Budget)
	switch isr := b.expect.ISR; {
	case isr == nil:
		doubt = "nobody noted who was in the ISR"
	case isr.Unknown != "":
		doubt = "who was in the ISR is not known: " + isr.Unknown
	}
	ails := b.ailing(r.Budget)
	judged, again := 0, 0
	healings := b.faults.healings()
	for _, h := range healings {
		well, what := recovered(h.at, ails)
		switch {
		case well > h.next: // how long it would have taken is not known
			again++
			if well = h.next; time.Duration(well-h.at) <= r.Within {
				continue
			}
		case well > b.end:
			if well = b.end; time.Duration(well-h.at) <= r.Within {
				doubt = cmp.Or(doubt, fmt.Sprintf("the history ended %s after %s had healed, and %s", figure.Span(time.Duration(well-h.at)), h.faults, what))
				continue
			}
		}
		judged++
		if took := time.Duration(well - h.at); took > r.Took {
			r.Took, r.Detail = took, fmt.Sprintf("%s after %s had healed was the longest: %s", figure.Span(took), h.faults, what)
		}
	}
	switch {
	case len(healings) == 0:
		doubt = cmp.Or(doubt, "no fault was proved healed")
	case judged == 0:
		doubt = cmp.Or(doubt, "each time the next fault came before all was well")
	case again > 0:
		r.Detail += fmt.Sprintf("; %s of %d not counted, as the next fault came before", plural(int64(again), "heal"), len(healings))
	}
	r.conclude(doubt)
}

// ailing lists what a budget of recovery waits for.
func (b *budgeter) ailing(budget Budget) (list []ailing) {
	b.struck(budget, func(_ surveyed, o Outage) {
		a := ailing{o.From, o.To, fmt.Sprintf("%s of %s had no success", o.Kind, o.Partition)}
		if o.Open {
			a.to = history.Never
		}
		list = append(list, a)
	})
	if b.expect.ISR == nil {
		return list
	}
	for _, s := range b.expect.ISR.Short {
		if budget.covers(s.Partition) {
			list = append(list, ailing{s.From, s.To, fmt.Sprintf("the ISR of %s was not full", s.Partition)})
		}
	}
	return list
}

// recovered is when the last of what ailed at a time, and of what began before that was over, was over.
func recovered(at history.Time, ails []ailing) (well history.Time, last string) {
	well = at
	for more := true; more; {
		more = false
		for _, a := range ails {
			if a.from <= well && well < a.to {
				well, last, more = a.to, a.what, true
			}
		}
	}
	return well, last
}
