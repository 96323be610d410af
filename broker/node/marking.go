package node

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// markings are requests to write markers that are not answered.
type markings struct {
	open map[uint64]*marking
	next uint64
}

// marking is one of them: parts are the partitions of its answer, in order, waiting is how many have none yet.
type marking struct {
	from    actor.Address
	call    uint64
	resp    *kmsg.WriteTxnMarkersResponse
	parts   []*kmsg.WriteTxnMarkersResponseMarkerTopicPartition
	waiting int
}

// bumpedVersion is the transaction version from which on a marker has the epoch after that of its transaction.
const bumpedVersion = 2

// mark writes the ends of transactions into partitions that this node leads. Each is answered when it is committed.
func (p *participant) mark(now time.Time, m api.MarkersRequest, fx *actor.Effects) {
	p.next++
	w := &marking{from: m.From, call: m.Call, resp: m.Body.ResponseKind().(*kmsg.WriteTxnMarkersResponse)}
	p.open[p.next] = w
	w.build(m.Body)
	part := int32(0)
	for i := range m.Body.Markers {
		asked := &m.Body.Markers[i]
		for j := range asked.Topics {
			for _, index := range asked.Topics[j].Partitions {
				w.parts[part].ErrorCode = p.markPart(now, asked, asked.Topics[j].Topic, partition.Ticket{To: api.Participant, Call: p.next, Part: part}, index, fx)
				if w.parts[part].ErrorCode == 0 {
					w.waiting++
				}
				part++
			}
		}
	}
	p.finish(p.next, fx)
}

// markPart writes one marker, or says why it cannot.
func (p *participant) markPart(now time.Time, m *kmsg.WriteTxnMarkersRequestMarker, name string, ticket partition.Ticket, index int32, fx *actor.Effects) int16 {
	switch { // a client may ask for anything, and a log takes no batch of nobody
	case m.ProducerID < 0:
		return kerr.InvalidProducerIDMapping.Code
	case m.ProducerEpoch < 0:
		return kerr.InvalidProducerEpoch.Code
	case p.image == nil:
		return kerr.NotLeaderForPartition.Code
	}
	topic := p.image.Topic(name)
	switch {
	case topic == nil || index < 0 || int(index) >= len(topic.Partitions):
		return kerr.UnknownTopicOrPartition.Code
	case !p.leads(topic, index):
		return kerr.NotLeaderForPartition.Code
	}
	marker := batch.Marker{Commit: m.Committed, CoordinatorEpoch: m.CoordinatorEpoch}
	v := batch.BuildMarker(m.ProducerID, m.ProducerEpoch, marker, p.cfg.Wall(now).UnixMilli())
	bumped := m.TransactionVersion >= bumpedVersion
	if name == metadata.ConsumerOffsets {
		fx.Send(api.Coordinator, api.OffsetsMarker{Ticket: ticket, Partition: index, Batch: v, Bumped: bumped})
		return 0
	}
	replica := api.Replica{Topic: topic.ID, Partition: index}
	fx.Send(api.ShardOf(replica, p.cfg.Sessions.Shards), api.ProducePart{
		Ticket: ticket, Replica: replica, Batch: v, Acks: -1, Epoch: -1, Bumped: bumped,
	})
	return 0
}

// build lays the answer out in the order of the request.
func (w *marking) build(req *kmsg.WriteTxnMarkersRequest) {
	for i := range req.Markers {
		marker := kmsg.NewWriteTxnMarkersResponseMarker()
		marker.ProducerID = req.Markers[i].ProducerID
		marker.Topics = make([]kmsg.WriteTxnMarkersResponseMarkerTopic, len(req.Markers[i].Topics))
		for j := range marker.Topics {
			asked := &req.Markers[i].Topics[j]
			topic := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
			topic.Topic = asked.Topic
			topic.Partitions = make([]kmsg.WriteTxnMarkersResponseMarkerTopicPartition, len(asked.Partitions))
			for k := range topic.Partitions {
				topic.Partitions[k] = kmsg.NewWriteTxnMarkersResponseMarkerTopicPartition()
				topic.Partitions[k].Partition = asked.Partitions[k]
				w.parts = append(w.parts, &topic.Partitions[k])
			}
			marker.Topics[j] = topic
		}
		w.resp.Markers = append(w.resp.Markers, marker)
	}
}

// marked takes what became of a marker.
func (p *participant) marked(m api.ProduceDone, fx *actor.Effects) {
	w := p.open[m.Call]
	w.parts[m.Part].ErrorCode = m.Error
	w.waiting--
	p.finish(m.Call, fx)
}

// finish answers a request of which nothing waits.
func (p *participant) finish(call uint64, fx *actor.Effects) {
	if w := p.open[call]; w.waiting == 0 {
		delete(p.open, call)
		fx.Send(w.from, api.MarkersReply{Call: w.call, Body: w.resp})
	}
}
