package history

import "math"

// Time is a moment of a run: nanoseconds since the run began, on one monotonic clock.
type Time int64

// Never is the return time of an attempt that was not answered.
const Never Time = math.MaxInt64

// Unknown offset or sequence of a Run or an Attempt.
const Unset int64 = -1

// Kind says what an operation did.
type Kind uint8

const (
	// Produce is a promise for consecutive records of one producer to one partition, in send order.
	Produce Kind = iota + 1
	// Fetch is one poll of a live reader.
	Fetch
	// Scan is one poll of the final scan, which reads every partition from its start to its barrier.
	Scan
	// Barrier is the write of one barrier record to one partition after everything healed. Whatever
	// was acknowledged before and is not below the barrier is lost, not late.
	Barrier
	// Fault is one stage of one fault: see FaultStage.
	Fault
	// Commit is one promise that a group begins again at no lower position: see GroupPart.
	Commit
	// Resume is what the group told a member of the positions of partitions it was assigned.
	Resume
	// Own is one assignment: Invoke when the member was given the partitions, Return when it held them
	// no longer.
	Own
	// Transact is one transaction of a producer: see TransactionPart.
	Transact
)

// Outcome of an operation. The zero value is Unknown: what nobody settled may have happened.
type Outcome uint8

const (
	// Unknown may have happened, and may still happen later.
	Unknown Outcome = iota
	// OK definitely happened.
	OK
	// Fail definitely did not happen: nothing of it was ever written to a connection.
	Fail
)

// BarrierProducer is the Producer of barrier records in reads and in Barrier operations. Their
// sequence is 0: a barrier is told apart by its offset.
const BarrierProducer uint32 = math.MaxUint32

// Partition of a topic. Its text form is "orders/3".
type Partition struct {
	Topic string
	Index int32
}

// Run is a sequence of records that are consecutive in their partition's offsets (reads) or in
// their producer's sequences (writes), and in both where both are known.
type Run struct {
	Partition Partition `json:"partition"`
	// FirstOffset of the run; Unset where the client was not told. Record i has FirstOffset+i.
	FirstOffset int64 `json:"first_offset"`
	// Producer is the logical producer of the payload, not the broker's producer id.
	Producer uint32 `json:"producer"`
	// FirstSequence is the producer's dense sequence in this partition, from 0. Record i has FirstSequence+i.
	FirstSequence int64 `json:"first_sequence"`
	// Count of records, at least 1.
	Count int32 `json:"count"`
	// Chain is, for reads, the chain hash after the last record of the run over all records since
	// the last multiple of ChainBlock offsets; 0 where the reader has not seen all of them.
	// Two readers that saw the same log have the same Chain at the same offset. For writes it is 0.
	Chain uint64 `json:"chain,omitempty,string"`
	// Origin of transactional records in reads that keep control records; nil elsewhere, and of records
	// that are not transactional. All records of the run have it.
	Origin *Origin `json:"origin,omitempty"`
	// Source of records that were made from others (consume-transform-produce), nil of those that were
	// not. Writers and readers both say it: readers from the payload.
	Source *Input `json:"source,omitempty"`
	// Key is the number of the records' key plus 1; 0 without key, or where nobody numbers keys. All
	// records of the run have it.
	Key uint32 `json:"key,omitempty"`
}

// Corrupt is a record whose payload does not carry what its producer wrote.
type Corrupt struct {
	Partition Partition `json:"partition"`
	Offset    int64     `json:"offset"`
	Reason    string    `json:"reason"`
}

// Watermark is what one answer of a broker said about one partition, beside its records. Numbers that
// the version of the request does not carry are Unset.
type Watermark struct {
	Partition Partition `json:"partition"`
	// HighWatermark is the offset below which records are committed.
	HighWatermark int64 `json:"high_watermark"`
	// LastStable is the offset below which every transaction is decided (KIP-98).
	LastStable int64 `json:"last_stable"`
	// LogStart is the offset of the first record that can be read (KIP-107).
	LogStart int64 `json:"log_start"`
	// Next is the offset after the last record of the same answer; Unset if it had none.
	Next int64 `json:"next"`
	// LeaderEpoch that the client named and the answering leader confirmed by not refusing it
	// (KIP-320). Each epoch has one leader.
	LeaderEpoch int32 `json:"leader_epoch"`
}

// Stage of a fault.
type Stage uint8

const (
	// Inject breaks something.
	Inject Stage = iota + 1
	// Prove shows that it is broken, by looking another way than the injection did.
	Prove
	// Heal undoes the fault.
	Heal
	// ProveHealed shows that what was broken works again.
	ProveHealed
)

// FaultStage is the part of an Operation of kind Fault. Its outcome is OK when the stage did what
// it says: for Prove and ProveHealed, when the proof holds.
type FaultStage struct {
	// Index of the fault in the plan's timeline, from 0: the four stages of one fault share it.
	Index int32 `json:"index"`
	// Fault as the timeline prints it: "kill".
	Fault string `json:"fault"`
	// Target as it was resolved when it fired: "node 0".
	Target string `json:"target"`
	Stage  Stage  `json:"stage"`
	// Detail for people: "pid 4711 gone, 127.0.0.1:9092 refuses connections".
	Detail string `json:"detail,omitempty"`
}

// Operation is one promise of one client to its user.
type Operation struct {
	// Process is the logical client: "producer-0", "reader-1", "scan", "nemesis", "workers-2".
	Process string  `json:"process"`
	Kind    Kind    `json:"kind"`
	Outcome Outcome `json:"outcome"`
	// Invoke is when the client was asked, Return when it answered: Invoke <= Return.
	Invoke  Time      `json:"invoke"`
	Return  Time      `json:"return"`
	Runs    []Run     `json:"runs,omitempty"`
	Corrupt []Corrupt `json:"corrupt,omitempty"`
	// Watermarks of a Fetch or Scan. Their answers were asked for after Invoke and were there before
	// Return: an operation of a client that fetches ahead must not carry those of its poll, whose
	// records may have been answered before it began. Such a client records one operation per answer,
	// without Runs, beside those of its polls.
	Watermarks []Watermark `json:"watermarks,omitempty"`
	// Fault is set for Kind Fault only.
	Fault *FaultStage `json:"fault,omitempty"`
	// Group is set for the kinds Commit, Resume and Own only.
	Group *GroupPart `json:"group,omitempty"`
	// Isolation of a Fetch or a Scan.
	Isolation Isolation `json:"isolation,omitempty"`
	// Markers of a Fetch or Scan that keeps control records, in the order of the log in each partition.
	// The final scan of a run with transactions is raw: it is ReadUncommitted and has a marker or a record
	// for each offset. Beside it one reader "scan-committed" (kind Fetch, ReadCommitted) reads, from its start, every
	// partition to its barrier. A leader tour reads by kind Fetch too: the first process that scans a
	// partition is the final scan.
	Markers []Marker `json:"markers,omitempty"`
	// Transaction is set for Kind Transact, and for a Produce in a transaction.
	Transaction *TransactionPart `json:"transaction,omitempty"`
	// Error is the client's last error, "" when OK.
	Error string `json:"error,omitempty"`
}

// Attempt is one partition of one request on the wire.
type Attempt struct {
	// Process is the logical client whose connection carried it.
	Process string `json:"process"`
	// Connection numbers the client's connections from 1 in dial order, over all processes of a run.
	Connection int64 `json:"connection"`
	// API key and version of the request (Kafka's numbers), and its correlation id.
	API         int16     `json:"api"`
	Version     int16     `json:"version"`
	Correlation int32     `json:"correlation"`
	Partition   Partition `json:"partition"`
	// ProducerID, ProducerEpoch, BaseSequence and Count are those of the record batch; Unset where
	// the request carries none.
	ProducerID    int64 `json:"producer_id"`
	ProducerEpoch int16 `json:"producer_epoch"`
	BaseSequence  int32 `json:"base_sequence"`
	Count         int32 `json:"count"`
	// Written is when the last byte of the request was handed to the connection, Answered when the
	// whole response had been read; Never if it was not.
	Written  Time `json:"written"`
	Answered Time `json:"answered"`
	// Error is Kafka's error code of this partition in the response; 0 without an answer.
	Error int16 `json:"error"`
	// BaseOffset of the response; Unset without one.
	BaseOffset int64 `json:"base_offset"`
}

// Entry of a history: exactly one field is set.
type Entry struct {
	Operation *Operation `json:"operation,omitempty"`
	Attempt   *Attempt   `json:"attempt,omitempty"`
}
