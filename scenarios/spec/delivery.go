package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Delivery is the level of a producer by one name. Each stands for values of acks and idempotent, which may be
// written in its place.
//
//	none           acks: 0, idempotent: false    at most once, and nobody knows
//	leader         acks: 1, idempotent: false    what only the leader has may be lost
//	all            acks: all, idempotent: false  at least once
//	idempotent     acks: all, idempotent: true   once in each session of a producer
//	transactional  the same, in transactions     all or nothing, over partitions
type Delivery string

// The levels.
const (
	DeliverNone          Delivery = "none"
	DeliverLeader        Delivery = "leader"
	DeliverAll           Delivery = "all"
	DeliverIdempotent    Delivery = "idempotent"
	DeliverTransactional Delivery = "transactional"
)

// Deliveries lists the levels, the weakest first.
var Deliveries = []string{
	string(DeliverNone), string(DeliverLeader), string(DeliverAll), string(DeliverIdempotent), string(DeliverTransactional),
}

// UnmarshalText takes any scalar; check reports the unknown ones.
func (d *Delivery) UnmarshalText(text []byte) error {
	*d = Delivery(text)
	return nil
}

// Transactions of producers whose delivery is transactional.
type Transactions struct {
	// Size is how many records a transaction has; one that waits for more ends when the load is slow.
	Size int `yaml:"size"`
	// AbortRate is the part of the transactions that are meant to be aborted, from 0 to 1.
	AbortRate float64 `yaml:"abort_rate"`
	// Timeout after which the coordinator aborts a transaction that nobody ends (transaction.timeout.ms).
	Timeout Duration `yaml:"timeout"`
}

// Isolations of readers, and KeyDistributions of keyed records.
var (
	Isolations       = []string{ReadUncommitted, ReadCommitted}
	KeyDistributions = []string{"uniform", "zipf"}
)

// The isolations, as Kafka's consumers name them.
const (
	ReadUncommitted = "read_uncommitted"
	ReadCommitted   = "read_committed"
)

// CommitTransaction is the discipline of members that consume, transform and produce: their offsets are
// committed with what they write (KIP-447).
const CommitTransaction = "transaction"

// maxKeys bounds the keys of a load.
const maxKeys = 10_000_000

// Size of what a record needs beside MinRecordSize to say what it was made from, and which key it has.
const sourceSize, keySize = 14, 4

// Transactional reports whether anybody writes in transactions: producers, or members that transform.
func (s *Spec) Transactional() bool {
	return s.Load.Delivery == DeliverTransactional || slices.ContainsFunc(s.Groups, func(g Group) bool { return g.Commit == CommitTransaction })
}

// replicated reports whether a topic has several replicas.
func (s *Spec) replicated() bool {
	return slices.ContainsFunc(s.Topics, func(t Topic) bool { return t.ReplicationFactor > 1 })
}

// resolve gives the keys that follow from others their values.
func (c *checker) resolve() {
	l := &c.spec.Load
	switch l.Delivery {
	case DeliverNone:
		l.Acks, l.Idempotent = AcksNone, false
	case DeliverLeader:
		l.Acks, l.Idempotent = AcksLeader, false
	case DeliverAll:
		l.Acks, l.Idempotent = AcksAll, false
	case DeliverIdempotent, DeliverTransactional:
		l.Acks, l.Idempotent = AcksAll, true
	}
	if l.Delivery == DeliverTransactional {
		defaults := Transactions{Size: 100, Timeout: Duration(10 * second)}
		if !c.written("load.transactions.size") {
			l.Transactions.Size = defaults.Size
		}
		if !c.written("load.transactions.timeout") {
			l.Transactions.Timeout = defaults.Timeout
		}
	}
	if !c.written("leader_tour") {
		c.spec.LeaderTour = c.spec.replicated()
	}
	transactional := c.spec.Transactional()
	if transactional && l.Isolation == "" {
		l.Isolation = ReadCommitted
	}
	for i := range c.spec.Groups {
		g := &c.spec.Groups[i]
		if transactional && g.Isolation == "" {
			g.Isolation = ReadCommitted
		}
		if g.Commit == CommitTransaction && !c.written(fmt.Sprintf("groups[%d].transaction_timeout", i)) {
			g.TransactionTimeout = Duration(10 * second)
		}
	}
}

// delivery checks what the load says of delivery, transactions, isolation and keys.
func (c *checker) delivery() {
	s, l := c.spec, c.spec.Load
	if c.written("load.delivery") {
		c.choice("load.delivery", "delivery", string(l.Delivery), Deliveries)
		for _, key := range []string{"acks", "idempotent"} {
			if c.written("load." + key) {
				c.errorf("load."+key, "%s says what delivery: %s says already: remove one of them", key, l.Delivery)
			}
		}
	}
	if l.Delivery != DeliverTransactional && c.written("load.transactions") {
		c.errorf("load.transactions", "only producers with delivery: transactional write in transactions: write that, or remove it")
	}
	if l.Delivery == DeliverTransactional {
		c.between("load.transactions.size", int64(l.Transactions.Size), 1, 1_000_000)
		if !(l.Transactions.AbortRate >= 0 && l.Transactions.AbortRate <= 1) { // written so that NaN is wrong too
			c.errorf("load.transactions.abort_rate", "abort_rate is %v: it is the part of the transactions that are aborted, from 0 to 1", l.Transactions.AbortRate)
		}
		c.transactionTimeout("load.transactions.timeout", l.Transactions.Timeout)
	}
	if l.Isolation != "" || c.written("load.isolation") {
		c.choice("load.isolation", "isolation", l.Isolation, Isolations)
	}
	c.between("load.keys", int64(l.Keys), 0, maxKeys)
	if c.written("load.key_distribution") {
		c.choice("load.key_distribution", "key_distribution", l.KeyDistribution, KeyDistributions)
		if l.Keys == 0 {
			c.errorf("load.key_distribution", "records without keys are not distributed: write load.keys, or remove it")
		}
	}
	least := MinRecordSize
	if l.Keys > 0 {
		least += keySize
	}
	if slices.ContainsFunc(s.Groups, func(g Group) bool { return g.Commit == CommitTransaction }) {
		least += sourceSize
	}
	if l.RecordSize >= MinRecordSize && l.RecordSize < Size(least) {
		c.errorf("load.record_size", "load.record_size is %v: records that say their key or what they were made from need at least %v", l.RecordSize, Size(least))
	}
}

// tour checks that there is something to compare.
func (c *checker) tour() {
	if c.spec.LeaderTour && !c.spec.replicated() {
		c.errorf("leader_tour", "leader_tour compares replicas, and every partition has one only: write a replication_factor, or remove it")
	}
}

// transactionTimeout checks a timeout of transactions against the time that a run waits for everything to settle:
// nothing of a transaction that nobody ends is over before it.
func (c *checker) transactionTimeout(path string, timeout Duration) {
	c.positive(path, timeout)
	if converge := c.spec.Limits.Converge; timeout > 0 && converge > 0 && timeout >= converge {
		c.errorf(path, "a transaction that nobody ends holds readers back for %v, and limits.converge gives up after %v: write a shorter timeout, or a longer limit", timeout, converge)
	}
}

// Policies of topics, as Kafka's cleanup.policy.
var Policies = []string{"delete", "compact", "compact,delete"}

// settings checks what a topic says of retention and compaction.
func (c *checker) settings(at string, t Topic) {
	if t.CleanupPolicy != "" || c.written(at+".cleanup_policy") {
		c.choice(at+".cleanup_policy", "cleanup_policy", t.CleanupPolicy, Policies)
	}
	compacted := strings.Contains(t.CleanupPolicy, "compact")
	if compacted && c.spec.Load.Keys == 0 {
		c.errorf(at+".cleanup_policy", "a compacted topic takes no record without a key: write load.keys, or cleanup_policy: delete")
	}
	if t.SegmentSize != 0 {
		c.between(at+".segment_size", int64(t.SegmentSize), minSegment, maxSegment)
	}
	for _, lag := range []struct {
		key   string
		value Duration
	}{{"min_compaction_lag", t.MinCompactionLag}, {"max_compaction_lag", t.MaxCompactionLag}, {"delete_retention", t.DeleteRetention}} {
		c.notNegative(at+"."+lag.key, lag.value)
		if c.written(at+"."+lag.key) && !compacted {
			c.errorf(at+"."+lag.key, "%s is a setting of compacted topics: write cleanup_policy: compact, or remove it", lag.key)
		}
	}
	if t.MaxCompactionLag > 0 && t.MaxCompactionLag < t.MinCompactionLag {
		c.errorf(at+".max_compaction_lag", "max_compaction_lag is %v and min_compaction_lag %v: nothing could be compacted in time", t.MaxCompactionLag, t.MinCompactionLag)
	}
}

// transforms checks the members of a group that consume, transform and produce.
func (c *checker) transforms(i int, g Group) {
	at := fmt.Sprintf("groups[%d]", i)
	var topics []string
	for _, t := range c.spec.Topics {
		topics = append(topics, t.Name)
	}
	if g.From != "" || c.written(at+".from") {
		c.choice(at+".from", "topic", g.From, topics)
	}
	if g.Isolation != "" || c.written(at+".isolation") {
		c.choice(at+".isolation", "isolation", g.Isolation, Isolations)
	}
	if g.Commit != CommitTransaction {
		for _, key := range []string{"to", "transaction_timeout"} {
			if c.written(at + "." + key) {
				c.errorf(at+"."+key, "%s is for members that write what they consumed: write commit: transaction, or remove it", key)
			}
		}
		return
	}
	c.transactionTimeout(at+".transaction_timeout", g.TransactionTimeout)
	if g.CommitInterval > 0 {
		c.errorf(at+".commit_interval", "commit_interval does not go with commit: transaction, which commits every poll: remove it")
	}
	if g.From == "" || g.To == "" {
		c.errorf(at+".commit", "members with commit: transaction write what they consume to another topic: write from and to")
		return
	}
	c.choice(at+".to", "topic", g.To, topics)
	for k, other := range c.spec.Groups {
		switch {
		case other.Commit != CommitTransaction:
		case other.From == g.To:
			c.errorf(at+".to", "topic %s is what group %s is made from: write another topic", g.To, other.Name)
		case k < i && other.To == g.To:
			c.errorf(at+".to", "group %s writes to topic %s already: write another topic", other.Name, g.To)
		}
	}
}

// Outputs are the topics that members of groups write, and producers do not.
func (s *Spec) Outputs() (topics []string) {
	for _, g := range s.Groups {
		if g.Commit == CommitTransaction {
			topics = append(topics, g.To)
		}
	}
	return topics
}
