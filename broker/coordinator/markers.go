package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/txn"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// markersVersion of WriteTxnMarkers says which version of transactions a marker is of (KIP-1228).
const markersVersion = 2

// send gives the markers of a step to the leaders of their partitions, one request to each.
func (c *Transactions) send(now time.Time, fx *actor.Effects) {
	for len(c.markers) > 0 {
		markers := c.markers
		c.markers = nil
		leaders := map[int32][]termMarker{}
		for _, m := range markers {
			if m.term.over {
				continue
			}
			if leader, err := c.leader(m.Partition); err == nil {
				leaders[leader] = append(leaders[leader], m)
			} else {
				m.term.machine.Marked(now, m.Marker, err)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(leaders)) {
			c.sendTo(id, leaders[id], fx)
		}
		c.drain(now, fx) // what is gone needs no marker, and that may have been the last one
	}
}

// leader is the broker that can write into a partition: UNKNOWN_TOPIC_ID if the partition is gone, LEADER_NOT_AVAILABLE
// if there is nobody now.
func (c *Transactions) leader(p txn.Partition) (int32, *kerr.Error) {
	topic := c.image.Topic(p.Topic)
	if topic == nil || int(p.Index) >= len(topic.Partitions) {
		return metadata.NoLeader, kerr.UnknownTopicID
	}
	id := topic.Partitions[p.Index].Leader
	if b := c.image.Broker(id); b == nil || b.Fenced {
		return metadata.NoLeader, kerr.LeaderNotAvailable
	}
	return id, nil
}

func (c *Transactions) sendTo(id int32, markers []termMarker, fx *actor.Effects) {
	req := requestOf(markers)
	if id == c.broker { // a node that is alone has no peer listener
		c.next++
		c.sent[c.next] = markers
		fx.Send(api.Participant, api.MarkersRequest{From: api.Transactions, Call: c.next, Body: req})
		return
	}
	b := c.image.Broker(id)
	fx.Call(actor.Call{Node: id, Host: b.PeerHost, Port: b.PeerPort, Request: req, Timeout: c.cfg.CallTimeout, Token: markers})
}

// requestOf lays markers out: those of one end share an entry.
func requestOf(markers []termMarker) *kmsg.WriteTxnMarkersRequest {
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	req.SetVersion(markersVersion)
	last := txn.Marker{}
	for _, m := range markers {
		if n := len(req.Markers); n == 0 || last.TransactionalID != m.TransactionalID {
			one := kmsg.NewWriteTxnMarkersRequestMarker()
			one.ProducerID, one.ProducerEpoch, one.Committed = m.ProducerID, m.Epoch, m.Commit
			one.CoordinatorEpoch, one.TransactionVersion = m.CoordinatorEpoch, m.Version
			req.Markers = append(req.Markers, one)
		}
		one := &req.Markers[len(req.Markers)-1]
		if n := len(one.Topics); n == 0 || one.Topics[n-1].Topic != m.Partition.Topic {
			topic := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
			topic.Topic = m.Partition.Topic
			one.Topics = append(one.Topics, topic)
		}
		topic := &one.Topics[len(one.Topics)-1]
		topic.Partitions = append(topic.Partitions, m.Partition.Index)
		last = m.Marker
	}
	return req
}

// marked tells the machines what became of the markers of a request; resp is nil if nobody answered.
func (c *Transactions) marked(now time.Time, markers []termMarker, resp *kmsg.WriteTxnMarkersResponse) {
	type place struct {
		producer int64
		txn.Partition
	}
	codes := map[place]int16{}
	if resp != nil {
		for _, one := range resp.Markers {
			for _, topic := range one.Topics {
				for _, p := range topic.Partitions {
					codes[place{one.ProducerID, txn.Partition{Topic: topic.Topic, Index: p.Partition}}] = p.ErrorCode
				}
			}
		}
	}
	for _, m := range markers {
		if m.term.over {
			continue
		}
		err := kerr.RequestTimedOut
		if code, told := codes[place{m.ProducerID, m.Partition}]; told {
			err = kerr.TypedErrorForCode(code)
		}
		m.term.machine.Marked(now, m.Marker, err)
	}
}
