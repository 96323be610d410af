package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
)

// addOffsetsToTxn is AddOffsetsToTxn (key 25), of which 24_add_partitions_to_txn.go tells. A consumer that assigns its
// partitions itself may ask before anybody has asked for a group's coordinator: then __consumer_offsets is made first, as
// for FindCoordinator. Apache Kafka makes it later, and goes by the number of partitions in its configuration.
type addOffsetsToTxn struct{ toTransactions }

func (h *addOffsetsToTxn) start(s *Session, c *call, now time.Time, fx *actor.Effects) {
	if s.image.Topic(metadata.ConsumerOffsets) == nil {
		s.makeTopic(c, metadata.ConsumerOffsets, fx)
		return
	}
	h.toTransactions.start(s, c, now, fx)
}

// replied goes on once the topic is made, or could not be: then the answer says that the client must ask again.
func (h *addOffsetsToTxn) replied(s *Session, c *call, _ ControllerReply, fx *actor.Effects) {
	s.transact(c, c.request.Body, fx)
}
