package client

import (
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

// API keys of transactions that the tap reads of those who write in them.
const (
	keyInitProducerID  = 22
	keyEndTxn          = 26
	keyTxnOffsetCommit = 28
)

// ends is what one client that writes in transactions asked its coordinators and was told, on the wire: a client
// asks again inside, and its last error may hide that an earlier question had committed.
//
//	begin ─> EndTxn written ─> answered | never answered ─> verdict
//	           └─ the first of them: from then on others may see the transaction
type ends struct {
	recorder Recorder
	names    topicNames

	mu    sync.Mutex
	first history.Time // when the first EndTxn of the transaction was written, Never if none was
	asked []*endTry
	// What was sent of a group in the transaction, and when first.
	group, member string
	generation    int32
	sent          history.Time
	positions     map[history.Partition]int64
	// fenced counts the answers, since the client began, that say that another one has its transactional id.
	fenced int
}

// endTry is one EndTxn on the wire.
type endTry struct {
	commit, answered bool
	code             int16
}

func newEnds(recorder Recorder, names topicNames) *ends {
	e := &ends{recorder: recorder, names: names}
	e.begin()
	return e
}

// reads reports whether requests of the key are of interest.
func (e *ends) reads(key int16) bool {
	return key == keyEndTxn || key == keyTxnOffsetCommit || key == keyInitProducerID
}

// begin forgets the transaction before. What is answered late is about that one.
func (e *ends) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.first, e.asked = history.Never, nil
	e.group, e.member, e.generation, e.sent, e.positions = "", "", 0, 0, nil
}

// wrote takes a request before it is handed on.
func (e *ends) wrote(q *question) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch r := q.request.(type) {
	case *kmsg.EndTxnRequest:
		q.try = &endTry{commit: r.Commit}
		e.asked = append(e.asked, q.try)
		e.first = min(e.first, q.written)
	case *kmsg.TxnOffsetCommitRequest:
		e.group, e.member, e.generation = r.Group, r.MemberID, r.Generation
		if e.sent == 0 {
			e.sent = q.written
		}
		if e.positions == nil {
			e.positions = map[history.Partition]int64{}
		}
		for _, t := range r.Topics {
			name := t.Topic
			if name == "" {
				name, _ = e.names.topicName(t.TopicID)
			}
			for _, p := range t.Partitions {
				e.positions[history.Partition{Topic: name, Index: p.Partition}] = p.Offset
			}
		}
	}
}

// answered takes the answer to a request.
func (e *ends) answered(q *question, frame []byte, _ history.Time) error {
	resp := q.request.ResponseKind()
	body, err := responseBody(frame, resp.IsFlexible())
	if err == nil {
		err = resp.ReadFrom(body)
	}
	if err != nil {
		return fmt.Errorf("%s response v%d: %w", kmsg.NameForKey(q.request.Key()), q.request.GetVersion(), err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch r := resp.(type) {
	case *kmsg.EndTxnResponse:
		q.try.answered, q.try.code = true, r.ErrorCode
		e.heard(r.ErrorCode)
	case *kmsg.InitProducerIDResponse:
		e.heard(r.ErrorCode)
	case *kmsg.TxnOffsetCommitResponse:
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				e.heard(p.ErrorCode)
			}
		}
	}
	return nil
}

// unanswered takes a request that nobody will answer: an end may have taken effect, and is left open.
func (e *ends) unanswered(*question) {}

// produced looks at the answers to a Produce request.
func (e *ends) produced(attempts []history.Attempt) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range attempts {
		e.heard(attempts[i].Error)
	}
}

// heard counts an answer that fences.
func (e *ends) heard(code int16) {
	if code == kerr.ProducerFenced.Code || code == kerr.InvalidProducerEpoch.Code {
		e.fenced++
	}
}

// timesFenced is how often the client was told that another one has its transactional id.
func (e *ends) timesFenced() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fenced
}

// definite are errors of an EndTxn that come before anything is written. Any other may hide a decision that takes
// effect later: one in a log whose leader changed, for example.
var definite = []*kerr.Error{
	kerr.InvalidTxnState, kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping, kerr.TransactionAbortable,
	kerr.TransactionalIDAuthorizationFailed, kerr.ConcurrentTransactions, kerr.CoordinatorLoadInProgress, kerr.UnsupportedVersion,
}

// verdict puts into the transaction how it ended, as far as its client can know; the reason is "" where that is OK.
// A try to commit that was not refused for sure leaves it open, whatever was asked later.
func (e *ends) verdict(part *history.TransactionPart) (outcome history.Outcome, reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	part.Ending = e.first
	part.Group, part.Member, part.Generation, part.Sent = e.group, e.member, e.generation, e.sent
	for p, offset := range e.positions {
		part.Positions = append(part.Positions, history.Position{Partition: p, Offset: offset})
	}
	sortPositions(part.Positions)
	outcome, reason = history.Fail, "nobody asked for its end"
	commits := slices.ContainsFunc(e.asked, func(try *endTry) bool { return try.commit })
	for _, try := range e.asked {
		part.Decision = history.DecideAbort
		if commits {
			part.Decision = history.DecideCommit
		}
		switch {
		case try.commit != commits: // an abort beside tries to commit says nothing of them
		case try.answered && try.code == 0:
			return history.OK, ""
		case outcome == history.Unknown:
		case !try.answered:
			reason = "its end was not answered"
		default:
			reason = "its end was refused: " + errorText(try.code)
		}
		sure := try.answered && slices.ContainsFunc(definite, func(d *kerr.Error) bool { return d.Code == try.code })
		if try.commit && !sure {
			outcome = history.Unknown
		}
	}
	return outcome, reason
}

func errorText(code int16) string {
	if err := kerr.ErrorForCode(code); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("Kafka's error code %d", code)
}
