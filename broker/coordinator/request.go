package coordinator

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/group"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// request answers a client's request, now or when something has happened.
func (c *Coordinator) request(now time.Time, m api.CoordinatorRequest) {
	answer := func(resp kmsg.Response) {
		c.out = append(c.out, actor.Send{To: m.From, Message: api.CoordinatorReply{Call: m.Call, Body: resp}})
	}
	client := group.Client{ID: m.ClientID, Host: m.Host}
	switch r := m.Body.(type) {
	case *kmsg.JoinGroupRequest:
		if t := c.serving(now, r.Group, r, answer); t != nil {
			t.machine.Join(now, r, client, answer)
		}
	case *kmsg.SyncGroupRequest:
		if t := c.serving(now, r.Group, r, answer); t != nil {
			t.machine.Sync(now, r, answer)
		}
	case *kmsg.HeartbeatRequest:
		if t := c.serving(now, r.Group, r, answer); t != nil {
			t.machine.Heartbeat(now, r, answer)
		}
	case *kmsg.LeaveGroupRequest:
		if t := c.serving(now, r.Group, r, answer); t != nil {
			t.machine.Leave(now, r, answer)
		}
	case *kmsg.OffsetCommitRequest:
		if t := c.serving(now, r.Group, r, answer); t != nil {
			t.machine.Commit(now, r, answer)
		}
	case *kmsg.TxnOffsetCommitRequest:
		if t := c.serving(now, r.Group, r, answer); t != nil {
			t.machine.CommitInTransaction(now, r, m.Guard, answer)
		}
	case *kmsg.OffsetDeleteRequest:
		if t := c.serving(now, r.Group, r, answer); t != nil {
			t.machine.DeleteOffsets(now, r, answer)
		}
	case *kmsg.OffsetFetchRequest:
		answer(c.fetch(now, r))
	case *kmsg.DescribeGroupsRequest:
		answer(c.describe(now, r))
	case *kmsg.ListGroupsRequest:
		answer(c.list(now, r))
	case *kmsg.DeleteGroupsRequest:
		c.delete(now, r, answer)
	default:
		panic(fmt.Sprintf("coordinator: got a request %T", m.Body))
	}
}

// serving is the term for a request about one group, which is answered if nobody here serves it. While groups are loaded
// members are kept quiet: old clients do not know the error, so a heartbeat is taken for good, and who wants its
// assignment is told to join again, as Apache Kafka does.
func (c *Coordinator) serving(now time.Time, id string, req kmsg.Request, answer group.Answer) *term[*group.Machine] {
	t, err := c.of(now, id)
	if err == nil {
		return t
	}
	if err == kerr.CoordinatorLoadInProgress {
		switch req.(type) {
		case *kmsg.HeartbeatRequest:
			answer(kmsg.NewPtrHeartbeatResponse())
			return nil
		case *kmsg.SyncGroupRequest:
			err = kerr.RebalanceInProgress
		}
	}
	answer(group.Refusal(req, err))
	return nil
}

// fetch answers OffsetFetch in the form of version 8, a group at a time.
func (c *Coordinator) fetch(now time.Time, r *kmsg.OffsetFetchRequest) kmsg.Response {
	resp := kmsg.NewPtrOffsetFetchResponse()
	for i := range r.Groups {
		if t, err := c.of(now, r.Groups[i].Group); err == nil {
			resp.Groups = append(resp.Groups, t.machine.Fetch(&r.Groups[i], r.RequireStable))
		} else {
			out := kmsg.NewOffsetFetchResponseGroup()
			out.Group, out.ErrorCode = r.Groups[i].Group, err.Code
			resp.Groups = append(resp.Groups, out)
		}
	}
	return resp
}

func (c *Coordinator) describe(now time.Time, r *kmsg.DescribeGroupsRequest) kmsg.Response {
	resp := kmsg.NewPtrDescribeGroupsResponse()
	for _, id := range r.Groups {
		if t, err := c.of(now, id); err == nil {
			resp.Groups = append(resp.Groups, t.machine.Describe(id, r.Version))
		} else {
			out := kmsg.NewDescribeGroupsResponseGroup()
			out.Group, out.ErrorCode = id, err.Code
			resp.Groups = append(resp.Groups, out)
		}
	}
	return resp
}

// list gives the groups of all partitions led here. Those that are being loaded are missing, which the error says.
func (c *Coordinator) list(now time.Time, r *kmsg.ListGroupsRequest) kmsg.Response {
	resp := kmsg.NewPtrListGroupsResponse()
	served := c.ordered()
	switch {
	case len(served) > 0 && c.lapsed(now):
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
		return resp
	case len(served) < len(c.led):
		resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
	}
	for _, t := range served {
		resp.Groups = append(resp.Groups, t.machine.List(r.StatesFilter, r.TypesFilter)...)
	}
	return resp
}

// delete answers once all groups of the request are gone, or could not be removed.
func (c *Coordinator) delete(now time.Time, r *kmsg.DeleteGroupsRequest, answer group.Answer) {
	resp := kmsg.NewPtrDeleteGroupsResponse()
	resp.Groups = make([]kmsg.DeleteGroupsResponseGroup, len(r.Groups))
	left := len(r.Groups) + 1
	done := func() {
		if left--; left == 0 {
			answer(resp)
		}
	}
	for i, id := range r.Groups {
		out := &resp.Groups[i]
		*out = kmsg.NewDeleteGroupsResponseGroup()
		out.Group = id
		finish := func(err *kerr.Error) {
			if err != nil {
				out.ErrorCode, out.ErrorMessage = err.Code, kmsg.StringPtr(err.Description)
			}
			done()
		}
		if t, err := c.of(now, id); err == nil {
			t.machine.Delete(now, id, finish)
		} else {
			finish(err)
		}
	}
	done()
}
