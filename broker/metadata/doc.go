// Package metadata is what a cluster knows of itself: records, the log's bytes of them, the image.
//
//	controller ── []Record ──> metadata log ──> Image.Apply ──> a new Image
//	                                                 (old ones stay as they were)
//
// An Image is immutable: whoever holds one can read it on any goroutine. Records are JSON inside
// ordinary record batches: they are few, and people can read them.
package metadata
