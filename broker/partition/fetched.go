package partition

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Fetch is where a follower reads on, and what its leader learns from that.
type Fetch struct {
	Replica int32
	// BrokerEpoch of the follower's process (KIP-903).
	BrokerEpoch int64
	// LeaderEpoch is the term in which it follows.
	LeaderEpoch int32
	// LastEpoch is the epoch of its record before Offset, -1 if it has none.
	LastEpoch int32
	// Offset is the end of what it has for sure: with flush: commit, of what it has synced.
	Offset int64
	// HighWatermark that it knows (KIP-1166).
	HighWatermark int64
	// LogStart is where its log starts (KIP-107).
	LogStart int64
}

// Fetched takes note of a follower's fetch. The caller has compared the logs before, with Diverging: a
// fetch that diverges must not come here. A fetch that is refused is answered with the error and no
// records: FENCED_LEADER_EPOCH and UNKNOWN_LEADER_EPOCH of another term, NOT_LEADER_OR_FOLLOWER of a
// former process, OFFSET_OUT_OF_RANGE.
func (l *Leader) Fetched(f Fetch, now time.Time) (bool, *kerr.Error) {
	l.now = now
	p := l.peer(f.Replica)
	switch {
	case f.LeaderEpoch > l.Epoch || p == nil:
		return false, kerr.UnknownLeaderEpoch // this node does not know of that term, or of that replica, yet
	case f.LeaderEpoch < l.Epoch && !l.cfg.Bugs.IsrExpandEarly.OtherEpoch:
		return false, kerr.FencedLeaderEpoch
	case f.BrokerEpoch < max(p.brokerEpoch, l.state.broker(p.id).Epoch) && !l.cfg.Bugs.RebornReplica:
		return false, kerr.NotLeaderForPartition
	case f.Offset > l.log.End || f.Offset < 0:
		return false, kerr.OffsetOutOfRange
	}
	if f.BrokerEpoch != p.brokerEpoch && p.brokerEpoch >= 0 && !l.cfg.Bugs.RebornReplica {
		p.forget()
	}
	p.fetched(f, l.log.End, now)
	l.expand(p)
	return l.advance(), nil
}

// fetched updates what is known of a follower. It had all there was when it fetched before, if its
// offset is now where the log ended then: a follower that keeps pace with a log that grows is never
// at the end of it.
func (p *peer) fetched(f Fetch, leaderEnd int64, now time.Time) {
	switch {
	case f.Offset >= leaderEnd:
		p.caughtUpAt = now
	case p.end >= 0 && f.Offset >= p.leaderEnd && p.fetchedAt.After(p.caughtUpAt):
		p.caughtUpAt = p.fetchedAt
	}
	p.end, p.leaderEnd, p.fetchedAt = f.Offset, leaderEnd, now
	p.leaderEpoch, p.brokerEpoch = f.LeaderEpoch, f.BrokerEpoch
	p.highWatermark, p.logStart = f.HighWatermark, f.LogStart
}

// forget what a follower's former process had: the present one may have lost it.
func (p *peer) forget() {
	*p = peer{id: p.id, end: -1, leaderEpoch: -1, brokerEpoch: -1, highWatermark: -1, logStart: -1}
}

// The conditions of joining the ISR. Each stands alone: none follows from the others.

// reachedHighWatermark: it has every record that is known to be committed.
func (l *Leader) reachedHighWatermark(p *peer) bool {
	return p.end >= l.log.HighWatermark || l.cfg.Bugs.IsrExpandEarly.BelowHighWatermark
}

// reachedEpochStart: it has every record that may have been committed by the leaders before, also those
// that this leader does not know to be.
func (l *Leader) reachedEpochStart(p *peer) bool {
	return p.end >= l.epochStart || l.cfg.Bugs.IsrExpandEarly.BelowEpochStart
}

// fetchedInEpoch: what it has was compared with this leader's log, not with another's.
func (l *Leader) fetchedInEpoch(p *peer) bool {
	return p.end >= 0 && (p.leaderEpoch == l.Epoch || l.cfg.Bugs.IsrExpandEarly.OtherEpoch)
}

// unfenced: its broker is alive, as far as the controller knows.
func (l *Leader) unfenced(p *peer) bool {
	return !l.state.broker(p.id).Fenced || l.cfg.Bugs.IsrExpandEarly.Fenced
}

// staying: its broker is not about to stop.
func (l *Leader) staying(p *peer) bool {
	return !l.state.broker(p.id).ShuttingDown || l.cfg.Bugs.IsrExpandEarly.ShuttingDown
}

// sameProcess: the process that fetched is the one that is registered; another may have found an
// empty disk (KIP-903).
func (l *Leader) sameProcess(p *peer) bool {
	return p.brokerEpoch == l.state.broker(p.id).Epoch || l.cfg.Bugs.RebornReplica
}

// eligible says whether the controller would take the follower into the ISR.
func (l *Leader) eligible(p *peer) bool {
	return l.unfenced(p) && l.staying(p) && l.sameProcess(p)
}

// mayJoin says whether the follower may be proposed for the ISR.
func (l *Leader) mayJoin(p *peer) bool {
	return l.fetchedInEpoch(p) && l.reachedHighWatermark(p) && l.reachedEpochStart(p) && l.eligible(p)
}
