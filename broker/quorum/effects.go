package quorum

import "github.com/logproof/logproof/broker/actor"

// Message for another voter: give Bytes to its Receive, at most once, or lose it. Order does not matter.
type Message struct {
	To    int32
	Bytes []byte
}

// Entry is committed.
type Entry struct {
	Index uint64
	// Term is the leader epoch under which it was proposed.
	Term int32
	// Offset of its first record in the metadata log, and End, that of the next entry.
	Offset, End int64
	// Values of its records, as they were proposed; none for the entry that begins a term.
	Values [][]byte
}

// Snapshot is an image of everything below Offset: the entries up to Index.
type Snapshot struct {
	Index  uint64
	Term   int32
	Offset int64
	Image  []byte
}

// Leader of a term; ID is -1 while nobody is known.
type Leader struct {
	ID, Term int32
}

// Token is that of every sync of a quorum: its SyncDone belongs to Quorum.SyncDone.
type Token struct{ number uint64 }

// Effects of one call. They are to be performed in the order of the fields, before the effects of
// the next call.
type Effects struct {
	// Leader has changed; nil if not. This node leads in fact only once an entry of the term is
	// among Committed: then it knows everything that earlier leaders have decided.
	Leader *Leader
	// Snapshot replaces everything that was applied; Committed goes on after it.
	Snapshot  *Snapshot
	Committed []Entry
	// SnapshotDue asks the owner to Compact when it likes; it is repeated until it does.
	SnapshotDue bool
	Sends       []Message
	// Sync is to be run away from the owner. One is under way at a time.
	Sync *actor.Sync
	// Fatal stops the node: it can no longer keep its promises. Nothing else is set.
	Fatal error
}
