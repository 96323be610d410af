package loadgen

import (
	"sync"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/verify/history"
)

// Transactions says what became of the transactions of a load.
type Transactions struct {
	// Committed and Aborted were acknowledged as such; of Unknown nobody knows, and Failed were certainly not committed
	// although their end was not acknowledged as an abort.
	Committed, Aborted, Unknown, Failed uint64
	// Instances is how often clients began anew because of an error, and Fenced how often one was told that another has
	// its transactional id.
	Instances, Fenced int
	// Commit is how long commits took that were acknowledged: from the request to end the transaction, when all its
	// records were appended, to the answer.
	Commit Latency
}

// Total of the transactions.
func (t Transactions) Total() uint64 { return t.Committed + t.Aborted + t.Unknown + t.Failed }

// merge adds another part of the load.
func (t *Transactions) merge(other *Transactions) {
	t.Committed += other.Committed
	t.Aborted += other.Aborted
	t.Unknown += other.Unknown
	t.Failed += other.Failed
	t.Instances += other.Instances
	t.Fenced += other.Fenced
	t.Commit.merge(&other.Commit)
}

// endings counts transactions while they end.
type endings struct {
	mu  sync.Mutex
	sum Transactions
}

// end takes one.
func (e *endings) end(t client.Ended) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case t.Outcome == history.OK && t.Commit:
		e.sum.Committed++
		e.sum.Commit.record(t.Ending, t.Returned)
	case t.Outcome == history.OK:
		e.sum.Aborted++
	case t.Outcome == history.Fail:
		e.sum.Failed++
	default:
		e.sum.Unknown++
	}
}

// acknowledged is how many were committed or aborted for sure.
func (e *endings) acknowledged() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sum.Committed + e.sum.Aborted
}

// addTo adds what was counted to a sum.
func (e *endings) addTo(sum *Transactions) {
	e.mu.Lock()
	defer e.mu.Unlock()
	sum.merge(&e.sum)
}

// transactions of the whole load.
func (g *Generator) transactions() (sum Transactions) {
	count := func(r replaceable) {
		sum.Instances += r.Instances()
		sum.Fenced += r.Fenced()
	}
	for _, p := range g.load {
		p.ended.addTo(&sum)
		for _, each := range p.producer.clients() {
			if r, can := each.(replaceable); can {
				count(r)
			}
		}
	}
	for _, one := range g.allGroups() {
		one.ended.addTo(&sum)
		for _, m := range one.allMembers() {
			count(m.member)
		}
	}
	return sum
}
