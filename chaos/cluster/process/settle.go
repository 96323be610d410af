package process

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/canary"
)

const (
	// settleEvery is how long to wait between two looks at all brokers.
	settleEvery = 20 * time.Millisecond
	// pendingShown bounds what an error lists.
	pendingShown = 8
)

// view is what one broker tells of the cluster, or why it tells nothing.
type view struct {
	node   int32
	answer *kmsg.MetadataResponse
	err    error
}

// WaitSettled returns when every broker answers Metadata and all of them tell the same: every broker is
// there, and every partition of the topics has a leader and all its replicas in the ISR. The error names
// what is still pending when ctx ends.
func (c *Cluster) WaitSettled(ctx context.Context, topics ...string) error {
	return c.wait(ctx, "the cluster has not settled", topics, func(views []view) []string { return unsettled(views, c.brokers) })
}

// WaitInSync returns when a broker is in the ISR of every partition that it has a replica of, as it tells
// itself and all brokers that answer. The error names the partitions that are pending when ctx ends.
func (c *Cluster) WaitInSync(ctx context.Context, node int32) error {
	return c.wait(ctx, fmt.Sprintf("node %d is not in sync", node), nil, func(views []view) []string { return notInSync(views, node) })
}

// WaitReplicated returns when every partition of the topics has a leader and all its replicas in the ISR, as
// the brokers that answer tell. The error names what is pending when ctx ends.
func (c *Cluster) WaitReplicated(ctx context.Context, topics ...string) error {
	return c.wait(ctx, "the replicas are not in sync", topics, unreplicated)
}

// wait asks every broker for the metadata of topics, nil for all, until nothing is pending.
func (c *Cluster) wait(ctx context.Context, what string, topics []string, pending func([]view) []string) error {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	var last []string
	for {
		now := pending(c.views(ctx, topics))
		if len(now) == 0 {
			return nil
		}
		if last == nil || !expired(ctx) {
			last = now // a look that was cut short says less than the one before it
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			more := ""
			if len(last) > pendingShown {
				more = fmt.Sprintf("; and %d more", len(last)-pendingShown)
				last = last[:pendingShown]
			}
			return fmt.Errorf("%s (%w); pending: %s%s", what, context.Cause(ctx), strings.Join(last, "; "), more)
		}
	}
}

// views asks all brokers at once, and waits for each.
func (c *Cluster) views(ctx context.Context, topics []string) []view {
	all := make([]view, len(c.brokers))
	var asking sync.WaitGroup
	for i, id := range c.brokers {
		asking.Go(func() {
			request := kmsg.NewPtrMetadataRequest()
			request.Version, request.AllowAutoTopicCreation = metadataVersion, false
			for _, topic := range topics {
				asked := kmsg.NewMetadataRequestTopic()
				asked.Topic = kmsg.StringPtr(topic)
				request.Topics = append(request.Topics, asked)
			}
			answer := kmsg.NewPtrMetadataResponse()
			all[i] = view{id, answer, canary.Ask(ctx, c.Direct(id), request, answer)}
		})
	}
	asking.Wait()
	return all
}

// place of a partition in messages: "orders/3".
type place struct {
	topic     string
	partition int32
}

func (p place) String() string { return fmt.Sprintf("%s/%d", p.topic, p.partition) }

// newest takes of each partition what was told with the newest leader epoch, and by whom; the order is
// that of the first answer that knows the partition.
func newest(views []view) (order []place, told map[place]kmsg.MetadataResponseTopicPartition) {
	told = map[place]kmsg.MetadataResponseTopicPartition{}
	for _, v := range views {
		if v.err != nil {
			continue
		}
		for _, t := range v.answer.Topics {
			for _, p := range t.Partitions {
				at := place{*t.Topic, p.Partition}
				known, ok := told[at]
				if !ok {
					order = append(order, at)
				}
				if !ok || p.LeaderEpoch > known.LeaderEpoch {
					told[at] = p
				}
			}
		}
	}
	return order, told
}

// unreplicated lists the replicas that lack in an ISR, and the partitions without a leader.
func unreplicated(views []view) []string {
	var pending []string
	add := func(format string, args ...any) { pending = append(pending, fmt.Sprintf(format, args...)) }
	order, told := newest(views)
	if len(order) == 0 {
		add("no broker tells of a partition")
	}
	for _, at := range order {
		p := told[at]
		if p.Leader < 0 {
			add("%s has no leader", at)
		}
		for _, replica := range p.Replicas {
			if !slices.Contains(p.ISR, replica) {
				add("replica %d of %s is not in the ISR %v", replica, at, p.ISR)
			}
		}
	}
	return pending
}

// unsettled lists what the views lack to be those of a whole cluster that agrees.
func unsettled(views []view, brokers []int32) []string {
	var pending []string
	add := func(format string, args ...any) { pending = append(pending, fmt.Sprintf(format, args...)) }
	order, told := newest(views)
	if len(order) > 0 {
		pending = unreplicated(views)
	}
	for _, v := range views {
		if v.err != nil {
			add("node %d: %v", v.node, v.err)
			continue
		}
		for _, id := range brokers {
			if !slices.ContainsFunc(v.answer.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == id }) {
				add("node %d does not know broker %d", v.node, id)
			}
		}
		pending = append(pending, disagreements(v, order, told)...)
	}
	return pending
}

// disagreements lists where one view differs from the newest.
func disagreements(v view, order []place, told map[place]kmsg.MetadataResponseTopicPartition) []string {
	var pending []string
	_, own := newest([]view{v})
	for _, t := range v.answer.Topics {
		if t.ErrorCode != 0 {
			pending = append(pending, fmt.Sprintf("node %d: topic %s has Kafka's error code %d", v.node, *t.Topic, t.ErrorCode))
		}
	}
	for _, at := range order {
		p, ok := own[at]
		n := told[at]
		switch {
		case !ok:
			pending = append(pending, fmt.Sprintf("node %d does not know %s", v.node, at))
		case p.Leader != n.Leader || p.LeaderEpoch != n.LeaderEpoch:
			pending = append(pending, fmt.Sprintf("node %d tells of %s leader %d in epoch %d, and it is %d in %d", v.node, at, p.Leader, p.LeaderEpoch, n.Leader, n.LeaderEpoch))
		case !slices.Equal(slices.Sorted(slices.Values(p.ISR)), slices.Sorted(slices.Values(n.ISR))):
			pending = append(pending, fmt.Sprintf("node %d tells of %s ISR %v, another node %v", v.node, at, p.ISR, n.ISR))
		}
	}
	return pending
}

// notInSync lists the partitions of a broker in whose ISR it is not, as any view of the newest leader epoch
// tells. The broker itself must have answered: it has applied that it is back, and so all that went before,
// while others may still tell of the time before it was gone.
func notInSync(views []view, node int32) []string {
	var pending []string
	answers := 0
	order, told := newest(views)
	for _, v := range views {
		if v.err != nil {
			if v.node == node {
				pending = append(pending, fmt.Sprintf("node %d: %v", node, v.err))
			}
			continue
		}
		answers++
		_, own := newest([]view{v})
		for _, at := range order {
			p, knows := own[at]
			if knows && p.LeaderEpoch == told[at].LeaderEpoch && slices.Contains(p.Replicas, node) && !slices.Contains(p.ISR, node) {
				pending = append(pending, fmt.Sprintf("node %d tells of %s ISR %v", v.node, at, p.ISR))
			}
		}
	}
	if answers == 0 && len(pending) == 0 {
		pending = append(pending, "no node answers Metadata")
	}
	return pending
}
