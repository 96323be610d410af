// Package sim runs whole broker nodes, their disks, network, clocks and clients under one seed, on one goroutine.
//
//	              one heap of events, by (time, tie drawn from the seed, number)
//	                  │ take the first, move the clock to it, run it
//	   ┌──────────────┼────────────────────┬────────────────────┐
//	clients        network               nodes                faults
//	producer ──▶ link, delay, cut ──▶ session ─▶ shard ─▶ log   kill, power-loss, pause, cut, ...
//	reader   ◀── in order per         controller, metadata      swarm of the seed, or the
//	   │         connection                 │                   timeline of a plan
//	   ▼                                    ▼
//	history ──▶ verify (by the caller)  env/mem, with a power switch
//
// The nodes are the broker's own actors (broker/node) over env/mem; only goroutines, sockets and the
// machine's clock are replaced. A step of an actor takes its whole inbox and ends with Drained, as in
// broker/server, so that group commit happens here as it happens there. What an actor asks for (a
// message, a timer, a sync, a read for a response) comes back as an event with a drawn delay.
//
// Equal configurations give equal runs: Result.Hash covers every event (its number, time, node, kind
// and what it changed), so two runs that differ anywhere differ there. Nothing in here ranges over a
// map, compares pointers or asks the machine for the time.
//
// After every event of a node invariants are checked from inside (invariant.go); the history that the
// clients record is judged by the caller with verify's rules, which this package does not know.
// Reach marks (mark.go) count rare situations: a campaign in which one never happened proves little.
//
// Requests between nodes (actor.Call) travel over connections of their own, one for each asking actor
// and node that is asked; what arrives is read from the bytes that were sent, so that nodes share no
// memory.
//
// Links, addresses, calls and faults know any number of nodes; the broker is a single node, and so is
// the cluster here.
package sim
