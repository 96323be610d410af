// Package coordinator keeps the consumer groups and the transactions of one broker: it loads them from the partitions of __consumer_offsets and __transaction_state that the broker leads, and appends to those what changes.
//
//	sessions ── CoordinatorRequest ──> Coordinator ──> group.Machine, one for each partition led here
//	         ── TransactionRequest ──> Transactions ─> txn.Machine, likewise
//	         <── replies ─────────────       │   ^            │
//	metadata ── NewImage ──────────────────> │   │            │ writes of one step: one batch
//	                                         v   │            v
//	shards:    OffsetQuery, FetchRead, Load ─────┘       ProducePart, acks=-1, this leader epoch only
//
//	Transactions ── markers ──> leaders of the partitions that a transaction touches: WriteTxnMarkers, and api.Participant
//	             ── InitProducerId ──> Uplink, for producer ids
//
// There is one actor of each kind on each broker; what they have in common is terms. When an image says that the broker
// leads a partition in a new epoch, its term begins: it waits until the high watermark has reached the start of the
// epoch, so that all that was ever acknowledged can be seen (KIP-207), reads the partition up to there, and serves its
// keys from then on. When the leader or the epoch is another, the term is over, and everybody who waits is told to look
// for the next coordinator. What a term appends carries its epoch: the shard refuses it in any other, so that no
// coordinator of an old term ever writes behind the back of a new one.
package coordinator
