package process

import (
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// telling is what a played node says of the cluster: of orders/0, whose replicas are 2, 0 and 1, of the
// brokers, and of the metadata quorum. It reaches the node as its mode.
type telling struct {
	Leader, Epoch int32
	ISR           []int32
	Brokers       []int32
	Quorum, Term  int32
}

func (t telling) mode() string {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// tell answers Metadata and DescribeQuorum; orders is the only topic.
func tell(frame []byte, mode string) []byte {
	var told telling
	if err := json.Unmarshal([]byte(mode), &told); err != nil {
		panic(err)
	}
	version := int16(binary.BigEndian.Uint16(frame[2:]))
	correlation := frame[4:8:8]
	if binary.BigEndian.Uint16(frame) == 55 {
		response := kmsg.NewPtrDescribeQuorumResponse()
		response.Version = version
		p := kmsg.NewDescribeQuorumResponseTopicPartition()
		p.LeaderID, p.LeaderEpoch = told.Quorum, told.Term
		topic := kmsg.NewDescribeQuorumResponseTopic()
		topic.Partitions = append(topic.Partitions, p)
		response.Topics = append(response.Topics, topic)
		// A header with two tagged fields, of 1 and of 0 bytes: whoever reads it must skip them.
		return response.AppendTo(append(correlation, 2, 5, 1, 'x', 6, 0))
	}
	request := kmsg.NewPtrMetadataRequest()
	request.Version = version
	client := int(binary.BigEndian.Uint16(frame[8:]))
	if err := request.ReadFrom(frame[10+client:]); err != nil {
		panic(err)
	}
	return told.metadata(request).AppendTo(correlation)
}

// metadata answers for the topics that are asked for, or for orders where all are.
func (t telling) metadata(request *kmsg.MetadataRequest) *kmsg.MetadataResponse {
	response := kmsg.NewPtrMetadataResponse()
	response.Version = request.Version
	for _, id := range t.Brokers {
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID = id
		response.Brokers = append(response.Brokers, b)
	}
	p := kmsg.NewMetadataResponseTopicPartition()
	p.Replicas, p.ISR = []int32{2, 0, 1}, t.ISR
	p.Leader, p.LeaderEpoch = t.Leader, t.Epoch
	if request.Topics == nil {
		all := kmsg.NewMetadataRequestTopic()
		all.Topic = kmsg.StringPtr("orders")
		request.Topics = append(request.Topics, all)
	}
	for _, asked := range request.Topics {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = asked.Topic
		switch *asked.Topic {
		case "orders":
			topic.Partitions = []kmsg.MetadataResponseTopicPartition{p}
		case "odd":
			topic.ErrorCode = 29
		default:
			topic.ErrorCode = 3
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

// tellers is a cluster of three brokers and controllers whose nodes tell each its own view.
func tellers(t *testing.T, views ...telling) *Cluster {
	t.Helper()
	c := started(t, "", len(views), func(cfg *Config) {
		cfg.Args = func(self Endpoint, _ []Endpoint) []string {
			return []string{views[self.Node].mode(), self.Direct, self.DirectPeers}
		}
	})
	for _, id := range c.Nodes() {
		if err := c.WaitReady(soon(t), id); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
