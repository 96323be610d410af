package node

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/quorum"
	"github.com/logproof/logproof/broker/wire"
)

// tail is how a node without a vote follows the metadata log: it asks one voter, any of them, for what
// is committed, and another when that one does not answer.
type tail struct {
	voters []Voter
	// at is the voter that is asked.
	at int
	// offset in the metadata log where to go on.
	offset int64
	// leader of the quorum, as the voters say.
	leader quorum.Leader
	asking bool
}

// tailAgain asks again after a voter did not answer.
type tailAgain struct{}

// leads tells who leads the metadata quorum.
type leads struct{ leader quorum.Leader }

// newer says that a tells more of who leads than b does. A voter that was cut off may know less.
func newer(a, b quorum.Leader) bool {
	return a.Term > b.Term || a.Term == b.Term && a.ID >= 0 && b.ID < 0
}

func newTail(cfg Config) *tail {
	// Each node begins with another voter.
	return &tail{voters: cfg.Voters, at: int(cfg.Sessions.NodeID) % len(cfg.Voters), leader: quorum.Leader{ID: -1, Term: -1}}
}

// follow asks for what comes next in the metadata log.
func (a *metadataActor) follow(fx *actor.Effects) {
	t := a.tail
	if t == nil || t.asking {
		return
	}
	t.asking = true
	v, wait := t.voters[t.at], min(a.cfg.Timing.FetchWait, a.cfg.Timing.Heartbeat)
	fx.Call(actor.Call{
		Node: v.ID, Host: v.Host, Port: v.Port,
		Request: &wire.MetadataTailRequest{
			Offset: t.offset, MaxWaitMillis: int32(wait.Milliseconds()), Leader: t.leader.ID, Term: t.leader.Term,
		},
		Timeout: wait + a.cfg.Timing.CallTimeout,
	})
}

// told takes a voter's answer, and asks on.
func (a *metadataActor) told(m actor.CallDone, fx *actor.Effects) {
	t := a.tail
	t.asking = false
	if m.Err != nil || m.Response.(*wire.MetadataTailResponse).ErrorCode != 0 {
		t.at = (t.at + 1) % len(t.voters)
		fx.After(a.cfg.Timing.BackOff, tailAgain{})
		return
	}
	resp := m.Response.(*wire.MetadataTailResponse)
	if known := (quorum.Leader{ID: resp.Leader, Term: resp.Term}); newer(known, t.leader) {
		t.leader = known
		fx.Send(api.Uplink, leads{known})
	}
	if err := a.take(resp, fx); err != nil {
		fx.Fatal = fmt.Errorf("follow the metadata log: %w", err)
		return
	}
	a.follow(fx)
}

func (a *metadataActor) take(resp *wire.MetadataTailResponse, fx *actor.Effects) error {
	if len(resp.Image) > 0 && resp.SnapshotEnd > a.tail.offset {
		image, err := metadata.FromSnapshot(resp.Image)
		if err != nil {
			return err
		}
		a.tail.offset = resp.SnapshotEnd
		a.add(news{image: image}, fx)
		return nil
	}
	entries, err := quorum.Entries(resp.Batches, a.tail.offset)
	if err != nil {
		return err
	}
	var records []metadata.Record
	for _, entry := range entries {
		more, err := decode(entry)
		if err != nil {
			return err
		}
		records = append(records, more...)
		a.tail.offset = entry.End
	}
	if len(records) > 0 {
		a.add(news{records: records}, fx)
	}
	return nil
}

// tailQuestion is a MetadataTail that waits for something to tell.
type tailQuestion struct {
	api.ControllerRequest
	body     *wire.MetadataTailRequest
	deadline time.Time
}

// asked answers a MetadataTail, or keeps it until there is something to tell.
func (a *controllerActor) asked(now time.Time, m api.ControllerRequest, body *wire.MetadataTailRequest, fx *actor.Effects) {
	q := tailQuestion{m, body, now.Add(time.Duration(body.MaxWaitMillis) * time.Millisecond)}
	if !a.answer(q, now, fx) {
		a.questions = append(a.questions, q)
	}
}

// answerAll looks at the questions that wait.
func (a *controllerActor) answerAll(now time.Time, fx *actor.Effects) {
	left := a.questions[:0]
	for _, q := range a.questions {
		if !a.answer(q, now, fx) {
			left = append(left, q)
		}
	}
	clear(a.questions[len(left):])
	a.questions = left
}

// tailBytes is how much of the log one answer holds, as far as one batch is not larger.
const tailBytes = 1 << 20

// answer reports whether the question was answered. The log is read within the step: what is told
// here was written moments ago, and is small.
func (a *controllerActor) answer(q tailQuestion, now time.Time, fx *actor.Effects) bool {
	status := a.quorum.Status()
	resp := &wire.MetadataTailResponse{Leader: status.Leader.ID, Term: status.Leader.Term}
	switch offset := q.body.Offset; {
	case offset < status.Start:
		snapshot, _ := a.quorum.Snapshot() // a log that does not begin at 0 has one
		resp.Image, resp.SnapshotEnd = snapshot.Image, snapshot.Offset
	case offset < status.HighWatermark:
		slice, err := a.quorum.Read(offset, tailBytes)
		if err == nil {
			resp.Batches, err = slice.AppendTo(nil)
			slice.Release()
		}
		if err != nil {
			fx.Fatal = fmt.Errorf("read the metadata log: %w", err)
			return true
		}
	case !newer(status.Leader, quorum.Leader{ID: q.body.Leader, Term: q.body.Term}) && now.Before(q.deadline):
		return false
	}
	fx.Send(q.From, api.ControllerReply{Call: q.Call, Body: resp})
	return true
}
