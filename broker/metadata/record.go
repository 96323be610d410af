package metadata

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// LogDir is the directory of the metadata log, named as Kafka names it.
const LogDir = "__cluster_metadata-0"

// TopicID identifies a topic over its whole life (KIP-516): a topic that is deleted and created
// again has another.
type TopicID [16]byte

// String is the lower-case hexadecimal form.
func (id TopicID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText is String.
func (id TopicID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads String's form.
func (id *TopicID) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(id) {
		return fmt.Errorf("topic id %q: want %d hexadecimal digits", text, hex.EncodedLen(len(id)))
	}
	_, err := hex.Decode(id[:], text)
	return err
}

// Record is one fact of the metadata log: exactly one field is set.
type Record struct {
	Topic       *TopicRecord       `json:"topic,omitempty"`
	Partition   *PartitionRecord   `json:"partition,omitempty"`
	RemoveTopic *RemoveTopicRecord `json:"remove_topic,omitempty"`
	ProducerIDs *ProducerIDsRecord `json:"producer_ids,omitempty"`
}

// TopicRecord creates a topic.
type TopicRecord struct {
	Name string  `json:"name"`
	ID   TopicID `json:"id"`
	// Configs are the topic's own, as the client gave them.
	Configs map[string]string `json:"configs,omitempty"`
}

// PartitionRecord creates a partition or replaces its state.
type PartitionRecord struct {
	TopicID     TopicID `json:"topic_id"`
	Index       int32   `json:"index"`
	Replicas    []int32 `json:"replicas"`
	ISR         []int32 `json:"isr"`
	Leader      int32   `json:"leader"`
	LeaderEpoch int32   `json:"leader_epoch"`
}

// RemoveTopicRecord deletes a topic with its partitions.
type RemoveTopicRecord struct {
	ID TopicID `json:"id"`
}

// ProducerIDsRecord hands out a block of producer ids: all below Next are taken.
type ProducerIDsRecord struct {
	Next int64 `json:"next"`
}

// Encode gives the value of one record in the metadata log.
func Encode(r Record) ([]byte, error) { return json.Marshal(r) }

// Decode reads what Encode wrote.
func Decode(value []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("decode metadata record %q: %w", value, err)
	}
	if r == (Record{}) {
		return r, fmt.Errorf("decode metadata record %q: of a kind that this version does not know", value)
	}
	return r, nil
}
