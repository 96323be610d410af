// Package metadata is what a cluster knows of itself: records, the log's bytes of them, the image.
//
//	controller ── []Record ──> metadata log ──> Image.Apply ──> a new Image
//	                                 │               (old ones stay as they were)
//	                                 └─ old enough ──> Image.Snapshot ──> FromSnapshot
//
// An Image is immutable: whoever holds one can read it on any goroutine. Records are JSON inside
// ordinary record batches: they are few, and people can read them.
//
// Offsets here count metadata records and nothing else: Image.Offset is how many were applied. What
// the log keeps for itself between them (empty entries of a new term, changes of its voters) has
// no part in it, so every node that applied the same records names the same offset. The epoch of a
// broker is the offset of the record that registered it (KIP-631).
package metadata
