package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
)

// writer makes a node write something, so that what its disk does can be seen without a load. It writes to a
// topic of its own, of which the node has the only replica.
type writer struct {
	cluster cluster.Cluster
	maker   cluster.TopicMaker
	node    int32
	topic   string
}

// newWriter is nil where the cluster can make no topics: then whoever else writes must do.
func newWriter(c cluster.Cluster, node int32) *writer {
	maker, ok := c.(cluster.TopicMaker)
	if !ok {
		return nil
	}
	return &writer{cluster: c, maker: maker, node: node}
}

// open makes the topic, before the disk is touched.
func (w *writer) open(ctx context.Context) (err error) {
	if w == nil || w.topic != "" {
		return nil
	}
	node := cluster.AnyNode // a node that is a controller only writes when there is something to decide
	for _, id := range w.cluster.Brokers() {
		if id == w.node {
			node = id
		}
	}
	w.topic, err = w.maker.MakeTopic(ctx, node)
	return err
}

// write writes one record past the links and tells how long the node took to acknowledge it, or that it does
// not.
func (w *writer) write(ctx context.Context) (time.Duration, error) {
	if w == nil || w.topic == "" {
		return 0, fmt.Errorf("nobody writes to node %d but the load: this cluster lacks the capability TopicMaker", w.id())
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := canary.NewWrite(limited, direct(w.cluster, w.node), w.topic)
	if err != nil {
		return 0, err
	}
	answer, err := c.Ask(limited, direct(w.cluster, w.node))
	if err != nil {
		return 0, err
	}
	for _, code := range answer.Codes {
		if code != 0 {
			return 0, fmt.Errorf("a record was answered with %s", canary.ErrorName(code))
		}
	}
	return answer.Took, nil
}

func (w *writer) id() int32 {
	if w == nil {
		return cluster.AnyNode
	}
	return w.node
}

// close deletes the topic, when all is whole again.
func (w *writer) close(ctx context.Context) error {
	if w == nil || w.topic == "" {
		return nil
	}
	topic := w.topic
	w.topic = ""
	return w.maker.DropTopic(ctx, topic)
}
