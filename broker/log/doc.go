// Package log keeps the record batches of one partition in Kafka's own files, and finds them again after a crash.
//
//	Append ──► active segment ──roll──► sealed segments        one owner calls everything,
//	             00…4711.log      batches, one after another    except what is marked below
//	             00…4711.index    offset   -> position   (8 B for every 4 KiB of log)
//	             00…4711.timeindex  time   -> offset    (12 B)
//	             00…4711.txnindex   aborted transactions whose markers are here (34 B), if there are any
//	           leader-epoch-checkpoint  epoch -> first offset (Kafka's text)
//	           recovery-point     segments below it are sealed and synced
//	           log-start-offset   where the log starts, if that is not where its first segment does
//	           cleaner-offset     up to where it is compacted
//	           clean-shutdown     everything may be trusted; removed by the next Open
//
//	AppendAsFollower ──► the same, with the offsets and epochs of another log
//	Read ──► Slice ──AppendTo──► bytes       elsewhere, while the owner appends
//	BeginSync ──► SyncPoint ──Run──► Synced   elsewhere, while the owner appends
//
// A record is safe when Synced has been told of an offset beyond it. Appends and syncs overlap, so
// one sync serves many appends (group commit).
//
// # Leader epochs
//
// Every batch carries the epoch of the leader that appended it, and epochs never fall along the log.
// Where each begins is the leader-epoch cache (KIP-101): EndOffsetForEpoch answers from it, and where two
// logs went different ways can be told by asking (KIP-279), then TruncateTo cuts. The cache is a summary
// of the batches, but for an epoch that has none yet; its file counts only after a clean shutdown.
//
// # Transactions
//
//	first          first            marker of the first             marker of the second
//	──┼──────────────┼───────────────────┼──────────────────────────────┼─────────────────► log
//	  └ LastStableOffset, until the marker of the first is below the high watermark; then that of the second …
//
// A transaction of a producer begins with its first transactional batch, and ends with the control batch that its
// coordinator has written, the marker. It holds the last stable offset back until its marker is committed: a new leader
// may lack one that is not. Whoever reads no further, and leaves out what Aborted lists, sees whole transactions or
// nothing of them (KIP-98). A producer with an open transaction is never forgotten. All of it is told by the batches, so
// that leaders, followers and recovery know the same.
//
// # Where the log starts
//
//	Retain      by age and size of whole segments ─┐
//	RaiseStart  up to an offset, within a batch too ├──> log-start-offset, durable ──> segments below it go
//	StartAt     beyond the end: nothing stays ─────┘
//
// The start never falls behind what it was said to be, whatever a crash undoes: the file is durable before anybody
// is told and before a segment goes, and recovery removes what a crash brings back. Where the file cannot be written,
// because the disk is full, segments go one by one, each durably, so that retention can make room. A start within a
// batch hides its first records from nobody who reads the batch: clients skip them, as in Kafka.
//
// # Compaction
//
//	Dirt ── BeginClean ── Step, Advance, Step ... ──> sealed segments are written anew, with the last record of each key
//
// What is taken out is decided in package clean. Offsets and order stay, and every offset is covered by a batch as
// before: where nothing is left of several, a filler without records stands for them. A new segment takes the place of
// old ones at once, whatever crashes; what cuts the log gives a pass that is under way up.
//
// # What Open does after a crash
//
// Every batch of every segment is checked: length, format, checksum, and that its offset follows
// the one before. Segments below the recovery point were on stable storage before it was: damage
// there is not a torn write, Open refuses it with a CorruptError and changes nothing. From the
// recovery point on, the first bad batch is where the crash tore the log: it is cut there, and
// segments after it go. What is kept is synced before Open returns. Indexes, leader epochs and the
// state of producers and transactions are rebuilt from the batches, so recovery relies on none of their files.
//
// # After a failed sync
//
// The kernel may have dropped the pages that it could not write and call the file clean, so that a
// second sync proves nothing. The owner must stop acknowledging, and open the log again.
//
// # Bit rot
//
//	read of a sealed segment, Scrub ──CorruptError──> Damaged   nothing is read from the segment any more
//	                                                  Quarantine  00…4711.log.quarantined, the log ends before it
//	Open ──CorruptError──────────────────────────────> SetAside   the same for a log that cannot be opened
//
// What lies in sealed segments may have lain there for long: their batches are checked whenever they are read,
// checksum and leader epoch, which no checksum covers. The active segment was written a moment ago, and most
// reads are of it: they are as fast as the file. Segments that nobody reads are looked at with Scrub. When a
// damaged segment may be set aside, others know: who is in the ISR must have all of it.
package log
