package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// administrator makes and deletes topics beside the one that is judged, writes to them, asks for offsets
// by time and moves leaderships and replicas, also of the topic that is judged, while everything else goes
// on. Nothing is promised to it: it is there so that what it asks for meets faults too. What it may get is
// any answer, or none; the invariants hold for it as for everybody.
type administrator struct {
	client
	// draw is its own: which seeds have an administrator does not change what the others draw.
	draw *rand.Rand
	// ids of the topics that it has made and not deleted, by number.
	ids [sideTopics]metadata.TopicID
}

const (
	// sideTopics are how many topics it plays with.
	sideTopics = 3
	// administered is every how manieth seed that has one.
	administered = 5
)

func newAdministrator(s *simulation) *administrator {
	a := &administrator{client: s.newClient("administrator"), draw: rand.New(rand.NewPCG(uint64(s.cfg.Seed), 3))}
	a.ready = func() {}
	return a
}

// work does one thing after another as long as the load lasts.
func (a *administrator) work() {
	a.sim.after(between(a.draw, 200*time.Millisecond, 2*time.Second), kindClient, func() {
		if !a.sim.loading {
			return
		}
		a.refresh()
		body := a.request()
		if body == nil {
			a.work()
			return
		}
		broker := int32(a.draw.IntN(len(a.conns)))
		if _, offsets := body.(*kmsg.ListOffsetsRequest); offsets && a.leaders[0] != nobody {
			broker = a.leaders[0]
		}
		a.ask(broker, body, func(_ *request, resp kmsg.Response) {
			switch resp := resp.(type) {
			case *kmsg.CreateTopicsResponse:
				a.made(resp)
			case *kmsg.AlterPartitionAssignmentsResponse:
				a.moved(broker, body.(*kmsg.AlterPartitionAssignmentsRequest), resp)
			}
			a.work()
		})
	})
}

func sideName(n int) string { return fmt.Sprintf("side-%d", n) }

// request draws what is asked next; nil for nothing.
func (a *administrator) request() kmsg.Request {
	n := a.draw.IntN(sideTopics)
	switch a.draw.IntN(12) {
	case 0, 1:
		return a.create(n)
	case 2:
		return a.remove(n)
	case 3:
		return a.elect(n)
	case 4:
		return a.offsets()
	case 5:
		return kmsg.NewPtrInitProducerIDRequest()
	case 6, 7, 8, 9:
		return a.reassign(n)
	case 10:
		return kmsg.NewPtrListPartitionReassignmentsRequest() // of all topics
	}
	return a.write(n)
}

func (a *administrator) create(n int) kmsg.Request {
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = sideName(n), int32(1+a.draw.IntN(3)), -1
	config := func(name, value string) {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, &value
		topic.Configs = append(topic.Configs, c)
	}
	switch a.draw.IntN(8) {
	case 0:
		topic.Topic = "side/" // no name of a topic
	case 1:
		topic.ReplicationFactor = 99
	case 2:
		config("no.such.config", "1")
	case 3:
		config(metadata.MinISRConfig, "none")
	case 4:
		config(metadata.UncleanConfig, "true")
	case 5:
		a.assign(&topic)
	case 6:
		req.ValidateOnly = true
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// assign names the brokers of each partition, now and then one too many.
func (a *administrator) assign(topic *kmsg.CreateTopicsRequestTopic) {
	for i := range topic.NumPartitions {
		one := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		one.Partition = i
		for id := range int32(len(a.conns)) {
			one.Replicas = append(one.Replicas, id)
		}
		if a.draw.IntN(4) == 0 {
			one.Replicas = append(one.Replicas, 0)
		}
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, one)
	}
	topic.NumPartitions, topic.ReplicationFactor = -1, -1
}

func (a *administrator) made(resp *kmsg.CreateTopicsResponse) {
	for n := range sideTopics {
		for i := range resp.Topics {
			if t := &resp.Topics[i]; t.Topic == sideName(n) && t.ErrorCode == 0 {
				a.ids[n] = t.TopicID
			}
		}
	}
}

// remove deletes by name or by id.
func (a *administrator) remove(n int) kmsg.Request {
	req := kmsg.NewPtrDeleteTopicsRequest()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	if a.draw.IntN(2) == 0 {
		topic.Topic = kmsg.StringPtr(sideName(n))
	} else {
		topic.TopicID = a.ids[n]
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// elect asks for preferred leaders, and of its own topics for any leader at all.
func (a *administrator) elect(n int) kmsg.Request {
	req := kmsg.NewPtrElectLeadersRequest()
	topic := kmsg.NewElectLeadersRequestTopic()
	switch a.draw.IntN(3) {
	case 0: // all partitions
		return req
	case 1:
		topic.Topic, topic.Partitions = Topic, []int32{0, 0}
	default:
		req.ElectionType = 1
		topic.Topic, topic.Partitions = sideName(n), []int32{0, 1}
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// reassign moves a partition of the topic that is judged to as many brokers as it is on, or one of its own
// to any, or cancels that.
func (a *administrator) reassign(n int) kmsg.Request {
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	topic, p := kmsg.NewAlterPartitionAssignmentsRequestTopic(), kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	topic.Topic, p.Partition = sideName(n), int32(a.draw.IntN(8)/7)
	brokers := a.draw.Perm(len(a.conns))
	if a.draw.IntN(3) == 0 {
		topic.Topic, p.Partition = Topic, int32(a.draw.IntN(a.sim.terrain.load.Partitions))
		brokers = brokers[:a.sim.terrain.cluster.Replication]
	} else {
		brokers = brokers[:a.draw.IntN(len(brokers)+1)] // none is refused
	}
	if a.draw.IntN(4) > 0 {
		p.Replicas = []int32{} // null would cancel
		for _, id := range brokers {
			p.Replicas = append(p.Replicas, int32(id))
		}
	}
	topic.Partitions = append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	return req
}

// moved counts what was cancelled, and now and then regrets what was not.
func (a *administrator) moved(broker int32, req *kmsg.AlterPartitionAssignmentsRequest, resp *kmsg.AlterPartitionAssignmentsResponse) {
	switch asked := &req.Topics[0].Partitions[0]; {
	case len(resp.Topics) == 0 || resp.Topics[0].Partitions[0].ErrorCode != 0:
	case asked.Replicas == nil:
		a.sim.marks[ReassignmentCancelled]++
	case a.draw.IntN(2) == 0:
		again := *req
		again.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: req.Topics[0].Topic}}
		again.Topics[0].Partitions = []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: asked.Partition}}
		a.ask(broker, &again, func(_ *request, resp kmsg.Response) {
			if resp, ok := resp.(*kmsg.AlterPartitionAssignmentsResponse); ok {
				a.moved(broker, &again, resp)
			}
		})
	}
}

// offsets asks for the offset of a time, or of one of the times with a meaning of their own.
func (a *administrator) offsets() kmsg.Request {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = Topic
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.CurrentLeaderEpoch = -1
	p.Timestamp = -int64(a.draw.IntN(5))
	if p.Timestamp == 0 {
		p.Timestamp = startTime.Add(time.Duration(a.draw.Int64N(int64(a.sim.now) + 1))).UnixMilli()
	}
	topic.Partitions = append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	return req
}

// write sends a record to one of its topics, if it has made one.
func (a *administrator) write(n int) kmsg.Request {
	if a.ids[n] == (metadata.TopicID{}) {
		return nil
	}
	var b batch.Builder
	b.Add(nil, fmt.Appendf(nil, "a record at %v", a.sim.now), startTime.Add(a.sim.now).UnixMilli())
	return produceRequest(a.ids[n], 0, b.Build())
}
