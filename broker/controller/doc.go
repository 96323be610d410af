// Package controller decides about topics and producer ids: a machine over a replayed metadata record log.
//
//	request ──> Machine ──> records + response      (decide)
//	metadata log ──> Replay(records)                (become)
//
// A decision changes nothing by itself: its records do, when they are replayed, in the process
// that decided as in one that starts later. The machine is pure; its owner writes the log and
// sends the response once the records are committed.
package controller
