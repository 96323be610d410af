// Package clean decides what compaction takes out of a log, and when (KIP-58, KIP-354, KIP-534).
//
//	          clean, up to here                       dirty                     not yet: too young, not stable, active
//	[ one record for each key ][ several records for a key, later ones above ][ ............................ ) end
//	         segment                segment          segment                          active segment
//
//	Judge    ── is enough of it dirty, or something dirty for too long? ──> from .. to
//	Offsets  <── the last offset of every key of the dirty part ── in as much memory as it may take
//	Filter   ── every batch from the log start on ──> itself, less of it, its header, a filler
//
// A record stays if no later one has its key. A record without a value, a tombstone, stays for a while longer, so that
// readers learn of it: when compaction meets it first, it writes into the batch when it may go (the delete horizon).
// The same holds for the marker of a transaction whose records are all gone. Records of aborted transactions go at once.
//
// # What this does otherwise than Apache Kafka
//
// Apache Kafka leaves a hole where a batch was. Here a filler, a batch without records, covers it, one for as many
// batches of one leader epoch as are gone. No checksum covers the offset of a batch; that each begins where the one
// before it ends is how a wrong one shows, in logs that are compacted too. It is what Kafka's readers know: an empty batch.
//
// Keys are told apart by 128 bits of SHA-256 and not by MD5: two keys with the same MD5 can be made at will, and
// whoever may write one could take out another's records.
//
// Of an idempotent producer every batch stays that the log remembers it by, emptied, and not only the last one: a log
// that is recovered from its batches then knows a batch that is sent again as well as before.
package clean
