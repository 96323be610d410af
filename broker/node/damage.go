package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// damage is the life of a replica with a segment that is not as it was written:
//
//	found ── nothing is read from the segment; a follower does not fetch ──> the controller is asked
//	   ^                                                                        │ refused: nobody else
//	   └──────────────── after a while ─────────────────────────────────────────┤ has what this one has
//	                                                                            v
//	refilled <── fetches from the segment's beginning on <── set aside <── struck from ISR, ELR and lead
//
// Who is in the ISR must have everything, so nothing is set aside before the controller has struck the replica,
// and a new term has begun: what it had said before can then not bring it back.
type damage struct {
	// asked counts the questions: answers to former ones are out of date.
	asked int
	// term from which on the segment may be set aside; -1 before the replica is struck.
	term int32
}

type (
	// damaged asks the uplink to tell the controller, struck is what the controller said: the term, or why not.
	damaged struct {
		from    actor.Address
		replica api.Replica
		asked   int
	}
	struck struct {
		damaged
		term    int32
		refused *kerr.Error
	}
	// damagedAgain asks once more after a refusal.
	damagedAgain struct{ damaged }
)

// readFailed takes note of a range that a reader could not read. Damage is dealt with; a disk that cannot be
// read stops the node, as one that cannot be written.
func (s *shard) readFailed(m actor.ReadFailed, fx *actor.Effects) {
	r := m.Token.(*replica)
	if r.deleted {
		return
	}
	var corrupt *log.CorruptError
	if errors.As(m.Err, &corrupt) {
		s.damaged(r, corrupt, fx)
		return
	}
	s.failed(r, "read", m.Err, fx)
}

// damaged begins the life of some damage, unless it is known.
func (s *shard) damaged(r *replica, found *log.CorruptError, fx *actor.Effects) {
	d, news := r.log.Damaged(found)
	if !news {
		return
	}
	fx.Emit(event.SegmentDamaged{
		Topic: r.topic, Partition: r.id.Partition, File: d.Segment, Position: d.Position, From: d.Base, To: d.End, Reason: d.Reason,
	})
	if r.damage == nil {
		r.damage = &damage{}
		s.strike(r, fx)
	}
}

// strike asks the controller to strike the replica, whatever it answered before.
func (s *shard) strike(r *replica, fx *actor.Effects) {
	r.damage.asked, r.damage.term = r.damage.asked+1, -1
	fx.Send(api.Uplink, damaged{s.self, r.id, r.damage.asked})
}

// damageOf finds the replica that a question was about; nil if that is out of date.
func (s *shard) damageOf(m damaged) *replica {
	if r := s.replicas[m.replica]; r != nil && r.damage != nil && r.damage.asked == m.asked {
		return r
	}
	return nil
}

// struck takes the controller's answer.
func (s *shard) struck(now time.Time, m struck, fx *actor.Effects) {
	if u, ok := s.unopened[m.replica]; ok {
		s.openStruck(now, u, m, fx)
		return
	}
	r := s.damageOf(m.damaged)
	if r == nil {
		return
	}
	if m.refused != nil {
		fx.After(s.cfg.Timing.Heartbeat, damagedAgain{m.damaged})
		return
	}
	r.damage.term = m.term
	s.mend(r, fx)
}

func (s *shard) strikeAgain(m damagedAgain, fx *actor.Effects) {
	if _, ok := s.unopened[m.replica]; ok {
		fx.Send(api.Uplink, m.damaged)
	} else if r := s.damageOf(m.damaged); r != nil {
		s.strike(r, fx)
	}
}

// mend sets the damaged segment of a follower aside once it may, and no sync is under way.
func (s *shard) mend(r *replica, fx *actor.Effects) {
	switch {
	case r.damage == nil || r.syncing || r.follower == nil:
		return
	case r.log.Whole(): // it was cut away
		r.damage = nil
		return
	case r.damage.term < 0 || r.follower.Epoch < r.damage.term:
		return
	}
	from := r.log.EndOffset()
	file, err := r.log.Quarantine()
	if err != nil {
		fx.Fatal = fmt.Errorf("%s: %w", replicaDir(r.topic, r.id.Partition), err)
		return
	}
	r.damage = nil
	r.follower.Truncated(r.log.EndOffset())
	r.follower.Synced(min(r.log.SyncedOffset(), r.log.EndOffset()))
	r.aside = &event.SegmentQuarantined{Topic: r.topic, Partition: r.id.Partition, File: file, From: r.log.EndOffset(), To: from}
	fx.Emit(*r.aside)
}

// refilled tells when a follower has everything again, the leader's high watermark being what it is.
func (r *replica) refilled(highWatermark int64, fx *actor.Effects) {
	if q, end := r.aside, r.log.EndOffset(); q != nil && end >= max(highWatermark, q.To) {
		r.aside = nil
		fx.Emit(event.SegmentRefilled{Topic: q.Topic, Partition: q.Partition, File: q.File, From: q.From, To: end})
	}
}

// unopened is a replica whose log recovery has refused because of damage. Until it is struck the broker is not
// unfenced, for it does not know what it has.
type unopened struct {
	assign assign
	found  *log.CorruptError
}

// refused begins the life of damage that recovery has found; false if the error is another.
func (s *shard) refused(m assign, err error, fx *actor.Effects) bool {
	var found *log.CorruptError
	if !errors.As(err, &found) {
		return false
	}
	s.unopened[m.replica] = unopened{m, found}
	fx.Emit(event.SegmentDamaged{
		Topic: m.topic, Partition: m.replica.Partition, File: found.Segment, Position: found.Position, From: found.Offset, To: -1, Reason: found.Reason,
	})
	fx.Send(api.Uplink, damaged{from: s.self, replica: m.replica})
	return true
}

// openStruck opens a replica that the controller has struck, or knows nothing of any more. If nobody else has
// what it has, its files stay as they are, and the node stops: to serve the rest would hide the loss.
func (s *shard) openStruck(now time.Time, u unopened, m struck, fx *actor.Effects) {
	dir := replicaDir(u.assign.topic, m.replica.Partition)
	switch m.refused {
	case nil, kerr.UnknownTopicID, kerr.UnknownTopicOrPartition, kerr.InvalidRequest:
	case kerr.EligibleLeadersNotAvailable:
		fx.Fatal = fmt.Errorf("open %s: %w; no other replica has these records", dir, u.found)
		return
	default:
		fx.After(s.cfg.Timing.BackOff, damagedAgain{m.damaged})
		return
	}
	delete(s.unopened, m.replica)
	file, base, err := log.SetAside(s.fs, dir, u.found)
	if err != nil {
		fx.Fatal = err
		return
	}
	aside := event.SegmentQuarantined{Topic: u.assign.topic, Partition: m.replica.Partition, File: file, From: base, To: -1}
	fx.Emit(aside)
	s.assign(now, u.assign, fx)
	if r := s.replicas[m.replica]; r != nil {
		r.aside = &aside
	}
}

// tellDamage asks the controller to strike a replica here.
func (u *uplink) tellDamage(m damaged, fx *actor.Effects) {
	req := &wire.DamagedReplicaRequest{
		BrokerID: u.cfg.Sessions.NodeID, BrokerEpoch: u.epoch, TopicID: m.replica.Topic, Partition: m.replica.Partition,
	}
	u.ask(req, fx, func(_ time.Time, resp kmsg.Response, fx *actor.Effects) {
		answer := struck{damaged: m, term: -1, refused: kerr.RequestTimedOut}
		if r, ok := resp.(*wire.DamagedReplicaResponse); ok {
			answer.term, answer.refused = r.LeaderEpoch, kerr.TypedErrorForCode(r.ErrorCode)
		}
		fx.Send(m.from, answer)
	})
}

// scrubTick is when a shard looks at the next part of its sealed segments.
type scrubTick struct{}

// scrubbing is where a shard goes on to look: segments that nobody reads rot as well.
type scrubbing struct {
	armed bool
	// at is the index among the replicas in their order, offset the place in its log.
	at     int
	offset int64
}

// scrub begins to look at the next part, and arms the clock for the one after. Where there is little to look at, the
// same bytes need not be read again and again: after the last replica it rests.
func (s *shard) scrub(fx *actor.Effects) {
	all := s.ordered()
	for range all {
		if s.scrubbing.at >= len(all) {
			s.scrubbing.at, s.scrubbing.offset = 0, 0
		}
		r := all[s.scrubbing.at]
		if look, ok := r.log.Scrub(s.scrubbing.offset); ok {
			fx.Scrub(look.Run, r)
			return
		}
		s.scrubbing.at, s.scrubbing.offset = s.scrubbing.at+1, 0
		if s.scrubbing.at >= len(all) && s.cfg.Timing.ScrubRest > 0 {
			break
		}
	}
	s.scrubbing.armed = false
	s.armScrub(max(s.cfg.Timing.Scrub, s.cfg.Timing.ScrubRest), fx)
}

// armScrub makes the next look happen.
func (s *shard) armScrub(after time.Duration, fx *actor.Effects) {
	if s.cfg.Timing.Scrub > 0 && !s.scrubbing.armed {
		s.scrubbing.armed = true
		fx.After(after, scrubTick{})
	}
}

func (s *shard) scrubbed(m actor.Scrubbed, fx *actor.Effects) {
	s.scrubbing.armed, s.scrubbing.offset = false, m.Next
	if m.Err != nil {
		s.readFailed(actor.ReadFailed{Token: m.Token, Err: m.Err}, fx)
	}
	s.armScrub(s.cfg.Timing.Scrub, fx)
}
