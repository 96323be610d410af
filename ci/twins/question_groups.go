package twins

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// groups are the questions about consumer groups, by who is not in one or commits without.
func groups() []question { return slices.Concat(commits(), members(), lists()) }

// commits are the questions about coordinators and offsets.
func commits() []question {
	find := func(kind int8, names ...string) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrFindCoordinatorRequest()
			req.CoordinatorType, req.CoordinatorKey, req.CoordinatorKeys = kind, names[0], names
			return req
		}
	}
	commit := func(group, topic string, partition, generation int32, metadata string) func(*Twin, int16) kmsg.Request {
		return func(t *Twin, _ int16) kmsg.Request {
			req := kmsg.NewPtrOffsetCommitRequest()
			req.Group, req.Generation = group, generation
			at := kmsg.NewOffsetCommitRequestTopic()
			at.Topic, at.TopicID = topic, t.id(topic)
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = partition, 2, -1, kmsg.StringPtr(metadata)
			at.Partitions = append(at.Partitions, p)
			req.Topics = append(req.Topics, at)
			return req
		}
	}
	fetched := func(group, topic string, partition int32) func(*Twin, int16) kmsg.Request {
		return func(t *Twin, _ int16) kmsg.Request {
			req := kmsg.NewPtrOffsetFetchRequest()
			req.Group = group
			at := kmsg.NewOffsetFetchRequestTopic()
			at.Topic, at.Partitions = topic, []int32{partition}
			req.Topics = append(req.Topics, at)
			g := kmsg.NewOffsetFetchRequestGroup()
			g.Group = group
			in := kmsg.NewOffsetFetchRequestGroupTopic()
			in.Topic, in.TopicID, in.Partitions = topic, t.id(topic), []int32{partition}
			g.Topics = append(g.Topics, in)
			req.Groups = append(req.Groups, g)
			return req
		}
	}
	return []question{
		{name: "the coordinator of a group", ask: find(0, "readers")},
		{name: "the coordinator of a kind that is none", from: 1, ask: find(9, "readers")},
		{name: "the coordinator of a group without a name", ask: find(0, "")},
		{name: "a commit without a group's members", ask: commit("readers", "orders", 0, -1, "")},
		{name: "a commit of a member that is none", ask: commit("readers", "orders", 0, 5, "")},
		{name: "a commit to an unknown topic", ask: commit("readers", "nothing", 0, -1, "")},
		{name: "a commit with words that are too long", ask: commit("readers", "orders", 0, -1, string(padded(5000)))},
		{name: "a commit of a group without a name", ask: commit("", "orders", 0, -1, "")},
		{name: "what was committed", ask: fetched("readers", "orders", 0)},
		{name: "what was never committed", ask: fetched("readers", "orders", 1)},
		{name: "what a group committed that is none", ask: fetched("strangers", "orders", 0)},
	}
}

// members are the questions of those who join, are or were in a group.
func members() []question {
	// A member without a protocol is not asked for: kfake panics.
	join := func(group string, session int32) func(*Twin, int16) kmsg.Request {
		return func(*Twin, int16) kmsg.Request {
			req := kmsg.NewPtrJoinGroupRequest()
			req.Group, req.SessionTimeoutMillis, req.RebalanceTimeoutMillis, req.ProtocolType = group, session, session, "consumer"
			p := kmsg.NewJoinGroupRequestProtocol()
			p.Name, p.Metadata = "range", []byte{0, 1}
			req.Protocols = append(req.Protocols, p)
			return req
		}
	}
	return []question{
		{name: "a member without an id", from: 4, ask: join("joiners", 10_000)},
		{name: "a member of a group without a name", ask: join("", 10_000)},
		{name: "a member whose session is too short", ask: join("joiners", 1)},
		{name: "a member whose session is too long", ask: join("joiners", 1<<30)},
		{name: "a heartbeat of nobody", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrHeartbeatRequest()
			req.Group, req.MemberID, req.Generation = "readers", "nobody", 1
			return req
		})},
		{name: "nobody leaves", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrLeaveGroupRequest()
			req.Group, req.MemberID = "readers", "nobody"
			m := kmsg.NewLeaveGroupRequestMember()
			m.MemberID = "nobody"
			req.Members = append(req.Members, m)
			return req
		})},
		{name: "nobody's assignment", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrSyncGroupRequest()
			req.Group, req.MemberID, req.Generation = "readers", "nobody", 1
			return req
		})},
	}
}

// named is a request that is the same for both.
func named(make func() kmsg.Request) func(*Twin, int16) kmsg.Request {
	return func(*Twin, int16) kmsg.Request { return make() }
}

// lists are the questions about groups as such.
func lists() []question {
	return []question{
		{name: "a group", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrDescribeGroupsRequest()
			req.Groups = []string{"readers"}
			return req
		})},
		{name: "a group that is none", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrDescribeGroupsRequest()
			req.Groups = []string{"strangers"}
			return req
		})},
		{name: "all groups", ask: named(func() kmsg.Request { return kmsg.NewPtrListGroupsRequest() })},
		{name: "offsets of a group, to be forgotten", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrOffsetDeleteRequest()
			req.Group = "readers"
			t := kmsg.NewOffsetDeleteRequestTopic()
			t.Topic = "orders"
			p := kmsg.NewOffsetDeleteRequestTopicPartition()
			t.Partitions = append(t.Partitions, p)
			req.Topics = append(req.Topics, t)
			return req
		})},
		{name: "groups that are none, to be deleted", ask: named(func() kmsg.Request {
			req := kmsg.NewPtrDeleteGroupsRequest()
			req.Groups = []string{"strangers", ""}
			return req
		})},
	}
}
