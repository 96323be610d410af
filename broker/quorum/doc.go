// Package quorum agrees on the metadata log: a stepped driver of etcd raft over broker/log.
//
//	Tick · Receive · Propose · Compact · SyncDone        one owner calls everything
//	          │
//	          v              Sends       bytes for other voters
//	   raft.RawNode ───────> Sync        to be run elsewhere; SyncDone follows
//	          │              Committed   entries in order, each once in this life
//	          v              Snapshot    an image that replaces everything applied
//	   store: log, snapshot, Leader      who leads, and in which term
//	          quorum-state   Fatal       the node must stop
//
// There is no clock, goroutine, lock or socket. A vote, and an acknowledgement of entries, leaves only
// after what it promises is on stable storage; raft hands both out as responses of a storage write
// (AsyncStorageWrites), and the driver holds them until SyncDone. What arrives meanwhile is written
// together, and shares the next sync. A write that fails, as on a full disk, is Fatal: what raft has
// been told to remember cannot be taken back.
//
// # Entries and offsets
//
// One raft entry is one record batch; its records are the metadata records of one decision, so all of
// them are committed or none. The batch's leader epoch is the entry's term. The empty entry with which
// raft begins a term is a control batch with one LEADER_CHANGE record, as in KRaft (KIP-595). So the
// log is an ordinary Kafka log, which any tool reads, and
//
//	entry i  <->  the i-th batch          offset of entry i+1 = offset of entry i + its records
//
// which is equal on all voters for committed entries, because the entries are. The log does not begin
// at entry 1 for ever: the snapshot file names the entry before the log's first, with its offset.
//
// # Files
//
//	quorum-state          term, vote and commit index, as one line of text with a checksum
//	snapshot              an image, the entry that it covers, and the entry before the log's first
//	00…4711/              the log that begins at offset 4711: segments as in broker/log
//
// The two files are replaced whole. A snapshot that trims the log, or replaces it, begins a new
// directory; the replacement of the snapshot file is the moment when that one counts, and the old one
// goes after it. Leftovers of a crash are removed by Open.
//
// # What is fixed
//
// The voters are those of the configuration, the same on every node. A voter that has lost its disk
// must not come back under its old id: it has forgotten its votes, and raft stops it (Fatal) when the
// leader speaks of entries that it once acknowledged.
//
// etcd raft draws its election jitter from crypto/rand.Reader: a simulation points that variable at a
// seeded reader, and then one seed replays a run.
package quorum
