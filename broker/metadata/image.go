package metadata

import (
	"maps"
	"slices"
)

// Image is the state of a cluster after the records below Offset. It is never changed.
type Image struct {
	ClusterID string
	// Brokers are those that clients may be told of: registered and not fenced, by id.
	Brokers []Broker
	// Offset is the number of metadata records applied.
	Offset         int64
	NextProducerID int64
	// registered are all brokers, by id; Brokers is derived from it.
	registered []Broker
	topics     map[string]*Topic
	// configs are the settings that brokers were given while they run, by broker, AllBrokers too.
	configs map[int32]map[string]string
	// levels are those of features that were said, by name; see FeatureLevel.
	levels map[string]int16
	// names has exactly one entry for each of topics.
	names map[TopicID]string
}

// NewImage is the image of a cluster without topics, in which the given brokers are registered. A
// cluster whose brokers register themselves begins with none; a node that is alone gives itself.
func NewImage(clusterID string, brokers []Broker) *Image {
	im := &Image{ClusterID: clusterID}
	im.setBrokers(slices.Clone(brokers))
	return im
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

// Partition of a topic by id and index; both are nil if it is not there.
func (im *Image) Partition(id TopicID, index int32) (*Topic, *Partition) {
	topic := im.TopicByID(id)
	if topic == nil || index < 0 || int(index) >= len(topic.Partitions) {
		return nil, nil
	}
	return topic, &topic.Partitions[index]
}

// Apply gives the image after the records; im stays as it is. A record that speaks of a topic or
// of a broker's epoch that is not there changes nothing: it was overtaken before it was committed.
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
	case r.PartitionChange != nil:
		im.applyChange(r.PartitionChange, own)
	case r.TopicConfig != nil:
		im.applyConfig(r.TopicConfig, own)
	case r.BrokerConfig != nil:
		im.applyBrokerConfig(r.BrokerConfig)
	case r.RemoveTopic != nil:
		if name, ok := im.names[r.RemoveTopic.ID]; ok {
			delete(im.names, r.RemoveTopic.ID)
			delete(im.topics, name)
		}
	case r.ProducerIDs != nil:
		im.NextProducerID = r.ProducerIDs.Next
	case r.FeatureLevel != nil:
		im.applyFeature(r.FeatureLevel)
	case r.RegisterBroker != nil:
		im.applyRegistration(r.RegisterBroker)
	case r.UnregisterBroker != nil:
		im.forgetBroker(r.UnregisterBroker)
	case r.FenceBroker != nil:
		im.changeBroker(r.FenceBroker, func(b *Broker) { b.Fenced = true })
	case r.UnfenceBroker != nil:
		im.changeBroker(r.UnfenceBroker, func(b *Broker) { b.Fenced = false })
	case r.ShutdownBroker != nil:
		im.changeBroker(r.ShutdownBroker, func(b *Broker) { b.ShuttingDown = true })
	}
}
