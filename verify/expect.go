package verify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// Rule is the name of a rule, as scenarios and reports write it.
type Rule string

// The rules.
const (
	// AppendOrder: an append that began after another one had returned, or after another record had
	// been read, gets a higher offset. For appends with distinct known offsets that is
	// linearizability.
	AppendOrder Rule = "append-order"
	// ProducerOrder: the records of an idempotent producer (KIP-98) stand in each partition once and
	// in send order.
	ProducerOrder Rule = "producer-order"
	// ReaderAgreement: all readers, the final scan and the acknowledgements agree on what stands at
	// an offset; readers move forward and skip nothing; offsets have no gaps.
	ReaderAgreement Rule = "reader-agreement"
	// Loss: what was acknowledged to a producer, or returned to any reader, is in the log below the
	// barrier that was written after everything healed. Other rules leave to it what only follows from
	// a lost record, also when it is switched off because the run permits loss.
	Loss Rule = "loss"
	// Corruption: every payload is one that was sent, bit by bit, and whose send did not definitely
	// fail.
	Corruption Rule = "corruption"
	// Watermarks: what a leader says of its log (high watermark, last stable offset, log start) never
	// goes back in its epoch, does not contradict itself or the records that come with it, and no
	// deposed leader goes on answering.
	Watermarks Rule = "watermarks"
	// Recency: who asks after a record was acknowledged with acks=all, or read, is told a high watermark
	// above it.
	Recency Rule = "recency"
	// GroupPosition: what a consumer group committed is what it resumes at, and what it commits had been
	// processed.
	GroupPosition Rule = "group-position"
	// Exclusivity: a partition has one owner in a group at a time, and only the newest generation commits.
	Exclusivity Rule = "exclusivity"
	// Placement: records of one key go to the partition that Kafka's default partitioner gives it, for the
	// number of partitions that the topic had.
	Placement Rule = "placement"
	// Compaction: of each key of a compacted topic the newest record stays, and nothing goes too early.
	Compaction Rule = "compaction"
	// EarlyRead: who reads committed is given no record before its transaction was asked to commit.
	EarlyRead Rule = "early-read"
	// TransactionFate: a transaction is committed or aborted as a whole, in every partition, as its client was
	// told, and is decided in the end; nobody who reads committed is given what was aborted.
	TransactionFate Rule = "transaction-fate"
	// ExactlyOnce: of what a group consumes, transforms and produces in transactions (KIP-447) each input is in
	// the committed outputs once.
	ExactlyOnce Rule = "exactly-once"
	// Gaps: every offset of the log is a record, a marker, or explained; and who reads committed is given every
	// record that was committed.
	Gaps Rule = "gaps"
)

// Rules lists every rule in the order of reports.
func Rules() []Rule {
	return []Rule{
		AppendOrder, ProducerOrder, ReaderAgreement, Loss, Corruption, Watermarks, Recency, GroupPosition, Exclusivity, Placement, Compaction,
		EarlyRead, TransactionFate, ExactlyOnce, Gaps,
	}
}

// DefaultStaleWithin is Expect.StaleWithin where that is 0. Metadata reaches a healthy broker within
// milliseconds; the rest is room for a machine that is busy.
const DefaultStaleWithin = 5 * time.Second

// Expect is what a run was meant to be: which rules are asked and what must have happened for their
// answers to count.
type Expect struct {
	// Rules that are asked; nil asks all. The others are neither run nor count.
	Rules []Rule `json:"rules,omitempty"`
	// Partitions that were loaded. With RequireScan each needs a barrier and a scan to it.
	Partitions []history.Partition `json:"partitions,omitempty"`
	// Idempotent says that the producers promise no duplicates and no reordering. Without it
	// producer-order is not asked, unless there is a Claim.
	Idempotent bool `json:"idempotent"`
	// Claim is what the run was set up to promise; nil promises all that is asked. With it producer-order is
	// asked of every producer, and what the claim allows is reported as that.
	Claim *Claim `json:"claim,omitempty"`
	// Groups are the consumer groups that worked. Each must have had a commit acknowledged. Without any,
	// group-position and exclusivity are not asked.
	Groups []string `json:"groups,omitempty"`
	// Transactions says that producers sent in transactions: then the final scan is raw, a reader of committed
	// records has read each of Partitions to its barrier, and at least one transaction has committed. Without it
	// early-read and transaction-fate are not asked.
	Transactions bool `json:"transactions,omitempty"`
	// MinCommitted and MinAborted are the floors of transactions that committed and that were aborted, as their
	// clients know. A run below a floor is inconclusive.
	MinCommitted int64 `json:"min_committed,omitempty"`
	MinAborted   int64 `json:"min_aborted,omitempty"`
	// TransactionTimeout is the longest that any producer asked for (transaction.timeout.ms): one that is open for
	// longer, after all faults healed, is hung. Where it is 0 such a transaction is inconclusive, unless its end was
	// acknowledged.
	TransactionTimeout time.Duration `json:"transaction_timeout,omitempty"`
	// ExactlyOnce are the groups that consume, transform and produce in transactions. Without any, exactly-once
	// is not asked.
	ExactlyOnce []Transform `json:"exactly_once,omitempty"`
	// MinAcked and MinRead are the floors of records acknowledged and read by live readers. A run
	// below a floor is inconclusive. At least one acknowledged record is always asked.
	MinAcked int64 `json:"min_acked,omitempty"`
	MinRead  int64 `json:"min_read,omitempty"`
	// Faults is the number of planned faults. Each must have been injected, proved, healed and
	// proved healed, under load.
	Faults int `json:"faults,omitempty"`
	// UncommittedAcks says that the producers asked for less than acks=all: then only what was read is
	// known to be committed.
	UncommittedAcks bool `json:"uncommitted_acks,omitempty"`
	// StaleWithin is how long after an election became known, and after the last fault healed, answers
	// of a deposed or newly elected leader may be behind; 0 is DefaultStaleWithin.
	StaleWithin time.Duration `json:"stale_within,omitempty"`
	// Keys are the topics whose records have numbered keys. Without any, placement is not asked.
	Keys []KeyedTopic `json:"keys,omitempty"`
	// Compacted are the topics that are compacted. Without any, compaction is not asked.
	Compacted []CompactedTopic `json:"compacted,omitempty"`
	// RequireScan asks for a barrier in every partition and a scan from offset 0 to it.
	RequireScan bool `json:"require_scan"`
	// RequireAttempts asks that the answered produce attempts account for the acknowledged records.
	RequireAttempts bool `json:"require_attempts"`
	// Budgets that outages are held against. One that is missed is a fail, one that cannot be judged is
	// inconclusive.
	Budgets []Budget `json:"budgets,omitempty"`
	// ISR is needed to judge RecoverWithin; nil if nobody noted it.
	ISR *ISR `json:"isr,omitempty"`
}

// Transform is a group that makes records from records, one from each: consume-transform-produce (KIP-447).
type Transform struct {
	Group string `json:"group"`
	// Inputs that the group consumes from their start, and Outputs, whose records carry their source.
	Inputs  []history.Partition `json:"inputs"`
	Outputs []history.Partition `json:"outputs"`
}

// validate says what is wrong with the transform.
func (t Transform) validate() error {
	switch {
	case t.Group == "" || len(t.Inputs) == 0 || len(t.Outputs) == 0:
		return fmt.Errorf("exactly_once of group %q has %d inputs and %d outputs: want a group and at least one of each", t.Group, len(t.Inputs), len(t.Outputs))
	case slices.ContainsFunc(t.Outputs, func(p history.Partition) bool { return slices.Contains(t.Inputs, p) }):
		return fmt.Errorf("exactly_once of group %q: an output is an input too", t.Group)
	}
	return nil
}

// Validate lists every mistake of the expectation in one error.
func (x Expect) Validate() error {
	var errs []error
	for _, r := range x.Rules {
		if !slices.Contains(Rules(), r) {
			errs = append(errs, fmt.Errorf("unknown rule %q: known are %v", r, Rules()))
		}
	}
	if x.RequireScan && len(x.Partitions) == 0 {
		errs = append(errs, errors.New("a scan is required but no partition is named"))
	}
	if x.MinAcked < 0 || x.MinRead < 0 || x.Faults < 0 {
		errs = append(errs, fmt.Errorf("min_acked %d, min_read %d and faults %d must not be negative", x.MinAcked, x.MinRead, x.Faults))
	}
	if x.MinCommitted < 0 || x.MinAborted < 0 || x.TransactionTimeout < 0 {
		errs = append(errs, fmt.Errorf("min_committed %d, min_aborted %d and transaction_timeout %v must not be negative", x.MinCommitted, x.MinAborted, x.TransactionTimeout))
	}
	for _, t := range x.ExactlyOnce {
		errs = append(errs, t.validate())
	}
	if x.StaleWithin < 0 {
		errs = append(errs, fmt.Errorf("stale_within is %v: it must not be negative", x.StaleWithin))
	}
	for _, b := range x.Budgets {
		errs = append(errs, b.validate())
	}
	errs = append(errs, x.Claim.validate()...)
	for _, k := range x.Keys {
		errs = append(errs, k.validate()...)
	}
	for _, c := range x.Compacted {
		if c.Topic == "" || c.MinLag < 0 {
			errs = append(errs, fmt.Errorf("compacted topic %q with a lag of %v: want a name and a lag that is not negative", c.Topic, c.MinLag))
		}
	}
	return errors.Join(errs...)
}

// staleWithin is StaleWithin with its default.
func (x Expect) staleWithin() history.Time {
	if x.StaleWithin == 0 {
		return history.Time(DefaultStaleWithin)
	}
	return history.Time(x.StaleWithin)
}

// asks reports whether the rule is asked.
func (x Expect) asks(r Rule) bool { return x.Rules == nil || slices.Contains(x.Rules, r) }
