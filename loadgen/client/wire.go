package client

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

// API keys that the tap reads (Kafka protocol guide).
const (
	keyProduce      = 0
	keyFetch        = 1
	keyMetadata     = 3
	keyCreateTopics = 19
)

// Sizes of the start of a frame: a request's key, version and correlation id; a response's correlation id.
const (
	requestHead  = 8
	responseHead = 4
)

var errCut = errors.New("message ends inside its header")

// requestBody returns the request of the given frame without its header (KIP-482: header version 2 of
// a flexible request has tags; the client id before them is never compact).
func requestBody(frame []byte, flexible bool) ([]byte, error) {
	rest := frame[requestHead:]
	if len(rest) < 2 {
		return nil, errCut
	}
	idLen := int(int16(binary.BigEndian.Uint16(rest)))
	rest = rest[2:]
	if idLen > 0 {
		if len(rest) < idLen {
			return nil, errCut
		}
		rest = rest[idLen:]
	}
	if flexible {
		return skipTags(rest)
	}
	return rest, nil
}

// responseBody returns the response of the given frame without its header. It is not for ApiVersions,
// whose response header never has tags (KIP-511); the tap does not read those.
func responseBody(frame []byte, flexible bool) ([]byte, error) {
	rest := frame[responseHead:]
	if flexible {
		return skipTags(rest)
	}
	return rest, nil
}

// skipTags passes a tagged-field section (KIP-482): a count, then for each a number, a length and bytes.
func skipTags(in []byte) ([]byte, error) {
	next := func() (uint64, bool) {
		v, n := binary.Uvarint(in)
		if n <= 0 {
			return 0, false
		}
		in = in[n:]
		return v, true
	}
	count, ok := next()
	if !ok {
		return nil, errCut
	}
	for ; count > 0; count-- {
		_, hasNumber := next()
		length, hasLength := next()
		if !hasNumber || !hasLength || length > uint64(len(in)) {
			return nil, errCut
		}
		in = in[length:]
	}
	return in, nil
}

// topicNames resolves the topic ids of Produce v13 and later (KIP-516).
type topicNames interface {
	topicName(id [16]byte) (string, bool)
}

// readProduce returns an attempt for every partition of a Produce request, without times and answers,
// and the acks that the request asks for.
func readProduce(version int16, frame []byte, names topicNames) (attempts []history.Attempt, acks int16, err error) {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(version)
	body, err := requestBody(frame, req.IsFlexible())
	if err != nil {
		return nil, 0, fmt.Errorf("produce request v%d: %w", version, err)
	}
	if err := req.ReadFrom(body); err != nil {
		return nil, 0, fmt.Errorf("produce request v%d: %w", version, err)
	}
	for i := range req.Topics {
		topic := &req.Topics[i]
		name := topic.Topic
		if version >= 13 {
			known := false
			if name, known = names.topicName(topic.TopicID); !known {
				return nil, 0, fmt.Errorf("produce request v%d for topic id %x, which no Metadata response named", version, topic.TopicID)
			}
		}
		for j := range topic.Partitions {
			a := readBatches(topic.Partitions[j].Records)
			a.API, a.Version = keyProduce, version
			a.Correlation = int32(binary.BigEndian.Uint32(frame[4:]))
			a.Partition = history.Partition{Topic: name, Index: topic.Partitions[j].Partition}
			attempts = append(attempts, a)
		}
	}
	return attempts, req.Acks, nil
}

// Offsets in the header of a record batch v2 (KIP-98), and its length.
const (
	batchLength     = 8
	batchMagic      = 16
	batchProducerID = 43
	batchEpoch      = 51
	batchSequence   = 53
	batchCount      = 57
	batchHeader     = 61
)

// readBatches takes the producer fields of the first batch and counts the records of all of them; a
// message set of an older format leaves them Unset.
func readBatches(records []byte) history.Attempt {
	a := history.Attempt{
		ProducerID: history.Unset, ProducerEpoch: int16(history.Unset), BaseSequence: int32(history.Unset), Count: int32(history.Unset),
		Answered: history.Never, BaseOffset: history.Unset,
	}
	for first := true; len(records) >= batchHeader && records[batchMagic] == 2; first = false {
		if first {
			a.ProducerID = int64(binary.BigEndian.Uint64(records[batchProducerID:]))
			a.ProducerEpoch = int16(binary.BigEndian.Uint16(records[batchEpoch:]))
			a.BaseSequence = int32(binary.BigEndian.Uint32(records[batchSequence:]))
			a.Count = 0
		}
		a.Count += int32(binary.BigEndian.Uint32(records[batchCount:]))
		size := int(binary.BigEndian.Uint32(records[batchLength:])) + batchLength + 4
		if size < batchHeader || size > len(records) {
			break
		}
		records = records[size:]
	}
	return a
}

// answerProduce puts the answers of a Produce response into the attempts of its request.
func answerProduce(version int16, frame []byte, names topicNames, answered history.Time, attempts []history.Attempt) error {
	resp := kmsg.NewPtrProduceResponse()
	resp.SetVersion(version)
	body, err := responseBody(frame, resp.IsFlexible())
	if err != nil {
		return fmt.Errorf("produce response v%d: %w", version, err)
	}
	if err := resp.ReadFrom(body); err != nil {
		return fmt.Errorf("produce response v%d: %w", version, err)
	}
	for i := range attempts {
		if !answerAttempt(&attempts[i], resp, names, answered) {
			err = fmt.Errorf("produce response v%d does not answer for %s/%d", version, attempts[i].Partition.Topic, attempts[i].Partition.Index)
		}
	}
	return err
}

// answerAttempt finds the answer to one attempt; a response has few partitions, so it looks at each.
func answerAttempt(a *history.Attempt, resp *kmsg.ProduceResponse, names topicNames, answered history.Time) bool {
	for i := range resp.Topics {
		topic := &resp.Topics[i]
		name := topic.Topic
		if resp.Version >= 13 {
			name, _ = names.topicName(topic.TopicID)
		}
		if name != a.Partition.Topic {
			continue
		}
		for j := range topic.Partitions {
			if p := &topic.Partitions[j]; p.Partition == a.Partition.Index {
				a.Answered, a.Error = answered, p.ErrorCode
				if p.ErrorCode == 0 {
					a.BaseOffset = p.BaseOffset
				}
				return true
			}
		}
	}
	return false
}

// namesIn calls learn for every topic that a Metadata or CreateTopics response gives an id (KIP-516).
func namesIn(key, version int16, frame []byte, learn func(id [16]byte, name string)) error {
	resp := kmsg.ResponseForKey(key)
	resp.SetVersion(version)
	body, err := responseBody(frame, resp.IsFlexible())
	if err != nil {
		return fmt.Errorf("%s response v%d: %w", kmsg.NameForKey(key), version, err)
	}
	if err := resp.ReadFrom(body); err != nil {
		return fmt.Errorf("%s response v%d: %w", kmsg.NameForKey(key), version, err)
	}
	var none [16]byte
	switch r := resp.(type) {
	case *kmsg.MetadataResponse:
		for _, t := range r.Topics {
			if t.Topic != nil && t.TopicID != none {
				learn(t.TopicID, *t.Topic)
			}
		}
	case *kmsg.CreateTopicsResponse:
		for _, t := range r.Topics {
			if t.TopicID != none {
				learn(t.TopicID, t.Topic)
			}
		}
	}
	return nil
}
