package coordinator

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/group"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const self = 1

// bench is a coordinator whose shards and sessions are the test.
type bench struct {
	t     *testing.T
	c     *Coordinator
	fx    actor.Effects
	now   time.Time
	image *metadata.Image
	calls uint64
	// asked are what the shards were sent, replies what sessions were.
	asked   []any
	replies map[uint64]kmsg.Response
	timers  []actor.Timer
	loads   []actor.Load
	events  []string
}

func newBench(t *testing.T, bugs bug.Set) *bench {
	b := &bench{t: t, now: time.Unix(1_800_000_000, 0), image: metadata.NewImage("c", nil), replies: map[uint64]kmsg.Response{}}
	b.c = New(Config{Self: self, Shards: 1, MaxBatch: 2000, BackOff: time.Millisecond, Bugs: bugs, Groups: group.Config{MinSession: time.Second}})
	b.step(api.Lease{Until: b.now.Add(time.Hour)})
	return b
}

// step delivers a message, and sorts what is asked for.
func (b *bench) step(message any) {
	b.c.Step(b.now, message, &b.fx)
	b.c.Step(b.now, actor.Drained{}, &b.fx)
	for _, s := range b.fx.Sends {
		switch m := s.Message.(type) {
		case api.CoordinatorReply:
			if b.replies[m.Call] != nil {
				b.t.Errorf("call %d is answered twice", m.Call)
			}
			b.replies[m.Call] = m.Body
		default:
			b.asked = append(b.asked, m)
		}
	}
	b.timers, b.loads = append(b.timers, b.fx.Timers...), append(b.loads, b.fx.Loads...)
	for _, e := range b.fx.Events {
		b.events = append(b.events, e.Name())
	}
	b.fx.Reset()
}

var offsetsID = metadata.TopicID{9}

// leads publishes an image in which a broker leads the one partition of __consumer_offsets.
func (b *bench) leads(leader, epoch int32) {
	records := []metadata.Record{
		{Topic: &metadata.TopicRecord{Name: metadata.ConsumerOffsets, ID: offsetsID}},
		{Partition: &metadata.PartitionRecord{TopicID: offsetsID, Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Leader: leader, LeaderEpoch: epoch}},
	}
	if b.image.Topic("orders") == nil {
		records = append(records, metadata.Record{Topic: &metadata.TopicRecord{Name: "orders", ID: metadata.TopicID{1}}})
	}
	b.image = b.image.Apply(records)
	b.step(api.NewImage{Image: b.image})
}

// take gives the only question to a shard.
func take[M any](b *bench) M {
	b.t.Helper()
	if len(b.asked) != 1 {
		b.t.Fatalf("asked %T, want one question", b.asked)
	}
	m, ok := b.asked[0].(M)
	if !ok {
		b.t.Fatalf("asked %T", b.asked[0])
	}
	b.asked = nil
	return m
}

// request asks in the name of a client; ask gives the call.
func (b *bench) request(body kmsg.Request) (call uint64) {
	b.calls++
	b.step(api.CoordinatorRequest{From: actor.Address{Role: actor.Session, ID: 5}, Call: b.calls, Body: body, ClientID: "c", Host: "/h"})
	return b.calls
}

func commitOf(at int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(9)
	req.Group = "g"
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", TopicID: [16]byte{1}, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: at}}}}
	return req
}

// code is the error of a commit; "-" if it is not answered.
func (b *bench) code(call uint64) string {
	if b.replies[call] == nil {
		return "-"
	}
	if err := kerr.TypedErrorForCode(b.replies[call].(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode); err != nil {
		return err.Message
	}
	return "ok"
}

// serve begins a term over an empty log.
func (b *bench) serve(epoch int32) {
	b.t.Helper()
	b.leads(self, epoch)
	b.step(api.OffsetAnswer{Call: take[api.OffsetQuery](b).Ticket.Call, Offset: 0})
	b.step(api.OffsetAnswer{Call: take[api.OffsetQuery](b).Ticket.Call, Offset: 0})
}

func (b *bench) fetch() int64 {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g", Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: "orders", Partitions: []int32{0}}}}}
	got := b.replies[b.request(req)].(*kmsg.OffsetFetchResponse).Groups[0]
	if got.ErrorCode != 0 {
		return int64(-got.ErrorCode)
	}
	return got.Topics[0].Partitions[0].Offset
}

// Who asks a broker that has not its group is told what helps.
func TestWhoServes(t *testing.T) {
	b := newBench(t, nil)
	if got := b.code(b.request(commitOf(1))); got != "COORDINATOR_NOT_AVAILABLE" {
		t.Errorf("before any image: %s", got)
	}
	b.step(api.NewImage{Image: b.image})
	if got := b.code(b.request(commitOf(1))); got != "COORDINATOR_NOT_AVAILABLE" {
		t.Errorf("without the topic: %s", got)
	}
	b.leads(2, 1)
	if got := b.code(b.request(commitOf(1))); got != "NOT_COORDINATOR" {
		t.Errorf("led by another: %s", got)
	}
	b.leads(metadata.NoLeader, 2)
	if got := b.code(b.request(commitOf(1))); got != "COORDINATOR_NOT_AVAILABLE" {
		t.Errorf("without a leader: %s", got)
	}
	if len(b.asked) > 0 {
		t.Errorf("asked %v", b.asked)
	}
}

// While groups are being loaded they are not served: members are kept quiet, others told to wait.
func TestLoading(t *testing.T) {
	b := newBench(t, nil)
	b.leads(self, 4)
	first := take[api.OffsetQuery](b)
	if first.Timestamp != api.LatestOffset || first.Epoch != 4 || first.Replica.Topic != offsetsID {
		t.Errorf("%+v", first)
	}
	if got := b.code(b.request(commitOf(1))); got != "COORDINATOR_LOAD_IN_PROGRESS" {
		t.Error(got)
	}
	beat, sync, join := kmsg.NewPtrHeartbeatRequest(), kmsg.NewPtrSyncGroupRequest(), kmsg.NewPtrJoinGroupRequest()
	if got := b.replies[b.request(beat)].(*kmsg.HeartbeatResponse).ErrorCode; got != 0 {
		t.Errorf("a heartbeat: %v", kerr.ErrorForCode(got))
	}
	if got := b.replies[b.request(sync)].(*kmsg.SyncGroupResponse).ErrorCode; got != kerr.RebalanceInProgress.Code {
		t.Errorf("sync: %v", kerr.ErrorForCode(got))
	}
	if got := b.replies[b.request(join)].(*kmsg.JoinGroupResponse).ErrorCode; got != kerr.CoordinatorLoadInProgress.Code {
		t.Errorf("join: %v", kerr.ErrorForCode(got))
	}
	if got := b.replies[b.request(kmsg.NewPtrListGroupsRequest())].(*kmsg.ListGroupsResponse).ErrorCode; got != kerr.CoordinatorLoadInProgress.Code {
		t.Errorf("list: %v", kerr.ErrorForCode(got))
	}
	// The high watermark has not reached the start of the epoch yet: it is asked again, and nothing else.
	b.timers = nil
	b.step(api.OffsetAnswer{Call: first.Ticket.Call, Error: kerr.OffsetNotAvailable.Code, Offset: -1})
	if len(b.timers) != 1 || len(b.asked) != 0 {
		t.Fatalf("timers %v, asked %v", b.timers, b.asked)
	}
	b.step(b.timers[0].Message)
	b.step(api.OffsetAnswer{Call: take[api.OffsetQuery](b).Ticket.Call, Offset: 12})
	second := take[api.OffsetQuery](b)
	if second.Timestamp != api.EarliestOffset {
		t.Errorf("%+v", second)
	}
	b.step(api.OffsetAnswer{Call: second.Ticket.Call, Offset: 10})
	read := take[api.FetchRead](b)
	if read.Replica != -1 || read.Parts[0].Offset != 10 || read.Parts[0].Epoch != 4 {
		t.Errorf("%+v", read)
	}
	b.load(read)
	if got := b.fetch(); got != 7 {
		t.Errorf("loaded offset %d, want 7", got)
	}
	if len(b.events) != 1 || b.events[0] != "coordinator-loaded" {
		t.Errorf("%v", b.events)
	}
}

// piece is a range of a log that can be read as often as it says.
type piece struct {
	data     []byte
	err      error
	released *int
}

// AppendTo implements actor.Source.
func (p piece) AppendTo(buf []byte) ([]byte, error) { return append(buf, p.data...), p.err }

// Release implements actor.Source.
func (p piece) Release() { *p.released++ }

// load answers a read in two pieces, after one that fails: offsets 10 and 11, of which the second counts.
func (b *bench) load(read api.FetchRead) {
	b.t.Helper()
	released := 0
	old, young := recorded(b.t, 3), recorded(b.t, 7)
	old.Assign(10, 1)
	young.Assign(11, 2)
	owner := actor.Address{Role: actor.Shard}
	answer := func(read api.FetchRead, p piece) {
		p.released = &released
		b.step(api.FetchData{Call: read.Call, Round: 1, Results: []api.FetchResult{{Source: p, Owner: owner, Token: "log"}}})
		l := b.loads[0]
		b.loads = nil
		b.step(l.Run())
	}
	b.timers = nil
	answer(read, piece{err: errors.New("rot")})
	if failed := take[actor.ReadFailed](b); failed.Token != "log" || failed.Err == nil {
		b.t.Errorf("the shard is told %+v", failed)
	}
	b.step(b.timers[0].Message)
	answer(take[api.FetchRead](b), piece{data: append(append([]byte{}, old...), young[:20]...)}) // the second is cut
	next := take[api.FetchRead](b)
	if next.Parts[0].Offset != 11 {
		b.t.Errorf("goes on at %d", next.Parts[0].Offset)
	}
	answer(next, piece{data: young})
	if released != 3 {
		b.t.Errorf("%d of 3 ranges were released", released)
	}
}

// recorded is the batch of a commit, as another coordinator wrote it.
func recorded(t *testing.T, at int64) batch.View {
	other := newBench(t, nil)
	other.serve(1)
	other.request(commitOf(at))
	return take[api.ProducePart](other).Batch
}

// A commit is answered when its record is committed in this term, and in no other.
func TestAppend(t *testing.T) {
	b := newBench(t, nil)
	b.serve(4)
	call := b.request(commitOf(5))
	part := take[api.ProducePart](b)
	if part.Acks != -1 || part.Epoch != 4 || part.Replica.Topic != offsetsID {
		t.Errorf("%+v", part)
	}
	if got, at := b.code(call), b.fetch(); got != "-" || at != -1 {
		t.Errorf("%s, and the offset is %d, before it is committed", got, at)
	}
	b.step(api.ProduceDone{Call: part.Ticket.Call})
	if got, at := b.code(call), b.fetch(); got != "ok" || at != 5 {
		t.Errorf("%s, and the offset is %d", got, at)
	}
	call = b.request(commitOf(6))
	b.step(api.ProduceDone{Call: take[api.ProducePart](b).Ticket.Call, Error: kerr.NotEnoughReplicasAfterAppend.Code})
	if got, at := b.code(call), b.fetch(); got != "COORDINATOR_NOT_AVAILABLE" || at != 5 {
		t.Errorf("%s, and the offset is %d", got, at)
	}
	// The term ends while a commit is on its way: what becomes of it is not known here.
	call = b.request(commitOf(7))
	part = take[api.ProducePart](b)
	b.leads(2, 5)
	if got := b.code(call); got != "NOT_COORDINATOR" {
		t.Errorf("%s", got)
	}
	b.step(api.ProduceDone{Call: part.Ticket.Call})
	b.leads(self, 6) // the next term begins with the log, not with what was there
	take[api.OffsetQuery](b)
	if got := b.fetch(); got != -int64(kerr.CoordinatorLoadInProgress.Code) {
		t.Errorf("%d", got)
	}
}

// Commits that come together share a batch, as far as they fit into one; one that fits into none is refused.
func TestBatches(t *testing.T) {
	b := newBench(t, nil)
	b.serve(4)
	for i := range 30 {
		b.calls++
		req := commitOf(int64(i))
		req.Group = fmt.Sprint("group-", i)
		b.c.Step(b.now, api.CoordinatorRequest{Call: b.calls, Body: req}, &b.fx)
	}
	b.calls++
	large := commitOf(1)
	large.Topics[0].Partitions[0].Metadata = kmsg.StringPtr(strings.Repeat("x", 2000))
	b.step(api.CoordinatorRequest{Call: b.calls, Body: large})
	records := int32(0)
	for _, m := range b.asked {
		part := m.(api.ProducePart)
		if len(part.Batch) > 2000 {
			t.Errorf("a batch of %d bytes", len(part.Batch))
		}
		records += part.Batch.Count()
	}
	if records != 30 || len(b.asked) < 2 || len(b.asked) > 4 {
		t.Errorf("%d records in %d batches", records, len(b.asked))
	}
	if got := b.code(b.calls); got != "INVALID_COMMIT_OFFSET_SIZE" {
		t.Error(got)
	}
}

// Offsets of a topic that is gone when a term begins, or goes in it, are taken back.
func TestTopicGone(t *testing.T) {
	b := newBench(t, nil)
	b.serve(4)
	b.request(commitOf(5))
	b.step(api.ProduceDone{Call: take[api.ProducePart](b).Ticket.Call})
	b.image = b.image.Apply([]metadata.Record{{RemoveTopic: &metadata.RemoveTopicRecord{ID: metadata.TopicID{1}}}})
	b.step(api.NewImage{Image: b.image})
	part := take[api.ProducePart](b)
	records, err := batch.Records(part.Batch)
	if err != nil || len(records) != 1 || records[0].Value != nil {
		t.Fatalf("%v, %v", records, err)
	}
	b.step(api.ProduceDone{Call: part.Ticket.Call})
	if got := b.fetch(); got != -1 {
		t.Errorf("offset %d is there", got)
	}
}

// A broker that the controller may take for dead tells members nothing, and gives nobody up; once it is heard again,
// members have a whole session.
func TestLease(t *testing.T) {
	b := newBench(t, nil)
	b.serve(4)
	b.step(api.Lease{Until: b.now.Add(3 * time.Second)})
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = "g", "consumer", 2000, 2000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	joined := b.replies[b.request(join)].(*kmsg.JoinGroupResponse)
	beat := func() int16 {
		req := kmsg.NewPtrHeartbeatRequest()
		req.Group, req.MemberID, req.Generation = "g", joined.MemberID, joined.Generation
		return b.replies[b.request(req)].(*kmsg.HeartbeatResponse).ErrorCode
	}
	if code := beat(); code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	b.now = b.now.Add(3 * time.Second)
	b.step(tick{})
	if code := beat(); code != kerr.CoordinatorNotAvailable.Code {
		t.Errorf("after the lease: %v", kerr.ErrorForCode(code))
	}
	if at := b.fetch(); at != -int64(kerr.CoordinatorNotAvailable.Code) {
		t.Errorf("an offset is told after the lease: %d", at)
	}
	b.timers = nil
	b.step(tick{})
	if len(b.timers) != 0 {
		t.Errorf("timers run in a lapse: %v", b.timers)
	}
	b.step(api.Lease{Until: b.now.Add(3 * time.Second)})
	b.now = b.now.Add(1999 * time.Millisecond)
	b.step(tick{})
	if code := beat(); code != 0 {
		t.Errorf("the member was given up: %v", kerr.ErrorForCode(code))
	}
}

// A term begins to serve only under a lease: a broker that was cut off may hear of an election that is long over.
func TestLoadWithoutLease(t *testing.T) {
	b := newBench(t, nil)
	b.step(api.Lease{Until: b.now})
	b.serve(4)
	if len(b.events) != 0 || b.fetch() != -int64(kerr.CoordinatorNotAvailable.Code) {
		t.Errorf("it serves: %v", b.events)
	}
	b.step(api.Lease{Until: b.now.Add(time.Second)})
	b.step(b.timers[len(b.timers)-1].Message)
	if len(b.events) != 1 || b.fetch() != -1 {
		t.Errorf("it does not serve: %v", b.events)
	}
}

// The planted bug answers before it appends, which it does later.
func TestCommitLostOnFailover(t *testing.T) {
	b := newBench(t, bug.Set{bug.CommitLostOnFailover: true})
	b.serve(4)
	b.timers = nil
	call := b.request(commitOf(5))
	if got := b.code(call); got != "ok" || len(b.asked) != 0 {
		t.Errorf("%s, %v", got, b.asked)
	}
	b.step(b.timers[0].Message)
	b.step(api.ProduceDone{Call: take[api.ProducePart](b).Ticket.Call})
}

// No two members have the same id, whatever process made them.
func TestMemberIDs(t *testing.T) {
	seen := map[string]bool{}
	for process := range byte(3) {
		c := New(Config{Process: [16]byte{process}})
		for range 3 {
			id := c.newID("me")
			if seen[id] || !strings.HasPrefix(id, "me-") || len(id) != 39 {
				t.Errorf("%s", id)
			}
			seen[id] = true
		}
	}
}
