package verify

import (
	"errors"
	"fmt"
	"io"

	"github.com/logproof/logproof/verify/history"
)

// judge is one rule at work. The ledger has taken each operation before a judge sees it.
type judge interface {
	// observe takes the next operation in order of return.
	observe(op *history.Operation)
	// result judges what was observed so far, without changing it.
	result() RuleResult
	// retained counts the intervals that the judge keeps.
	retained() int
}

// Engine judges a history entry by entry. Not for concurrent use.
type Engine struct {
	expect       Expect
	ledger       *ledger
	transactions *transactions
	readings     *readings
	judges       []judge
	assumptions  *assumptions
	faults       *faults
	wipes        wipes
	outages      *outages
	progress     *progress
	ended        bool
	torn         *history.TornError
}

// New makes an engine for one history. An expectation that does not validate makes every verdict
// inconclusive; Check refuses it.
func New(expect Expect) *Engine {
	l, f := newLedger(expect), &faults{}
	t := newTransactions(l)
	e := &Engine{expect: expect, ledger: l, faults: f, assumptions: newAssumptions(expect, l, t, f), outages: newOutages(f), progress: newProgress(expect.Budgets), wipes: wipes{claim: expect.Claim}}
	e.transactions, e.readings = t, newReadings(l, t)
	for _, r := range Rules() {
		e.judges = append(e.judges, e.newJudge(r))
	}
	return e
}

// newJudge makes the judge of a rule, or one that says why the rule is not asked.
func (e *Engine) newJudge(r Rule) judge {
	switch {
	case !e.expect.asks(r):
		return notAsked{r, "not asked"}
	case r == ProducerOrder && !e.expect.Idempotent && e.expect.Claim == nil:
		return notAsked{r, "not asked: producers that are not idempotent may repeat and reorder"}
	case (r == GroupPosition || r == Exclusivity) && len(e.expect.Groups) == 0:
		return notAsked{r, "not asked: no consumer group worked"}
	case r == Placement && len(e.expect.Keys) == 0:
		return notAsked{r, "not asked: no topic has numbered keys"}
	case r == Compaction && len(e.expect.Compacted) == 0:
		return notAsked{r, "not asked: no topic is compacted"}
	case (r == EarlyRead || r == TransactionFate) && !e.expect.Transactions:
		return notAsked{r, "not asked: nobody sent in transactions"}
	case r == ExactlyOnce && len(e.expect.ExactlyOnce) == 0:
		return notAsked{r, "not asked: no group made records from records in transactions"}
	}
	switch r {
	case AppendOrder:
		return newAppendOrder(e.ledger)
	case ProducerOrder:
		return newProducerOrder(e.ledger)
	case ReaderAgreement:
		return newReaderAgreement(e.ledger, e.readings, e.transactions)
	case Loss:
		return newLoss(e.ledger, e.transactions, e.expect)
	case Watermarks:
		return newWatermarks(e.ledger, allowance{e.faults, e.expect.staleWithin()})
	case Recency:
		return newRecency(e.ledger, allowance{e.faults, e.expect.staleWithin()}, !e.expect.UncommittedAcks)
	case GroupPosition:
		return newGroupPosition(e.ledger, e.transactions, e.readings, e.expect.Groups)
	case Exclusivity:
		return newExclusivity()
	case Placement:
		return newPlacement(e.expect)
	case Compaction:
		return newCompaction(e.ledger, e.expect)
	case EarlyRead:
		return newEarlyRead(e.transactions)
	case TransactionFate:
		return newTransactionFate(e.transactions, e.readings, e.expect, e.faults)
	case ExactlyOnce:
		return newExactlyOnce(e.ledger, e.readings, e.transactions, e.expect.ExactlyOnce)
	case Gaps:
		return newGaps(e.ledger, e.readings, e.expect)
	default:
		return newCorruption(e.ledger, func() bool { return e.ended && e.torn == nil })
	}
}

// notAsked stands for a rule that is switched off.
type notAsked struct {
	rule   Rule
	reason string
}

func (n notAsked) observe(*history.Operation) {}
func (n notAsked) result() RuleResult         { return RuleResult{Rule: n.rule, Skipped: n.reason} }
func (n notAsked) retained() int              { return 0 }

// Observe takes the next entry, in the order of the history. It keeps nothing of the entry but
// strings.
func (e *Engine) Observe(entry history.Entry) {
	if a := entry.Attempt; a != nil {
		e.ledger.counters.Attempts++
		e.assumptions.attempt(a)
		return
	}
	op := entry.Operation
	if op == nil {
		return
	}
	e.ledger.observe(op)
	e.faults.observe(op)
	e.wipes.observe(op)
	e.assumptions.observe(op)
	e.outages.observe(op)
	e.progress.observe(op)
	e.readings.observe(op)
	e.transactions.observe(op)
	for _, j := range e.judges {
		j.observe(op)
	}
}

// End says that the history is over, with the error of its source: io.EOF or nil for a clean end,
// *history.TornError for a torn one. Before it a Report is a snapshot and never passes.
func (e *Engine) End(err error) {
	e.ended = true
	errors.As(err, &e.torn)
}

// Snapshot is what was counted so far; it is cheap.
func (e *Engine) Snapshot() Counters { return e.ledger.counters }

// Retained is the number of intervals the engine keeps, the measure of its memory. It does not grow
// with the length of the history: see the package comment for what it is bounded by.
func (e *Engine) Retained() int {
	n := e.ledger.retained() + e.outages.retained() + e.transactions.retained() + e.readings.retained()
	for _, j := range e.judges {
		n += j.retained()
	}
	return n
}

// Report judges everything observed so far. It may be called again after more entries.
func (e *Engine) Report() Report {
	r := Report{Counters: e.ledger.counters}
	r.Assumptions = append([]Assumption{e.wholeHistory()}, e.assumptions.report()...)
	asked := false
	r.Verdict = Pass
	for _, j := range e.judges {
		result := e.expect.Claim.separate(j.result(), e.wipes.most)
		if result.Asked {
			asked = true
			r.Verdict = Worst(r.Verdict, result.Verdict)
		}
		r.Rules = append(r.Rules, result)
	}
	for _, a := range r.Assumptions {
		r.Verdict = Worst(r.Verdict, a.Verdict)
	}
	if !asked {
		r.Verdict = Inconclusive
	}
	e.available(&r)
	return r
}

// available reports what was out of service for how long, and judges it if there are budgets.
func (e *Engine) available(r *Report) {
	survey := e.outages.survey()
	for _, s := range survey {
		r.Baselines = append(r.Baselines, s.Baseline)
		r.Outages = append(r.Outages, s.outages...)
	}
	if len(e.expect.Budgets) == 0 {
		return
	}
	b := budgeter{e.expect, e.faults, survey, e.progress, e.outages.last}
	for _, budget := range e.expect.Budgets {
		r.Budgets = append(r.Budgets, b.judge(budget))
	}
	result := availability(r.Budgets)
	r.Rules = append(r.Rules, result)
	r.Verdict = Worst(r.Verdict, result.Verdict)
}

// wholeHistory is the assumption that nothing is missing at the end.
func (e *Engine) wholeHistory() Assumption {
	a := Assumption{Name: "history"}
	switch {
	case !e.ended:
		a.Detail = "the history has not ended yet"
	case e.torn != nil:
		a.Detail = e.torn.Error()
	default:
		a.Verdict, a.Detail = Pass, "recorded to its end"
	}
	return a
}

// Check judges a whole history. A torn history is judged as far as it goes; its verdict is at best
// inconclusive. The error is for an expectation that does not validate, or a source that cannot be
// read; the report then holds what was judged before, and is never a pass.
func Check(src interface{ Next() (history.Entry, error) }, expect Expect) (Report, error) {
	if err := expect.Validate(); err != nil {
		return Report{}, fmt.Errorf("check history: %w", err)
	}
	e := New(expect)
	for {
		entry, err := src.Next()
		if err == nil {
			e.Observe(entry)
			continue
		}
		var torn *history.TornError
		if err != io.EOF && !errors.As(err, &torn) {
			return e.Report(), fmt.Errorf("check history: %w", err)
		}
		e.End(err)
		return e.Report(), nil
	}
}

// CheckFile judges a history file and reads it a second time for the evidence of what was found.
func CheckFile(path string, expect Expect) (Report, error) {
	report, err := checkFile(path, expect)
	if err != nil || !report.listed() {
		return report, err
	}
	src, err := history.Open(path)
	if err != nil {
		return report, err
	}
	return report, errors.Join(Explain(src, &report), src.Close())
}

func checkFile(path string, expect Expect) (Report, error) {
	src, err := history.Open(path)
	if err != nil {
		return Report{}, err
	}
	report, err := Check(src, expect)
	return report, errors.Join(err, src.Close())
}
