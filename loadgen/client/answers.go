package client

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

// answerEvery is how often an answer that says nothing new about a partition is recorded all the same:
// a leader that has nothing new to say while others have is stale, and must be seen to say it.
const answerEvery = history.Time(100 * time.Millisecond)

// oldestSkimmed is the first version of Fetch whose answers have batches of format v2, and all the
// fields that skim expects before them (KIP-98).
const oldestSkimmed = 4

// answers records what brokers say of partitions in their answers to the fetches of one reader. The
// times are those of the request on the wire: the client fetches ahead of its polls, so that a poll may
// return what was true before it was called.
type answers struct {
	kind history.Kind

	mu   sync.Mutex
	last map[history.Partition]told
}

// told is the last answer about a partition that was recorded.
type told struct {
	mark history.Watermark
	at   history.Time
}

// asking is a Fetch request: the leader epoch that it names for each partition (KIP-320), and when it
// was written.
type asking struct {
	epochs  map[history.Partition]int32
	written history.Time
	// isolation that it asks for (KIP-98).
	isolation history.Isolation
	marks     []history.Watermark // of the answer, so far
	skim      *skim
}

// readFetch returns what a Fetch request asks for, nil for versions that are not skimmed.
func readFetch(version int16, frame []byte, names topicNames) (*asking, error) {
	if version < oldestSkimmed {
		return nil, nil
	}
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(version)
	body, err := requestBody(frame, req.IsFlexible())
	if err != nil {
		return nil, fmt.Errorf("fetch request v%d: %w", version, err)
	}
	if err := req.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("fetch request v%d: %w", version, err)
	}
	a := &asking{epochs: map[history.Partition]int32{}}
	if req.IsolationLevel == 1 {
		a.isolation = history.ReadCommitted
	}
	for i := range req.Topics {
		topic := &req.Topics[i]
		name := topic.Topic
		if version >= 13 {
			known := false
			if name, known = names.topicName(topic.TopicID); !known {
				return nil, fmt.Errorf("fetch request v%d for topic id %x, which no Metadata response named", version, topic.TopicID)
			}
		}
		for j := range topic.Partitions {
			p := &topic.Partitions[j]
			epoch := int32(history.Unset)
			if version >= 9 {
				epoch = p.CurrentLeaderEpoch
			}
			a.epochs[history.Partition{Topic: name, Index: p.Partition}] = epoch
		}
	}
	a.skim = newSkim(version, names, a.tell)
	return a, nil
}

// tell takes one partition of the answer, if it was asked for.
func (a *asking) tell(m history.Watermark) {
	if epoch, asked := a.epochs[m.Partition]; asked {
		m.LeaderEpoch = epoch
		a.marks = append(a.marks, m)
	}
}

// news keeps of an answer what is worth recording: numbers that changed, records that should not be
// there, and what was not said for a while.
func (w *answers) news(marks []history.Watermark, now history.Time) []history.Watermark {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(marks, func(m history.Watermark) bool {
		before, known := w.last[m.Partition]
		same := m
		same.Next = before.mark.Next
		if known && same == before.mark && m.Next <= m.HighWatermark && now-before.at < answerEvery {
			return true
		}
		if w.last == nil {
			w.last = map[history.Partition]told{}
		}
		w.last[m.Partition] = told{m, now}
		return false
	})
}

// endFetchRequest notes what a Fetch request asks for, and the time before it is handed on: no broker
// has seen it yet, so whatever was known before must show in the answer.
func (c *tapConn) endFetchRequest(frame []byte) error {
	a, err := readFetch(c.version, frame, c.process.tap)
	if a == nil || err != nil {
		return err
	}
	a.written = c.process.tap.recorder.Now()
	c.expect(int32(binary.BigEndian.Uint32(frame[4:])), &exchange{key: c.key, version: c.version, asking: a})
	return nil
}

// endFetched records the answer when its last byte has passed.
func (c *tapConn) endFetched(a *asking) error {
	if err := a.skim.end(); err != nil {
		return err
	}
	now := c.process.tap.recorder.Now()
	if marks := c.process.answers.news(a.marks, now); len(marks) > 0 {
		c.process.tap.recorder.Operation(history.Operation{
			Process: c.process.name, Kind: c.process.answers.kind, Outcome: history.OK,
			Invoke: a.written, Return: now, Watermarks: marks, Isolation: a.isolation,
		})
	}
	return nil
}
