// Package bubble gives a Go test a cluster of the reference broker in virtual time: hours pass in seconds.
//
//	bubble.Run(t, bubble.Config{Brokers: 3}, func(t *testing.T, c *bubble.Cluster) {
//		client, err := kgo.NewClient(kgo.SeedBrokers(c.Addresses()...), kgo.Dialer(c.Dial))
//		...
//		c.Kill(1)
//		time.Sleep(time.Hour)   // of the clock of the bubble
//	})
//
//	client ── mesh.Host ──┐                  ┌── mesh.Host ── broker.Broker ── mem.FS
//	                      └── mesh.Network ──┼── mesh.Host ── broker.Broker ── mem.FS
//	    all in one testing/synctest bubble   └── mesh.Host ── broker.Broker ── mem.FS
//
// The brokers run unmodified, with all their goroutines; files and network are in memory. The clock of the
// bubble stands while any goroutine runs, and jumps to the next timer when all of them wait. Unlike chaos/sim
// a run cannot be repeated exactly: Go's scheduler decides who runs first.
//
// A client that waits for a lock whose holder waits for a message would stop the clock for ever. franz-go has
// a build tag for this, synctests, with which its locks are made of channels: tests that use it stand behind the
// tag, and are run with `go test -tags synctests`. Sockets and processes have no place in a bubble.
package bubble
