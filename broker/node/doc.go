// Package node assembles the actors of one broker node; every one of them is stepped from outside.
//
//	            sessions (broker/api), one per connection
//	             │ parts            │ CreateTopics, InitProducerID
//	             v                  v
//	shard 0..n-1: logs,        controller: decides, owns the metadata quorum
//	watermarks, waiters             │ committed records
//	             ^                  v
//	             └── assign ── metadata: image, tells shards, publishes to sessions
//
// Nothing here has a clock, a goroutine, a lock or a socket. broker/server runs a node for real; a
// test or a simulator calls Step itself, on one goroutine, over files in memory.
package node
