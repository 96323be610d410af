package partition

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Member of a proposed ISR.
type Member struct {
	ID int32
	// Epoch of the broker that the leader means: the controller refuses any other (KIP-903).
	Epoch int64
}

// AlterPartition asks the controller for another ISR. One at a time is under way.
type AlterPartition struct {
	// ID tells the proposals of one term apart; Answered wants it back.
	ID          uint64
	LeaderEpoch int32
	// LeaderBroker is the broker epoch of the leader.
	LeaderBroker int64
	// PartitionEpoch of the state that this would change; the controller refuses any other.
	PartitionEpoch int32
	ISR            []Member
	// failed is set when it is to go again, at the next Tick.
	failed bool
	// lost is set when a request for this partition epoch has an unknown fate: it may still arrive.
	lost bool
}

func (a *AlterPartition) has(id int32) bool {
	return slices.ContainsFunc(a.ISR, func(m Member) bool { return m.ID == id })
}

// Answer of the controller to an AlterPartition.
type Answer struct {
	// ID of the proposal.
	ID uint64
	// Error is nil if the controller made ISR the committed one.
	Error          *kerr.Error
	PartitionEpoch int32
	ISR            []int32
}

// Proposal hands out, once, what is to be carried to the controller.
func (l *Leader) Proposal() (AlterPartition, bool) {
	if l.pending == nil || l.asked {
		return AlterPartition{}, false
	}
	l.asked = true
	return *l.pending, true
}

// expand proposes to take a follower into the ISR.
func (l *Leader) expand(p *peer) {
	if l.pending == nil && !l.state.in(p.id) && l.mayJoin(p) {
		l.propose(func(q *peer) bool { return q == p || l.state.in(q.id) })
	}
}

// shrink proposes an ISR without the members that are behind for too long.
func (l *Leader) shrink() {
	lagging := false
	for i := range l.peers {
		p := &l.peers[i]
		lagging = lagging || l.state.in(p.id) && !l.caughtUp(p)
	}
	if lagging {
		l.propose(func(p *peer) bool { return l.state.in(p.id) && l.caughtUp(p) })
	}
}

// propose makes the ISR of this leader and the followers that stay. It names the processes that
// fetched, not the ones that are registered: those may be others by now.
func (l *Leader) propose(stays func(*peer) bool) {
	self := l.state.broker(l.cfg.Self).Epoch
	isr := []Member{{l.cfg.Self, self}}
	for i := range l.peers {
		p := &l.peers[i]
		if !stays(p) {
			continue
		}
		epoch := p.brokerEpoch
		if epoch < 0 || l.cfg.Bugs.RebornReplica {
			epoch = l.state.broker(p.id).Epoch
		}
		isr = append(isr, Member{p.id, epoch})
		if !l.state.in(p.id) && !slices.Contains(l.possible, p.id) {
			l.possible = append(l.possible, p.id)
		}
	}
	l.proposals++
	l.asked = false
	l.pending = &AlterPartition{
		ID: l.proposals, LeaderEpoch: l.Epoch, LeaderBroker: self,
		PartitionEpoch: l.state.PartitionEpoch, ISR: isr,
	}
}

// Answered takes the controller's answer to a proposal, or the error that kept it from getting one.
//
// The proposed ISR stops to count only by a newer state, or when the error proves that nobody applied
// it and nobody will: INELIGIBLE_REPLICA and OPERATION_NOT_ATTEMPTED do, if no earlier request is on
// its way. INVALID_UPDATE_VERSION and its like may be the answer to a second request whose first was
// applied and its answer lost: metadata tells, and this waits for it. After any other error
// the request goes again; NOT_CONTROLLER, STALE_BROKER_EPOCH and INVALID_REQUEST prove that this one was
// not applied. After INVALID_REQUEST Apache Kafka waits for metadata, too, which need not come.
func (l *Leader) Answered(a Answer) bool {
	if l.pending == nil || l.pending.ID != a.ID {
		return false
	}
	switch a.Error {
	case nil:
		switch {
		case a.PartitionEpoch < l.state.PartitionEpoch && !l.cfg.Bugs.IsrABA:
		case a.PartitionEpoch == l.state.PartitionEpoch && l.pending.lost:
			l.pending.failed = true // nothing changed, so nothing ended what is on its way
		default:
			return l.commit(a.ISR, a.PartitionEpoch)
		}
	case kerr.IneligibleReplica, kerr.OperationNotAttempted:
		return l.rollBack()
	case kerr.FencedLeaderEpoch, kerr.InvalidUpdateVersion, kerr.NewLeaderElected, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID:
	case kerr.NotController, kerr.StaleBrokerEpoch, kerr.InvalidRequest:
		l.pending.failed = true // it was read, and not applied
	default:
		l.pending.failed, l.pending.lost = true, true
	}
	return false
}

// rollBack gives a refused proposal up. An earlier request with the same content may still be on its
// way, and be applied when the broker is eligible again: then the ISR as it is gets proposed in its
// place, because any change ends the partition epoch that both ask for. Until then its members count.
func (l *Leader) rollBack() bool {
	if !l.pending.lost {
		l.pending, l.possible = nil, nil
		return l.advance()
	}
	l.propose(func(p *peer) bool { return l.state.in(p.id) })
	l.pending.lost = true
	l.asked, l.pending.failed = true, true // at the next Tick: the controller has just said no
	return false
}

// MetadataChanged takes what the metadata log says of the partition and its brokers, in the order of
// that log. Another leader epoch is another term, for another machine: a newer one must not come here,
// an older one changes nothing. The ISR counts only if its partition epoch is new: the answer to a
// proposal may have come first, and told of something newer. A proposal for an older partition epoch
// is what became of the new one, or will be refused: either way it is over.
func (l *Leader) MetadataChanged(s State) bool {
	switch {
	case s.LeaderEpoch < l.Epoch:
		return false
	case s.LeaderEpoch > l.Epoch || s.Leader != l.cfg.Self:
		panic(fmt.Sprintf("partition: leader of epoch %d was told of epoch %d, led by broker %d", l.Epoch, s.LeaderEpoch, s.Leader))
	}
	if s.PartitionEpoch > l.state.PartitionEpoch || l.cfg.Bugs.IsrABA {
		l.assign(s)
		return l.commit(s.ISR, s.PartitionEpoch)
	}
	known := l.state
	known.Brokers, known.MinISR = s.Brokers, s.MinISR
	l.assign(known)
	refused := l.refuse()
	return l.advance() || refused
}

// commit takes an ISR that the controller decided. What waits is given up if the ISR is too small now.
func (l *Leader) commit(isr []int32, partitionEpoch int32) bool {
	l.state.ISR, l.state.PartitionEpoch = isr, partitionEpoch
	l.pending, l.possible = nil, nil
	refused := l.refuse()
	return l.advance() || refused
}

// assign takes a state: it keeps what is known of followers that stay, and forgets what their former
// processes had.
func (l *Leader) assign(s State) {
	peers := make([]peer, 0, len(s.Replicas))
	for _, id := range s.Replicas {
		if id == l.cfg.Self {
			continue
		}
		p := peer{id: id}
		p.forget()
		if known := l.peer(id); known != nil {
			p = *known
		}
		if p.brokerEpoch >= 0 && p.brokerEpoch < s.broker(id).Epoch && !l.cfg.Bugs.RebornReplica {
			p.forget()
		}
		peers = append(peers, p)
	}
	l.state, l.peers = s, peers
}
