// Package group decides about consumer groups: who is a member, who gets which partitions, what was committed.
//
//	                       first join                 all have joined,
//	        ┌───────┐  ───────────────> ┌─────────┐ or time is up  ┌────────────┐
//	        │ Empty │                   │Preparing│ ─────────────> │ Completing │
//	        └───────┘ <─────────────────│Rebalance│ <───────────── │ Rebalance  │
//	          │  ^      nobody joined   └─────────┘  a member went,└────────────┘
//	  offsets │  │                           ^       or has not      │ the leader's
//	  expire  v  │                           │       synced          │ assignment is
//	        (gone)         join, leave,      │                       v committed
//	                       session over      └───────────────── ┌────────┐
//	                                                            │ Stable │
//	                                                            └────────┘
//
//	request ──> Machine ──┬─> Answer, at once or when something has happened
//	                      ├─> Write: records of __consumer_offsets, in Apache Kafka's own format
//	  Written, Tick ──────┘     (Written says what became of them), and when to Tick next
//
// A Machine is the groups of one partition of __consumer_offsets for one term of its coordinator. It follows the
// classic protocol of Apache Kafka: members join, one of them assigns, all of them sync. Nothing that is kept is
// told before it is committed: offsets and assignments change when their write is, in the order of the log, by the
// same function that replays the log when another coordinator takes over. What is not kept, such as who waits for a
// rebalance, is lost with the coordinator, and members begin anew.
//
// Offsets that a transaction commits (transaction.go) are in the log before anybody knows whether they count: they are
// pending until the marker of their producer comes, and then take their place among all others in the order of the log:
//
//	commit 7   in a transaction: 9   commit 8     marker: commit
//	───●───────────────●────────────────●───────────────●────────>   the group is at 8: that came later than 9
//	                   └─ pending, unstable ────────────┘
//
// The package is pure: it has no clock, and gives what it wants as data. broker/coordinator owns machines.
package group
