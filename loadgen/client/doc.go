// Package client writes and reads records through franz-go and records promises and wire attempts.
//
//	Producer.Send ─┐                                             ┌─> Produce operation, one per acknowledged batch
//	               ├─> kgo client ─> tap on the dialer ─> broker │
//	Reader.Run ────┘        │              │                     └─> Fetch or Scan operation, one per poll
//	                        │              └─> one Attempt per partition of a Produce request
//	                        └─> promises, polls
//
// What was promised becomes operations of the history, what really went over the wire attempts.
// The tap exists because a client retries inside: the error that it reports last may hide an earlier
// request that the broker did append. A failed promise is therefore Fail only when the tap saw no
// request for its partition between the call and the answer, and Unknown otherwise.
//
// An acknowledgement that the client got for DUPLICATE_SEQUENCE_NUMBER is OK with its offset unknown.
// With acks=0 nobody acknowledges anything, so every record that was sent is Unknown.
package client
