package api

import (
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeTopicPartitions (key 75, KIP-966): where partitions are, page by page, and who may lead them.
//
// Behaviour
//   - topics come in the order of their names; no names are all topics
//   - an answer has as many partitions as the client and describeMost allow, and one at least; where there
//     are more, it names the next one, and the client asks again from there
//   - a page that begins at a topic which is gone begins with the next one
//   - besides the ISR it shows the ELR and the last known ELR, which Metadata does not
//   - a topic that is not there has UNKNOWN_TOPIC_OR_PARTITION, a partition without a leader
//     LEADER_NOT_AVAILABLE, as in Metadata; a page that begins at a negative partition INVALID_REQUEST
//   - the authorised operations are all that there are: there are no ACLs
//
// Versions
//   - 0
type describeTopicPartitions struct{}

// describeMost is Kafka's max.request.partition.size.limit.
const describeMost = 2000

func (h *describeTopicPartitions) start(s *Session, c *call, _ time.Time, _ *actor.Effects) {
	c.finish(describePage(s.image, c.request.Body.(*kmsg.DescribeTopicPartitionsRequest)))
}

func describePage(image *metadata.Image, req *kmsg.DescribeTopicPartitionsRequest) *kmsg.DescribeTopicPartitionsResponse {
	resp := req.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	var names []string
	for _, topic := range req.Topics {
		names = append(names, topic.Topic)
	}
	if len(names) == 0 {
		names = image.Names()
	}
	slices.Sort(names)
	from := kmsg.NewDescribeTopicPartitionsRequestCursor()
	if req.Cursor != nil {
		from = *req.Cursor
	}
	left := max(1, min(describeMost, int(req.ResponsePartitionLimit)))
	for _, name := range slices.Compact(names) {
		if name < from.Topic {
			continue
		}
		topic := image.Topic(name)
		out := kmsg.NewDescribeTopicPartitionsResponseTopic()
		out.Topic = kmsg.StringPtr(name)
		first := 0
		if name == from.Topic {
			first = int(from.Partition)
		}
		switch {
		case left == 0:
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: int32(max(first, 0))}
			return resp
		case topic == nil:
			out.ErrorCode = kerr.UnknownTopicOrPartition.Code
		case first < 0:
			out.ErrorCode = kerr.InvalidRequest.Code
		default:
			out.TopicID, out.AuthorizedOperations, out.IsInternal = topic.ID, topicOperations, metadata.Internal(name)
			rest := topic.Partitions[min(first, len(topic.Partitions)):]
			page := rest[:min(left, len(rest))]
			for i := range page {
				out.Partitions = append(out.Partitions, describePartition(image, &page[i]))
			}
			if left -= len(page); len(page) < len(rest) {
				resp.Topics = append(resp.Topics, out)
				resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: rest[len(page)].Index}
				return resp
			}
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func describePartition(image *metadata.Image, from *metadata.Partition) kmsg.DescribeTopicPartitionsResponseTopicPartition {
	p := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
	p.Partition, p.LeaderID, p.LeaderEpoch = from.Index, from.Leader, from.LeaderEpoch
	p.Replicas, p.ISR = from.Replicas, from.ISR
	p.EligibleLeaderReplicas, p.LastKnownELR = append([]int32{}, from.ELR...), append([]int32{}, from.LastKnownELR...)
	p.OfflineReplicas = offline(image, from)
	if from.Leader == metadata.NoLeader {
		p.ErrorCode = kerr.LeaderNotAvailable.Code
	}
	return p
}

// offline lists the replicas whose brokers are fenced.
func offline(image *metadata.Image, p *metadata.Partition) (list []int32) {
	for _, id := range p.Replicas {
		if b := image.Broker(id); b == nil || b.Fenced {
			list = append(list, id)
		}
	}
	return list
}
