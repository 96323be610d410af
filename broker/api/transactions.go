package api

import (
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/partition"
)

// readCommitted is the isolation level of readers that see no transaction before it has ended, and none that was
// aborted (KIP-98); 0 is the other.
const readCommitted = 1

// VerifyPart asks a shard, before a transactional batch is appended, whether the log has an open transaction of this
// producer and epoch, or the batch itself (KIP-890).
type VerifyPart struct {
	Ticket     partition.Ticket
	Replica    Replica
	ProducerID int64
	Epoch      int16
	// Sequence of the first record, -1 for the batch of a coordinator, which has none that counts.
	Sequence int32
}

// VerifyAnswer answers a VerifyPart. Unless Open, the transaction's coordinator must be asked whether the partition
// belongs to the transaction before the batch is appended, with Guard: it is void once a marker of the producer has
// come meanwhile, and the batch is then too late.
type VerifyAnswer struct {
	Call  uint64
	Part  int32
	Error int16
	Open  bool
	Guard uint64
}

// AbortedTxn is a transaction that was aborted: what its producer wrote from FirstOffset on, up to the marker, never was.
type AbortedTxn struct{ ProducerID, FirstOffset int64 }

// OffsetsMarker asks the coordinator of groups on this node to write a marker into a partition of __consumer_offsets
// that it coordinates, so that what the transaction has pending there is decided in the order of the log. ProduceDone
// answers at commit.
type OffsetsMarker struct {
	Ticket    partition.Ticket
	Partition int32
	// Batch is the marker, Bumped as in ProducePart.
	Batch  batch.View
	Bumped bool
}

// Enlist asks the participant of this node whether a partition belongs to a transaction, by the coordinator of that;
// Enlisted answers. Unless VerifyOnly, the partition is added to it (KIP-890).
type Enlist struct {
	Ticket        partition.Ticket
	Topic         string
	Partition     int32
	TransactionID string
	ProducerID    int64
	Epoch         int16
	VerifyOnly    bool
}

// Enlisted answers an Enlist, with the coordinator's error, or Kafka's of one that cannot be found or asked.
type Enlisted struct {
	Call  uint64
	Part  int32
	Error int16
}
