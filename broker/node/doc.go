// Package node assembles the actors of one node; every one of them is stepped from outside.
//
//	            sessions (broker/api), one per connection; clients and peers have a listener each
//	             │ parts of produce, fetch          │ what only the controller decides
//	             v                                  v
//	shard 0..n-1: logs,      ── alter ──>      uplink: registration, heartbeats, proposals
//	leaders, followers,                             │ requests to the active controller
//	watermarks, waiters                             v
//	     ^     │ fetches from other leaders    controller: decides, a vote in the metadata quorum
//	     │     v                                    │ committed records, or tail <── another node's
//	     └─ assign ── metadata: image, tells shards, publishes to sessions and the coordinator
//
//	sessions ── requests of consumer groups ──> coordinator ── appends and reads __consumer_offsets ──> shards
//	         ── those of transactions ───────> transactions ─ appends and reads __transaction_state ──> shards
//	         ── transactional batches ───────> participant: asks transactions, here or elsewhere, whether they belong to one
//	transactions, here or elsewhere ─ ends ──> participant ── markers ──> shards, coordinator
//
//	role broker:     sessions, metadata, uplink, shards, coordinator, transactions, participant
//	role controller: controller
//
// A node has one role or both. Requests to other nodes are Call effects; a node that asks itself sends a
// message. Nothing here has a clock, a goroutine, a lock or a socket. broker/server runs a node for real; a
// test or a simulator calls Step itself, on one goroutine, over files in memory.
package node
