package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// retuner changes min.insync.replicas of the topic that is judged, again and again, while everything else goes on: of
// the topic, or of all brokers while the topic says nothing. Whatever it is, nothing that was acknowledged may be lost.
type retuner struct {
	client
	// draw is its own, see administrator.
	draw *rand.Rand
	// least is what it goes down to: faults that cost a replica its records are made only where two have them.
	least int
}

func newRetuner(s *simulation) *retuner {
	r := &retuner{client: s.newClient("retuner"), draw: rand.New(rand.NewPCG(uint64(s.cfg.Seed), 11)), least: min(2, s.terrain.cluster.MinISR)}
	r.ready = func() {}
	return r
}

// work changes it once after another as long as the load lasts.
func (r *retuner) work() {
	r.sim.after(between(r.draw, 100*time.Millisecond, time.Second), kindClient, func() {
		if !r.sim.loading {
			return
		}
		r.refresh()
		r.ask(int32(r.draw.IntN(len(r.conns))), r.request(), func(_ *request, resp kmsg.Response) {
			if resp, ok := resp.(*kmsg.IncrementalAlterConfigsResponse); ok && resp.Resources[0].ErrorCode == 0 {
				r.sim.retuned++
			}
			r.work()
		})
	})
}

func (r *retuner) request() kmsg.Request {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, Topic
	if r.draw.IntN(4) == 0 {
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeBroker, ""
	}
	one := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	one.Name, one.Value = metadata.MinISRConfig, kmsg.StringPtr(fmt.Sprint(r.least+r.draw.IntN(r.sim.terrain.cluster.Replication-r.least+1)))
	if resource.ResourceName == Topic && r.least == 1 && r.draw.IntN(4) == 0 {
		one.Op, one.Value = kmsg.IncrementalAlterConfigOpDelete, nil
	}
	resource.Configs = append(resource.Configs, one)
	req.Resources = append(req.Resources, resource)
	return req
}
