// Package brokertest gives a Go test a real broker with the Kafka protocol, in one call.
//
//	cluster := brokertest.Start(t)
//	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Addresses()...))
//	...
//	cluster.Kill(0)      // as SIGKILL, or as a power cut with PowerLoss
//	cluster.Restart(0)   // on the files and the address it had
//	cluster.Pause(0)     // nobody gets an answer until Resume
//	cluster.Cut(0)       // nobody reaches it until Mend
//
// The broker is the reference broker itself, with its log, its recovery and its idempotent
// producers, not an imitation; it runs inside the test's process, with its files in memory unless
// OnDisk is given. It is stopped when the test ends, and the test fails if it cannot be stopped
// cleanly. Clusters share nothing: tests may run in parallel. This API is stable.
package brokertest
