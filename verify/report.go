package verify

import (
	"fmt"

	"github.com/logproof/logproof/verify/history"
)

// AnomaliesMax is the number of anomalies that a rule lists; its Total counts all.
const AnomaliesMax = 20

// Class of an anomaly. The names are those of Jepsen's Kafka checker where it has one.
type Class string

// The classes.
const (
	// NonmonotonicAppend: an append got an offset at or below one that was known before it began.
	NonmonotonicAppend Class = "nonmonotonic-append"
	// Duplicate: a record stands in the log twice.
	Duplicate Class = "duplicate"
	// NonmonotonicSend: a producer's records stand in another order than they were sent.
	NonmonotonicSend Class = "nonmonotonic-send"
	// InconsistentOffsets: two records were seen at one offset.
	InconsistentOffsets Class = "inconsistent-offsets"
	// NonmonotonicPoll: a reader was taken back to offsets it had passed.
	NonmonotonicPoll Class = "nonmonotonic-poll"
	// PollSkip: a reader was not given a record that stands between two it was given.
	PollSkip Class = "poll-skip"
	// Gap: the log has an offset without a record.
	Gap Class = "gap"
	// LostWrite: an acknowledged record is not in the log.
	LostWrite Class = "lost-write"
	// ReadThenGone: a record that a reader was given, so a committed one, is not in the log.
	ReadThenGone Class = "read-then-gone"
	// CorruptRecord: a record's payload is not what its producer wrote.
	CorruptRecord Class = "corrupt"
	// Phantom: a record that nobody sent.
	Phantom Class = "phantom"
	// FailedRead: a record whose send definitely failed (Jepsen: G1a, aborted read).
	FailedRead Class = "failed-read"
	// WatermarkRegress: a leader's high watermark or last stable offset went back.
	WatermarkRegress Class = "watermark-regress"
	// LogStartRegress: a leader's log start went back.
	LogStartRegress Class = "log-start-regress"
	// EpochRegress: a leader went on answering long after a later one was known.
	EpochRegress Class = "epoch-regress"
	// WatermarkDisorder: an answer's last stable offset or log start is above its high watermark.
	WatermarkDisorder Class = "watermark-disorder"
	// ReadAboveWatermark: an answer has records at or above its high watermark.
	ReadAboveWatermark Class = "read-above-watermark"
	// StaleRead: an answer did not cover a record that was acknowledged or read before it was asked for.
	StaleRead Class = "stale-read"
	// ResumeRegress: a group gave a member a position below one that had been acknowledged.
	ResumeRegress Class = "resume-regress"
	// ResumeSkip: a group gave a member a position that nobody had committed, above what was.
	ResumeSkip Class = "resume-skip"
	// CommitAhead: a member committed a position above all that the group's members had processed.
	CommitAhead Class = "commit-ahead"
	// GroupSkip: a member committed a position above records that no member of the group had processed,
	// although others above them had been.
	GroupSkip Class = "group-skip"
	// CommitRegress: a member committed less than it had resumed at, or committed before.
	CommitRegress Class = "commit-regress"
	// TwoOwners: two members of a group held one partition.
	TwoOwners Class = "two-owners"
	// MisplacedKey: a record stands in a partition that is not that of its key.
	MisplacedKey Class = "misplaced-key"
	// NewestCompacted: the newest record of a key is not in a compacted log.
	NewestCompacted Class = "newest-compacted"
	// CompactedEarly: a record went from a compacted log before it was old enough.
	CompactedEarly Class = "compacted-early"
	// FencedCommit: a group took a commit of a generation that was over.
	FencedCommit Class = "fenced-commit"
	// AbortedOffsets: a group gave a member a position that was only sent in a transaction that was aborted.
	AbortedOffsets Class = "aborted-offsets"
	// ReadAboveStable: an answer to who reads committed has records at or above its last stable offset.
	ReadAboveStable Class = "read-above-stable"
	// ReadEarly: who reads committed was given a record before its transaction was asked to commit.
	ReadEarly Class = "early-read"
	// PrecommittedRead: the same, of the reader's own transaction.
	PrecommittedRead Class = "precommitted-read"
	// AbortedRead: who reads committed was given a record that was aborted (Jepsen: G1a).
	AbortedRead Class = "aborted-read"
	// TornTransaction: of one transaction some records are committed and others are not.
	TornTransaction Class = "torn-transaction"
	// LostCommit: a commit was acknowledged, and the log does not have it (Jepsen: lost-write).
	LostCommit Class = "lost-commit"
	// CommittedAbort: a transaction is committed that its client aborted, or never committed (Jepsen: G1a).
	CommittedAbort Class = "committed-abort"
	// WrongMarker: records of one transaction stand under two markers in a partition, or those of two under one.
	WrongMarker Class = "wrong-marker"
	// HungTransaction: a transaction was never decided, and nobody who reads committed passes it.
	HungTransaction Class = "hung-transaction"
	// DuplicateProcessing: an input record is in the committed outputs twice.
	DuplicateProcessing Class = "duplicate-processing"
	// LostProcessing: an input record below the group's position is in no committed output.
	LostProcessing Class = "lost-processing"
	// PhantomSource: a committed output was made from an input record that is none.
	PhantomSource Class = "phantom-source"
	// PositionBehind: outputs are committed and the position that was to be committed with them is not.
	PositionBehind Class = "position-behind"
)

// Anomaly is one violation.
type Anomaly struct {
	Rule      Rule              `json:"rule"`
	Class     Class             `json:"class"`
	Partition history.Partition `json:"partition"`
	// Group by name; "" where it is not about a consumer group.
	Group string `json:"group,omitempty"`
	// Transaction by number and transactional id; "" where it is not about one.
	Transaction string `json:"transaction,omitempty"`
	// Producer and FirstSequence of the records; history.Unset where it is not about one producer.
	Producer      int64 `json:"producer"`
	FirstSequence int64 `json:"first_sequence"`
	// Count of records, or of offsets.
	Count int64 `json:"count"`
	// Offset of the first record; history.Unset where it has none or it is not known.
	Offset int64 `json:"offset"`
	// Text is one sentence for people that names the records.
	Text string `json:"text"`
	// Cause is one sentence on how it came about, from the broker's own events; "" if nobody knows. Whoever has
	// those events fills it in.
	Cause string `json:"cause,omitempty"`
	// Evidence is a few operations that touch the records, cut down to them. Explain fills it in.
	Evidence []history.Operation `json:"evidence,omitempty"`

	rival *record   // a second record that belongs to the evidence
	told  []telling // the answers that it is about; then they and the rival are the evidence

	sources  bool          // its offsets are those of inputs: what was made from them is evidence, in every partition
	marks    []markAt      // markers that belong to the evidence
	transact *transactName // the transaction that it is about: its operations are evidence, in every partition
}

// markAt finds a marker.
type markAt struct {
	partition history.Partition
	offset    int64
}

// transactName finds the operations of a transaction.
type transactName struct {
	process, id string
	number      int64
}

// telling finds an operation that was told watermarks, or something of a group.
type telling struct {
	process  string
	returned history.Time
}

// RuleResult is what one rule found.
type RuleResult struct {
	Rule    Rule    `json:"rule"`
	Verdict Verdict `json:"verdict"`
	// Asked is false for a rule that was switched off; then it does not count.
	Asked bool `json:"asked"`
	// Checked is how many Units were judged, for example "acknowledged records".
	Checked int64  `json:"checked"`
	Unit    string `json:"unit"`
	// Anomalies are the first AnomaliesMax of Total.
	Anomalies []Anomaly `json:"anomalies,omitempty"`
	Total     int64     `json:"total"`
	// Allowed is what was found and Expect.Claim allows: it counts neither in Total nor for the Verdict.
	Allowed []Allowance `json:"allowed,omitempty"`
	// Skipped says what was not judged and why, "" if nothing.
	Skipped string `json:"skipped,omitempty"`
	// Detail is what was seen and permitted but should not go unseen, "" if nothing.
	Detail string `json:"detail,omitempty"`

	strains []strain
}

// conclude sets the verdict from what was judged, found and left out.
func (r *RuleResult) conclude() {
	switch {
	case r.Total > 0:
		r.Verdict = Fail
	case r.Checked == 0:
		r.Verdict = Inconclusive
		if r.Skipped == "" {
			r.Skipped = fmt.Sprintf("the history has no %s to judge", r.Unit)
		}
	case r.Skipped != "":
		r.Verdict = Inconclusive
	default:
		r.Verdict = Pass
	}
}

// Assumption is a condition under which the rules may be believed. Its verdict is pass or
// inconclusive: an assumption that does not hold says nothing about the broker.
type Assumption struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`
}

// Counters say how much was seen so far.
type Counters struct {
	Operations int64 `json:"operations"`
	Attempts   int64 `json:"attempts"`
	// Records of produce operations by outcome.
	RecordsAcked   int64 `json:"records_acked"`
	RecordsUnknown int64 `json:"records_unknown"`
	RecordsFailed  int64 `json:"records_failed"`
	// Records given to live readers, all readers together, and to the final scan; without barriers.
	RecordsRead    int64 `json:"records_read"`
	RecordsScanned int64 `json:"records_scanned"`
	RecordsCorrupt int64 `json:"records_corrupt"`
	// Barriers that were acknowledged.
	Barriers int64 `json:"barriers"`
	// Transactions by what their clients know: committed, not committed, and those whose end was not answered.
	TransactionsCommitted int64 `json:"transactions_committed,omitempty"`
	TransactionsAborted   int64 `json:"transactions_aborted,omitempty"`
	TransactionsUnknown   int64 `json:"transactions_unknown,omitempty"`
}

// Report is the judgement of a run.
type Report struct {
	Verdict     Verdict      `json:"verdict"`
	Rules       []RuleResult `json:"rules"`
	Assumptions []Assumption `json:"assumptions"`
	Counters
	// Outages of every partition and kind of operation, and of all partitions together. Baselines say from
	// what length on a wait is one.
	Outages   []Outage   `json:"outages,omitempty"`
	Baselines []Baseline `json:"baselines,omitempty"`
	// Budgets are the results of Expect.Budgets, in their order. The rule Availability sums them up.
	Budgets []BudgetResult `json:"budgets,omitempty"`
}

// plural is "1 record" and "2 records".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// span names count consecutive things: "sequence 5", "sequences 5..9".
func span(noun string, first, count int64) string {
	if count == 1 {
		return fmt.Sprintf("%s %d", noun, first)
	}
	return fmt.Sprintf("%ss %d..%d", noun, first, first+count-1)
}

// verb is "is" for one thing and "are" for more.
func verb(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// who names the producer of a record for people.
func who(producer uint32) string {
	if producer == history.BarrierProducer {
		return "the barrier"
	}
	return fmt.Sprintf("producer %d", producer)
}
