// Package client writes and reads records through franz-go and records promises and wire attempts.
//
//	Producer.Send ─┐                                             ┌─> Produce operation, one per acknowledged batch
//	               ├─> kgo client ─> tap on the dialer ─> broker │
//	Reader.Run ────┘        │              │                     └─> Fetch or Scan operation, one per poll
//	                        │              └─> one Attempt per partition of a Produce request
//	                        │              └─> one Fetch or Scan operation with watermarks per answered fetch
//	                        └─> promises, polls
//
// A Member consumes what its group assigns to it. What it asks its coordinator and is told is read from the
// wire as well: each commit is a Commit, each answer with positions a Resume, and each assignment becomes an
// Own when its partitions are given up. A member that crashes is severed: not a byte of it gets out any more.
//
// What was promised becomes operations of the history, what really went over the wire attempts.
// The tap exists because a client retries inside: the error that it reports last may hide an earlier
// request that the broker did append. A failed promise is therefore Fail only when the tap saw no
// request for its partition between the call and the answer, and Unknown otherwise.
//
// The client fetches ahead: what a poll returns may have been answered before it was called. So the
// watermarks of an answer (high watermark, last stable offset, log start) stand in an operation of their
// own, with the time of the request on the wire and the leader epoch that it named (KIP-320); the tap
// reads them and the 61 bytes before each batch, and copies no records. An answer that says nothing new
// is recorded ten times a second per partition, so that a leader that has fallen silent is seen.
//
// An acknowledgement that the client got for DUPLICATE_SEQUENCE_NUMBER is OK with its offset unknown.
// With acks=0 nobody acknowledges anything, so every record that was sent is Unknown.
package client
