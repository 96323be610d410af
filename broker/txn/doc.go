// Package txn decides about transactions: which producer may write under a transactional id, what its open transaction touches, and how it ends.
//
//	                 InitProducerId
//	              ┌──────────────────┐ a partition is added
//	┌───────┐ ──> │      Empty       │ ────────────────────┐
//	│  new  │     └──────────────────┘                     v
//	└───────┘              ^                          ┌─────────┐   more are added
//	        InitProducerId │        ┌───────────────> │ Ongoing │ ──┐
//	                       │        │ a partition     └─────────┘ <─┘
//	┌────────────────┐     │        │                  │       │
//	│ CompleteCommit │ ────┼────────┤     EndTxn commit│       │ EndTxn abort, the timeout,
//	│ CompleteAbort  │ ────┘        │                  v       v another producer (PrepareEpochFence)
//	└────────────────┘ <────────────┼───────── PrepareCommit, PrepareAbort
//	      │        every partition has its marker
//	      v a week without use: Dead, and gone
//
//	request ──> Machine ──┬─> Answer, at once or when a write is committed
//	                      ├─> Write: records of __transaction_state, in Apache Kafka's own format
//	Written, Marked,      ├─> Marker: to be written into a partition by its leader
//	ProducerID, Tick ─────┘   and how many producer ids are wanted, and when to Tick next
//
// A Machine is the transactional ids of one partition of __transaction_state for one term of its coordinator. Every
// change is a record first: it counts once that is committed, and only then is it told or acted upon. The decision
// about a transaction is the record that says PrepareCommit or PrepareAbort; from then on nobody can end it otherwise,
// and whoever coordinates goes on sending its markers until all partitions have theirs. While a change is being written
// nothing else of the transactional id is decided: CONCURRENT_TRANSACTIONS (KIP-98).
//
// Both transaction versions are served. In version 2 (KIP-890) every end raises the producer's epoch, so that nothing
// of a former transaction, an EndTxn that comes late among it, can be taken for the next one's; the client is
// told the new epoch when it ends. In version 1, which old clients speak, the epoch stays until the next InitProducerId.
//
// The package is pure: it has no clock, and gives what it wants as data. broker/coordinator owns machines.
package txn
