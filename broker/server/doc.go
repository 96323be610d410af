// Package server runs a node on the machine: goroutines, listeners, files, shutdown.
//
//	accept ─> connection: reader goroutine ── Arrived ──> session goroutine ── writes
//	                                                        │ ^
//	one goroutine and one inbox for each lasting actor <────┘ │
//	sync goroutines, one for each sync under way ─────────────┤ completions
//	lines to other nodes, one for each actor that calls one ──┘
//
// It moves bytes and messages and decides nothing: what is right is in broker/node and below.
//
// Threads. An actor is touched by its own goroutine only. A session's goroutine also reads log
// ranges and writes its connection, so a slow or cold reader delays nobody else. The reader
// goroutine of a connection waits while too many of its requests are unanswered. A line has a goroutine
// that dials and writes, and one that reads; it lives from dialling to its first failure.
package server
