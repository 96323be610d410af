// Package verify judges the recording of a run: did the log keep its promises?
//
//	                        ┌ append-order      offsets respect real time
//	                        ├ producer-order    no duplicates, no reordering
//	                        ├ reader-agreement  one log for all readers, without holes
//	history ─> Engine ──────┼ loss              what was acknowledged or read is there    ──> Report
//	 entries   Observe      ├ corruption        payloads are what was sent
//	 in order  one by one   ├ watermarks        what a leader says of its log stays true
//	 of return              ├ recency           what was acknowledged is served to who asks later
//	                        └ assumptions       may the rules be believed at all?
//
// Check is a loop over Observe, and the same Engine can watch a run while it goes on. A verdict is
// pass, fail or inconclusive. A rule fails on evidence only; a rule that judged nothing is
// inconclusive, and so is a run whose assumptions do not hold: too little load, a fault whose effect
// was not proved, a partition that was not read to its barrier, a torn history. A failed rule
// outranks all of that. A violation that is only the shadow of a lost record (its offset is given
// to another record, in conflict with the acknowledgement) is reported once, by the loss rule.
//
// Memory does not grow with the length of the history. The engine keeps sets of intervals: per
// producer and partition what was promised, read and scanned, which is one interval while nothing is
// missing; per partition the acknowledgements that nobody has read yet, a window of the newest
// settled ones, one chain hash per history.ChainBlock records, and staircases of fixed size for the
// order in real time, some for each of the newest leader epochs. So it is bounded by producers times partitions times readers, plus what is
// open: unread acknowledgements, unknown outcomes, anomalies. Engine.Retained counts the intervals.
//
// This package shares no code with the broker it judges: a common mistake would be invisible to
// both. Its API is stable.
package verify
