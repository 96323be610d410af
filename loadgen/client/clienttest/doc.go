// Package clienttest is a broker of one node for tests of clients, which fails on command.
//
//	client ── TCP on loopback ──> Broker ── Script(produce) ──> append? answer with which code? cut the connection?
//	                                 └── Damage(partition, offset): change a stored byte
//
// It keeps batches in memory, answers the nine requests that loadgen's clients send, and checks
// nothing that a client sends: it is a stage for client behaviour and not a model of Kafka. What it
// does on a Produce request is decided by a function of the test.
package clienttest
