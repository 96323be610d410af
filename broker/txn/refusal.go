package txn

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Refusal is the answer to a request about one transactional id of which nothing was done.
func Refusal(req kmsg.Request, err *kerr.Error) kmsg.Response {
	code := known(req, err).Code
	switch req.(type) {
	case *kmsg.InitProducerIDRequest:
		resp := kmsg.NewPtrInitProducerIDResponse()
		resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = code, noProducer, noEpoch
		return resp
	case *kmsg.AddOffsetsToTxnRequest:
		resp := kmsg.NewPtrAddOffsetsToTxnResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.EndTxnRequest:
		resp := kmsg.NewPtrEndTxnResponse()
		resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = code, noProducer, noEpoch
		return resp
	}
	panic(fmt.Sprintf("txn: a %T is not about one transactional id", req))
}

// fencedSince are the versions from which on clients know PRODUCER_FENCED; before, it was INVALID_PRODUCER_EPOCH
// (KIP-588).
var fencedSince = map[int16]int16{
	kmsg.InitProducerID.Int16(): 4, kmsg.AddPartitionsToTxn.Int16(): 2, kmsg.AddOffsetsToTxn.Int16(): 2, kmsg.EndTxn.Int16(): 2,
}

// known gives an error that the client of a request knows.
func known(req kmsg.Request, err *kerr.Error) *kerr.Error {
	if err == kerr.ProducerFenced && req.GetVersion() < fencedSince[req.Key()] {
		return kerr.InvalidProducerEpoch
	}
	return err
}

// Known gives the code of an error that the client of a request knows; 0 for nil.
func Known(req kmsg.Request, err *kerr.Error) int16 {
	if err == nil {
		return 0
	}
	return known(req, err).Code
}
