package metadata

import (
	"maps"
	"slices"
)

// Broker is one node that clients can reach.
type Broker struct {
	ID   int32
	Host string
	Port int32
}

// Partition as the image knows it.
type Partition struct {
	Index       int32
	Replicas    []int32
	ISR         []int32
	Leader      int32
	LeaderEpoch int32
}

// Topic as the image knows it; Partitions[i].Index == i.
type Topic struct {
	Name       string
	ID         TopicID
	Configs    map[string]string
	Partitions []Partition
}

// Image is the state of a cluster after the records below Offset. It is never changed.
type Image struct {
	ClusterID  string
	Controller int32
	Brokers    []Broker
	// Offset is the number of metadata records applied.
	Offset         int64
	NextProducerID int64
	topics         map[string]*Topic
	names          map[TopicID]string
}

// NewImage is the image of a cluster without topics.
func NewImage(clusterID string, controller int32, brokers []Broker) *Image {
	return &Image{ClusterID: clusterID, Controller: controller, Brokers: brokers}
}

// Topic by name; nil if there is none.
func (im *Image) Topic(name string) *Topic { return im.topics[name] }

// TopicByID is Topic for clients that name topics by id (KIP-516); nil if there is none.
func (im *Image) TopicByID(id TopicID) *Topic {
	name, ok := im.names[id]
	if !ok {
		return nil
	}
	return im.topics[name]
}

// Names of all topics, sorted.
func (im *Image) Names() []string { return slices.Sorted(maps.Keys(im.topics)) }

// Broker by id; nil if there is none.
func (im *Image) Broker(id int32) *Broker {
	for i := range im.Brokers {
		if im.Brokers[i].ID == id {
			return &im.Brokers[i]
		}
	}
	return nil
}

// Apply gives the image after the records; im stays as it is. A record that speaks of a topic
// that is not there changes nothing: its topic was deleted before it was committed.
func (im *Image) Apply(records []Record) *Image {
	next := *im
	next.topics, next.names = maps.Clone(im.topics), maps.Clone(im.names)
	if next.topics == nil {
		next.topics, next.names = map[string]*Topic{}, map[TopicID]string{}
	}
	own := map[*Topic]bool{}
	for _, r := range records {
		next.apply(r, own)
		next.Offset++
	}
	return &next
}

// apply changes im, which nobody else holds yet; own lists the topics that are not shared with
// an older image and may be changed in place.
func (im *Image) apply(r Record, own map[*Topic]bool) {
	switch {
	case r.Topic != nil:
		topic := &Topic{Name: r.Topic.Name, ID: r.Topic.ID, Configs: r.Topic.Configs}
		own[topic] = true
		im.topics[r.Topic.Name] = topic
		im.names[r.Topic.ID] = r.Topic.Name
	case r.Partition != nil:
		im.applyPartition(r.Partition, own)
	case r.RemoveTopic != nil:
		if name, ok := im.names[r.RemoveTopic.ID]; ok {
			delete(im.names, r.RemoveTopic.ID)
			delete(im.topics, name)
		}
	case r.ProducerIDs != nil:
		im.NextProducerID = r.ProducerIDs.Next
	}
}

func (im *Image) applyPartition(r *PartitionRecord, own map[*Topic]bool) {
	topic := im.TopicByID(r.TopicID)
	if topic == nil || int(r.Index) > len(topic.Partitions) {
		return
	}
	if !own[topic] {
		copied := *topic
		copied.Partitions = slices.Clone(topic.Partitions)
		topic = &copied
		own[topic] = true
		im.topics[topic.Name] = topic
	}
	p := Partition{Index: r.Index, Replicas: r.Replicas, ISR: r.ISR, Leader: r.Leader, LeaderEpoch: r.LeaderEpoch}
	if int(r.Index) == len(topic.Partitions) {
		topic.Partitions = append(topic.Partitions, p)
	} else {
		topic.Partitions[r.Index] = p
	}
}
