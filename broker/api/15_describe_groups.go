package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeGroups (key 15): the state of groups, and their members.
//
// Behaviour
//   - each group has its own error; one that is not there is Dead, and from version 6 GROUP_ID_NOT_FOUND
//   - what members told their assignor and what they were assigned is shown of a group that is stable
//   - who asks is told that it may do all that can be done with a group: there are no ACLs
//
// Versions
//   - 3 authorised operations (KIP-430), 4 static members, 5 flexible, 6 GROUP_ID_NOT_FOUND and its message (KIP-1043)
type describeGroups struct{}

func (h *describeGroups) start(s *Session, c *call, _ time.Time, fx *actor.Effects) {
	s.coordinate(c, c.request.Body, fx)
}

func (h *describeGroups) coordinated(_ *Session, c *call, m CoordinatorReply) {
	resp := m.Body.(*kmsg.DescribeGroupsResponse)
	if c.request.Body.(*kmsg.DescribeGroupsRequest).IncludeAuthorizedOperations {
		for i := range resp.Groups {
			if resp.Groups[i].ErrorCode == 0 {
				resp.Groups[i].AuthorizedOperations = groupOperations
			}
		}
	}
	c.finish(resp)
}
