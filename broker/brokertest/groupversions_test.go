package brokertest_test

import (
	"net"
	"testing"

	"github.com/logproof/logproof/broker/brokertest"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ask sends one request in a version of its own over a connection.
func ask[R kmsg.Response](t *testing.T, conn net.Conn, req kmsg.Request, version int16) R {
	t.Helper()
	req.SetVersion(version)
	if _, err := conn.Write(wire.AppendRequest(nil, "versions", int32(version), req)); err != nil {
		t.Fatal(err)
	}
	frame, err := wire.ReadResponse(conn)
	if err != nil {
		t.Fatalf("%s version %d: %v", wire.Name(req.Key()), version, err)
	}
	resp, err := wire.ParseResponse(frame, int32(version), req)
	if err != nil {
		t.Fatalf("%s version %d: %v", wire.Name(req.Key()), version, err)
	}
	return resp.(R)
}

// each calls what tries a request with each version that is served, and tells of what it finds wrong.
func each(t *testing.T, key kmsg.Key, try func(version int16) (got int16, ok bool), want ...*kerr.Error) {
	t.Helper()
	served, _ := wire.Served(wire.Clients, key.Int16())
	for v := served.Min; v <= served.Max; v++ {
		code := int16(0)
		if len(want) > 0 {
			code = want[0].Code
		}
		if got, ok := try(v); got != code || !ok {
			t.Errorf("%s version %d: %v, as it should be: %v", wire.Name(key.Int16()), v, kerr.ErrorForCode(got), ok)
		}
	}
}

// Every version of every request about groups that is advertised is answered in its own form.
func TestGroupVersions(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t)
	filled(t, c, "orders", 1, 1)
	conn, err := net.Dial("tcp", c.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	metadata := kmsg.NewPtrMetadataRequest()
	id := ask[*kmsg.MetadataResponse](t, conn, metadata, 12).Topics[0].TopicID

	each(t, kmsg.FindCoordinator, func(v int16) (int16, bool) {
		req := kmsg.NewPtrFindCoordinatorRequest()
		req.CoordinatorKey, req.CoordinatorKeys = "g", []string{"g", "h"}
		resp := ask[*kmsg.FindCoordinatorResponse](t, conn, req, v)
		if v >= 4 {
			return resp.Coordinators[1].ErrorCode, resp.Coordinators[1].Key == "h" && resp.Coordinators[1].Port > 0
		}
		return resp.ErrorCode, resp.Port > 0
	})
	for loading := true; loading; { // the coordinator has just been made
		req := kmsg.NewPtrListGroupsRequest()
		loading = ask[*kmsg.ListGroupsResponse](t, conn, req, 4).ErrorCode != 0
	}
	each(t, kmsg.OffsetCommit, func(v int16) (int16, bool) {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Group = "g"
		req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", TopicID: id, Partitions: []kmsg.OffsetCommitRequestTopicPartition{
			{Offset: int64(v), LeaderEpoch: 4, Metadata: kmsg.StringPtr("m")}, {Partition: 9},
		}}, {Topic: "nobody", TopicID: [16]byte{9}, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{}}}}
		resp := ask[*kmsg.OffsetCommitResponse](t, conn, req, v)
		unknown := kerr.UnknownTopicOrPartition.Code
		if v >= 10 {
			unknown = kerr.UnknownTopicID.Code
		}
		parts := resp.Topics[0].Partitions
		return parts[0].ErrorCode, parts[1].ErrorCode == kerr.UnknownTopicOrPartition.Code && resp.Topics[1].Partitions[0].ErrorCode == unknown
	})
	each(t, kmsg.OffsetFetch, func(v int16) (int16, bool) {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Group = "g"
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: []int32{0, 9}}}
		req.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g", Topics: nil}, {Group: "h", Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: "orders", TopicID: id, Partitions: []int32{0}}}}}
		resp := ask[*kmsg.OffsetFetchResponse](t, conn, req, v)
		if v < 8 {
			p := resp.Topics[0].Partitions
			return p[0].ErrorCode, p[0].Offset == 10 && *p[0].Metadata == "m" && p[1].Offset == -1 && (v < 5 || p[0].LeaderEpoch == 4)
		}
		all, none := resp.Groups[0].Topics[0], resp.Groups[1].Topics[0]
		return all.Partitions[0].ErrorCode, all.Partitions[0].Offset == 10 && none.Partitions[0].Offset == -1 && (v < 10 || all.TopicID == id && none.TopicID == id)
	})
	groupProtocol(t, conn)
	each(t, kmsg.ListGroups, func(v int16) (int16, bool) {
		req := kmsg.NewPtrListGroupsRequest()
		req.StatesFilter, req.TypesFilter = []string{"Empty"}, []string{"classic"}
		resp := ask[*kmsg.ListGroupsResponse](t, conn, req, v)
		return resp.ErrorCode, len(resp.Groups) >= 1 && (v < 4 || resp.Groups[0].GroupState == "Empty") && (v < 5 || resp.Groups[0].GroupType == "classic")
	})
	each(t, kmsg.OffsetDelete, func(v int16) (int16, bool) {
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Group = "g"
		req.Topics = []kmsg.OffsetDeleteRequestTopic{
			{Topic: "nobody", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{}}}, {Topic: "orders", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 9}, {}}},
		}
		resp := ask[*kmsg.OffsetDeleteResponse](t, conn, req, v)
		orders := resp.Topics[1].Partitions
		return resp.ErrorCode, resp.Topics[0].Partitions[0].ErrorCode == kerr.UnknownTopicOrPartition.Code && orders[0].ErrorCode == kerr.UnknownTopicOrPartition.Code && orders[1].ErrorCode == 0
	})
}

// groupProtocol tries the requests of members and administrators.
func groupProtocol(t *testing.T, conn net.Conn) {
	t.Helper()
	each(t, kmsg.JoinGroup, func(v int16) (int16, bool) {
		req := kmsg.NewPtrJoinGroupRequest()
		req.Group, req.SessionTimeoutMillis, req.RebalanceTimeoutMillis, req.ProtocolType = "j", 1000, 1000, "consumer"
		req.Group += string(rune('0' + v))
		req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
		resp := ask[*kmsg.JoinGroupResponse](t, conn, req, v)
		if v >= 4 {
			return 0, resp.ErrorCode == kerr.MemberIDRequired.Code && resp.MemberID != ""
		}
		return resp.ErrorCode, resp.Generation == 1 && resp.LeaderID == resp.MemberID && len(resp.Members) == 1 && *resp.Protocol == "range"
	})
	each(t, kmsg.Heartbeat, func(v int16) (int16, bool) {
		req := kmsg.NewPtrHeartbeatRequest()
		req.Group = "nobody"
		return ask[*kmsg.HeartbeatResponse](t, conn, req, v).ErrorCode, true
	}, kerr.UnknownMemberID)
	each(t, kmsg.SyncGroup, func(v int16) (int16, bool) {
		req := kmsg.NewPtrSyncGroupRequest()
		req.Group = "nobody"
		return ask[*kmsg.SyncGroupResponse](t, conn, req, v).ErrorCode, true
	}, kerr.UnknownMemberID)
	each(t, kmsg.LeaveGroup, func(v int16) (int16, bool) {
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group, req.Members = "nobody", []kmsg.LeaveGroupRequestMember{{MemberID: "x"}}
		resp := ask[*kmsg.LeaveGroupResponse](t, conn, req, v)
		if v >= 3 {
			return resp.Members[0].ErrorCode, resp.ErrorCode == 0 && resp.Members[0].MemberID == "x"
		}
		return resp.ErrorCode, true
	}, kerr.UnknownMemberID)
	each(t, kmsg.DescribeGroups, func(v int16) (int16, bool) {
		req := kmsg.NewPtrDescribeGroupsRequest()
		req.Groups, req.IncludeAuthorizedOperations = []string{"nobody", "g"}, true
		resp := ask[*kmsg.DescribeGroupsResponse](t, conn, req, v)
		absent := resp.Groups[0].ErrorCode == 0
		if v >= 6 {
			absent = resp.Groups[0].ErrorCode == kerr.GroupIDNotFound.Code && resp.Groups[0].ErrorMessage != nil
		}
		absent = absent && (v < 3 || resp.Groups[1].AuthorizedOperations == 3400)
		return resp.Groups[1].ErrorCode, absent && resp.Groups[0].State == "Dead" && resp.Groups[1].State == "Empty"
	})
	each(t, kmsg.DeleteGroups, func(v int16) (int16, bool) {
		req := kmsg.NewPtrDeleteGroupsRequest()
		req.Groups = []string{"nobody"}
		return ask[*kmsg.DeleteGroupsResponse](t, conn, req, v).Groups[0].ErrorCode, true
	}, kerr.GroupIDNotFound)
}
