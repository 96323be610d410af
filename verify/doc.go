// Package verify judges the recording of a run: did the log keep its promises?
//
//	                        ┌ append-order      offsets respect real time
//	                        ├ producer-order    no duplicates, no reordering
//	                        ├ reader-agreement  one log for all readers, without holes
//	history ─> Engine ──────┼ loss              what was acknowledged or read is there    ──> Report
//	 entries   Observe      ├ corruption        payloads are what was sent
//	 in order  one by one   ├ watermarks        what a leader says of its log stays true
//	 of return              ├ recency           what was acknowledged is served to who asks later
//	                        ├ placement         keys go to the partition that is theirs
//	                        ├ compaction        of each key the newest record stays
//	                        ├ early-read        nothing of a transaction is seen before it was to commit
//	                        ├ transaction-fate  all or nothing, as its client was told
//	                        ├ exactly-once      each input once in the outputs
//	                        ├ gaps              each offset is a record, or explained
//	                        ├ availability      how long clients waited, against budgets, if there are any
//	                        └ assumptions       may the rules be believed at all?
//
// Check is a loop over Observe, and the same Engine can watch a run while it goes on. A verdict is
// pass, fail or inconclusive. A rule fails on evidence only; a rule that judged nothing is
// inconclusive, and so is a run whose assumptions do not hold: too little load, a fault whose effect
// was not proved, a partition that was not read to its barrier, a torn history. A failed rule
// outranks all of that. A violation that is only the shadow of a lost record (its offset is given
// to another record, in conflict with the acknowledgement) is reported once, by the loss rule.
//
// An outage of a partition and kind of operation is a time in which clients waited and none of them succeeded,
// for more than max(100 ms, 3 x baseline). Who produces waits from the invocation on; readers wait from the
// acknowledgement of a record on until one of them is given it or one after it, so that nothing to read is no
// outage. The time begins with the first who waits, and not before the last success; it ends with the next one.
//
// The baseline is the 99th percentile of the same times, long or short, one for each success before the first
// fault was injected, warm-up included (of the whole run if there was no fault): of that partition and kind. Where
// it had fewer than a hundred, it is the longest of them, or the percentile of all partitions of its topic together
// if that is more, so that a partition with little load has no outages that are only its few records. How long
// an operation takes does not matter while others succeed, so a busy machine hides no outage from a partition
// under steady load. Report.Baselines has every limit. A budget below the limit of a partition it covers is not
// judged, unless it was missed all the same: inconclusive, as is one without baseline or without fault.
//
// Memory does not grow with the length of the history. The engine keeps sets of intervals: per
// producer and partition what was promised, read and scanned, which is one interval while nothing is
// missing; per partition the acknowledgements that nobody has read yet, a window of the newest
// settled ones, one chain hash per history.ChainBlock records, and staircases of fixed size for the
// order in real time, some for each of the newest leader epochs; for each group and partition the newest
// commits and assignments; for outages per partition and kind the long
// waits, 1024 at most, and counts of the others by their length. Of transactions it keeps those that are open, those that
// the final scan has not passed (all of them, where the scan comes in the end), and one interval for each marker and each
// stretch of aborted records that some reader may still pass. So it is bounded by producers times partitions times readers, plus what is
// open: unread acknowledgements, unknown outcomes, anomalies. Engine.Retained counts the intervals.
//
// This package shares no code with the broker it judges: a common mistake would be invisible to
// both. Its API is stable.
package verify
