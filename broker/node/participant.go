package node

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// participant has part in the transactions of others for the partitions that this node leads:
//
//	sessions ── Enlist ──> participant ── AddPartitionsToTxn ──> the coordinator of the transaction, wherever it is
//	         <─ Enlisted ─       │    (KIP-890; enlist.go)
//	                             │
//	sessions, Transactions       │ WriteTxnMarkers (marking.go)
//	     ── MarkersRequest ──>   ├── ProducePart ───> shards
//	     <─ MarkersReply ───     └── OffsetsMarker ─> the coordinator of groups, for __consumer_offsets
//
// It lasts as long as the node: a marker that is committed is known to be, also when who asked for it has gone.
type participant struct {
	cfg Config
	// image is nil until this node serves.
	image *metadata.Image
	enlistments
	markings
}

func newParticipant(cfg Config) *participant {
	return &participant{cfg: cfg, enlistments: newEnlistments(), markings: markings{open: map[uint64]*marking{}}}
}

// Step implements actor.Actor.
func (p *participant) Step(now time.Time, message any, fx *actor.Effects) {
	switch m := message.(type) {
	case api.NewImage:
		p.image = m.Image
	case api.Enlist:
		p.enlistments.waiting = append(p.enlistments.waiting, patient{m, now.Add(enlistWithin), enlistRest})
	case enlistAgain:
		p.enlistments.waiting = append(p.enlistments.waiting, m.all...)
	case api.TransactionReply:
		p.enlisted(now, m.Call, m.Body, fx)
	case actor.CallDone:
		p.enlisted(now, m.Token.(uint64), m.Response, fx)
	case api.MarkersRequest:
		p.mark(now, m, fx)
	case api.ProduceDone:
		p.marked(m, fx)
	case actor.Drained:
		p.ask(fx)
	default:
		panic(fmt.Sprintf("node: participant got %T", message))
	}
}

// leads reports whether this node leads a partition of a topic that is there.
func (p *participant) leads(topic *metadata.Topic, index int32) bool {
	return topic != nil && index >= 0 && int(index) < len(topic.Partitions) && topic.Partitions[index].Leader == p.cfg.Sessions.NodeID
}

// addPartitions is the request of brokers, in the newest version.
func addPartitions() *kmsg.AddPartitionsToTxnRequest {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.SetVersion(5)
	return req
}
