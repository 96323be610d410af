package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// Numbers of Kafka's protocol that the accounting of attempts needs.
const (
	apiProduce         = 0
	errorNone          = 0
	errorDuplicateSeqs = 46 // DUPLICATE_SEQUENCE_NUMBER: appended by an earlier attempt
)

// assumptions are the conditions under which the rules may be believed.
type assumptions struct {
	expect    Expect
	ledger    *ledger
	faults    *faults
	log       *transactions
	last      history.Time // return of the last operation
	disorder  string       // the first thing that a sound clock cannot give
	answered  map[history.Partition]int64
	promised  map[history.Partition]int64
	committed map[history.Partition]int64 // after the highest offset that was given to who reads committed
}

func newAssumptions(x Expect, l *ledger, t *transactions, f *faults) *assumptions {
	return &assumptions{expect: x, ledger: l, log: t, faults: f, answered: map[history.Partition]int64{}, promised: map[history.Partition]int64{}, committed: map[history.Partition]int64{}}
}

func (a *assumptions) observe(op *history.Operation) {
	if a.disorder == "" && op.Return < a.last {
		a.disorder = fmt.Sprintf("a %s of %s returned at %v, after one that returned at %v", op.Kind, op.Process, time.Duration(op.Return), time.Duration(a.last))
	}
	if a.disorder == "" && op.Return < op.Invoke {
		a.disorder = fmt.Sprintf("a %s of %s returned at %v, before it was invoked at %v", op.Kind, op.Process, time.Duration(op.Return), time.Duration(op.Invoke))
	}
	a.last = max(a.last, op.Return)
	if op.Isolation == history.ReadCommitted {
		for i := range op.Runs {
			a.committed[op.Runs[i].Partition] = max(a.committed[op.Runs[i].Partition], op.Runs[i].FirstOffset+int64(op.Runs[i].Count))
		}
	}
	if op.Kind == history.Produce && op.Outcome == history.OK {
		for i := range op.Runs {
			a.promised[op.Runs[i].Partition] += int64(op.Runs[i].Count)
		}
	}
}

func (a *assumptions) attempt(t *history.Attempt) {
	if a.disorder == "" && t.Answered < t.Written {
		a.disorder = fmt.Sprintf("an attempt of %s was answered at %v, before it was written at %v", t.Process, time.Duration(t.Answered), time.Duration(t.Written))
	}
	if t.API == apiProduce && t.Answered != history.Never && (t.Error == errorNone || t.Error == errorDuplicateSeqs) {
		a.answered[t.Partition] += int64(t.Count)
	}
}

func (a *assumptions) report() []Assumption {
	list := []Assumption{a.clock(), a.traffic(), a.faultsProved(), a.scan(), a.attempts()}
	if a.expect.Transactions {
		list = append(list, a.transactions(), a.committedScan())
	}
	return list
}

// transactions asks that enough of them were committed, and aborted: a run in which none was says nothing of the other.
func (a *assumptions) transactions() Assumption {
	n, missing := a.ledger.counters, ""
	switch floor := max(1, a.expect.MinCommitted); {
	case n.TransactionsCommitted < floor:
		missing = fmt.Sprintf("%s committed, the floor is %d", plural(n.TransactionsCommitted, "transaction"), floor)
	case n.TransactionsAborted < a.expect.MinAborted:
		missing = fmt.Sprintf("%s aborted, the floor is %d", plural(n.TransactionsAborted, "transaction"), a.expect.MinAborted)
	}
	return holds("transactions", missing, fmt.Sprintf("%s committed, %d aborted, %d of unknown outcome",
		plural(n.TransactionsCommitted, "transaction"), n.TransactionsAborted, n.TransactionsUnknown))
}

// committedScan asks that somebody who reads committed came to the barrier of every partition: only so is it known
// what such readers are not given.
func (a *assumptions) committedScan() Assumption {
	if !a.expect.RequireScan {
		return Assumption{Name: "committed-scan", Verdict: Pass, Detail: "not required"}
	}
	var missing []string
	for _, p := range a.expect.Partitions {
		if c := a.ledger.partition(p); c.barrier == history.Unset || a.committed[p] <= c.barrier && !a.heldUp(p, c.barrier) {
			missing = append(missing, fmt.Sprintf("%s was read by nobody who reads committed to its barrier", p))
		}
	}
	return holds("committed-scan", strings.Join(missing, "; "), plural(int64(len(a.expect.Partitions)), "partition")+" read committed to the barrier")
}

// heldUp reports whether nobody who reads committed can come to the barrier, because a transaction before it is
// open: that is for transaction-fate to judge.
func (a *assumptions) heldUp(p history.Partition, barrier int64) bool {
	l := a.log.logs[p]
	return l != nil && l.stable <= barrier && len(l.open) > 0
}

// holds is an assumption that passes unless something is missing.
func holds(name, missing, detail string) Assumption {
	if missing != "" {
		return Assumption{Name: name, Detail: missing}
	}
	return Assumption{Name: name, Verdict: Pass, Detail: detail}
}

func (a *assumptions) clock() Assumption {
	return holds("clock", a.disorder, "returns never decrease, and nothing returned before it was invoked")
}

func (a *assumptions) traffic() Assumption {
	n, missing := a.ledger.counters, ""
	// Where nobody acknowledges anything, what was sent counts.
	acked, word := n.RecordsAcked, "acknowledged"
	if c := a.expect.Claim; c != nil && c.Producer == NoAcks {
		acked, word = n.RecordsAcked+n.RecordsUnknown, "sent"
	}
	switch floor := max(1, a.expect.MinAcked); {
	case acked < floor:
		missing = fmt.Sprintf("%s %s, the floor is %d", plural(acked, "record"), word, floor)
	case n.RecordsRead < a.expect.MinRead:
		missing = fmt.Sprintf("%s read by live readers, the floor is %d", plural(n.RecordsRead, "record"), a.expect.MinRead)
	}
	return holds("traffic", missing, fmt.Sprintf("%s %s, %d read", plural(acked, "record"), word, n.RecordsRead))
}

// faultsProved looks at every fault that happened, and that as many happened as were planned.
func (a *assumptions) faultsProved() Assumption {
	var missing []string
	for _, f := range a.faults.list {
		if m := f.proved(); m != "" {
			missing = append(missing, m)
		}
	}
	if n := len(a.faults.list); n < a.expect.Faults {
		missing = append(missing, fmt.Sprintf("%d of %s happened", n, plural(int64(a.expect.Faults), "planned fault")))
	}
	detail := "no fault was planned"
	if n := int64(len(a.faults.list)); n > 0 {
		detail = plural(n, "fault") + " proved in force under load, and proved healed"
	}
	return holds("faults", strings.Join(missing, "; "), detail)
}

// scan asks that every partition was read from its start to its barrier.
func (a *assumptions) scan() Assumption {
	if !a.expect.RequireScan {
		return Assumption{Name: "scan", Verdict: Pass, Detail: "not required"}
	}
	var missing []string
	for _, p := range a.expect.Partitions {
		if m := a.unscanned(p); m != "" {
			missing = append(missing, m)
		}
	}
	if len(a.expect.Partitions) == 0 {
		missing = append(missing, "no partition was named")
	}
	return holds("scan", strings.Join(missing, "; "), plural(int64(len(a.expect.Partitions)), "partition")+" read from the start to the barrier")
}

// unscanned says what is missing in one partition, "" if nothing.
func (a *assumptions) unscanned(p history.Partition) string {
	c := a.ledger.partition(p)
	switch {
	case c.barrier == history.Unset:
		return fmt.Sprintf("%s has no acknowledged barrier", p)
	case c.scanner == "":
		return fmt.Sprintf("%s was not scanned", p)
	case !c.reached():
		return fmt.Sprintf("%s was scanned up to offset %d, its barrier is at %d", p, c.next-1, c.barrier)
	case c.first > c.start && !a.ledger.compacted(p.Topic):
		return fmt.Sprintf("%s was scanned from offset %d, not from %d", p, c.first, c.start)
	}
	return ""
}

// attempts asks that answered requests account for what clients were promised: otherwise the tap
// missed requests, and outcomes that rest on it cannot be relied on.
func (a *assumptions) attempts() Assumption {
	if !a.expect.RequireAttempts {
		return Assumption{Name: "attempts", Verdict: Pass, Detail: "not required"}
	}
	var missing []string
	var sum int64
	for _, p := range sortedPartitions(a.promised) {
		sum += a.promised[p]
		if a.answered[p] < a.promised[p] {
			missing = append(missing, fmt.Sprintf("%s: %s acknowledged, answered attempts account for %d", p,
				plural(a.promised[p], "record"), a.answered[p]))
		}
	}
	if len(a.promised) == 0 {
		missing = append(missing, "nothing was acknowledged")
	}
	return holds("attempts", strings.Join(missing, "; "), fmt.Sprintf("answered attempts account for all %d acknowledged records", sum))
}
