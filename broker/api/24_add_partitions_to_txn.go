package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AddPartitionsToTxn (key 24), AddOffsetsToTxn (key 25), EndTxn (key 26), DescribeTransactions (key 65) and
// ListTransactions (key 66): the transaction coordinator on this broker answers (broker/coordinator, broker/txn), if it
// has the transactional id: NOT_COORDINATOR if another broker has it, COORDINATOR_LOAD_IN_PROGRESS while it is being
// loaded, COORDINATOR_NOT_AVAILABLE while nobody can.
//
// Behaviour of AddPartitionsToTxn
//   - the partitions are part of the transaction once that is committed to __transaction_state; the first of them
//     begins it
//   - where one of them does not exist, none is added: UNKNOWN_TOPIC_OR_PARTITION, and OPERATION_NOT_ATTEMPTED for the
//     rest
//   - INVALID_PRODUCER_ID_MAPPING of an id that the producer has not, or not any more; PRODUCER_FENCED of an epoch that
//     is not the last; CONCURRENT_TRANSACTIONS while the former transaction is still ending
//   - from version 4 on it is what brokers ask, for several transactions at a time. VerifyOnly asks whether a partition
//     is part of the transaction: TRANSACTION_ABORTABLE if not (KIP-890). Clients may ask so too, since nothing is
//     authorised here
//
// Behaviour of AddOffsetsToTxn
//   - the partition of __consumer_offsets that has the group is added likewise
//
// Behaviour of EndTxn
//   - it is answered once the decision is committed; the markers follow
//   - up to version 4 an end that is asked for once more is answered as before, by the same epoch; INVALID_TXN_STATE if
//     nothing was begun, or what was decided is the other thing
//   - from version 5 on every end raises the epoch, and the answer has what the next transaction is to use; asked for once
//     more, by the epoch before, it has the same. What was never begun can be aborted. An epoch at its end makes
//     the producer id another one (KIP-890)
//
// Behaviour of DescribeTransactions, ListTransactions
//   - what this broker coordinates (KIP-664): TRANSACTIONAL_ID_NOT_FOUND; filters by state, producer, duration and
//     pattern. States that do not exist are named, a pattern that is none is INVALID_REGULAR_EXPRESSION
//
// Versions of AddPartitionsToTxn
//   - 2 PRODUCER_FENCED in place of INVALID_PRODUCER_EPOCH, 3 flexible, 4 several transactions and VerifyOnly, for
//     brokers, 5 by transaction version 2
//
// Versions of AddOffsetsToTxn
//   - 2 PRODUCER_FENCED, 3 flexible, 4 TRANSACTION_ABORTABLE is known
//
// Versions of EndTxn
//   - 2 PRODUCER_FENCED, 3 flexible, 4 TRANSACTION_ABORTABLE is known, 5 the id and epoch of the next transaction
//
// Versions of ListTransactions
//   - 1 duration, 2 pattern of transactional ids (KIP-1152)
type toTransactions struct{}

func (h *toTransactions) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	s.transact(c, c.request.Body, fx)
}

func (h *toTransactions) transacted(_ *Session, c *call, m TransactionReply, _ *actor.Effects) {
	c.finish(m.Body)
}

// transact asks the transaction coordinator on this node.
func (s *Session) transact(c *call, body kmsg.Request, fx *actor.Effects) {
	fx.Send(Transactions, TransactionRequest{From: s.self, Call: c.id, Body: body})
}
