package brokertest

import "github.com/logproof/logproof/broker"

// Option changes what Start starts.
type Option func(*options)

type options struct {
	brokers int
	onDisk  bool
	power   bool
	config  func(*broker.Config)
}

// Brokers is how many brokers the cluster has, with the ids 0 to n-1; 1 without it. Topics get
// min(n, 3) replicas where their creator leaves the choice, and with 3 brokers or more a record is
// committed once 2 replicas have it. Of several brokers any one may be down: the first three are
// controllers too, and where there are but two, a third node that serves no clients has the third vote.
func Brokers(n int) Option { return func(o *options) { o.brokers = n } }

// OnDisk keeps the files in the test's temporary directory in place of memory.
func OnDisk() Option { return func(o *options) { o.onDisk = true } }

// PowerLoss makes Kill lose everything that was not synced, like a power cut. It is for files in
// memory. Without it Kill loses nothing that was written, as the end of a process does.
func PowerLoss() Option { return func(o *options) { o.power = true } }

// Configure changes the configuration of each node before it starts: its flush policy, the size of its
// segments, its times. Ids, roles, addresses and files stay those of the cluster.
func Configure(change func(*broker.Config)) Option { return func(o *options) { o.config = change } }
