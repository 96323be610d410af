package brokertest

import (
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// electWithin is how long a partition may be without a leader that serves.
	electWithin = 30 * time.Second
	// askEvery is how often that is looked at.
	askEvery = 5 * time.Millisecond
	// answerWithin is how long one broker may take to say what it knows.
	answerWithin = 2 * time.Second
)

// Leader waits until a partition is led by a broker that is up and can be reached, and returns its id.
func (c *Cluster) Leader(topic string, partition int32) (id int32) {
	c.t.Helper()
	deadline := time.Now().Add(electWithin)
	for {
		id, why := c.leader(topic, partition)
		if why == nil {
			return id
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("brokertest: nobody leads %s-%d after %v: %v", topic, partition, electWithin, why)
		}
		time.Sleep(askEvery)
	}
}

// leader asks every broker, and believes the one that has seen the latest election.
func (c *Cluster) leader(topic string, partition int32) (id int32, err error) {
	id, epoch := int32(-1), int32(-1)
	why := fmt.Errorf("no broker can be asked")
	for i := range c.opts.brokers {
		if !c.serves(int32(i)) {
			continue
		}
		p, err := askFor(c.nodes[i].clients.address(), topic, partition)
		switch {
		case err != nil:
			why = fmt.Errorf("broker %d: %w", i, err)
		case p.LeaderEpoch > epoch:
			id, epoch = p.Leader, p.LeaderEpoch
		}
	}
	switch {
	case epoch < 0:
		return -1, why
	case id < 0:
		return -1, fmt.Errorf("no replica of it may lead in epoch %d", epoch)
	case !c.serves(id):
		return -1, fmt.Errorf("broker %d should, which is down, paused or cut off", id)
	}
	return id, nil
}

// seen waits until every broker that can be asked shows brokers that have just come: each hears of that
// in its own time.
func (c *Cluster) seen(nodes []*node, deadline time.Time) error {
	for i := 0; i < c.opts.brokers; {
		missing := int32(-1)
		var err error
		if c.serves(int32(i)) {
			missing, err = missingFrom(c.nodes[i].clients.address(), nodes)
		}
		switch {
		case missing < 0 && err == nil:
			i++
		case time.Now().After(deadline):
			return fmt.Errorf("broker %d does not show broker %d after %v (%v)", i, missing, startWithin, err)
		default:
			time.Sleep(askEvery)
		}
	}
	return nil
}

// missingFrom gives the first of the brokers that the one at the address does not show; -1 for none.
func missingFrom(address string, nodes []*node) (id int32, err error) {
	resp, err := ask(address, nil)
	if err != nil {
		return -1, err
	}
	for _, n := range nodes {
		shown := slices.ContainsFunc(resp.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == n.id })
		if n.roles.Broker && !shown {
			return n.id, nil
		}
	}
	return -1, nil
}

// askFor is what one broker says of a partition.
func askFor(address, topic string, partition int32) (p kmsg.MetadataResponseTopicPartition, err error) {
	resp, err := ask(address, &topic)
	if err != nil {
		return p, err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.Partition == partition {
				return p, nil
			}
		}
	}
	return p, fmt.Errorf("it knows no partition %d of topic %s", partition, topic)
}

// ask is a metadata request, for one topic or none, over a connection of its own.
func ask(address string, topic *string) (*kmsg.MetadataResponse, error) {
	conn, err := net.DialTimeout("tcp", address, answerWithin)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return nil, err
	}
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(12)
	req.Topics = []kmsg.MetadataRequestTopic{} // nil would be all
	if topic != nil {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = topic
		req.Topics = append(req.Topics, t)
	}
	if _, err := conn.Write(wire.AppendRequest(nil, "brokertest", 1, req)); err != nil {
		return nil, err
	}
	frame, err := wire.ReadResponse(conn)
	if err != nil {
		return nil, err
	}
	resp, err := wire.ParseResponse(frame, 1, req)
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse), nil
}
