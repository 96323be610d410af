package quorum

import (
	"errors"
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/log"
	"go.etcd.io/raft/v3"
)

// Defaults of Config.
const (
	DefaultElectionTicks  = 10
	DefaultHeartbeatTicks = 1
	DefaultSnapshotEvery  = 10_000
)

// Limits of what the quorum takes, in bytes.
const (
	// MaxEntryBytes bounds the batch of one Propose.
	MaxEntryBytes = 8 << 20
	// MaxImageBytes bounds an image: a snapshot travels as one message.
	MaxImageBytes = 64 << 20
	// MaxMessageBytes bounds a message between voters.
	MaxMessageBytes = MaxImageBytes + 1<<20

	// appendBytes are sent to a follower at once; an entry that is larger goes alone.
	appendBytes = 1 << 20
	// uncommittedBytes may wait for a majority; after that Propose answers ErrBusy.
	uncommittedBytes = 32 << 20
	// inflightAppends may be under way to one follower.
	inflightAppends = 64
)

var (
	// ErrNotLeader is a proposal to a voter that does not lead, or that is handing leadership over.
	ErrNotLeader = errors.New("not the leader of the metadata quorum")
	// ErrBusy is a proposal while too many others wait for a majority.
	ErrBusy = errors.New("too many uncommitted metadata entries")
	// ErrTooLarge is a proposal or an image beyond its limit.
	ErrTooLarge = errors.New("too large for the metadata quorum")
	// ErrMessage is a message that no voter of this quorum sends. Errors of Receive wrap it.
	ErrMessage = errors.New("bad quorum message")
	// ErrStale is a Compact to an entry that is not applied, or is behind the last snapshot.
	ErrStale = errors.New("no snapshot can be made at this entry")
)

// Config of a voter; zero values mean the defaults, where there are any.
type Config struct {
	// ID of this node, which is one of Voters. Voters are the same on every node, and at least one.
	ID     int32
	Voters []int32
	Log    log.Config
	// ElectionTicks without a word from the leader, up to twice as many, make a voter campaign. A
	// leader that hears no majority for so long steps down (check-quorum).
	ElectionTicks int
	// HeartbeatTicks lie between two heartbeats of the leader; fewer than ElectionTicks.
	HeartbeatTicks int
	// SnapshotEvery records Effects.SnapshotDue asks for an image.
	SnapshotEvery int64
	// KeepEntries before a snapshot stay in the log, so that a follower that is a little behind
	// needs no image; 0 keeps none.
	KeepEntries int
	// UnsafeVoteUnsynced is a planted bug: votes and acknowledgements leave before they are synced.
	UnsafeVoteUnsynced bool
}

func (c Config) complete() (Config, error) {
	if c.ElectionTicks == 0 {
		c.ElectionTicks = DefaultElectionTicks
	}
	if c.HeartbeatTicks == 0 {
		c.HeartbeatTicks = DefaultHeartbeatTicks
	}
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = DefaultSnapshotEvery
	}
	c.Voters = slices.Sorted(slices.Values(c.Voters))
	switch {
	case !slices.Contains(c.Voters, c.ID):
		return c, fmt.Errorf("quorum: node %d is not one of the voters %v", c.ID, c.Voters)
	case c.Voters[0] < 0:
		return c, fmt.Errorf("quorum: voter %d: ids are 0 or more", c.Voters[0])
	case len(slices.Compact(slices.Clone(c.Voters))) != len(c.Voters):
		return c, fmt.Errorf("quorum: voters %v: one is named twice", c.Voters)
	case c.HeartbeatTicks < 0 || c.ElectionTicks <= c.HeartbeatTicks:
		return c, fmt.Errorf("quorum: a heartbeat every %d ticks, elections after %d: want more", c.HeartbeatTicks, c.ElectionTicks)
	case c.SnapshotEvery < 0 || c.KeepEntries < 0:
		return c, fmt.Errorf("quorum: a snapshot every %d records that keeps %d entries: want more", c.SnapshotEvery, c.KeepEntries)
	}
	c.Log.Bugs = nil // planted bugs of the data are not in the cluster's knowledge of itself
	return c, nil
}

// raftConfig is the configuration as the library takes it.
func (c Config) raftConfig(s *store) *raft.Config {
	return &raft.Config{
		ID: raftID(c.ID), ElectionTick: c.ElectionTicks, HeartbeatTick: c.HeartbeatTicks,
		Storage: s, Applied: s.snap.Index, AsyncStorageWrites: true,
		MaxSizePerMsg: appendBytes, MaxUncommittedEntriesSize: uncommittedBytes, MaxInflightMsgs: inflightAppends,
		CheckQuorum: true, PreVote: true, DisableProposalForwarding: true, Logger: silence{},
	}
}

// raftID is a node's id in the library, which keeps 0 for "nobody".
func raftID(node int32) uint64 { return uint64(node) + 1 }

// nodeID is the inverse; nobody is -1.
func nodeID(id uint64) int32 { return int32(id) - 1 }
