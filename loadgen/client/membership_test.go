package client

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

// tappedMember is a wire of a member of the group workers.
func tappedMember() (*wire, *tapConn, *memory, *Process) {
	w, m := &wire{}, &memory{}
	process := NewTap(m).Member("workers-0", GroupSpec{Name: "workers", SessionTimeout: time.Second, RebalanceTimeout: 2 * time.Second})
	c := newTapConn(w, process, 1)
	process.remember(c)
	return w, c, m, process
}

// ask sends a request and, unless there is no answer, reads it.
func ask(t *testing.T, w *wire, c *tapConn, correlation int32, req kmsg.Request, resp kmsg.Response) {
	t.Helper()
	if _, err := c.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("workers-0")).AppendRequest(nil, req, correlation)); err != nil {
		t.Fatal(err)
	}
	if resp == nil {
		return
	}
	w.in.Write(responseFrame(resp, correlation))
	for w.in.Len() > 0 {
		if _, err := c.Read(make([]byte, 7)); err != nil {
			t.Fatal(err)
		}
	}
}

func commitRequest(offsets ...int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 8, "workers", "m1", 3
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = "orders"
	for i, offset := range offsets {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = int32(i), offset
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

func commitAnswer(req *kmsg.OffsetCommitRequest, codes ...int16) *kmsg.OffsetCommitResponse {
	resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	topic := kmsg.NewOffsetCommitResponseTopic()
	topic.Topic = "orders"
	for i, code := range codes {
		p := kmsg.NewOffsetCommitResponseTopicPartition()
		p.Partition, p.ErrorCode = int32(i), code
		topic.Partitions = append(topic.Partitions, p)
	}
	resp.Topics = append(resp.Topics, topic)
	return resp
}

// The outcome of a commit: what was refused before anything was written has failed, what may be in a log
// although the answer is an error is unknown, and so is what was not answered.
func TestOutcomesOfCommits(t *testing.T) {
	w, c, m, _ := tappedMember()
	codes := []int16{0, kerr.IllegalGeneration.Code, kerr.NotCoordinator.Code, kerr.RequestTimedOut.Code, 0}
	req := commitRequest(10, 11, 12, 13, 14, 15)
	ask(t, w, c, 1, req, commitAnswer(req, codes...))
	ask(t, w, c, 2, commitRequest(20), nil)
	c.Close()
	got := map[history.Outcome][]int64{}
	for _, op := range m.of(history.Commit) {
		if op.Process != "workers-0" || op.Group.Member != "m1" || op.Group.Generation != 3 || op.Invoke >= op.Return {
			t.Errorf("commit %+v of %+v", op, op.Group)
		}
		for _, at := range op.Group.Positions {
			if want := at.Offset%10 - int64(at.Partition.Index); want != 0 {
				t.Errorf("position %+v", at)
			}
			got[op.Outcome] = append(got[op.Outcome], at.Offset)
		}
	}
	want := map[history.Outcome][]int64{history.OK: {10, 14}, history.Fail: {11}, history.Unknown: {12, 13, 15, 20}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
}

func syncAnswer(t *testing.T, w *wire, c *tapConn, correlation, generation int32, partitions ...int32) {
	t.Helper()
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 5, "workers", "m1", generation
	resp := req.ResponseKind().(*kmsg.SyncGroupResponse)
	assignment := kmsg.NewConsumerMemberAssignment()
	topic := kmsg.NewConsumerMemberAssignmentTopic()
	topic.Topic, topic.Partitions = "orders", partitions
	if len(partitions) > 0 {
		assignment.Topics = append(assignment.Topics, topic)
	}
	resp.MemberAssignment = assignment.AppendTo(nil)
	ask(t, w, c, correlation, req, resp)
}

// What a cooperative member goes on holding is confirmed by the next generation, what it must give up it
// holds from the old one until it does; heartbeats bind the coordinator for as long as they are answered.
func TestAssignmentsEndWhenTheyAreGivenUp(t *testing.T) {
	w, c, m, process := tappedMember()
	syncAnswer(t, w, c, 1, 4, 0, 1)
	heartbeat := kmsg.NewPtrHeartbeatRequest()
	heartbeat.Version, heartbeat.Group, heartbeat.Generation = 4, "workers", 4
	beat := m.now + 1
	ask(t, w, c, 2, heartbeat, heartbeat.ResponseKind())
	refused := heartbeat.ResponseKind().(*kmsg.HeartbeatResponse)
	refused.ErrorCode = kerr.RebalanceInProgress.Code
	ask(t, w, c, 3, heartbeat, refused)
	if until := process.membership.until; until != beat+history.Time(time.Second) {
		t.Errorf("bound until %d, want a second after the heartbeat at %d that was answered", until, beat)
	}
	syncAnswer(t, w, c, 4, 5, 1)
	process.membership.giveUp(map[string][]int32{"orders": {0}}, history.OK)
	syncAnswer(t, w, c, 5, 6)
	process.membership.giveUp(nil, history.Unknown)
	type ended struct {
		generation int32
		outcome    history.Outcome
		partitions int
	}
	var got []ended
	for _, op := range m.of(history.Own) {
		got = append(got, ended{op.Group.Generation, op.Outcome, len(op.Group.Positions)})
	}
	want := []ended{{4, history.OK, 1}, {4, history.OK, 1}, {6, history.OK, 0}, {5, history.Unknown, 1}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("assignments ended as %v, want %v", got, want)
	}
}

// A member that has missed a generation is told so by a later one, whose answer does not bind the coordinator to what
// it gave in the former: it was free to give that to others when the session or the time to rejoin was over.
func TestALaterGenerationBindsNobodyToAFormerOne(t *testing.T) {
	w, c, m, process := tappedMember()
	written := m.now + 1
	syncAnswer(t, w, c, 1, 5, 0, 1)
	m.now += history.Time(10 * time.Second)
	syncAnswer(t, w, c, 2, 7, 1)
	process.membership.giveUp(map[string][]int32{"orders": {0}}, history.OK)
	ends := m.of(history.Own)
	if len(ends) != 2 {
		t.Fatalf("%d assignments have ended, want that of partition 1 and then that of 0", len(ends))
	}
	for _, op := range ends {
		if want := written + history.Time(time.Second); op.Group.Generation != 5 || op.Group.Until != want {
			t.Errorf("%v of generation %d binds until %d, want that of generation 5 until %d", op.Group.Positions, op.Group.Generation, op.Group.Until, want)
		}
	}
}

// A coordinator that is loading takes anybody's heartbeat: only one that has answered something else of the
// generation is believed, and only while the connection to it lasts.
func TestOnlyKnownCoordinatorsBind(t *testing.T) {
	w, c, m, process := tappedMember()
	beat := func(correlation, generation int32) history.Time {
		heartbeat := kmsg.NewPtrHeartbeatRequest()
		heartbeat.Version, heartbeat.Group, heartbeat.Generation = 4, "workers", generation
		at := m.now + 1
		ask(t, w, c, correlation, heartbeat, heartbeat.ResponseKind())
		return at
	}
	until := func() history.Time {
		process.membership.mu.Lock()
		defer process.membership.mu.Unlock()
		return process.membership.until
	}
	if beat(1, 3); until() != 0 {
		t.Error("a heartbeat to a broker that nothing else is known of binds it")
	}
	req := commitRequest(10)
	ask(t, w, c, 2, req, commitAnswer(req, 0))
	if at := beat(3, 3); until() != at+history.Time(time.Second) {
		t.Error("a heartbeat after a commit does not bind the coordinator")
	}
	before := until()
	if beat(4, 2); until() != before {
		t.Error("a heartbeat of another generation binds it")
	}
	process.membership.parted("")
	if beat(5, 3); until() != before {
		t.Error("a heartbeat after the connection ended binds whoever answers now")
	}
}

// Positions that the group gave, in both forms of the answer; those with an error are none.
func TestResumesAreWhatTheGroupGave(t *testing.T) {
	for _, version := range []int16{7, 9} {
		w, c, m, _ := tappedMember()
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Version, req.Group = version, "workers"
		req.Groups = append(req.Groups, kmsg.OffsetFetchRequestGroup{Group: "workers"})
		resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
		for i, offset := range []int64{12, -1, 14} {
			code := int16(0)
			if i == 2 {
				code = kerr.UnstableOffsetCommit.Code
			}
			if version < 8 {
				resp.Topics = append(resp.Topics, kmsg.OffsetFetchResponseTopic{Topic: "orders", Partitions: []kmsg.OffsetFetchResponseTopicPartition{
					{Partition: int32(i), Offset: offset, ErrorCode: code}}})
				continue
			}
			if i == 0 {
				resp.Groups = append(resp.Groups, kmsg.OffsetFetchResponseGroup{Group: "workers"})
			}
			resp.Groups[0].Topics = append(resp.Groups[0].Topics, kmsg.OffsetFetchResponseGroupTopic{Topic: "orders", Partitions: []kmsg.OffsetFetchResponseGroupTopicPartition{
				{Partition: int32(i), Offset: offset, ErrorCode: code}}})
		}
		ask(t, w, c, 1, req, resp)
		ops := m.of(history.Resume)
		want := []history.Position{
			{Partition: history.Partition{Topic: "orders"}, Offset: 12}, {Partition: history.Partition{Topic: "orders", Index: 1}, Offset: history.Unset},
		}
		if len(ops) != 1 || !reflect.DeepEqual(ops[0].Group.Positions, want) {
			t.Errorf("version %d: resumes %+v, want one with %v", version, ops, want)
		}
	}
}

// A severed client is silent: its connections end, what it writes goes nowhere, and it opens no others.
func TestSeveredClientsAreSilent(t *testing.T) {
	w, c, m, process := tappedMember()
	ask(t, w, c, 1, commitRequest(20), nil)
	written := w.out.Len()
	process.Sever()
	if _, err := c.Write([]byte("more")); err == nil || w.out.Len() != written || !w.closed {
		t.Errorf("a severed client wrote: %v", err)
	}
	if _, err := process.Dial(nil)(t.Context(), "tcp", "127.0.0.1:1"); err == nil {
		t.Error("a severed client opened a connection")
	}
	if ops := m.of(history.Commit); len(ops) != 1 || ops[0].Outcome != history.Unknown {
		t.Errorf("commits %+v: want the unanswered one, of unknown outcome", ops)
	}
}

func TestGroupSpecs(t *testing.T) {
	if err := (GroupSpec{Name: "workers"}).Validate(); err != nil {
		t.Error(err)
	}
	for want, s := range map[string]GroupSpec{
		"no name":                 {},
		"known are [range":        {Name: "g", Assignor: "fair"},
		"known are [before":       {Name: "g", Commit: "never"},
		"does not go with commit": {Name: "g", Commit: CommitBefore, CommitInterval: time.Second},
		"takes 100ms or more":     {Name: "g", Commit: CommitAuto, CommitInterval: time.Millisecond},
		"must not be negative":    {Name: "g", Work: -1},
		"keep a session":          {Name: "g", SessionTimeout: time.Second, Heartbeat: time.Second},
		"commit-ahead is one of":  {Name: "g", Commit: CommitAuto, CommitAhead: true},
	} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error is %v, want %q in it", s, err, want)
		}
	}
	if text := (GroupSpec{Name: "g", Commit: CommitAuto, Static: true, Work: time.Second}).String(); !strings.Contains(text, "commit auto, every 1s") || !strings.Contains(text, "static members, 1s of work") {
		t.Errorf("a group prints as %q", text)
	}
}
