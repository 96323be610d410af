package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// WriteTxnMarkers (key 27, KIP-98): write the ends of transactions into partitions that this broker leads. The
// coordinators of transactions ask, on the peer listener; on that of clients, who abort a transaction that hangs
// (kafka-transactions abort, KIP-664).
//
// Behaviour
//   - each partition has its own error: UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER (also where the groups of a
//     partition of __consumer_offsets are still being loaded), INVALID_PRODUCER_EPOCH of a producer that has gone on,
//     TRANSACTION_COORDINATOR_FENCED of a coordinator that has been replaced, the errors of a produce request
//   - a producer id or an epoch below 0 is nobody's: INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH
//   - it is answered when all markers are committed, or refused
//   - a marker of a producer that has no transaction open is written and does no harm
//   - offsets of groups that are pending in the transaction count, or are gone, before it is answered
//
// Versions
//   - 1 flexible, 2 transaction version (KIP-1228): from 2 on a marker has the epoch after that of its transaction, and
//     never ends one of its own epoch
type writeTxnMarkers struct{}

func (h *writeTxnMarkers) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	fx.Send(Participant, MarkersRequest{From: s.self, Call: c.id, Body: c.request.Body.(*kmsg.WriteTxnMarkersRequest)})
}

func (h *writeTxnMarkers) marked(c *call, m MarkersReply) { c.finish(m.Body) }
