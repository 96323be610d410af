package spec

import "fmt"

// Group is a consumer group that works during the run: its members consume all topics together, or the one
// that From names.
type Group struct {
	// Name of the group: small letters, digits and dashes. Its members are clients of the load after the
	// readers, with the names <name>-0 and so on.
	Name    string `yaml:"name"`
	Members int    `yaml:"members"`
	// Assignor divides the partitions: range, roundrobin, sticky or cooperative-sticky.
	Assignor string `yaml:"assignor"`
	// Commit is when members commit: before they process (at most once), after it (at least once), auto, by the
	// client's timer, or transaction, with the records that they write to the topic To (exactly once, KIP-447).
	Commit string `yaml:"commit"`
	// CommitInterval is that timer, or the shortest time between two commits after processing; 0 is 1 s for
	// auto, and every poll for after.
	CommitInterval Duration `yaml:"commit_interval"`
	// SessionTimeout is how long a member may be silent, and RebalanceTimeout how long it has to join again.
	SessionTimeout   Duration `yaml:"session_timeout"`
	RebalanceTimeout Duration `yaml:"rebalance_timeout"`
	// Heartbeat is how often a member says that it lives; 0 is a quarter of the session timeout.
	Heartbeat Duration `yaml:"heartbeat"`
	// Static members keep their place when they come back (KIP-345).
	Static bool `yaml:"static"`
	// Work is how long a member takes to process what one poll returned.
	Work Duration `yaml:"work"`
	// From is the topic that is consumed, "" all of them; To the one that members with commit transaction write.
	From string `yaml:"from"`
	To   string `yaml:"to"`
	// Isolation of the members, as that of readers.
	Isolation string `yaml:"isolation"`
	// TransactionTimeout of members with commit transaction (transaction.timeout.ms).
	TransactionTimeout Duration `yaml:"transaction_timeout"`
}

func (g *Group) setDefaults() {
	g.Members, g.Assignor, g.Commit = 2, "cooperative-sticky", "after"
	g.SessionTimeout, g.RebalanceTimeout = Duration(6*second), Duration(6*second)
}

// Assignors and Commits are what a group may ask for.
var (
	Assignors = []string{"range", "roundrobin", "sticky", "cooperative-sticky"}
	Commits   = []string{"before", "after", "auto", CommitTransaction}
)

// minAutoCommit is what the Kafka client takes.
const minAutoCommit = 100 * Duration(millisecond)

func (c *checker) groups() {
	for i, g := range c.spec.Groups {
		at := fmt.Sprintf("groups[%d]", i)
		if !plainName.MatchString(g.Name) {
			c.errorf(at+".name", "group name %q: write small letters, digits and dashes, such as workers", g.Name)
		}
		for _, other := range c.spec.Groups[:i] {
			if other.Name == g.Name {
				c.errorf(at+".name", "group %q stands there twice: remove one", g.Name)
			}
		}
		c.between(at+".members", int64(g.Members), 1, maxClients)
		c.choice(at+".assignor", "assignor", g.Assignor, Assignors)
		c.choice(at+".commit", "commit", g.Commit, Commits)
		c.notNegative(at+".commit_interval", g.CommitInterval)
		c.positive(at+".session_timeout", g.SessionTimeout)
		c.positive(at+".rebalance_timeout", g.RebalanceTimeout)
		c.notNegative(at+".heartbeat", g.Heartbeat)
		c.notNegative(at+".work", g.Work)
		switch {
		case g.Commit == "before" && g.CommitInterval > 0:
			c.errorf(at+".commit_interval", "commit_interval does not go with commit: before, which commits every poll: remove it")
		case g.Commit == "auto" && g.CommitInterval > 0 && g.CommitInterval < minAutoCommit:
			c.errorf(at+".commit_interval", "commit_interval is %v: with commit: auto the client takes %v or more", g.CommitInterval, minAutoCommit)
		}
		c.transforms(i, g)
		if g.Heartbeat > 0 && g.SessionTimeout > 0 && g.Heartbeat >= g.SessionTimeout {
			c.errorf(at+".heartbeat", "a heartbeat every %v does not keep a session of %v alive: write a shorter heartbeat", g.Heartbeat, g.SessionTimeout)
		}
	}
}
