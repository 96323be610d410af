// Package coordinator keeps the consumer groups of one broker: it loads them from the partitions of __consumer_offsets that the broker leads, and appends to those what changes.
//
//	sessions ── CoordinatorRequest ──> Coordinator ──> group.Machine, one for each partition led here
//	         <── CoordinatorReply ───       │   ^            │
//	metadata ── NewImage ─────────────────> │   │            │ writes of one step: one batch
//	                                        v   │            v
//	shards:   OffsetQuery, FetchRead, Load ─────┘       ProducePart, acks=-1, this leader epoch only
//
// There is one actor on each broker. When an image says that the broker leads a partition in a new epoch, its term
// begins: it waits until the high watermark has reached the start of the epoch, so that all that was ever acknowledged
// can be seen (KIP-207), reads the partition up to there, and serves its groups from then on. When the leader or the
// epoch is another, the term is over, and everybody who waits is told to look for the next coordinator. What a term
// appends carries its epoch: the shard refuses it in any other, so that no coordinator of an old term ever writes
// behind the back of a new one.
package coordinator
