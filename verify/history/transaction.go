package history

import (
	"fmt"
	"slices"
	"strings"
)

// Isolation is which records a reader asked for (KIP-98). The zero value is ReadUncommitted.
type Isolation uint8

const (
	// ReadUncommitted readers are given every record below the high watermark.
	ReadUncommitted Isolation = iota
	// ReadCommitted readers are given the records below the last stable offset, without aborted ones.
	ReadCommitted
)

// Decision is how a client asked a transaction to end. The zero value is Undecided.
type Decision uint8

const (
	// Undecided: the client never asked; the coordinator's timeout ends such a transaction, or the next
	// producer with its transactional id does.
	Undecided Decision = iota
	// DecideCommit: the client asked to commit.
	DecideCommit
	// DecideAbort: the client asked to abort.
	DecideAbort
)

// TransactionPart is what a Transact says about its transaction, and what names the transaction of a
// Produce: those carry ID and Number only.
//
// Transact: one per transaction of a producer, whatever became of it, also when the process ended first
// (then its successor or the run records it). Invoke is when it began: not later than the writing of the
// first request in it. Return is when its end was answered or given up. Runs are all that was sent in it,
// of whatever outcome, with FirstOffset where the client was told; every one of them is also in a Produce
// with this ID and Number, recorded before, and nothing else is in such a Produce. OK means that the end
// was acknowledged: committed with DecideCommit, aborted with DecideAbort. Fail means that it definitely
// was not committed: the client never asked to commit (a transaction that was begun anew before, or left
// to its timeout), or each request to commit was refused for a reason that comes before any write (fenced,
// INVALID_TXN_STATE, INVALID_PRODUCER_EPOCH), and no attempt is without an answer. Anything else is Unknown.
//
// The Produce operations in it are OK when their records were appended: whether they were committed is in
// the Transact alone.
type TransactionPart struct {
	// ID is the transactional id. One live producer has it at a time; a successor fences its predecessor.
	ID string `json:"id"`
	// Number of the transaction, dense from 0 in each Process.
	Number int64 `json:"number"`
	// Decision that the client asked for. Of several, a request to commit counts: a client that asks to
	// abort because its commit was not answered has a decision to commit, and an Unknown outcome.
	Decision Decision `json:"decision,omitempty"`
	// Ending is when the first EndTxn was written, or before, but not before the client decided; Never if
	// none was.
	Ending Time `json:"ending,omitempty"`
	// Group whose offsets were sent in it (KIP-447), "" for none; Member and Generation as the client sent
	// them: Member is "" where it sent none.
	Group      string `json:"group,omitempty"`
	Member     string `json:"member,omitempty"`
	Generation int32  `json:"generation,omitempty"`
	// Sent is when the first request with the positions (TxnOffsetCommit) was written, or before, but not
	// before the processing that they stand for; 0 where nobody noted it.
	Sent Time `json:"sent,omitempty"`
	// Positions that were sent in it, by partition, each partition at most once: they are committed if the
	// transaction is. Of several for one partition the last.
	Positions []Position `json:"positions,omitempty"`
}

// Marker is one end of a transaction in a partition's log (KIP-98): everything that the producer wrote
// there transactionally since its last marker is committed, or aborted. It takes an offset.
type Marker struct {
	Partition Partition `json:"partition"`
	Offset    int64     `json:"offset"`
	// ProducerID is the broker's; ProducerEpoch may be above that of the records (KIP-890).
	ProducerID    int64 `json:"producer_id"`
	ProducerEpoch int16 `json:"producer_epoch"`
	Commit        bool  `json:"commit"`
}

// Origin is the broker's producer of transactional records, which their markers name.
type Origin struct {
	ProducerID    int64 `json:"producer_id"`
	ProducerEpoch int16 `json:"producer_epoch"`
}

// Input is what records of a consume-transform-produce were made from: record i of the run from the
// record at FirstOffset+i of the partition.
type Input struct {
	Partition   Partition `json:"partition"`
	FirstOffset int64     `json:"first_offset"`
}

// checkTransaction says what makes what an operation says of transactions meaningless.
func (op *Operation) checkTransaction() error {
	reads := op.Kind == Fetch || op.Kind == Scan
	switch {
	case op.Isolation > ReadCommitted:
		return fmt.Errorf("it has isolation %s", op.Isolation)
	case !reads && op.Isolation != ReadUncommitted:
		return fmt.Errorf("it has an isolation: only fetch and scan have one")
	case !reads && len(op.Markers) > 0:
		return fmt.Errorf("it has markers: only fetch and scan are given any")
	}
	for _, m := range op.Markers {
		if m.Offset < 0 || m.ProducerID < 0 || m.ProducerEpoch < 0 {
			return fmt.Errorf("a marker of %s is %+v: want an offset, a producer id and an epoch from 0 on", m.Partition, m)
		}
	}
	for i := range op.Runs {
		if err := op.Runs[i].checkTransaction(reads); err != nil {
			return err
		}
	}
	t := op.Transaction
	switch {
	case op.Kind == Transact && t == nil:
		return fmt.Errorf("it has no transaction part")
	case t == nil:
		return nil
	case op.Kind != Transact && op.Kind != Produce:
		return fmt.Errorf("it has a transaction part: only produce and transact have one")
	case t.ID == "" || t.Number < 0:
		return fmt.Errorf("its transaction is %q, number %d: want a transactional id and a number from 0 on", t.ID, t.Number)
	case op.Kind == Produce && (t.Decision != Undecided || t.Ending != 0 || t.Group != "" || t.Sent != 0 || len(t.Positions) > 0):
		return fmt.Errorf("its transaction part says how the transaction ended: that is for the transact to say")
	case op.Kind == Produce:
		return nil
	}
	return op.checkEnd(t)
}

// checkEnd is the part of checkTransaction about a Transact.
func (op *Operation) checkEnd(t *TransactionPart) error {
	switch {
	case t.Decision > DecideAbort:
		return fmt.Errorf("its transaction has decision %s", t.Decision)
	case t.Ending != Never && (t.Ending < op.Invoke || t.Ending > op.Return):
		return fmt.Errorf("its ending %d is not between its invoke %d and its return %d: want never where no end was written", t.Ending, op.Invoke, op.Return)
	case t.Ending != Never && t.Decision == Undecided:
		return fmt.Errorf("its ending is %d, but nothing was decided", t.Ending)
	case op.Outcome == OK && t.Ending == Never:
		return fmt.Errorf("its end was acknowledged, but none was written")
	case t.Group == "" && (t.Member != "" || t.Generation != 0 || t.Sent != 0 || len(t.Positions) > 0):
		return fmt.Errorf("it has positions of a group without a name")
	case t.Sent != 0 && (t.Sent < op.Invoke || t.Sent > op.Return):
		return fmt.Errorf("its positions were sent at %d, which is not between its invoke %d and its return %d", t.Sent, op.Invoke, op.Return)
	case t.Generation < int32(Unset):
		return fmt.Errorf("generation %d: want %d (unknown) or more", t.Generation, Unset)
	}
	for i, p := range t.Positions {
		if p.Offset < 0 {
			return fmt.Errorf("position %d of %s: want an offset from 0 on", p.Offset, p.Partition)
		}
		if slices.ContainsFunc(t.Positions[:i], func(q Position) bool { return q.Partition == p.Partition }) {
			return fmt.Errorf("%s has two positions", p.Partition)
		}
	}
	return nil
}

// checkTransaction says what makes the rare fields of a run meaningless.
func (r *Run) checkTransaction(reads bool) error {
	switch {
	case r.Origin != nil && !reads:
		return fmt.Errorf("a run of %s has an origin: only fetch and scan are told any", r.Partition)
	case r.Origin != nil && (r.Origin.ProducerID < 0 || r.Origin.ProducerEpoch < 0):
		return fmt.Errorf("a run of %s has origin %+v: want a producer id and an epoch from 0 on", r.Partition, *r.Origin)
	case r.Source != nil && r.Source.FirstOffset < 0:
		return fmt.Errorf("a run of %s has source offset %d: want an offset from 0 on", r.Partition, r.Source.FirstOffset)
	}
	return nil
}

// Processes that read when the load is over, beside the final scan: what they read is no reading of the load.
const (
	// ScanCommitted reads every partition to its barrier as who reads committed.
	ScanCommitted = "scan-committed"
	// TourPrefix begins the name of who reads while one replica after the other leads.
	TourPrefix = "tour-"
)

// Surveys reports whether the operation is a read that is made when the load is over.
func (op *Operation) Surveys() bool {
	return op.Kind == Scan || op.Kind == Fetch && (op.Process == ScanCommitted || strings.HasPrefix(op.Process, TourPrefix))
}

// Committed reports whether the Transact's client was told that it was committed.
func (op *Operation) Committed() bool {
	return op.Kind == Transact && op.Outcome == OK && op.Transaction.Decision == DecideCommit
}

// Aborted reports whether the Transact definitely was not committed, as its client knows.
func (op *Operation) Aborted() bool {
	return op.Kind == Transact && (op.Outcome == Fail || op.Outcome == OK && op.Transaction.Decision == DecideAbort)
}

// String is the isolation's name in text and JSONL: "read_committed".
func (i Isolation) String() string { return name(isolationNames[:], uint8(i)) }

// MarshalText implements encoding.TextMarshaler.
func (i Isolation) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText takes what String gives; anything else is an error that lists the known names.
func (i *Isolation) UnmarshalText(text []byte) error {
	v, err := parse("isolation", isolationNames[:], string(text))
	*i = Isolation(v)
	return err
}

// String is the decision's name in text and JSONL: "none", "commit", "abort".
func (d Decision) String() string { return name(decisionNames[:], uint8(d)) }

// MarshalText implements encoding.TextMarshaler.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText takes what String gives; anything else is an error that lists the known names.
func (d *Decision) UnmarshalText(text []byte) error {
	v, err := parse("decision", decisionNames[:], string(text))
	*d = Decision(v)
	return err
}

// String is the transaction for people: "tx-0 number 7".
func (t *TransactionPart) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s number %d", t.ID, t.Number))
}

// In is the part cut down to one partition's position.
func (t *TransactionPart) In(p Partition) *TransactionPart {
	part := *t
	part.Positions = nil
	for _, at := range t.Positions {
		if at.Partition == p {
			part.Positions = []Position{at}
		}
	}
	return &part
}
