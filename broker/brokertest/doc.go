// Package brokertest gives a Go test a real cluster with the Kafka protocol, in one call.
//
//	cluster := brokertest.Start(t, brokertest.Brokers(3))
//	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Addresses()...))
//	...
//	id := cluster.KillLeader("orders", 0)   // as SIGKILL, or as a power cut with PowerLoss
//	cluster.Restart(id)                     // on the files and the address it had
//	cluster.Pause(1)                        // nobody gets an answer from it until Resume
//	cluster.Cut(2)                          // it reaches nobody, and nobody reaches it, until Mend
//	cluster.Disk(0, "space=1B")             // its disk is full: it stops itself, see Stopped
//
//	     clients          other brokers
//	        │ ^               │ ^
//	┌─ port ▼ │ ───── port ── ▼ │ ─┐   addresses that a broker keeps while it is down;
//	│   network: Pause, Cut        │   every connection to and from it is here
//	└──────────── broker ──────────┘
//
// The brokers are the reference broker itself, with its log, its replication, its elections and its
// idempotent producers, not an imitation; they run inside the test's process, with files in memory
// unless OnDisk is given. A broker that is silent for 600 ms loses its partitions to the others. The
// cluster is stopped when the test ends, and the test fails if it cannot be stopped cleanly or leaves
// goroutines behind. Clusters share nothing: tests may run in parallel. This API is stable.
package brokertest
