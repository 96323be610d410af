package client

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Discipline is when a member commits what it processes.
type Discipline string

const (
	// CommitBefore commits what was polled and then processes it: at most once.
	CommitBefore Discipline = "before"
	// CommitAfter commits what was processed: at least once.
	CommitAfter Discipline = "after"
	// CommitAuto leaves it to the client, which commits by a timer what the poll before had returned.
	CommitAuto Discipline = "auto"
	// CommitTransaction writes to another topic what was made of what was polled, and commits both at once
	// (KIP-447): exactly once.
	CommitTransaction Discipline = "transaction"
)

// Disciplines lists the known ones.
func Disciplines() []Discipline {
	return []Discipline{CommitBefore, CommitAfter, CommitAuto, CommitTransaction}
}

// Assignor divides the partitions among the members of a group, as Kafka's clients name it.
type Assignor string

// The assignors. All but the last are eager: members give up everything before they join again.
const (
	RangeAssignor             Assignor = "range"
	RoundRobinAssignor        Assignor = "roundrobin"
	StickyAssignor            Assignor = "sticky"
	CooperativeStickyAssignor Assignor = "cooperative-sticky"
)

// Assignors lists the known ones.
func Assignors() []Assignor {
	return []Assignor{RangeAssignor, RoundRobinAssignor, StickyAssignor, CooperativeStickyAssignor}
}

// balancer of the client.
func (a Assignor) balancer() kgo.GroupBalancer {
	switch a {
	case RangeAssignor:
		return kgo.RangeBalancer()
	case RoundRobinAssignor:
		return kgo.RoundRobinBalancer()
	case StickyAssignor:
		return kgo.StickyBalancer()
	}
	return kgo.CooperativeStickyBalancer()
}

// GroupSpec configures the members of one consumer group. Zeros are defaults.
type GroupSpec struct {
	// Name of the group.
	Name string
	// Assignor; default cooperative-sticky, which is franz-go's own.
	Assignor Assignor
	// Commit discipline; default after.
	Commit Discipline
	// CommitInterval is the client's timer for auto, default 1 s. For after it is the shortest time between
	// two commits; 0 commits after every poll. It does not go with before.
	CommitInterval time.Duration
	// SessionTimeout is how long a member may be silent before the coordinator removes it; default 6 s.
	SessionTimeout time.Duration
	// RebalanceTimeout is how long members have to join again; default 6 s.
	RebalanceTimeout time.Duration
	// Heartbeat is how often a member says that it lives; default a quarter of the session timeout.
	Heartbeat time.Duration
	// Static members have a group.instance.id (KIP-345): one that comes back takes its own place without a
	// rebalance.
	Static bool
	// Work is how long a member takes to process what one poll returned.
	Work time.Duration
	// TransactionTimeout of members that commit in transactions; default 10 s.
	TransactionTimeout time.Duration
	// OffsetsOutside is a planted bug: a member that is to commit in transactions commits its offsets beside them.
	OffsetsOutside bool
	// CommitAhead is a planted bug: a member that is to commit after processing commits before it.
	CommitAhead bool
}

func (s GroupSpec) withDefaults() GroupSpec {
	if s.Assignor == "" {
		s.Assignor = CooperativeStickyAssignor
	}
	if s.Commit == "" {
		s.Commit = CommitAfter
	}
	if s.Commit == CommitAuto {
		s.CommitInterval = orDefault(s.CommitInterval, time.Second)
	}
	if s.Commit == CommitTransaction {
		s.TransactionTimeout = orDefault(s.TransactionTimeout, 10*time.Second)
	}
	s.SessionTimeout = orDefault(s.SessionTimeout, 6*time.Second)
	s.RebalanceTimeout = orDefault(s.RebalanceTimeout, 6*time.Second)
	s.Heartbeat = orDefault(s.Heartbeat, s.SessionTimeout/4)
	return s
}

// minAutoCommit is what the client takes.
const minAutoCommit = 100 * time.Millisecond

// Validate lists everything that is wrong, or returns nil.
func (s GroupSpec) Validate() error {
	var errs []error
	wrong := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(s.Name == "", "a group has no name")
	for _, d := range []time.Duration{s.CommitInterval, s.SessionTimeout, s.RebalanceTimeout, s.Heartbeat, s.Work} {
		wrong(d < 0, "group %s: a time is %v: it must not be negative", s.Name, d)
	}
	d := s.withDefaults()
	known := false
	for _, a := range Assignors() {
		known = known || a == d.Assignor
	}
	wrong(!known, "group %s: assignor %q: known are %v", s.Name, s.Assignor, Assignors())
	known = false
	for _, c := range Disciplines() {
		known = known || c == d.Commit
	}
	wrong(!known, "group %s: commit %q: known are %v", s.Name, s.Commit, Disciplines())
	wrong(s.CommitInterval > 0 && d.Commit == CommitBefore, "group %s: a commit interval does not go with commit before, which commits every poll", s.Name)
	wrong(d.Commit == CommitAuto && d.CommitInterval < minAutoCommit, "group %s: commit interval is %v: with commit auto the client takes %v or more", s.Name, s.CommitInterval, minAutoCommit)
	wrong(s.CommitAhead && d.Commit != CommitAfter, "group %s: the bug commit-ahead is one of members that commit after", s.Name)
	wrong(s.CommitInterval > 0 && d.Commit == CommitTransaction, "group %s: a commit interval does not go with commit transaction, which commits every poll", s.Name)
	wrong(d.Commit != CommitTransaction && (s.TransactionTimeout != 0 || s.OffsetsOutside), "group %s: a transaction timeout is for members with commit transaction", s.Name)
	wrong(d.Commit == CommitTransaction && d.TransactionTimeout < minTransactionTimeout, "group %s: transaction timeout is %v: it must be at least %v", s.Name, s.TransactionTimeout, minTransactionTimeout)
	wrong(d.Heartbeat >= d.SessionTimeout, "group %s: a heartbeat every %v does not keep a session of %v alive", s.Name, d.Heartbeat, d.SessionTimeout)
	return errors.Join(errs...)
}

// String is the line that a run prints about a group.
func (s GroupSpec) String() string {
	s = s.withDefaults()
	parts := []string{"assignor " + string(s.Assignor), "commit " + string(s.Commit)}
	if s.CommitInterval > 0 {
		parts = append(parts, fmt.Sprintf("every %v", s.CommitInterval))
	}
	parts = append(parts, fmt.Sprintf("session timeout %v, rebalance timeout %v, heartbeat %v", s.SessionTimeout, s.RebalanceTimeout, s.Heartbeat))
	if s.Static {
		parts = append(parts, "static members")
	}
	if s.Commit == CommitTransaction {
		parts = append(parts, fmt.Sprintf("transaction timeout %v", s.TransactionTimeout))
	}
	if s.Work > 0 {
		parts = append(parts, fmt.Sprintf("%v of work a poll", s.Work))
	}
	return strings.Join(parts, ", ")
}

// options of a member; the instance is for static ones.
func (s GroupSpec) options(instance string, topics []string) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.ConsumerGroup(s.Name), kgo.ConsumeTopics(topics...), kgo.Balancers(s.Assignor.balancer()),
		kgo.SessionTimeout(s.SessionTimeout), kgo.RebalanceTimeout(s.RebalanceTimeout), kgo.HeartbeatInterval(s.Heartbeat),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// What a member has polled is processed before its partitions are given up.
		kgo.BlockRebalanceOnPoll(),
	}
	if s.Commit == CommitAuto {
		opts = append(opts, kgo.AutoCommitInterval(s.CommitInterval))
	} else {
		opts = append(opts, kgo.DisableAutoCommit())
	}
	if s.Static {
		opts = append(opts, kgo.InstanceID(instance))
	}
	return opts
}
