package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// purger fills a topic beside the one that is judged and deletes its records, all of them or some, while retention
// takes what is more than two kilobytes. The checker knows that no replica's log starts above its high watermark, and
// that no start goes back.
type purger struct {
	client
	// draw is its own: a run with a purger draws what it would without.
	draw *rand.Rand
	id   metadata.TopicID
	end  int64
}

// Purged is the purger's topic.
const Purged = "purged"

// retentionEvery is how often nodes look at retention in a run with a purger; else they do not.
const retentionEvery = 500 * time.Millisecond

// retention is how often nodes look at it.
func (c Config) retention() time.Duration {
	if c.Purge {
		return retentionEvery
	}
	return -1
}

func newPurger(s *simulation) *purger {
	p := &purger{client: s.newClient("purger"), draw: rand.New(rand.NewPCG(uint64(s.cfg.Seed), 11))}
	p.ready = func() {}
	return p
}

// work does one thing after another as long as the load lasts, and waits for no answer: a deletion comes while
// records before it are not committed yet.
func (p *purger) work() {
	p.sim.after(between(p.draw, 10*time.Millisecond, 200*time.Millisecond), kindClient, func() {
		if !p.sim.loading {
			return
		}
		broker, body := int32(p.draw.IntN(len(p.conns))), p.request()
		p.ask(broker, body, p.answered)
		if _, wrote := body.(*kmsg.ProduceRequest); wrote && p.draw.IntN(2) == 0 {
			p.ask(broker, p.deletion(), p.answered)
		}
		p.work()
	})
}

func (p *purger) request() kmsg.Request {
	switch {
	case p.id == metadata.TopicID{}:
		return p.create()
	case p.draw.IntN(4) > 0:
		var b batch.Builder
		for i := range 1 + p.draw.IntN(5) {
			b.Add(nil, fmt.Appendf(nil, "record %d at %v", i, p.sim.now), startTime.Add(p.sim.now).UnixMilli())
		}
		return produceRequest(p.id, 0, b.Build())
	}
	return p.deletion()
}

// deletion is of all records, or of all but the last ones that the purger knows of.
func (p *purger) deletion() kmsg.Request {
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 1000
	topic, part := kmsg.NewDeleteRecordsRequestTopic(), kmsg.NewDeleteRecordsRequestTopicPartition()
	topic.Topic, part.Offset = Purged, -1
	if p.draw.IntN(2) == 0 {
		part.Offset = max(0, p.end-p.draw.Int64N(10))
	}
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	return req
}

func (p *purger) create() kmsg.Request {
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = Purged, 1, int16(min(3, len(p.conns)))
	for _, c := range [][2]string{{"retention.bytes", "2000"}, {"internal.segment.bytes", "700"}} {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = c[0], &c[1]
		topic.Configs = append(topic.Configs, config)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

func (p *purger) answered(_ *request, resp kmsg.Response) {
	switch resp := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		if t := &resp.Topics[0]; t.ErrorCode == 0 {
			p.id = t.TopicID
		}
	case *kmsg.ProduceResponse:
		if part := &resp.Topics[0].Partitions[0]; part.ErrorCode == 0 {
			p.end = part.BaseOffset + 1
		}
	case *kmsg.DeleteRecordsResponse:
		if part := &resp.Topics[0].Partitions[0]; part.ErrorCode == 0 && part.LowWatermark > 0 {
			p.sim.purged++
		}
	}
}
