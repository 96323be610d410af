package event

import "fmt"

// TransactionTimedOut is a transaction that is aborted because it has been open for longer than its producer said. It
// is said by the coordinator, as are the others here.
type TransactionTimedOut struct {
	TransactionalID string `json:"transactional_id"`
	ProducerID      int64  `json:"producer_id"`
	// Epoch of the producer, which is fenced.
	Epoch int16 `json:"epoch"`
	// Partitions that the transaction touches.
	Partitions int `json:"partitions"`
	// Timeout in milliseconds.
	Timeout int64 `json:"timeout"`
}

// ProducerFenced is a transaction that is aborted because another producer has begun under its transactional id.
type ProducerFenced struct {
	TransactionalID string `json:"transactional_id"`
	ProducerID      int64  `json:"producer_id"`
	Epoch           int16  `json:"epoch"`
	Partitions      int    `json:"partitions"`
}

// TransactionsLoaded is a broker that coordinates the transactions of a partition of __transaction_state from now on.
type TransactionsLoaded struct {
	Partition   int32 `json:"partition"`
	LeaderEpoch int32 `json:"leader_epoch"`
	// IDs is how many transactional ids there are; Open of them have an open transaction, and Ending one that is
	// decided and has not all of its markers.
	IDs    int `json:"ids"`
	Open   int `json:"open"`
	Ending int `json:"ending"`
	// Records that were read, and how many of them could not be understood.
	Records      int   `json:"records"`
	Unreadable   int   `json:"unreadable,omitempty"`
	Milliseconds int64 `json:"milliseconds"`
}

// Name implements Event.
func (TransactionTimedOut) Name() string { return "transaction-timed-out" }

// Name implements Event.
func (ProducerFenced) Name() string { return "producer-fenced" }

// Name implements Event.
func (TransactionsLoaded) Name() string { return "transactions-loaded" }

// String implements Event.
func (e TransactionTimedOut) String() string {
	return fmt.Sprintf("the transaction of %s, by producer %d in epoch %d, over %d partitions, is aborted after its %d ms", e.TransactionalID, e.ProducerID, e.Epoch, e.Partitions, e.Timeout)
}

// String implements Event.
func (e ProducerFenced) String() string {
	return fmt.Sprintf("the transaction of %s, by producer %d in epoch %d, over %d partitions, is aborted for another producer", e.TransactionalID, e.ProducerID, e.Epoch, e.Partitions)
}

// String implements Event.
func (e TransactionsLoaded) String() string {
	text := fmt.Sprintf("coordinates %d transactional ids of __transaction_state-%d in epoch %d, after %d ms: %d transactions are open, %d are ending", e.IDs, e.Partition, e.LeaderEpoch, e.Milliseconds, e.Open, e.Ending)
	if e.Unreadable > 0 {
		text += fmt.Sprintf("; %d of %d records could not be understood", e.Unreadable, e.Records)
	}
	return text
}
