package sim

import (
	"time"

	"github.com/logproof/logproof/broker/bug"
)

// Hunt is how a planted bug shows here: with which seed, as which class of anomaly in the history (verify
// names them) or which invariant broken inside, or both.
type Hunt struct {
	Seed int64
	// Span of simulated time that it takes.
	Span      time.Duration
	Class     string
	Invariant string
	// Plot that is its story; "" for the swarm.
	Plot string
	// Groups says that it shows in what consumer groups do.
	Groups bool
	// Compact says that it shows in what compaction does.
	Compact bool
	// Transactions says that it shows in transactions.
	Transactions bool
	// Cluster in which it shows; the zero value is what the seed draws.
	Cluster Cluster
}

// HuntOf says how a planted bug is found; ok is false if nobody has said it.
func HuntOf(name bug.Name) (h Hunt, ok bool) {
	h, ok = hunts[name]
	return h, ok
}

// Config simulates what shows the bugs, with another seed than the hunt's if that is wanted; no bugs are
// the same run of a broker that must not be accused.
func (h Hunt) Config(seed int64, bugs bug.Set) Config {
	groups := WithoutGroups
	if h.Groups {
		groups = WithGroups
	}
	transactions := WithoutTransactions
	if h.Transactions {
		transactions = WithTransactions
	}
	return Config{Seed: seed, Duration: h.Span, Settle: huntSettle, Bugs: bugs, Cluster: h.Cluster, Plot: h.Plot, Groups: groups, Transactions: transactions, Compact: h.Compact}
}

// huntSettle is how long a hunted cluster may take to settle: a bug may keep it from that for ever.
const huntSettle = 10 * time.Second

// allInSync commits nothing unless every replica has it: what a replica had when it was lost is then
// still all that is committed when it comes back.
var allInSync = Cluster{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 3}

// hunts is read-only. Another draw anywhere in a node makes other runs of the same seeds: the test of the
// hunts says which seed to keep then.
var hunts = map[bug.Name]Hunt{
	bug.AckBeforeWrite:                  {Seed: 1, Span: 20 * time.Second, Class: "lost-write", Invariant: "ack"},
	bug.NoDedupe:                        {Span: 20 * time.Second, Class: "duplicate"},
	bug.RecoveryDropsTail:               {Seed: 6, Span: 20 * time.Second, Class: "lost-write", Invariant: "durability"},
	bug.FlipOrder:                       {Span: 20 * time.Second, Class: "nonmonotonic-send"},
	bug.CorruptPayload:                  {Span: 20 * time.Second, Class: "corrupt"},
	bug.AckEarly:                        {Seed: 2, Span: 20 * time.Second, Class: "lost-write", Invariant: "ack"},
	bug.HWTruncate:                      {Seed: 2, Span: 20 * time.Second, Class: "lost-write", Invariant: "committed"},
	bug.Unclean:                         {Seed: 6, Span: time.Minute, Class: "lost-write", Invariant: "durability"},
	bug.UnsyncedFollower:                {Seed: 7, Span: time.Minute, Invariant: "committed"},
	bug.IsrExpandEarlyWatermark:         {Seed: 20, Span: 20 * time.Second, Invariant: "committed"},
	bug.IsrExpandEarlyEpochStart:        {Seed: 6, Span: time.Minute, Invariant: "committed"},
	bug.IsrExpandEarlyOtherEpoch:        {Seed: 51, Span: 30 * time.Second, Invariant: "join", Plot: "confuse"},
	bug.IsrExpandEarlyFenced:            {Span: 20 * time.Second, Invariant: "join"},
	bug.IsrExpandEarlyShuttingDown:      {Seed: 14, Span: 20 * time.Second, Invariant: "join"},
	bug.IsrABA:                          {Span: 20 * time.Second, Invariant: "isr"},
	bug.RebornReplica:                   {Span: 20 * time.Second, Invariant: "committed", Cluster: allInSync, Plot: "reborn"},
	bug.VoteUnsynced:                    {Seed: 66, Span: time.Minute, Invariant: "quorum", Plot: "forgetful"},
	bug.IsrNotMaximal:                   {Seed: 5, Span: time.Minute, Invariant: "committed"},
	bug.LastReplica:                     {Span: time.Minute, Class: "lost-write", Invariant: "durability", Plot: "last-replica"},
	bug.StaleLeaderServes:               {Seed: 21, Span: time.Minute, Class: "stale-read", Invariant: "leader", Plot: "confuse"},
	bug.CommitLostOnFailover:            {Span: 20 * time.Second, Class: "resume-regress", Invariant: "commit", Groups: true},
	bug.CommitAhead:                     {Span: 20 * time.Second, Class: "commit-ahead", Groups: true},
	bug.RetryReorder:                    {Span: 20 * time.Second, Class: "nonmonotonic-send"},
	bug.SequenceReuse:                   {Span: 20 * time.Second, Class: "duplicate"},
	bug.ReaderSkips:                     {Span: 20 * time.Second, Class: "poll-skip"},
	bug.LsoIsHW:                         {Span: 20 * time.Second, Class: "early-read", Transactions: true},
	bug.AbortedUnfiltered:               {Span: 20 * time.Second, Class: "aborted-read", Transactions: true},
	bug.MarkerForgotten:                 {Span: 20 * time.Second, Class: "aborted-read", Invariant: "stable", Transactions: true},
	bug.CoordinatorAmnesia:              {Span: 20 * time.Second, Class: "wrong-marker", Invariant: "late", Transactions: true},
	bug.DelayedEndTxn:                   {Seed: 8, Span: 40 * time.Second, Class: "committed-abort", Transactions: true},
	bug.NoFence:                         {Seed: 1, Span: 20 * time.Second, Invariant: "late", Transactions: true},
	bug.MarkerLost:                      {Span: 20 * time.Second, Invariant: "markers", Transactions: true},
	bug.EOSZombie:                       {Seed: 9, Span: 40 * time.Second, Class: "fenced-commit", Transactions: true},
	bug.UnstableOffsets:                 {Seed: 1, Span: 20 * time.Second, Class: "aborted-offsets", Transactions: true},
	bug.OffsetsOutsideTransaction:       {Seed: 1, Span: 20 * time.Second, Class: "aborted-offsets", Transactions: true},
	bug.AbortIgnored:                    {Seed: 6, Span: 20 * time.Second, Class: "lost-commit", Transactions: true},
	bug.OffsetsOutsideTransactionClient: {Seed: 1, Span: 20 * time.Second, Class: "lost-processing", Transactions: true},
	bug.ReadUncommittedReader:           {Span: 20 * time.Second, Class: "read-above-stable", Transactions: true},
	bug.TwoOwners:                       {Seed: 4, Span: 20 * time.Second, Class: "two-owners", Invariant: "owners", Groups: true},
	bug.ZeroOffset:                      {Span: 20 * time.Second, Class: "inconsistent-offsets"},
	bug.SeqCache:                        {Span: 20 * time.Second, Class: "inconsistent-offsets", Invariant: "ack"},
	bug.DedupeNotReplicated:             {Span: 20 * time.Second, Class: "duplicate"},
	bug.ReadUncommittedTail:             {Span: 20 * time.Second, Class: "read-above-watermark"},
	bug.HWRegress:                       {Span: 20 * time.Second, Invariant: "watermarks"},
	bug.DrainAcks:                       {Seed: 6, Span: 20 * time.Second, Class: "lost-write", Invariant: "durability"},
	bug.MinISRIgnored:                   {Seed: 7, Span: 20 * time.Second, Class: "lost-write", Invariant: "committed"},
	bug.IsrShrinkEarly:                  {Seed: 7, Span: 20 * time.Second, Class: "lost-write", Invariant: "committed"},
	bug.NoTruncate:                      {Span: 20 * time.Second, Invariant: "match"},
	bug.EntriesUnsynced:                 {Seed: 6, Span: 20 * time.Second, Invariant: "durability"},
	bug.ZombieCommit:                    {Seed: 6, Span: 20 * time.Second, Class: "fenced-commit", Groups: true},
	bug.OffsetsReset:                    {Seed: 1, Span: 20 * time.Second, Class: "resume-regress", Invariant: "replay", Groups: true},
	bug.EpochOvershoot:                  {Seed: 17, Span: time.Minute, Invariant: "match"},
	bug.RecoveryUnsynced:                {Seed: 22, Span: time.Minute, Invariant: "durability"},
	bug.SealedUnsynced:                  {Seed: 22, Span: time.Minute, Invariant: "rot"},
	bug.TombstoneEarly:                  {Span: 20 * time.Second, Invariant: "compaction", Compact: true},
	bug.CompactTooFar:                   {Span: 20 * time.Second, Invariant: "compaction", Compact: true},
}
