// Package history is the contract between the boxes: what every client saw, as data.
//
//	loadgen ─┐                     ┌─> verify (judges)
//	         ├─> Recorder ─> file ─┤
//	chaos  ──┘                     └─> JSONL (people, other tools)
//
// A history is a stream of entries in order of completion. An Operation is one promise of a client
// to its user: invoked, returned, with an outcome. An Attempt is one request on the wire under an
// operation: a client retries inside, and its last error may hide an earlier append. Records are
// never listed one by one but as Runs of consecutive ones, so that a hundred million of them fit
// in less than a gigabyte. Faults are operations too: one timeline explains everything. What members
// of a group are told and promise has a part of its own, GroupPart; what they process is their Fetch. What
// became of a transaction is a promise of its own, a Transact with a TransactionPart; what the log made of it
// stands in the Markers and the Origins of a raw reader.
//
// This package imports the standard library only, and every box may import it. Its API is stable.
package history
