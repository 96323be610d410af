package node

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// asker is an actor that asks shards as sessions and coordinators do, and keeps what they answer.
type asker struct {
	s       *stepper
	replica api.Replica
	self    actor.Address
	answers []any
}

func (a *asker) Step(_ time.Time, message any, _ *actor.Effects) {
	if _, drained := message.(actor.Drained); !drained {
		a.answers = append(a.answers, message)
	}
}

func newAsker(s *stepper, topic metadata.TopicID) *asker {
	a := &asker{s: s, replica: api.Replica{Topic: topic}, self: actor.Address{Role: actor.Session, ID: 1 << 40}}
	s.actors[a.self] = a
	return a
}

// ask sends a message to the replica's shard and gives the answer; nil if there is none yet.
func (a *asker) ask(message any) any {
	a.answers = nil
	a.s.step(api.ShardOf(a.replica, len(a.s.node.shards)), message)
	a.s.settle()
	if len(a.answers) == 0 {
		return nil
	}
	return a.answers[len(a.answers)-1]
}

func (a *asker) ticket() partition.Ticket { return partition.Ticket{To: a.self, Call: 1} }

func (a *asker) verify(producer int64, epoch int16, sequence int32) api.VerifyAnswer {
	return a.ask(api.VerifyPart{Ticket: a.ticket(), Replica: a.replica, ProducerID: producer, Epoch: epoch, Sequence: sequence}).(api.VerifyAnswer)
}

func (a *asker) append(part api.ProducePart) *kerr.Error {
	part.Ticket, part.Replica, part.Acks, part.Epoch = a.ticket(), a.replica, -1, -1
	return kerr.TypedErrorForCode(a.ask(part).(api.ProduceDone).Error)
}

// data appends a transactional batch with a guard.
func (a *asker) data(producer int64, epoch int16, sequence int32, guard uint64, values ...string) *kerr.Error {
	return a.append(api.ProducePart{Batch: transactional(producer, epoch, sequence, values...), Guard: guard})
}

func (a *asker) mark(producer int64, epoch int16, m batch.Marker, bumped bool) *kerr.Error {
	return a.append(api.ProducePart{Batch: batch.BuildMarker(producer, epoch, m, 5000), Bumped: bumped})
}

// begin verifies and appends the first batch of a transaction.
func (a *asker) begin(producer int64, epoch int16, values ...string) {
	a.s.t.Helper()
	if err := a.data(producer, epoch, 0, a.verify(producer, epoch, 0).Guard, values...); err != nil {
		a.s.t.Fatalf("producer %d begins: %v", producer, err)
	}
}

func transactional(producer int64, epoch int16, sequence int32, values ...string) batch.View {
	var b batch.Builder
	b.Producer(producer, epoch, sequence)
	b.Transactional()
	for i, v := range values {
		b.Add(nil, []byte(v), int64(1000+i))
	}
	return b.Build()
}

func committedFetch(topic metadata.TopicID, offset int64, wait time.Duration) *kmsg.FetchRequest {
	req := fetchRequest(topic, 0, offset, 1, wait)
	req.IsolationLevel = 1
	return req
}

// committedOf is what a reader of committed records takes from an answer.
func committedOf(t *testing.T, p kmsg.FetchResponseTopicPartition) (out []string) {
	t.Helper()
	if p.AbortedTransactions == nil {
		t.Error("the answer to a reader of committed records says nothing of what was aborted")
	}
	ignored := map[int64]bool{}
	pending := p.AbortedTransactions
	for rest := p.RecordBatches; len(rest) > 0; {
		v, next, err := batch.Next(rest)
		if err != nil {
			t.Fatal(err)
		}
		for rest = next; len(pending) > 0 && pending[0].FirstOffset <= v.LastOffset(); pending = pending[1:] {
			ignored[pending[0].ProducerID] = true
		}
		if v.IsControl() {
			delete(ignored, v.ProducerID())
			continue
		}
		if v.IsTransactional() && ignored[v.ProducerID()] {
			continue
		}
		decoded, err := batch.Records(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range decoded {
			out = append(out, string(r.Value))
		}
	}
	return out
}

func fetchOne(s *stepper, req *kmsg.FetchRequest) kmsg.FetchResponseTopicPartition {
	s.t.Helper()
	return ask[*kmsg.FetchResponse](s, req).Topics[0].Partitions[0]
}

// Readers of committed records see a transaction when its marker is committed, those of uncommitted ones at once; what
// was aborted the former leave out. Both are told the last stable offset.
func TestReadCommitted(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	a := newAsker(s, topic)
	produceTo(s, topic, 0, records(1, 0, "plain"))
	a.begin(5, 0, "a", "b") // 1, 2
	a.begin(6, 0, "c")      // 3
	sees := func(stable int64, want ...string) {
		t.Helper()
		p := fetchOne(s, committedFetch(topic, 0, 0))
		if got := committedOf(t, p); !slices.Equal(got, want) || p.LastStableOffset != stable {
			t.Errorf("read %v, want %v; last stable offset %d, want %d", got, want, p.LastStableOffset, stable)
		}
		if p := fetchOne(s, fetchRequest(topic, 0, 0, 1, 0)); p.LastStableOffset != stable || p.AbortedTransactions != nil {
			t.Errorf("a reader of everything is told %d is stable and %v aborted", p.LastStableOffset, p.AbortedTransactions)
		}
		if got := latest(s, 1); got != stable {
			t.Errorf("the latest offset is %d, want %d", got, stable)
		}
	}
	sees(1, "plain")
	if p := fetchOne(s, fetchRequest(topic, 0, 0, 1, 0)); len(p.RecordBatches) == 0 || p.HighWatermark != 4 || latest(s, 0) != 4 {
		t.Errorf("a reader of everything gets %d bytes, high watermark %d", len(p.RecordBatches), p.HighWatermark)
	}
	if err := a.mark(6, 0, batch.Marker{Commit: true}, false); err != nil { // 4
		t.Fatal(err)
	}
	sees(1, "plain")
	if err := a.mark(5, 0, batch.Marker{}, false); err != nil { // 5
		t.Fatal(err)
	}
	sees(6, "plain", "c")
	if got := searchTime(s, 1001, 1); got != 2 {
		t.Errorf("the first record of time 1001 is at %d", got)
	}
	a.begin(5, 1, "d") // 6
	if got := searchTime(s, 5000, 1); got != 4 {
		t.Errorf("the first record of time 5000 is at %d", got)
	}
}

func listRequest(timestamp int64, isolation int8) *kmsg.ListOffsetsRequest {
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = isolation
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = "orders"
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp = timestamp
	rt.Partitions = append(rt.Partitions, p)
	req.Topics = append(req.Topics, rt)
	return req
}

func searchTime(s *stepper, timestamp int64, isolation int8) int64 {
	s.t.Helper()
	p := ask[*kmsg.ListOffsetsResponse](s, listRequest(timestamp, isolation)).Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		s.t.Fatal(kerr.ErrorForCode(p.ErrorCode))
	}
	return p.Offset
}

func latest(s *stepper, isolation int8) int64 { return searchTime(s, api.LatestOffset, isolation) }

// By its timestamp too, a reader of committed records finds nothing of an open transaction.
func TestOffsetsOfOpenTransactions(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	a := newAsker(s, createTopic(s, "orders", 1))
	a.begin(5, 0, "a", "b")
	for timestamp, want := range map[int64][2]int64{1001: {1, -1}, api.MaxTimestampOffset: {1, -1}, api.LatestOffset: {2, 0}, api.EarliestOffset: {0, 0}} {
		if got := [2]int64{searchTime(s, timestamp, 0), searchTime(s, timestamp, 1)}; got != want {
			t.Errorf("timestamp %d: %v, want %v", timestamp, got, want)
		}
	}
}

// A marker that is appended and not committed ends nothing for readers: another leader may not have it.
func TestMarkerCountsOnceCommitted(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	a := newAsker(s, topic)
	a.begin(5, 0, "a")
	reader := s.connect()
	s.request(reader, committedFetch(topic, 0, 10*time.Second), 1)
	if len(s.answers[reader]) != 0 {
		t.Fatal("answered with what is not committed")
	}
	produceTo(s, topic, 0, records(1, 0, "plain"))
	if len(s.answers[reader]) != 0 {
		t.Fatal("a record behind an open transaction woke the reader")
	}
	s.hold = true
	a.ask(api.ProducePart{
		Ticket: a.ticket(), Replica: a.replica, Acks: -1, Epoch: -1, Batch: batch.BuildMarker(5, 0, batch.Marker{Commit: true}, 0),
	})
	if p := fetchOne(s, committedFetch(topic, 0, 0)); len(s.answers[reader]) != 0 || p.LastStableOffset != 0 || len(p.RecordBatches) != 0 {
		t.Fatalf("a marker that is not committed: last stable offset %d, %d bytes", p.LastStableOffset, len(p.RecordBatches))
	}
	s.hold = false
	s.settle()
	if len(s.answers[reader]) != 1 {
		t.Fatal("the end of the transaction did not wake the reader")
	}
	p := s.answers[reader][0].Body.(*kmsg.FetchResponse).Topics[0].Partitions[0]
	if got := committedOf(t, p); !slices.Equal(got, []string{"a", "plain"}) || p.LastStableOffset != 3 {
		t.Errorf("woken with %v, last stable offset %d", got, p.LastStableOffset)
	}
}

// A transaction begins with a batch that has the guard of its own question, and nothing else begins one.
func TestGuards(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	a := newAsker(s, createTopic(s, "orders", 1))
	want := func(what string, got, want *kerr.Error) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	want("no guard", a.data(5, 0, 0, 0, "a"), kerr.InvalidTxnState)
	want("a guard that nobody gave", a.data(5, 0, 0, 77, "a"), kerr.InvalidTxnState)
	v := a.verify(5, 0, 0)
	if v.Open || v.Guard == 0 || v.Error != 0 {
		t.Fatalf("%+v", v)
	}
	if again := a.verify(5, 0, 1); again.Guard != v.Guard {
		t.Errorf("while the question is open it is the same one: %+v, %+v", v, again)
	}
	want("another producer's guard", a.data(6, 0, 0, v.Guard, "a"), kerr.InvalidTxnState)
	want("another epoch's", a.data(5, 1, 0, v.Guard, "a"), kerr.InvalidTxnState)
	want("the first", a.data(5, 0, 0, v.Guard, "a"), nil)
	want("the second needs none", a.data(5, 0, 1, 0, "b"), nil)
	want("a batch that is not of the transaction", a.append(api.ProducePart{Batch: records(5, 2, "x")}), kerr.InvalidTxnState)
	if v := a.verify(5, 0, 2); !v.Open || v.Guard != 0 {
		t.Errorf("while it is open: %+v", v)
	}

	// A marker makes the guard void: who asked before it asked about the transaction that it ended.
	asked := a.verify(6, 3, 0)
	want("the marker", a.mark(6, 4, batch.Marker{}, true), nil)
	want("late", a.data(6, 3, 0, asked.Guard, "late"), kerr.InvalidProducerEpoch)
	asked = a.verify(7, 3, 0)
	want("the marker", a.mark(7, 3, batch.Marker{}, false), nil)
	want("late, and the epoch is the same", a.data(7, 3, 0, asked.Guard, "late"), kerr.InvalidTxnState)
	want("asked again", a.data(7, 3, 0, a.verify(7, 3, 0).Guard, "new"), nil)

	// Who asks about a transaction while the one before it is ending has asked about its own (KIP-890): the marker comes
	// with the epoch of the next.
	a.begin(9, 3, "a")
	asked = a.verify(9, 4, 0)
	want("the marker of the one before", a.mark(9, 4, batch.Marker{Commit: true}, true), nil)
	want("the next one", a.data(9, 4, 0, asked.Guard, "b"), nil)
	asked = a.verify(10, 4, 0)
	want("a marker of an epoch before", a.mark(10, 3, batch.Marker{}, false), nil)
	want("not late", a.data(10, 4, 0, asked.Guard, "b"), nil)

	// The end of a transaction is the end of its guard, too.
	want("the marker", a.mark(7, 3, batch.Marker{Commit: true}, false), nil)
	want("with the guard of the one before", a.data(7, 3, 1, asked.Guard, "late"), kerr.InvalidTxnState)
	// A batch that was sent again is known, whatever became of its transaction.
	if v := a.verify(7, 3, 0); !v.Open {
		t.Errorf("the batch was appended before: %+v", v)
	}
	want("again", a.data(7, 3, 0, 0, "new"), nil)
	if v := a.verify(6, 3, 0); v.Error != kerr.InvalidProducerEpoch.Code {
		t.Errorf("an epoch that has been replaced: %+v", v)
	}
}

// What a coordinator writes in a producer's name has no sequence that counts, and all the rest does: epoch and guard.
func TestCoordinatorsBatches(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	a := newAsker(s, createTopic(s, "orders", 1))
	want := func(what string, epoch int16, guard uint64, want *kerr.Error) {
		t.Helper()
		if got := a.append(api.ProducePart{Batch: transactional(8, epoch, 0, "offset"), Guard: guard, Trusted: true}); got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	want("not verified", 0, 0, kerr.InvalidTxnState)
	want("verified", 0, a.verify(8, 0, -1).Guard, nil)
	want("the same sequence again is not the same batch", 0, 0, nil)
	if v := a.verify(8, 0, -1); !v.Open {
		t.Errorf("%+v", v)
	}
	if err := a.mark(8, 0, batch.Marker{Commit: true}, false); err != nil {
		t.Fatal(err)
	}
	if v := a.verify(8, 0, -1); v.Open {
		t.Errorf("after its end: %+v", v)
	}
	want("after its end", 0, 0, kerr.InvalidTxnState)
	asked := a.verify(8, 0, -1)
	if err := a.mark(8, 1, batch.Marker{}, true); err != nil {
		t.Fatal(err)
	}
	want("late", 0, asked.Guard, kerr.InvalidProducerEpoch)
	want("late, its epoch aside", 1, asked.Guard, kerr.InvalidTxnState)
	if p := fetchOne(s, fetchRequest(a.replica.Topic, 0, 0, 1, 0)); p.HighWatermark != 4 {
		t.Errorf("high watermark %d, want two batches and two markers", p.HighWatermark)
	}
}

// A batch that has overtaken the one before it does not begin the transaction.
func TestOvertakenBatchDoesNotBegin(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	a := newAsker(s, topic)
	for i := range 3 { // where records were deleted, a producer that is not known may begin anywhere
		produceTo(s, topic, 0, records(1, int32(i), fmt.Sprint(i)))
	}
	req := kmsg.NewPtrDeleteRecordsRequest()
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = "orders"
	rt.Partitions = append(rt.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Offset: 2})
	req.Topics = append(req.Topics, rt)
	if code := ask[*kmsg.DeleteRecordsResponse](s, req).Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	first, second := a.verify(5, 0, 7), a.verify(5, 0, 8)
	if err := a.data(5, 0, 8, second.Guard, "b"); err != kerr.OutOfOrderSequenceNumber {
		t.Errorf("the second one first: %v", err)
	}
	if err := a.data(5, 0, 7, first.Guard, "a"); err != nil {
		t.Errorf("the first one: %v", err)
	}
	if err := a.data(5, 0, 8, second.Guard, "b"); err != nil {
		t.Errorf("then the second: %v", err)
	}
}

// Guards end with the term, and there is an end to how many there are.
func TestGuardsEnd(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	a := newAsker(s, topic)
	old := a.verify(5, 0, 0)
	s.step(api.ShardOf(a.replica, len(s.node.shards)), assign{replica: a.replica, topic: "orders", state: partition.State{
		Leader: 7, LeaderEpoch: 40, PartitionEpoch: 40, Replicas: []int32{7}, ISR: []int32{7}, Brokers: []partition.Broker{{ID: 7}}, MinISR: 1,
	}})
	s.settle()
	if err := a.data(5, 0, 0, old.Guard, "a"); err != kerr.InvalidTxnState {
		t.Errorf("a guard of the term before: %v", err)
	}
	var g guards
	var last, questions uint64
	for i := range int64(5 * guardsMax) {
		last = g.give(&questions, i, 0, 0)
	}
	if len(g.given) > 2*guardsMax || len(g.order) > 2*guardsMax {
		t.Errorf("%d guards in %d places", len(g.given), len(g.order))
	}
	if ok, err := g.check(transactional(5*guardsMax-1, 0, 0, "a"), last, true); !ok || err != nil {
		t.Errorf("the last one is %v, %v", ok, err)
	}
	for i := range int64(5 * guardsMax) { // the same few over and over
		g.give(&questions, i%10, 0, 0)
		g.done(transactional(i%10, 0, 0, "a"), false)
	}
	if len(g.order) > 2*guardsMax {
		t.Errorf("%d places", len(g.order))
	}
}

// Markers that come too late, or from a coordinator that was replaced, have Kafka's errors; one that ends nothing is
// taken.
func TestMarkers(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	a := newAsker(s, topic)
	want := func(what string, got, want *kerr.Error) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	want("of a producer that nobody knows", a.mark(4, 0, batch.Marker{CoordinatorEpoch: 3}, false), nil)
	a.begin(5, 2, "a")
	want("of an older epoch", a.mark(5, 1, batch.Marker{Commit: true, CoordinatorEpoch: 3}, false), kerr.InvalidProducerEpoch)
	want("of its own, where the epoch is bumped", a.mark(5, 2, batch.Marker{Commit: true, CoordinatorEpoch: 3}, true), kerr.InvalidProducerEpoch)
	want("the one", a.mark(5, 3, batch.Marker{Commit: true, CoordinatorEpoch: 3}, true), nil)
	want("again", a.mark(5, 3, batch.Marker{Commit: true, CoordinatorEpoch: 3}, true), nil)
	want("by the coordinator before", a.mark(5, 3, batch.Marker{CoordinatorEpoch: 2}, true), kerr.TransactionCoordinatorFenced)
	want("a record of the old epoch", a.data(5, 2, 1, 0, "late"), kerr.InvalidProducerEpoch)
	a.begin(5, 3, "b")
	want("a late copy", a.mark(5, 3, batch.Marker{Commit: true, CoordinatorEpoch: 3}, true), kerr.InvalidProducerEpoch)
	broken := transactional(5, 3, 1, "no marker")
	broken[22] |= 0x20
	broken.Stamp()
	want("a control batch that is no marker", a.append(api.ProducePart{Batch: broken}), kerr.InvalidRecord)

	req := kmsg.NewPtrDescribeProducersRequest()
	req.Topics = append(req.Topics, kmsg.DescribeProducersRequestTopic{Topic: "orders", Partitions: []int32{0}})
	var got []string
	for _, p := range ask[*kmsg.DescribeProducersResponse](s, req).Topics[0].Partitions[0].ActiveProducers {
		got = append(got, fmt.Sprint(p.ProducerID, " epoch ", p.ProducerEpoch, ": ", p.LastSequence, ", since ", p.CurrentTxnStartOffset, ", coordinator ", p.CoordinatorEpoch))
	}
	if want := []string{"4 epoch 0: -1, since -1, coordinator 3", "5 epoch 3: 0, since 4, coordinator 3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What a log knows of transactions survives a power cut: open ones stay open, ended ones ended.
func TestTransactionsSurviveRestart(t *testing.T) {
	files := mem.New()
	s := startNode(t, files, testConfig())
	topic := createTopic(s, "orders", 1)
	a := newAsker(s, topic)
	a.begin(5, 0, "a")
	a.begin(6, 0, "b")
	if err := a.mark(5, 1, batch.Marker{}, true); err != nil {
		t.Fatal(err)
	}
	s = startNode(t, files.Crash(nil), testConfig())
	a = newAsker(s, topic)
	p := fetchOne(s, committedFetch(topic, 0, 0))
	if got := committedOf(t, p); len(got) != 0 || p.LastStableOffset != 1 || len(p.AbortedTransactions) != 1 {
		t.Errorf("read %v, last stable offset %d, aborted %v", got, p.LastStableOffset, p.AbortedTransactions)
	}
	if v := a.verify(6, 0, 1); !v.Open {
		t.Errorf("the transaction that was open: %+v", v)
	}
	if err := a.mark(6, 1, batch.Marker{Commit: true}, true); err != nil {
		t.Fatal(err)
	}
	if got := committedOf(t, fetchOne(s, committedFetch(topic, 0, 0))); !slices.Equal(got, []string{"b"}) {
		t.Errorf("read %v", got)
	}
}

// Each planted bug of transactions does what it says.
func TestPlantedBugsOfTransactions(t *testing.T) {
	begun := func(name bug.Name) (*asker, metadata.TopicID) {
		s := startNode(t, mem.New(), withBugs(name))
		topic := createTopic(s, "orders", 1)
		return newAsker(s, topic), topic
	}
	a, topic := begun(bug.LsoIsHW)
	a.begin(5, 0, "open")
	if got := committedOf(t, fetchOne(a.s, committedFetch(topic, 0, 0))); len(got) != 1 {
		t.Errorf("lso-is-hw: read %v", got)
	}
	a, topic = begun(bug.AbortedUnfiltered)
	a.begin(5, 0, "aborted")
	a.mark(5, 0, batch.Marker{}, false)
	if got := committedOf(t, fetchOne(a.s, committedFetch(topic, 0, 0))); len(got) != 1 {
		t.Errorf("aborted-unfiltered: read %v", got)
	}
}
