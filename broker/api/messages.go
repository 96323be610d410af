package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Arrived is a request read from the session's connection.
type Arrived struct {
	Request *wire.Request
	// At is when its last byte was read.
	At time.Time
}

// Closed tells the session that its connection is gone.
type Closed struct{}

// tick wakes the session to look at its deadlines.
type tick struct{}

// Subscribe asks the metadata actor for the image now and after every change.
type Subscribe struct{ Session actor.Address }

// Unsubscribe ends Subscribe.
type Unsubscribe struct{ Session actor.Address }

// NewImage is the metadata actor's answer to Subscribe, and its news.
type NewImage struct{ Image *metadata.Image }

// Replica names a partition of a topic by id.
type Replica struct {
	Topic     metadata.TopicID
	Partition int32
}

// ProducePart asks a shard to append one batch; ProduceDone answers: at commit where Acks is -1,
// else at append.
type ProducePart struct {
	Ticket  partition.Ticket
	Replica Replica
	// Batch is exactly one record batch, already validated; the shard patches it in place.
	Batch batch.View
	Acks  int16
	// Epoch is the only leader epoch in which the batch may be appended; -1 for any.
	Epoch int32
	// Times of a client's records, which the topic may not take; nil for those of the broker itself.
	Times *batch.Summary
	// Guard is the one that a VerifyAnswer gave, 0 if the transaction was open. A batch that begins a transaction in this
	// log needs one that is not void.
	Guard uint64
	// Trusted is a batch of a coordinator in a producer's name, as of offsets: its sequence is not looked at.
	Trusted bool
	// Bumped says of a marker that its epoch is the one after that of its transaction (transaction version 2, KIP-890): it
	// does not end a transaction of its own epoch, which is a later one (KIP-1228).
	Bumped bool
}

// ProduceDone is the outcome of one ProducePart.
type ProduceDone struct {
	Call  uint64
	Part  int32
	Error int16
	// BaseOffset of the batch, LogStart of the partition; -1 on error.
	BaseOffset, LogStart int64
	// AppendTime in milliseconds since 1970 if the topic has the leader's clock for all timestamps, else 0.
	AppendTime int64
	Message    string
	// Records that are wrong, the first of them.
	Records []RecordError
}

// FetchRead asks a shard what readers may see of some of its partitions.
type FetchRead struct {
	To   actor.Address
	Call uint64
	// Round tells the answers of a repeated read from those of the one before.
	Round int32
	Parts []FetchPart
	// MaxBytes of all parts together; the first batch found is given whole even if it is larger.
	MaxBytes int
	// Replica is the broker that fetches, to have a copy: it sees the log to its end. -1 is a reader, who
	// sees it to the high watermark. BrokerEpoch is the replica's process (KIP-903).
	Replica     int32
	BrokerEpoch int64
	// Watch, if more than 0, asks for one FetchWake if the answer holds fewer bytes than that: once
	// there are so many, or, where several shards are asked and nobody here can add up, once there
	// are any more.
	Watch   int
	Several bool
}

// FetchPart is one partition of a FetchRead.
type FetchPart struct {
	Part    int32
	Replica Replica
	Offset  int64
	// Epoch is the leader epoch that the reader believes in, LastEpoch that of the record before
	// Offset in its log; -1 if it does not say.
	Epoch, LastEpoch int32
	// HighWatermark that a replica knows (KIP-1166), and LogStart where its log starts (KIP-107); -1 of a reader.
	HighWatermark, LogStart int64
	MaxBytes                int
	// Committed is a reader that sees no transaction before it has ended (read_committed).
	Committed bool
}

// FetchData answers a FetchRead.
type FetchData struct {
	Call    uint64
	Round   int32
	Results []FetchResult
	// Watching says that the shard keeps the watch that was asked for.
	Watching bool
}

// FetchResult is what a shard says of one partition. Source is nil when there is nothing to read.
type FetchResult struct {
	Part                    int32
	Error                   int16
	HighWatermark, LogStart int64
	// LastStable is the last stable offset: no transaction is open below it. Aborted, for a reader of what is committed,
	// are the transactions that have records in the range that is given and were aborted, by first offset.
	LastStable  int64
	Aborted     []AbortedTxn
	LeaderEpoch int32
	// Diverging is set if the reader's log is not the beginning of the leader's: it gets nothing, and
	// must go back first (KIP-595).
	Diverging *partition.DivergingEpoch
	// News is set if a replica does not know a high watermark that concerns what it has (KIP-1166).
	News   bool
	Source actor.Source
	// Owner is told with the token if Source cannot be read.
	Owner actor.Address
	Token any
	// Bytes is the most that Source holds.
	Bytes int
}

// FetchWake says that a watched partition has more to read, or has gone.
type FetchWake struct{ Call uint64 }

// FetchUnwatch ends the watch of a call, if there still is one.
type FetchUnwatch struct {
	To   actor.Address
	Call uint64
}

// OffsetQuery asks a shard for one offset by timestamp or by one of Kafka's special timestamps.
type OffsetQuery struct {
	Ticket    partition.Ticket
	Replica   Replica
	Timestamp int64
	Epoch     int32
	// Committed bounds the answer by the last stable offset, not by the high watermark (read_committed).
	Committed bool
}

// OffsetAnswer answers an OffsetQuery; Offset and Timestamp are -1 where there is none.
type OffsetAnswer struct {
	Call              uint64
	Part              int32
	Error             int16
	Offset, Timestamp int64
	// LeaderEpoch of the record at Offset; -1 if there is none or it is not known.
	LeaderEpoch int32
}

// EpochQuery asks a shard where the leader epoch Asked ends; Epoch is the one that the client believes
// in, -1 if it does not say.
type EpochQuery struct {
	Ticket       partition.Ticket
	Replica      Replica
	Epoch, Asked int32
}

// EpochAnswer answers an EpochQuery: the largest epoch that is not above the asked one, and the offset
// after its last record; -1 and -1 if that is not known.
type EpochAnswer struct {
	Call        uint64
	Part        int32
	Error       int16
	LeaderEpoch int32
	EndOffset   int64
}

// ProducerQuery asks a shard which idempotent producers a partition remembers; the Ticket says who asks.
type ProducerQuery struct {
	Ticket  partition.Ticket
	Replica Replica
}

// ProducerAnswer answers a ProducerQuery; by producer id.
type ProducerAnswer struct {
	Call      uint64
	Part      int32
	Error     int16
	Producers []Producer
}

// Producer is an idempotent producer as a log remembers it.
type Producer struct {
	ID    int64
	Epoch int16
	// LastSequence and LastTimestamp, in milliseconds since 1970, are of its last batch; -1 for none.
	LastSequence  int32
	LastTimestamp int64
	// CurrentTxnStart is the first offset of its open transaction, -1 if none is open; CoordinatorEpoch is that of its
	// last marker, -1 before the first.
	CurrentTxnStart  int64
	CoordinatorEpoch int32
}

// SizeQuery asks a shard how large its replicas are; Room also how much the directory of all of them has.
type SizeQuery struct {
	To   actor.Address
	Call uint64
	Room bool
}

// SizeAnswer answers a SizeQuery; by topic and partition.
type SizeAnswer struct {
	Call     uint64
	Replicas []ReplicaSize
	// Room says that the rest is about the directory: its bytes, -1 where they are not known, and Failed if they
	// could not be found out.
	Room          bool
	Total, Usable int64
	Failed        bool
}

// ReplicaSize is how large a replica is, in bytes, and how many records it is behind.
type ReplicaSize struct {
	Topic     string
	Partition int32
	Bytes     int64
	Lag       int64
}

// ControllerRequest asks the controller for a decision, or to take or tell what only controllers know.
// ControllerReply answers it; a decision once it is committed. The Uplink takes it too: it carries the
// request to the active controller, and answers once this node has applied what was decided.
type ControllerRequest struct {
	From actor.Address
	Call uint64
	Body kmsg.Request
}

// ControllerReply answers a ControllerRequest.
type ControllerReply struct {
	Call uint64
	Body kmsg.Response
}

// CoordinatorRequest asks the coordinator of this node about consumer groups; CoordinatorReply answers it, when that
// is known: a member may wait for a whole rebalance. Topics of the request have their names.
type CoordinatorRequest struct {
	From actor.Address
	Call uint64
	Body kmsg.Request
	// ClientID is what the client calls itself, Host where it connects from: "/127.0.0.1".
	ClientID, Host string
	// Guard is that of the partition of the group, for offsets in a transaction; 0 if the transaction is open there.
	Guard uint64
}

// CoordinatorReply answers a CoordinatorRequest.
type CoordinatorReply struct {
	Call uint64
	Body kmsg.Response
}

// TransactionRequest asks the transaction coordinator of this node; TransactionReply answers it, when what was decided is
// in the log of transactions. AddPartitionsToTxn comes in any version: that of brokers, from 4 on, for several
// transactions at a time.
type TransactionRequest struct {
	From actor.Address
	Call uint64
	Body kmsg.Request
}

// TransactionReply answers a TransactionRequest.
type TransactionReply struct {
	Call uint64
	Body kmsg.Response
}

// MarkersRequest asks the participant of this node to write the ends of transactions into partitions that the node
// leads; MarkersReply answers it once they are committed, or not to be.
type MarkersRequest struct {
	From actor.Address
	Call uint64
	Body *kmsg.WriteTxnMarkersRequest
}

// MarkersReply answers a MarkersRequest.
type MarkersReply struct {
	Call uint64
	Body *kmsg.WriteTxnMarkersResponse
}

// Lease tells a coordinator until when the controller takes this broker for alive: before, no other broker can have
// been elected in its place.
type Lease struct{ Until time.Time }

// Config of the sessions of one node.
type Config struct {
	NodeID int32
	// Shards of the node; a replica belongs to ShardOf.
	Shards int
	// Static are the settings of topics that the broker was started with, by the names of topic settings.
	Static map[string]string
	// Fixed are the other settings that the broker was started with, to be shown.
	Fixed []metadata.Value
	// LogDir is where the logs are, to be shown.
	LogDir string
	// AutoCreate lets Metadata requests create topics, where the client allows it.
	AutoCreate bool
	// MaxBatch is the largest record batch that is accepted, in bytes: message.max.bytes, of a topic that has no
	// max.message.bytes.
	MaxBatch int
	// Codecs of the node; each session has its own if nil.
	Codecs Pool
	// MaxFetch bounds one fetch response, in bytes: fetch.max.bytes of the broker.
	MaxFetch int
	// MaxWait bounds how long a fetch waits for data.
	MaxWait time.Duration
	// OffsetsPartitions and OffsetsReplication are how __consumer_offsets is made on demand
	// (offsets.topic.num.partitions, offsets.topic.replication.factor); a cluster of fewer brokers gets as many replicas
	// as it has brokers.
	OffsetsPartitions  int32
	OffsetsReplication int16
	// TransactionsPartitions and TransactionsReplication are how __transaction_state is made on demand
	// (transaction.state.log.num.partitions, transaction.state.log.replication.factor), likewise. TransactionsMinISR is its
	// min.insync.replicas, or all of its replicas if there are fewer (transaction.state.log.min.isr); the cluster's default
	// if 0.
	TransactionsPartitions  int32
	TransactionsReplication int16
	TransactionsMinISR      int16
}

// ShardOf gives the shard that owns a replica.
func ShardOf(r Replica, shards int) actor.Address {
	// FNV-1a over the id: topic ids are random, but tests choose simple ones.
	h := uint64(14695981039346656037)
	for _, b := range r.Topic {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return actor.Address{Role: actor.Shard, ID: int64((h + uint64(r.Partition)) % uint64(shards))}
}
