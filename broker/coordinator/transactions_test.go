package coordinator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/txn"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// hall is a coordinator of transactions whose shards, peers, controller and sessions are the test.
type hall struct {
	t     *testing.T
	c     *Transactions
	fx    actor.Effects
	now   time.Time
	image *metadata.Image
	calls uint64
	// log is what was appended; appends are committed at once unless refuse is set.
	log     []batch.View
	refuse  *kerr.Error
	loading bool // shards do not answer
	ids     int64
	peers   []actor.Call
	here    []api.MarkersRequest
	replies map[uint64]kmsg.Response
	timers  []actor.Timer
	events  []string
}

var stateID = metadata.TopicID{8}

// newHall is one whose broker, 1, leads the one partition of __transaction_state, and of "orders" partition 0; broker 2
// leads partition 1, nobody partition 2.
func newHall(t *testing.T, bugs bug.Set) *hall {
	h := &hall{t: t, now: time.Unix(1_800_000_000, 0), image: metadata.NewImage("c", nil), replies: map[uint64]kmsg.Response{}}
	h.c = NewTransactions(TransactionsConfig{Self: self, Shards: 1, MaxBatch: 2000, BackOff: time.Millisecond, CallTimeout: time.Second, Bugs: bugs})
	h.step(api.Lease{Until: h.now.Add(time.Hour)})
	for id := range int32(2) {
		h.image = h.image.Apply([]metadata.Record{{RegisterBroker: &metadata.RegisterBrokerRecord{ID: id + 1, PeerHost: fmt.Sprint("peer-", id+1), PeerPort: 7}}})
		h.image = h.image.Apply([]metadata.Record{{UnfenceBroker: &metadata.BrokerRecord{ID: id + 1, Epoch: h.image.Broker(id + 1).Epoch}}})
	}
	return h
}

func (h *hall) lead(epoch int32) {
	records := []metadata.Record{
		{Topic: &metadata.TopicRecord{Name: metadata.TransactionState, ID: stateID}},
		{Partition: &metadata.PartitionRecord{TopicID: stateID, Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Leader: self, LeaderEpoch: epoch}},
	}
	if h.image.Topic("orders") == nil {
		records = append(records, metadata.Record{Topic: &metadata.TopicRecord{Name: "orders", ID: metadata.TopicID{1}}})
		for i, leader := range []int32{1, 2, metadata.NoLeader} {
			records = append(records, metadata.Record{Partition: &metadata.PartitionRecord{TopicID: metadata.TopicID{1}, Index: int32(i), Replicas: []int32{1, 2}, Leader: leader}})
		}
	}
	h.apply(records...)
}

func (h *hall) apply(records ...metadata.Record) {
	h.image = h.image.Apply(records)
	h.step(api.NewImage{Image: h.image})
}

// step delivers a message, and answers what shards and the controller are asked.
func (h *hall) step(message any) {
	h.c.Step(h.now, message, &h.fx)
	h.c.Step(h.now, actor.Drained{}, &h.fx)
	sends := h.fx.Sends
	h.timers, h.peers = append(h.timers, h.fx.Timers...), append(h.peers, h.fx.Calls...)
	for _, e := range h.fx.Events {
		h.events = append(h.events, e.Name())
	}
	h.fx = actor.Effects{}
	for _, s := range sends {
		switch m := s.Message.(type) {
		case api.TransactionReply:
			if h.replies[m.Call] != nil {
				h.t.Errorf("call %d is answered twice", m.Call)
			}
			h.replies[m.Call] = m.Body
		case api.OffsetQuery:
			if h.loading {
				h.step(api.OffsetAnswer{Call: m.Ticket.Call, Error: kerr.OffsetNotAvailable.Code, Offset: -1})
				continue
			}
			h.step(api.OffsetAnswer{Call: m.Ticket.Call, Offset: map[bool]int64{true: int64(len(h.log))}[m.Timestamp == api.LatestOffset]})
		case api.FetchRead:
			h.step(api.FetchData{Call: m.Call, Round: 1, Results: []api.FetchResult{{}}})
		case api.ProducePart:
			if m.Acks != -1 || m.Replica.Topic != stateID {
				h.t.Errorf("%+v", m)
			}
			h.log = append(h.log, m.Batch)
			done := api.ProduceDone{Call: m.Ticket.Call}
			if h.refuse != nil {
				done.Error = h.refuse.Code
			}
			h.step(done)
		case api.ControllerRequest:
			h.ids++
			resp := kmsg.NewPtrInitProducerIDResponse()
			if resp.ProducerID = 100 * h.ids; h.ids > 5 {
				resp.ErrorCode = kerr.RequestTimedOut.Code
			}
			h.step(api.ControllerReply{Call: m.Call, Body: resp})
		case api.MarkersRequest:
			h.here = append(h.here, m)
		default:
			h.t.Fatalf("sent %T", m)
		}
	}
}

func (h *hall) ask(body kmsg.Request) kmsg.Response {
	h.calls++
	h.step(api.TransactionRequest{From: actor.Address{Role: actor.Session, ID: 5}, Call: h.calls, Body: body})
	return h.replies[h.calls]
}

func (h *hall) begin() (int64, int16, string) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.SetVersion(5)
	req.TransactionalID, req.TransactionTimeoutMillis = kmsg.StringPtr("t"), 60_000
	resp := h.ask(req).(*kmsg.InitProducerIDResponse)
	return resp.ProducerID, resp.ProducerEpoch, name(resp.ErrorCode)
}

func name(code int16) string {
	if err := kerr.TypedErrorForCode(code); err != nil {
		return err.Message
	}
	return "ok"
}

// add asks in the name of a client for partitions of a topic; the answer lists the errors.
func (h *hall) add(version int16, topic string, partitions ...int32) string {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.SetVersion(version)
	req.TransactionalID, req.ProducerID = "t", 100
	req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: partitions}}
	var all []string
	for _, p := range h.ask(req).(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions {
		all = append(all, name(p.ErrorCode))
	}
	return strings.Join(all, " ")
}

func (h *hall) end(commit bool) string {
	req := kmsg.NewPtrEndTxnRequest()
	req.SetVersion(5)
	req.TransactionalID, req.ProducerID, req.Commit = "t", 100, commit
	return name(h.ask(req).(*kmsg.EndTxnResponse).ErrorCode)
}

// written answers a request for markers, every partition with the same error.
func written(req *kmsg.WriteTxnMarkersRequest, err *kerr.Error) *kmsg.WriteTxnMarkersResponse {
	resp := kmsg.NewPtrWriteTxnMarkersResponse()
	for _, m := range req.Markers {
		one := kmsg.NewWriteTxnMarkersResponseMarker()
		one.ProducerID = m.ProducerID
		for _, topic := range m.Topics {
			t := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
			t.Topic = topic.Topic
			for _, index := range topic.Partitions {
				p := kmsg.NewWriteTxnMarkersResponseMarkerTopicPartition()
				if p.Partition = index; err != nil {
					p.ErrorCode = err.Code
				}
				t.Partitions = append(t.Partitions, p)
			}
			one.Topics = append(one.Topics, t)
		}
		resp.Markers = append(resp.Markers, one)
	}
	return resp
}

func (h *hall) state() string {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{"t"}
	one := h.ask(req).(*kmsg.DescribeTransactionsResponse).TransactionStates[0]
	if one.ErrorCode != 0 {
		return name(one.ErrorCode)
	}
	return one.State
}

// Markers go to the leaders of the partitions: to this node's own participant, and to other brokers, one request each;
// where there is no leader, or the request fails, they are sent again. What was deleted meanwhile needs none.
func TestMarkersToLeaders(t *testing.T) {
	h := newHall(t, nil)
	h.lead(4)
	if id, epoch, err := h.begin(); id != 100 || epoch != 0 || err != "ok" {
		t.Fatalf("%d/%d, %s", id, epoch, err)
	}
	if got := h.add(3, "orders", 0, 1, 2); got != "ok ok ok" {
		t.Fatal(got)
	}
	if got := h.end(true); got != "ok" {
		t.Fatal(got)
	}
	if len(h.here) != 1 || len(h.peers) != 1 {
		t.Fatalf("%d requests here, %d to others", len(h.here), len(h.peers))
	}
	call := h.peers[0]
	req := call.Request.(*kmsg.WriteTxnMarkersRequest)
	if m := req.Markers[0]; call.Node != 2 || call.Host != "peer-2" || call.Port != 7 || req.Version != 2 || len(req.Markers) != 1 ||
		m.ProducerID != 100 || m.ProducerEpoch != 1 || !m.Committed || m.CoordinatorEpoch != 4 || m.TransactionVersion != 2 || m.Topics[0].Partitions[0] != 1 {
		t.Errorf("%+v of %+v", req, call)
	}
	h.step(api.MarkersReply{Call: h.here[0].Call, Body: written(h.here[0].Body, nil)})
	h.step(actor.CallDone{Token: call.Token, Err: fmt.Errorf("the connection broke")})
	h.peers = nil
	h.now = h.now.Add(time.Second)
	h.step(tick{})
	if len(h.peers) != 1 {
		t.Fatalf("%d requests after the failed one", len(h.peers))
	}
	h.step(actor.CallDone{Token: h.peers[0].Token, Response: written(h.peers[0].Request.(*kmsg.WriteTxnMarkersRequest), nil)})
	if got := h.state(); got != "PrepareCommit" {
		t.Errorf("with partition 2 without a leader: %s", got)
	}
	h.apply(metadata.Record{RemoveTopic: &metadata.RemoveTopicRecord{ID: metadata.TopicID{1}}})
	h.now = h.now.Add(time.Second)
	h.step(tick{})
	if got := h.state(); got != "CompleteCommit" {
		t.Errorf("with the topic deleted: %s", got)
	}
}

// A partition that does not exist keeps the others out, too.
func TestAddWhatIsNotThere(t *testing.T) {
	h := newHall(t, nil)
	h.lead(4)
	h.begin()
	if got := h.add(3, "orders", 0, 3); got != "OPERATION_NOT_ATTEMPTED UNKNOWN_TOPIC_OR_PARTITION" {
		t.Error(got)
	}
	if got := h.add(3, "letters", 0); got != "UNKNOWN_TOPIC_OR_PARTITION" {
		t.Error(got)
	}
	offsets := kmsg.NewPtrAddOffsetsToTxnRequest()
	offsets.SetVersion(4)
	offsets.TransactionalID, offsets.ProducerID, offsets.Group = "t", 100, "g"
	if got := name(h.ask(offsets).(*kmsg.AddOffsetsToTxnResponse).ErrorCode); got != "COORDINATOR_NOT_AVAILABLE" {
		t.Errorf("without __consumer_offsets: %s", got)
	}
	h.apply(metadata.Record{Topic: &metadata.TopicRecord{Name: metadata.ConsumerOffsets, ID: offsetsID}},
		metadata.Record{Partition: &metadata.PartitionRecord{TopicID: offsetsID, Replicas: []int32{1}, Leader: 1}})
	if got := name(h.ask(offsets).(*kmsg.AddOffsetsToTxnResponse).ErrorCode); got != "ok" {
		t.Error(got)
	}
	offsets.ProducerEpoch = 9
	if got := name(h.ask(offsets).(*kmsg.AddOffsetsToTxnResponse).ErrorCode); got != "PRODUCER_FENCED" {
		t.Error(got)
	}
}

// Brokers ask for several transactions at a time, to add or to verify (KIP-890).
func TestAddForBrokers(t *testing.T) {
	h := newHall(t, nil)
	h.lead(4)
	h.begin()
	one := func(id string, verify bool, partition int32) kmsg.AddPartitionsToTxnRequestTransaction {
		tx := kmsg.NewAddPartitionsToTxnRequestTransaction()
		tx.TransactionalID, tx.ProducerID, tx.VerifyOnly = id, 100, verify
		tx.Topics = []kmsg.AddPartitionsToTxnRequestTransactionTopic{{Topic: "orders", Partitions: []int32{partition}}}
		return tx
	}
	ask := func(all ...kmsg.AddPartitionsToTxnRequestTransaction) string {
		req := kmsg.NewPtrAddPartitionsToTxnRequest()
		req.SetVersion(5)
		req.Transactions = all
		var codes []string
		for i, tx := range h.ask(req).(*kmsg.AddPartitionsToTxnResponse).Transactions {
			if tx.TransactionalID != all[i].TransactionalID {
				t.Errorf("%s in the place of %s", tx.TransactionalID, all[i].TransactionalID)
			}
			codes = append(codes, name(tx.Topics[0].Partitions[0].ErrorCode))
		}
		return strings.Join(codes, " ")
	}
	if got := ask(one("t", true, 0), one("u", false, 0), one("", false, 0)); got != "TRANSACTION_ABORTABLE INVALID_PRODUCER_ID_MAPPING INVALID_REQUEST" {
		t.Error(got)
	}
	if got := ask(one("t", false, 0), one("t", true, 5)); got != "ok UNKNOWN_TOPIC_OR_PARTITION" {
		t.Error(got)
	}
	if got := ask(one("t", true, 0)); got != "ok" {
		t.Error(got)
	}
	if got := ask(); got != "" {
		t.Error(got)
	}
}

// Who asks a broker that has not its transactional id is told what helps.
func TestWhoServesTransactions(t *testing.T) {
	h := newHall(t, nil)
	expect := func(when, want string) {
		t.Helper()
		for _, got := range []string{h.end(true), h.add(3, "orders", 0), h.state()} {
			if got != want {
				t.Errorf("%s: %s, want %s", when, got, want)
			}
		}
	}
	expect("before any image", "COORDINATOR_NOT_AVAILABLE")
	h.step(api.NewImage{Image: h.image})
	expect("without the topic", "COORDINATOR_NOT_AVAILABLE")
	h.apply(metadata.Record{Topic: &metadata.TopicRecord{Name: metadata.TransactionState, ID: stateID}},
		metadata.Record{Partition: &metadata.PartitionRecord{TopicID: stateID, Replicas: []int32{1, 2}, Leader: metadata.NoLeader, LeaderEpoch: 1}})
	expect("without a leader", "COORDINATOR_NOT_AVAILABLE")
	h.apply(metadata.Record{Partition: &metadata.PartitionRecord{TopicID: stateID, Replicas: []int32{1, 2}, Leader: 2, LeaderEpoch: 2}})
	expect("led by another", "NOT_COORDINATOR")
	h.loading = true
	h.lead(4)
	expect("while it is loaded", "COORDINATOR_LOAD_IN_PROGRESS")
	h.loading = false
	h.step(h.timers[len(h.timers)-1].Message)
	if end, state := h.end(true), h.state(); end != "INVALID_PRODUCER_ID_MAPPING" || state != "TRANSACTIONAL_ID_NOT_FOUND" {
		t.Errorf("where it is served: %s, %s", end, state)
	}
}

// A coordinator that is replaced tells those who wait; what it ended is still counted. The next one goes on.
func TestTermOfTransactions(t *testing.T) {
	h := newHall(t, nil)
	h.lead(4)
	h.begin()
	h.add(3, "orders", 0)
	h.end(true)
	h.step(api.MarkersReply{Call: h.here[0].Call, Body: written(h.here[0].Body, nil)})
	report := func() (counts map[txn.State]int, ends txn.Ends) {
		h.step(TransactionsReport{Done: func(c map[txn.State]int, e txn.Ends) { counts, ends = c, e }})
		return counts, ends
	}
	if counts, ends := report(); counts[txn.CompleteCommit] != 1 || ends.Committed != 1 {
		t.Errorf("%v, %+v", counts, ends)
	}
	h.log = nil
	h.lead(5)
	if counts, ends := report(); len(counts) != 0 || ends.Committed != 1 {
		t.Errorf("in the next term: %v, %+v", counts, ends)
	}
	if len(h.events) != 2 || h.events[1] != "transactions-loaded" {
		t.Errorf("%v", h.events)
	}
	h.refuse = kerr.NotEnoughReplicas
	if _, _, err := h.begin(); err != "COORDINATOR_NOT_AVAILABLE" {
		t.Error(err)
	}
	h.refuse, h.ids = nil, 5
	if _, _, err := h.begin(); err != "COORDINATOR_LOAD_IN_PROGRESS" {
		t.Errorf("without a controller: %s", err)
	}
}

// ListTransactions tells what this broker coordinates, by its filters, and not while it does not know it.
func TestListTransactions(t *testing.T) {
	h := newHall(t, nil)
	h.lead(4)
	h.begin()
	list := func(pattern string) string {
		req := kmsg.NewPtrListTransactionsRequest()
		req.SetVersion(2)
		req.TransactionalIDPattern, req.StateFilters = &pattern, []string{"Empty", "Sleeping"}
		resp := h.ask(req).(*kmsg.ListTransactionsResponse)
		text := name(resp.ErrorCode)
		for _, one := range resp.TransactionStates {
			text += " " + one.TransactionalID
		}
		return text + " " + strings.Join(resp.UnknownStateFilters, " ")
	}
	if got := list(""); got != "ok t Sleeping" {
		t.Error(got)
	}
	if got := list("["); got != "INVALID_REGULAR_EXPRESSION Sleeping" {
		t.Error(got)
	}
	h.step(api.Lease{Until: h.now})
	if got := list(""); got != "COORDINATOR_NOT_AVAILABLE Sleeping" {
		t.Error(got)
	}
	empty := kmsg.NewPtrDescribeTransactionsRequest()
	empty.TransactionalIDs = []string{""}
	if got := h.ask(empty).(*kmsg.DescribeTransactionsResponse).TransactionStates[0].ErrorCode; got != kerr.InvalidRequest.Code {
		t.Errorf("of a transactional id without a name: %s", name(got))
	}
}

// Transactional ids that nobody uses are looked for now and then, as long as this broker coordinates any.
func TestTransactionalIDsExpire(t *testing.T) {
	h := newHall(t, nil)
	h.lead(4)
	h.begin()
	expiry := func() (due []actor.Timer) {
		for _, timer := range h.timers {
			if timer.Message == any(expireTick{}) {
				due = append(due, timer)
			}
		}
		h.timers = nil
		return due
	}
	if due := expiry(); len(due) != 1 || due[0].After != DefaultExpireTransactions {
		t.Fatalf("%v", due)
	}
	h.step(expireTick{})
	if got := h.state(); got != "Empty" || len(expiry()) != 1 {
		t.Errorf("after an hour: %s", got)
	}
	h.now = h.now.Add(txn.DefaultExpiration)
	h.step(api.Lease{Until: h.now.Add(time.Hour)})
	h.step(expireTick{})
	if got := h.state(); got != "TRANSACTIONAL_ID_NOT_FOUND" {
		t.Errorf("after a week: %s", got)
	}
}

// A coordinator that the controllers may take for dead decides nothing, and times nothing out; markers go on.
func TestLeaseOfTransactions(t *testing.T) {
	h := newHall(t, nil)
	h.lead(4)
	h.begin()
	h.add(3, "orders", 0)
	h.step(api.Lease{Until: h.now.Add(time.Second)})
	h.now = h.now.Add(2 * time.Minute)
	h.step(tick{})
	if got := h.end(true); got != "COORDINATOR_NOT_AVAILABLE" || len(h.here) != 0 {
		t.Errorf("after the lease: %s, and %d requests for markers", got, len(h.here))
	}
	h.timers = nil
	h.step(api.Lease{Until: h.now.Add(time.Hour)})
	for _, timer := range h.timers {
		h.step(timer.Message)
	}
	if got := h.state(); got != "PrepareAbort" || len(h.here) != 1 || h.events[len(h.events)-1] != "transaction-timed-out" {
		t.Errorf("heard again: %s, %d requests for markers, %v", got, len(h.here), h.events)
	}
}
