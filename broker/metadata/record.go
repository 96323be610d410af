package metadata

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// LogDir is the directory of the metadata quorum and its log, named as Kafka names it.
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
		return fmt.Errorf("id %q: want %d hexadecimal digits", text, hex.EncodedLen(len(id)))
	}
	_, err := hex.Decode(id[:], text)
	return err
}

// Incarnation identifies one uptime of a broker's process: it draws one when it starts (KIP-631).
type Incarnation [16]byte

// MarshalText gives lower-case hexadecimal digits.
func (i Incarnation) MarshalText() ([]byte, error) { return TopicID(i).MarshalText() }

// UnmarshalText reads MarshalText's form.
func (i *Incarnation) UnmarshalText(text []byte) error { return (*TopicID)(i).UnmarshalText(text) }

// Record is one fact of the metadata log: exactly one field is set.
type Record struct {
	Topic            *TopicRecord           `json:"topic,omitempty"`
	Partition        *PartitionRecord       `json:"partition,omitempty"`
	PartitionChange  *PartitionChangeRecord `json:"partition_change,omitempty"`
	RemoveTopic      *RemoveTopicRecord     `json:"remove_topic,omitempty"`
	TopicConfig      *TopicConfigRecord     `json:"topic_config,omitempty"`
	BrokerConfig     *BrokerConfigRecord    `json:"broker_config,omitempty"`
	ProducerIDs      *ProducerIDsRecord     `json:"producer_ids,omitempty"`
	RegisterBroker   *RegisterBrokerRecord  `json:"register_broker,omitempty"`
	FenceBroker      *BrokerRecord          `json:"fence_broker,omitempty"`
	UnfenceBroker    *BrokerRecord          `json:"unfence_broker,omitempty"`
	UnregisterBroker *BrokerRecord          `json:"unregister_broker,omitempty"`
	ShutdownBroker   *BrokerRecord          `json:"shutdown_broker,omitempty"`
	FeatureLevel     *FeatureLevelRecord    `json:"feature_level,omitempty"`
}

// TopicRecord creates a topic.
type TopicRecord struct {
	Name string  `json:"name"`
	ID   TopicID `json:"id"`
	// Configs are the topic's own, as the client gave them.
	Configs map[string]string `json:"configs,omitempty"`
}

// PartitionRecord creates a partition or replaces its state; its partition epoch begins at 0.
type PartitionRecord struct {
	TopicID     TopicID `json:"topic_id"`
	Index       int32   `json:"index"`
	Replicas    []int32 `json:"replicas"`
	ISR         []int32 `json:"isr"`
	Leader      int32   `json:"leader"`
	LeaderEpoch int32   `json:"leader_epoch"`
}

// PartitionChangeRecord changes a partition, as far as its fields are set. Each one raises the
// partition epoch by 1, so the log orders all changes of a partition.
type PartitionChangeRecord struct {
	TopicID TopicID `json:"topic_id"`
	Index   int32   `json:"index"`
	// Leader begins a leadership term: the leader epoch rises by 1, also if the leader stays the
	// same or is NoLeader.
	Leader *int32 `json:"leader,omitempty"`
	// ISR, ELR and LastKnownELR (KIP-966) stay as they are if nil; an empty list empties them.
	ISR          []int32 `json:"isr,omitzero"`
	ELR          []int32 `json:"elr,omitzero"`
	LastKnownELR []int32 `json:"last_known_elr,omitzero"`
	// Replicas, and which of them a reassignment is adding and removing (KIP-455), stay as they are
	// if nil; an empty list empties them.
	Replicas []int32 `json:"replicas,omitzero"`
	Adding   []int32 `json:"adding,omitzero"`
	Removing []int32 `json:"removing,omitzero"`
	// Recovering is set by an unclean election, and taken back by the leader (KIP-704).
	Recovering *bool `json:"recovering,omitempty"`
}

// TopicConfigRecord changes settings of a topic, live.
type TopicConfigRecord struct {
	ID TopicID `json:"id"`
	// Set are the topic's own settings from now on, beside those that it had; Unset are those that are
	// its own no more.
	Set   map[string]string `json:"set,omitempty"`
	Unset []string          `json:"unset,omitempty"`
}

// BrokerConfigRecord changes settings of a broker that runs, or of AllBrokers, as TopicConfigRecord does.
type BrokerConfigRecord struct {
	Broker int32             `json:"broker"`
	Set    map[string]string `json:"set,omitempty"`
	Unset  []string          `json:"unset,omitempty"`
}

// RemoveTopicRecord deletes a topic with its partitions.
type RemoveTopicRecord struct {
	ID TopicID `json:"id"`
}

// ProducerIDsRecord hands out a block of producer ids: all below Next are taken.
type ProducerIDsRecord struct {
	Next int64 `json:"next"`
}

// RegisterBrokerRecord registers a broker, fenced (KIP-631). Its offset, the Image.Offset that it
// is applied to, is the epoch of the broker until it registers again.
type RegisterBrokerRecord struct {
	ID          int32       `json:"id"`
	Incarnation Incarnation `json:"incarnation"`
	// Host and Port are where clients connect, PeerHost and PeerPort where other brokers do.
	Host     string `json:"host"`
	Port     int32  `json:"port"`
	PeerHost string `json:"peer_host"`
	PeerPort int32  `json:"peer_port"`
	Rack     string `json:"rack,omitempty"`
}

// BrokerRecord fences a broker, unfences it, puts it into controlled shutdown or forgets it, by the field of
// Record that it stands in. It changes nothing if the broker's epoch is another.
type BrokerRecord struct {
	ID    int32 `json:"id"`
	Epoch int64 `json:"epoch"`
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
