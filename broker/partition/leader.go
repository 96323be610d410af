package partition

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Leader is one term of a partition on the node that leads it. Events report whether the owner must
// look: the high watermark moved, acknowledgements are due or were refused.
type Leader struct {
	Epoch int32
	cfg   Config
	// Invariant: log.HighWatermark and log.Synced <= log.End; none of the three goes back.
	log Log
	// epochStart is the log end at the beginning of the term: all that was committed lies below.
	epochStart int64
	// state holds the committed ISR; this node is in it.
	state State
	// pending is the proposal whose fate is not known, nil if there is none.
	pending *AlterPartition
	// possible are the followers that the controller may have put into the ISR, at this leader's own
	// proposal: with the committed ISR they are the maximal one. Empty without a pending proposal.
	possible []int32
	// asked is set while the owner carries pending to the controller.
	asked     bool
	proposals uint64
	// peers are the other replicas, in order of assignment.
	peers []peer
	// now is the latest time an event told.
	now time.Time
	// acks that wait, in order of End.
	acks, refused []Ack
}

// peer is a follower as its leader knows it.
type peer struct {
	id int32
	// end is its fetch offset: what it has for sure, -1 until it has fetched in this term.
	end int64
	// leaderEpoch and brokerEpoch of its latest fetch.
	leaderEpoch int32
	brokerEpoch int64
	// fetchedAt is when it fetched last, leaderEnd this log's end at that moment.
	fetchedAt time.Time
	leaderEnd int64
	// caughtUpAt is the last moment at which it is known to have had all there was.
	caughtUpAt time.Time
	// highWatermark that it knows, and where its log starts; -1 before its first fetch.
	highWatermark, logStart int64
}

// NewLeader starts a term. The members of the ISR count as caught up at its beginning. With no other
// replica in the ISR all that is safe here is committed.
func NewLeader(cfg Config, state State, log Log, now time.Time) *Leader {
	log.check()
	if state.Leader != cfg.Self || !state.in(cfg.Self) {
		panic(fmt.Sprintf("partition: broker %d cannot lead what broker %d leads with ISR %v", cfg.Self, state.Leader, state.ISR))
	}
	l := &Leader{Epoch: state.LeaderEpoch, cfg: cfg, log: log, epochStart: log.End, now: now}
	l.assign(state)
	for i := range l.peers {
		if state.in(l.peers[i].id) {
			l.peers[i].caughtUpAt = now
		}
	}
	l.advance()
	return l
}

// HighWatermark is the offset below which records are committed and readers may see them.
func (l *Leader) HighWatermark() int64 { return l.log.HighWatermark }

// LogEnd is the offset of the next record.
func (l *Leader) LogEnd() int64 { return l.log.End }

// EpochStart is the log end at the beginning of this term.
func (l *Leader) EpochStart() int64 { return l.epochStart }

// Log is where the log stands, for the machine of the next term.
func (l *Leader) Log() Log { return l.log }

// LatestOffset answers ListOffsets(latest): the high watermark, or OFFSET_NOT_AVAILABLE as long as it
// may be older than what the leader before has told (KIP-207).
func (l *Leader) LatestOffset() (int64, *kerr.Error) {
	if l.log.HighWatermark < l.epochStart {
		return -1, kerr.OffsetNotAvailable
	}
	return l.log.HighWatermark, nil
}

// Appended moves the log end.
func (l *Leader) Appended(end int64) bool {
	l.log.appended(end)
	return l.advance()
}

// Synced moves the synced end.
func (l *Leader) Synced(end int64) bool {
	l.log.synced(end)
	return l.advance()
}

// Tick tells the time; the owner calls it a few times in each ReplicaLagMax. Members of the ISR that are
// behind for too long are proposed to leave, and a proposal that did not reach the controller may be
// carried there again.
func (l *Leader) Tick(now time.Time) bool {
	l.now = now
	if l.pending != nil {
		l.asked = l.asked && !l.pending.failed
		l.pending.failed = false
	} else {
		l.shrink()
	}
	return l.advance()
}

// LowWatermark is the smallest log start of all replicas whose brokers are alive, this node's being given: what lies
// below it is gone from all of them. -1 while one of them has not fetched in this term (KIP-107).
func (l *Leader) LowWatermark(logStart int64) int64 {
	for i := range l.peers {
		if p := &l.peers[i]; !l.state.broker(p.id).Fenced {
			logStart = min(logStart, p.logStart)
		}
	}
	return logStart
}

// Behind reports whether a follower's fetch should be answered at once, records or not: it does not
// know a high watermark that concerns records it has (Fetch v18, KIP-1166).
func (l *Leader) Behind(replica int32) bool {
	p := l.peer(replica)
	return p != nil && p.highWatermark < min(l.log.HighWatermark, p.end)
}

// advance moves the high watermark to the minimum of safe ends over all that must have a record
// before it is committed. It reports whether that moved it, or acknowledgements are due.
func (l *Leader) advance() bool {
	early := l.cfg.Bugs.AckEarly && len(l.acks) > 0 && l.Acknowledged(l.acks[0].End)
	if l.small() {
		return early
	}
	safe := l.log.safe(l.cfg.Flush)
	for i := range l.peers {
		if p := &l.peers[i]; l.counts(p) {
			safe = min(safe, p.end)
		}
	}
	if safe <= l.log.HighWatermark {
		return early
	}
	l.log.HighWatermark = safe
	l.log.check()
	return true
}

// small says that too few replicas are in sync to commit anything.
func (l *Leader) small() bool {
	return len(l.state.ISR) < l.state.minISR() && !l.cfg.Bugs.MinISRIgnored
}

// counts says whether a record needs this follower to be committed: the controller may have it in the
// ISR, or it is about to join. Without the latter a follower that is one fetch behind would find the
// high watermark gone each time, and never join under a steady load.
func (l *Leader) counts(p *peer) bool {
	switch {
	case l.state.in(p.id):
		return !l.cfg.Bugs.IsrShrinkEarly || l.pending == nil || l.pending.has(p.id)
	case slices.Contains(l.possible, p.id):
		return !l.cfg.Bugs.IsrNotMaximal
	}
	return !l.cfg.Bugs.IsrNotMaximal && p.end >= max(l.log.HighWatermark, l.epochStart) && l.caughtUp(p) && l.eligible(p)
}

// caughtUp says whether a follower has all there is, or had a short time ago.
func (l *Leader) caughtUp(p *peer) bool {
	return p.end == l.log.End || l.now.Sub(p.caughtUpAt) <= l.cfg.ReplicaLagMax
}

// ISR gives the committed in-sync replicas; the slice must not be changed.
func (l *Leader) ISR() []int32 { return l.state.ISR }

// Replicas is how many replicas the partition should have in sync, those that are only being added left
// out, and how many of them must be.
func (l *Leader) Replicas() (all, minISR int) {
	return len(l.state.Replicas) - l.state.Adding, l.state.minISR()
}

// MaximalISR gives all that may be in the ISR now: the committed one and what is proposed.
func (l *Leader) MaximalISR() []int32 { return slices.Concat(l.state.ISR, l.possible) }

// PartitionEpoch of the state that this term goes by.
func (l *Leader) PartitionEpoch() int32 { return l.state.PartitionEpoch }

// peer finds a follower; nil if the broker holds no replica.
func (l *Leader) peer(id int32) *peer {
	for i := range l.peers {
		if l.peers[i].id == id {
			return &l.peers[i]
		}
	}
	return nil
}
