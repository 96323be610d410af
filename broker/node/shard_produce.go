package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/file"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// produce appends one batch: sequence check, append, and an acknowledgement now or at commit.
func (s *shard) produce(now time.Time, m api.ProducePart, fx *actor.Effects) {
	r := s.replicas[m.Replica]
	switch {
	case r == nil:
		fx.Send(m.Ticket.To, refusal(m.Ticket, s.missing(m.Replica), ""))
		return
	case r.leader == nil || m.Epoch >= 0 && m.Epoch != r.leader.Epoch:
		fx.Send(m.Ticket.To, refusal(m.Ticket, kerr.NotLeaderForPartition, ""))
		return
	}
	if err := r.leader.Admit(); m.Acks == -1 && err != nil {
		fx.Send(m.Ticket.To, refusal(m.Ticket, err, ""))
		return
	}
	if s.cfg.Bugs.Has(bug.FlipOrder) && !m.Batch.IsControl() && s.hold(r, m, fx) {
		return
	}
	if err := s.admit(r, m); err != nil && !s.unknown(r, err) {
		s.refuse(r, m, err, fx)
		return
	}
	at, wrong := s.date(now, r, m)
	if wrong != nil {
		fx.Send(m.Ticket.To, *wrong)
		return
	}
	s.append(r, m, at, fx)
}

// refuse answers a batch that must not be appended. A duplicate is acknowledged with the offset it
// has, but not before that is committed: the first answer may have been lost because the node was
// killed before its sync.
func (s *shard) refuse(r *replica, m api.ProducePart, err error, fx *actor.Effects) {
	var duplicate *log.Duplicate
	if errors.As(err, &duplicate) {
		if s.cfg.Bugs.Has(bug.SeqCache) {
			duplicate.BaseOffset = r.log.EndOffset()
		}
		s.acknowledge(r, m, duplicate.BaseOffset, duplicate.LastOffset+1, 0, fx)
		return
	}
	fx.Send(m.Ticket.To, refusal(m.Ticket, produceCode(err), err.Error()))
}

func (s *shard) append(r *replica, m api.ProducePart, at int64, fx *actor.Effects) {
	if s.cfg.Bugs.Has(bug.CorruptPayload) && !m.Batch.IsControl() {
		r.planted.corrupt(m.Batch)
	}
	appended, err := r.log.Append(m.Batch, r.leader.Epoch)
	if err != nil {
		s.failed(r, "append to", err, fx)
		fx.Send(m.Ticket.To, refusal(m.Ticket, kerr.KafkaStorageError, err.Error()))
		return
	}
	if m.Batch.IsTransactional() {
		r.guards.done(m.Batch, m.Bumped)
	}
	end := appended.LastOffset + 1
	moved := r.leader.Appended(end)
	s.touch(r, fx)
	s.acknowledge(r, m, appended.BaseOffset, end, at, fx)
	s.moved(r, moved, fx)
	s.wakeReplicas(r, fx)
}

// failed stops the node if an error is the disk's: a full one, one that cannot be written. Apache Kafka does
// the same to a broker whose only log directory fails. It might refuse the batch and go on, but the metadata
// log is on the same disk, followers would wait for a leader that cannot lead, and a page that could not be
// written may be gone although the next write goes well. What was acknowledged is synced, so nothing of it is
// lost; others take over, and the log is recovered when the node is started again.
func (s *shard) failed(r *replica, what string, err error, fx *actor.Effects) {
	if _, disk := file.FailureOf(err); disk && fx.Fatal == nil {
		fx.Fatal = fmt.Errorf("%s %s: %w", what, replicaDir(r.topic, r.id.Partition), err)
	}
}

// acknowledge answers at once what does not wait for a commit, or is committed already.
func (s *shard) acknowledge(r *replica, m api.ProducePart, base, end, at int64, fx *actor.Effects) {
	if s.cfg.Bugs.Has(bug.ZeroOffset) && r.planted.due() {
		base = 0
	}
	if m.Acks == -1 && !r.leader.Acknowledged(end) && !s.cfg.Bugs.Has(bug.AckBeforeWrite) {
		r.leader.Wait(partition.Ack{Ticket: m.Ticket, BaseOffset: base, End: end, Time: at})
		return
	}
	fx.Send(m.Ticket.To, api.ProduceDone{Call: m.Ticket.Call, Part: m.Ticket.Part, BaseOffset: base, LogStart: r.log.StartOffset(), AppendTime: at})
}

func refusal(t partition.Ticket, code *kerr.Error, message string) api.ProduceDone {
	return api.ProduceDone{Call: t.Call, Part: t.Part, Error: code.Code, BaseOffset: -1, LogStart: -1, Message: message}
}
