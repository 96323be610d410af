package bug

import (
	"fmt"
	"sort"
	"strings"
)

// Name of a planted bug, as --bug takes it.
type Name string

const (
	// AckBeforeWrite acknowledges a produce request before its records are on disk.
	AckBeforeWrite Name = "ack-before-write"
	// NoDedupe ignores the sequence numbers of idempotent producers.
	NoDedupe Name = "no-dedupe"
	// RecoveryDropsTail cuts the last whole batch of every log when it recovers.
	RecoveryDropsTail Name = "recovery-drops-tail"
	// FlipOrder appends two batches of one producer in the wrong order, now and then.
	FlipOrder Name = "flip-order"
	// CorruptPayload changes a byte of a record and stamps a matching checksum, now and then.
	CorruptPayload Name = "corrupt-payload"
	// AckEarly acknowledges what the leader has, before the rest of the ISR has it.
	AckEarly Name = "ack-early"
	// HWTruncate truncates a new follower to its high watermark in place of comparing epochs.
	HWTruncate Name = "hw-truncate"
	// Unclean elects replicas that may lack committed records, without being told to.
	Unclean Name = "unclean"
	// UnsyncedFollower fetches from the log end, synced or not.
	UnsyncedFollower Name = "unsynced-follower"
	// IsrExpandEarlyWatermark lets a follower into the ISR below the high watermark.
	IsrExpandEarlyWatermark Name = "isr-expand-early-watermark"
	// IsrExpandEarlyEpochStart lets one in below the start of the leader's epoch.
	IsrExpandEarlyEpochStart Name = "isr-expand-early-epoch-start"
	// IsrExpandEarlyOtherEpoch lets one in by what it fetched in a former epoch.
	IsrExpandEarlyOtherEpoch Name = "isr-expand-early-other-epoch"
	// IsrExpandEarlyFenced lets a fenced broker in.
	IsrExpandEarlyFenced Name = "isr-expand-early-fenced"
	// IsrExpandEarlyShuttingDown lets a broker in that is about to stop.
	IsrExpandEarlyShuttingDown Name = "isr-expand-early-shutting-down"
	// IsrABA takes ISR changes without comparing partition epochs.
	IsrABA Name = "isr-aba"
	// RebornReplica takes a broker's new process for its former one.
	RebornReplica Name = "reborn-replica"
	// VoteUnsynced lets votes and acknowledgements of the metadata quorum leave before they are synced.
	VoteUnsynced Name = "vote-unsynced"
	// IsrNotMaximal commits without the members that are only proposed.
	IsrNotMaximal Name = "isr-not-maximal"
	// LastReplica ignores the eligible leader replicas: the last member stays in the ISR whatever happens.
	LastReplica Name = "last-replica"
	// StaleLeaderServes goes on leading when the metadata names another leader.
	StaleLeaderServes Name = "stale-leader-serves"
	// CommitLostOnFailover acknowledges an offset commit before it is appended, and appends it a second later.
	CommitLostOnFailover Name = "commit-lost-on-failover"
	// CommitAhead is a bug of members of consumer groups and not of brokers: they commit what they polled before
	// they have processed it.
	CommitAhead Name = "commit-ahead"
	// RetryReorder is a bug of producers: they are not idempotent, and a batch that is sent again is sent after those
	// that were made after it.
	RetryReorder Name = "retry-reorder"
	// SequenceReuse is a bug of producers: what was not answered they send again under a new producer id.
	SequenceReuse Name = "sequence-reuse"
	// AbortIgnored is a bug of transactional producers: what the coordinator has aborted they report as committed.
	AbortIgnored Name = "abort-ignored"
	// OffsetsOutsideTransactionClient is a bug of workers: they commit their positions beside the transaction.
	OffsetsOutsideTransactionClient Name = "offsets-outside-transaction-client"
	// ReadUncommittedReader is a bug of readers of committed records: they ask for all.
	ReadUncommittedReader Name = "read-uncommitted-reader"
	// ReaderSkips is a bug of readers: now and then they leave a record out.
	ReaderSkips Name = "reader-skips"
	// ZeroOffset acknowledges a batch with base offset 0, now and then.
	ZeroOffset Name = "zero-offset"
	// SeqCache answers a batch that is sent again with the offset that it would get if it were new.
	SeqCache Name = "seq-cache"
	// DedupeNotReplicated does not know under a new leader what its followers had copied of idempotent producers.
	DedupeNotReplicated Name = "dedupe-not-replicated"
	// ReadUncommittedTail gives readers all that a leader has, committed or not.
	ReadUncommittedTail Name = "read-uncommitted-tail"
	// HWRegress begins the term of a leader with a high watermark of nothing.
	HWRegress Name = "hw-regress"
	// DrainAcks acknowledges what waits for a commit when a leader's term ends.
	DrainAcks Name = "drain-acks"
	// MinISRIgnored commits with any number of replicas in sync.
	MinISRIgnored Name = "minisr-ignored"
	// IsrShrinkEarly commits without the members that are only proposed to leave the ISR.
	IsrShrinkEarly Name = "isr-shrink-early"
	// EpochOvershoot takes the log of a reader for its own as far as that goes, if its last epoch is one that is not
	// in the leader's.
	EpochOvershoot Name = "epoch-overshoot"
	// NoTruncate never tells a follower that its log is another than the leader's.
	NoTruncate Name = "no-truncate"
	// RecoveryUnsynced takes for safe what recovery has found, without a sync.
	RecoveryUnsynced Name = "recovery-unsynced"
	// SealedUnsynced syncs only the active segment.
	SealedUnsynced Name = "sealed-unsynced"
	// EntriesUnsynced does not make the names of new segments durable.
	EntriesUnsynced Name = "entries-unsynced"
	// ZombieCommit takes offset commits of generations that are over.
	ZombieCommit Name = "zombie-commit"
	// OffsetsReset forgets the offsets of groups when their coordinator moves.
	OffsetsReset Name = "offsets-reset"
	// TombstoneEarly lets compaction take out tombstones when it meets them first.
	TombstoneEarly Name = "tombstone-early"
	// CompactTooFar lets compaction reach beyond what is committed.
	CompactTooFar Name = "compact-too-far"
	// TwoOwners ends the rebalance of a group before the members of the last generation have joined or timed out.
	TwoOwners Name = "two-owners"
	// CoordinatorAmnesia keeps open transactions in memory only: who takes over does not know what they touch.
	CoordinatorAmnesia Name = "coordinator-amnesia"
	// DelayedEndTxn lets the end of a former transaction that comes late decide the next one (KAFKA-17754).
	DelayedEndTxn Name = "delayed-endtxn"
	// NoFence gives a producer that begins the epoch of the one before it.
	NoFence Name = "no-fence"
	// MarkerLost leaves one partition of a transaction without its marker.
	MarkerLost Name = "marker-lost"
	// LsoIsHW takes the high watermark for the last stable offset.
	LsoIsHW Name = "lso-is-hw"
	// AbortedUnfiltered gives readers of committed records no list of what was aborted.
	AbortedUnfiltered Name = "aborted-unfiltered"
	// EOSZombie takes offsets in a transaction from a member of a generation that is over.
	EOSZombie Name = "eos-zombie"
	// UnstableOffsets tells offsets of a transaction that is open as if it had committed.
	UnstableOffsets Name = "unstable-offsets"
	// OffsetsOutsideTransaction lets offsets of a transaction count at once, also if it aborts.
	OffsetsOutsideTransaction Name = "offsets-outside-transaction"
	// MarkerForgotten lets a follower append markers without ending the transactions that they are about.
	MarkerForgotten Name = "marker-forgotten"
)

// all maps every planted bug to its description.
var all = map[Name]string{
	AckBeforeWrite:    "acknowledge a produce request before its records are on disk",
	NoDedupe:          "ignore the sequence numbers of idempotent producers",
	RecoveryDropsTail: "cut the last whole batch of every log at recovery",
	FlipOrder:         "append two batches of one producer in the wrong order",
	CorruptPayload:    "change a byte of a record and stamp a matching checksum",

	AckEarly:                   "acknowledge what the leader has, before the rest of the ISR has it",
	HWTruncate:                 "truncate a new follower to its high watermark, not by comparing epochs",
	Unclean:                    "elect replicas that may lack committed records",
	UnsyncedFollower:           "let a follower fetch from its log end, synced or not",
	IsrExpandEarlyWatermark:    "let a follower into the ISR below the high watermark",
	IsrExpandEarlyEpochStart:   "let a follower into the ISR below the start of the leader's epoch",
	IsrExpandEarlyOtherEpoch:   "let a follower into the ISR by fetches of a former epoch",
	IsrExpandEarlyFenced:       "let a fenced broker into the ISR",
	IsrExpandEarlyShuttingDown: "let a broker that is about to stop into the ISR",
	IsrABA:                     "take ISR changes without comparing partition epochs",
	RebornReplica:              "take a broker's new process for its former one",
	VoteUnsynced:               "let votes of the metadata quorum leave before they are synced",
	IsrNotMaximal:              "commit without the ISR members that are only proposed",
	LastReplica:                "keep the last member in the ISR whatever happens to it",
	StaleLeaderServes:          "go on leading when the metadata names another leader",

	CommitLostOnFailover: "acknowledge an offset commit before it is appended, which is a second later",
	CommitAhead:          "commit what was polled before it is processed (a bug of group members, not of brokers)",
	RetryReorder:         "send a batch again after those that were made after it, without sequences (a bug of producers)",
	SequenceReuse:        "send what was not answered again under a new producer id (a bug of producers)",
	ReaderSkips:          "leave a record out now and then (a bug of readers)",
	EpochOvershoot:       "take a log whose last epoch is unknown for the leader's own",
	RecoveryUnsynced:     "take for safe what recovery has found, without a sync",
	SealedUnsynced:       "sync only the active segment",
	TombstoneEarly:       "compact tombstones away before delete.retention.ms is over",
	CompactTooFar:        "compact beyond what is committed",
	ZeroOffset:           "acknowledge a batch with base offset 0, now and then",
	SeqCache:             "answer a batch that is sent again with an offset that it does not have",
	DedupeNotReplicated:  "forget under a new leader what idempotent producers had sent to the one before",
	ReadUncommittedTail:  "give readers what is not committed",
	HWRegress:            "begin the term of a leader with a high watermark of nothing",
	DrainAcks:            "acknowledge what waits for a commit when the leader's term ends",
	MinISRIgnored:        "commit with any number of replicas in sync",
	IsrShrinkEarly:       "commit without the ISR members that are only proposed to leave",
	NoTruncate:           "never tell a follower that its log has left the leader's",
	EntriesUnsynced:      "do not make the names of new segments durable",
	ZombieCommit:         "take offset commits of generations that are over",
	OffsetsReset:         "forget the offsets of groups when their coordinator moves",
	TwoOwners:            "end a rebalance before the members of the last generation have joined or timed out",

	CoordinatorAmnesia:        "keep open transactions in the coordinator's memory only",
	DelayedEndTxn:             "let a late EndTxn of a former transaction decide the next one",
	NoFence:                   "give a producer that begins the epoch of the one before it",
	MarkerLost:                "leave one partition of a transaction without its marker",
	LsoIsHW:                   "give readers of committed records all below the high watermark",
	AbortedUnfiltered:         "tell readers of committed records of no aborted transaction",
	MarkerForgotten:           "append markers on followers without ending what they end",
	EOSZombie:                 "take offsets of a transaction from a member of a former generation",
	UnstableOffsets:           "answer with offsets that an open transaction is about to change",
	OffsetsOutsideTransaction: "commit the offsets of a transaction at once, whatever becomes of it",

	AbortIgnored:                    "report a transaction as committed that its coordinator has aborted (a bug of producers)",
	OffsetsOutsideTransactionClient: "commit positions beside the transaction that they belong to (a bug of group members)",
	ReadUncommittedReader:           "ask for uncommitted records where committed ones are wanted (a bug of readers)",
}

// clients are the bugs that are not a broker's: those of the load, in the simulator and out of it.
var clients = map[Name]bool{
	CommitAhead:                     true,
	AbortIgnored:                    true,
	OffsetsOutsideTransactionClient: true,
	ReadUncommittedReader:           true,
	RetryReorder:                    true,
	SequenceReuse:                   true,
	ReaderSkips:                     true,
}

// Client reports whether a bug is one of clients, so that a broker with it is as good as one without.
func Client(n Name) bool { return clients[n] }

// Set of planted bugs; nil is none.
type Set map[Name]bool

// Has reports whether the bug is planted.
func (s Set) Has(n Name) bool { return s[n] }

// String is the comma-separated form that Parse takes.
func (s Set) String() string {
	names := make([]string, 0, len(s))
	for n, on := range s {
		if on {
			names = append(names, string(n))
		}
	}
	sort.Strings(names)
	return strings.Join(names, ",")
}

// Names lists every planted bug, sorted.
func Names() []Name {
	names := make([]Name, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool { return names[i] < names[j] })
	return names
}

// Describe says in one line what the bug does wrong.
func Describe(n Name) string { return all[n] }

// Parse reads a comma-separated list of names; "" is none.
func Parse(list string) (Set, error) {
	if list == "" {
		return nil, nil
	}
	s := Set{}
	for _, name := range strings.Split(list, ",") {
		n := Name(strings.TrimSpace(name))
		if _, ok := all[n]; !ok {
			return nil, fmt.Errorf("unknown bug %q: known are %v", n, Names())
		}
		s[n] = true
	}
	return s, nil
}
