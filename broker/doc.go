// Package broker is a Kafka-protocol broker that a person can read, and that a Go program can start.
//
//	Config ── Start ──> Broker (Address, PeerAddress, Done, Close)
//	                      └─ server: sockets, goroutines ─ node: actors ─ log: files
//
// A node is a broker, a controller, or both. With Voters it is one of a cluster, without it is one by
// itself.
//
// Read it from the bottom: batch, log, partition, controller, node, api, server. Its API is stable.
package broker
