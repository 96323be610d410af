package group

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Refusal is the answer to a request about one group of which nothing was done.
func Refusal(req kmsg.Request, err *kerr.Error) kmsg.Response {
	switch r := req.(type) {
	case *kmsg.JoinGroupRequest:
		return joinRefusal(err, r.MemberID)
	case *kmsg.SyncGroupRequest:
		return syncResponse(err, nil, nil)
	case *kmsg.HeartbeatRequest:
		resp := kmsg.NewPtrHeartbeatResponse()
		resp.ErrorCode = err.Code
		return resp
	case *kmsg.LeaveGroupRequest:
		resp := kmsg.NewPtrLeaveGroupResponse()
		resp.ErrorCode = err.Code
		return resp
	case *kmsg.OffsetCommitRequest:
		return commitResponse(r, func(int, int) *kerr.Error { return err })
	case *kmsg.TxnOffsetCommitRequest:
		return promiseResponse(r, func(int, int) *kerr.Error { return err })
	case *kmsg.OffsetDeleteRequest:
		resp := kmsg.NewPtrOffsetDeleteResponse()
		resp.ErrorCode = err.Code
		return resp
	}
	panic(fmt.Sprintf("group: a %T is not about one group", req))
}
