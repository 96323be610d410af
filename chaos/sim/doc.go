// Package sim runs whole clusters of brokers, their disks, network, clocks and clients under one seed, on one goroutine.
//
//	                 one heap of events, by (time, tie drawn from the seed, number)
//	                     │ take the first, move the clock to it, run it
//	   ┌─────────────────┼───────────────────────┬──────────────────────────┐
//	clients           network                  hosts                     faults
//	producer ──▶ link, delay, cut ──▶ session ─▶ shard ─▶ log      kill, power-loss, disk-loss,
//	reader   ◀── in order per         uplink, controller, quorum   restart, pause, cut, isolate, ...
//	   │         connection              │ ▲   │                   swarm and plots of the seed, or
//	   ▼              ▲                  ▼ │   ▼                   the timeline of a plan
//	history ──▶ verify│ (by the caller)  calls   env/mem, with a power switch
//	                  └── node to node ────┘
//
// The nodes are the broker's own actors (broker/node) over env/mem; only goroutines, sockets and the
// machine's clock are replaced. A step of an actor takes its whole inbox and ends with Drained, as in
// broker/server, so that group commit happens here as it happens there. What an actor asks for (a
// message, a timer, a sync, a read for a response) comes back as an event with a drawn delay. Requests
// between nodes (actor.Call) travel over connections of their own, one for each asking actor and node
// that is asked; what arrives is read from the bytes that were sent, so that nodes share no memory.
//
// Equal configurations give equal runs: Result.Hash covers every event (its number, time, node, kind
// and what it changed), so two runs that differ anywhere differ there. Nothing in here ranges over a
// map, compares pointers or asks the machine for the time. etcd raft draws its election jitter from a
// variable of the process, crypto/rand.Reader: so one simulation runs at a time in a process.
//
// A timeline is executed as chaos.Nemesis does it on real clusters (executor.go): stages one at a time, the
// same gates, conditions, guards and draws, so that one plan means the same on both; its faults are proved
// by what they do to packets, syncs, steps and answers.
//
// One swarm in five has consumer groups: members of the classic protocol (consumer.go), eager and cooperative, static
// and dynamic, that commit before or after they process, and leave, crash, stand still and come back as the seed says.
// Their coordinators are actors of the nodes like all others. The partitions of __consumer_offsets are watched by the
// same invariants as those of the load, and what coordinators tell members by some of its own (coordinators.go).
//
// Another swarm in five has transactions: producers with a transactional id (transactor.go) of both versions of the
// protocol, that abort now and then, crash, stand still, and run twice under one id; and members of a group that
// consume, transform and produce, with their positions in the transaction (worker.go, KIP-447). The first half of the
// partitions is what they read, the other half is written to by them too. Some readers read committed records only; the
// last scan keeps markers. What coordinators decide is read from the committed log of __transaction_state, and held
// against the markers in all other logs (decisions.go, stable.go). A walk (walk.go) tells one small story of
// transactions again and again, each time with an end of somebody after another step of it.
//
// The swarm stays within what is promised. Power may go anywhere at any time, because the nodes flush
// before they commit. A disk is lost only by a broker, where min ISR is 2 or more, and none before the
// last one is full again; a voter of the quorum never loses its disk.
//
// After every event of a node invariants are checked from inside (checker.go lists them); the history
// that the clients record is judged by the caller with verify's rules, which this package does not
// know. No rule of replication is written down here twice: the checker compares what the nodes hold and
// say with one another. In the end everything heals, and then all replicas must be in sync, and a
// barrier be written and read in every partition, within a bound. Reach marks (mark.go) count rare
// situations: a campaign in which one never happened proved little.
package sim
