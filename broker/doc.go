// Package broker is a Kafka-protocol broker that a person can read, and that a Go program can start.
//
//	Config ── Start ──> Broker (Address, Done, Close)
//	                      └─ server: sockets, goroutines ─ node: actors ─ log: files
//
// Read it from the bottom: batch, log, partition, controller, node, api, server. Its API is stable.
package broker
