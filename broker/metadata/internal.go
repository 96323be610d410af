package metadata

// Topics of the cluster's own, which clients read and do not write.
const (
	// ConsumerOffsets holds what consumer groups have committed, and their members.
	ConsumerOffsets = "__consumer_offsets"
	// TransactionState is that of transactions.
	TransactionState = "__transaction_state"
)

// Internal reports whether a topic is the cluster's own.
func Internal(name string) bool { return name == ConsumerOffsets || name == TransactionState }
