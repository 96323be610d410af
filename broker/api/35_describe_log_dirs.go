package api

import (
	"cmp"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeLogDirs (key 35): how large the replicas on this broker are, and how much room there is (KIP-113, KIP-827).
//
// Behaviour
//   - a broker has one log directory; it answers for itself, leader or not
//   - null topics are all; what is asked for and is not here is left out, by topic and partition
//   - the size is that of all batches; the lag is how far a log's end is behind the high watermark that the
//     replica knows
//   - where the room cannot be found out the directory has KAFKA_STORAGE_ERROR; where there is no such thing, as
//     with files in memory, it is -1
//
// Versions
//   - 2 flexible, 3 top-level error, 4 bytes of the volume, 5 cordoned directories, of which there are none
type describeLogDirs struct {
	resp     *kmsg.DescribeLogDirsResponse
	dir      kmsg.DescribeLogDirsResponseDir
	asked    []kmsg.DescribeLogDirsRequestTopic
	replicas []ReplicaSize
	waiting  int
}

func (h *describeLogDirs) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	req := c.request.Body.(*kmsg.DescribeLogDirsRequest)
	h.resp = req.ResponseKind().(*kmsg.DescribeLogDirsResponse)
	h.asked = req.Topics
	h.dir = kmsg.NewDescribeLogDirsResponseDir()
	h.dir.Dir = s.cfg.LogDir
	for shard := range s.cfg.Shards {
		h.waiting++
		fx.Send(actor.Address{Role: actor.Shard, ID: int64(shard)}, SizeQuery{To: s.self, Call: c.id, Room: shard == 0})
	}
}

// measured takes the answer of one shard.
func (h *describeLogDirs) measured(c *call, m SizeAnswer) {
	if m.Room {
		h.dir.TotalBytes, h.dir.UsableBytes = m.Total, m.Usable
		if m.Failed {
			h.dir.ErrorCode = kerr.KafkaStorageError.Code
		}
	}
	for _, r := range m.Replicas {
		if h.asks(r) {
			h.replicas = append(h.replicas, r)
		}
	}
	if h.waiting--; h.waiting > 0 {
		return
	}
	slices.SortFunc(h.replicas, func(a, b ReplicaSize) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	if h.dir.ErrorCode == 0 {
		h.list()
	}
	h.resp.Dirs = append(h.resp.Dirs, h.dir)
	c.finish(h.resp)
}

func (h *describeLogDirs) asks(r ReplicaSize) bool {
	return h.asked == nil || slices.ContainsFunc(h.asked, func(t kmsg.DescribeLogDirsRequestTopic) bool {
		return t.Topic == r.Topic && slices.Contains(t.Partitions, r.Partition)
	})
}

// list gives the directory its replicas, which are in order.
func (h *describeLogDirs) list() {
	for _, r := range h.replicas {
		p := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		p.Partition, p.Size, p.OffsetLag = r.Partition, r.Bytes, r.Lag
		if n := len(h.dir.Topics); n == 0 || h.dir.Topics[n-1].Topic != r.Topic {
			topic := kmsg.NewDescribeLogDirsResponseDirTopic()
			topic.Topic = r.Topic
			h.dir.Topics = append(h.dir.Topics, topic)
		}
		topic := &h.dir.Topics[len(h.dir.Topics)-1]
		topic.Partitions = append(topic.Partitions, p)
	}
}
