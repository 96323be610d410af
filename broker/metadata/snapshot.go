package metadata

import (
	"encoding/json"
	"fmt"
)

// snapshotVersion is raised when a snapshot can no longer be read as it was.
const snapshotVersion = 1

// snapshot is the whole of an image, as its bytes have it.
type snapshot struct {
	Version        int
	ClusterID      string
	Offset         int64
	NextProducerID int64
	Brokers        []Broker
	Topics         []*Topic
	Configs        map[int32]map[string]string `json:",omitempty"`
	Levels         map[string]int16            `json:",omitempty"`
}

// Snapshot gives the image's bytes, from which FromSnapshot makes it again. They are canonical:
// images after the same records have the same bytes, on every node.
func (im *Image) Snapshot() []byte {
	s := snapshot{
		Version: snapshotVersion, ClusterID: im.ClusterID,
		Offset: im.Offset, NextProducerID: im.NextProducerID, Brokers: im.registered,
		Configs: im.configs, Levels: im.levels,
	}
	for _, name := range im.Names() {
		s.Topics = append(s.Topics, im.topics[name])
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("metadata: an image cannot be encoded: %v", err)) // it holds numbers and texts only
	}
	return encoded
}

// FromSnapshot makes an image from the bytes that Snapshot gave.
func FromSnapshot(encoded []byte) (*Image, error) {
	var s snapshot
	if err := json.Unmarshal(encoded, &s); err != nil {
		return nil, fmt.Errorf("decode a metadata snapshot of %d bytes: %w", len(encoded), err)
	}
	if s.Version != snapshotVersion {
		return nil, fmt.Errorf("decode a metadata snapshot: it has version %d, this program reads version %d", s.Version, snapshotVersion)
	}
	im := NewImage(s.ClusterID, s.Brokers)
	im.Offset, im.NextProducerID = s.Offset, s.NextProducerID
	im.configs, im.levels = s.Configs, s.Levels
	im.topics, im.names = map[string]*Topic{}, map[TopicID]string{}
	for _, topic := range s.Topics {
		for i := range topic.Partitions {
			if topic.Partitions[i].Index != int32(i) {
				return nil, fmt.Errorf("decode a metadata snapshot: partition %d of topic %q stands in place %d", topic.Partitions[i].Index, topic.Name, i)
			}
		}
		im.topics[topic.Name], im.names[topic.ID] = topic, topic.Name
	}
	return im, nil
}
