package node

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A whole node by Step alone: create, produce, sync, crash, recover, read. What was acknowledged
// is there after a power cut that takes everything unsynced; what was not acknowledged is not.
func TestCreateProduceSyncCrashRecoverRead(t *testing.T) {
	files := mem.New()
	s := startNode(t, files, testConfig())
	topic := createTopic(s, "orders", 2)
	for i := range 3 {
		p := produceTo(s, topic, 1, records(5, int32(2*i), fmt.Sprint("a", i), fmt.Sprint("b", i)))
		if p.ErrorCode != 0 || p.BaseOffset != int64(2*i) {
			t.Fatalf("produce %d: offset %d, %v", i, p.BaseOffset, kerr.ErrorForCode(p.ErrorCode))
		}
	}
	want := []string{"a0", "b0", "a1", "b1", "a2", "b2"}
	if got := readAll(s, topic, 1); !slices.Equal(got, want) {
		t.Fatalf("read %v, want %v", got, want)
	}

	s.hold = true
	unsynced := s.connect()
	s.request(unsynced, produceRequest(topic, 1, -1, records(5, 6, "lost")), 9)
	if len(s.answers[unsynced]) != 0 {
		t.Fatal("a produce was acknowledged before its sync")
	}
	if got := readAll(s, topic, 1); !slices.Equal(got, want) {
		t.Fatalf("a reader saw what is not committed: %v", got)
	}

	s = startNode(t, files.Crash(nil), testConfig())
	if got := readAll(s, topic, 1); !slices.Equal(got, want) {
		t.Fatalf("after the power cut: read %v, want %v", got, want)
	}
	if p := produceTo(s, topic, 1, records(5, 6, "again")); p.ErrorCode != 0 || p.BaseOffset != 6 {
		t.Fatalf("the producer goes on: offset %d, %v", p.BaseOffset, kerr.ErrorForCode(p.ErrorCode))
	}
}

// Sequence checks survive a restart, clean or not.
func TestSequencesSurviveRestart(t *testing.T) {
	for _, clean := range []bool{true, false} {
		files := mem.New()
		s := startNode(t, files, testConfig())
		topic := createTopic(s, "orders", 1)
		for i := range int32(7) {
			produceTo(s, topic, 0, records(5, i, "x"))
		}
		if clean {
			if err := s.node.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			files = files.Crash(nil)
		}
		s = startNode(t, files, testConfig())
		if p := produceTo(s, topic, 0, records(5, 6, "x")); p.ErrorCode != 0 || p.BaseOffset != 6 {
			t.Errorf("clean %v: a retry of the last batch: offset %d, %v", clean, p.BaseOffset, kerr.ErrorForCode(p.ErrorCode))
		}
		if p := produceTo(s, topic, 0, records(5, 9, "x")); p.ErrorCode != kerr.OutOfOrderSequenceNumber.Code {
			t.Errorf("clean %v: a gap in the sequence: %v", clean, kerr.ErrorForCode(p.ErrorCode))
		}
		if got := readAll(s, topic, 0); len(got) != 7 {
			t.Errorf("clean %v: %d records, want 7", clean, len(got))
		}
	}
}

// A retry of a batch that is appended but not committed is acknowledged only at its commit.
func TestDuplicateWaitsForCommit(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	s.hold = true
	first, second := s.connect(), s.connect()
	s.request(first, produceRequest(topic, 0, -1, records(5, 0, "x")), 1)
	s.request(second, produceRequest(topic, 0, -1, records(5, 0, "x")), 1)
	if len(s.answers[second]) != 0 {
		t.Fatal("the retry was acknowledged before the commit")
	}
	s.hold = false
	s.settle()
	for _, session := range []*kmsg.ProduceResponse{
		s.answers[first][0].Body.(*kmsg.ProduceResponse), s.answers[second][0].Body.(*kmsg.ProduceResponse),
	} {
		if p := session.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != 0 {
			t.Errorf("offset %d, %v", p.BaseOffset, kerr.ErrorForCode(p.ErrorCode))
		}
	}
}

// All appends that come while a sync is under way share the next one.
func TestGroupCommit(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	s.hold = true
	session := s.connect()
	for i := range int32(10) {
		s.request(session, produceRequest(topic, 0, -1, records(5, i, "x")), i)
	}
	if len(s.syncs) != 1 {
		t.Fatalf("%d syncs are under way, want 1", len(s.syncs))
	}
	syncs := 0
	for len(s.syncs) > 0 {
		syncs += len(s.syncs)
		s.completeSyncs(nil)
	}
	if syncs != 2 || len(s.answers[session]) != 10 {
		t.Fatalf("%d syncs for 10 appends, want 2; %d answers", syncs, len(s.answers[session]))
	}
}

// A failed sync stops the node: it does not know what is on disk, and must not say so.
func TestFailedSyncIsFatal(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	s.hold = true
	session := s.connect()
	s.request(session, produceRequest(topic, 0, -1, records(5, 0, "x")), 1)
	s.completeSyncs(errors.New("input/output error"))
	if s.fatal == nil || len(s.answers[session]) != 0 {
		t.Fatalf("fatal %v, answers %d", s.fatal, len(s.answers[session]))
	}
}

// Requests of one connection are answered in order, whichever is ready first.
func TestAnswersInOrder(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 4)
	s.hold = true
	session := s.connect()
	s.request(session, produceRequest(topic, 0, -1, records(5, 0, "slow")), 1)
	s.request(session, kmsg.NewPtrApiVersionsRequest(), 2)
	s.request(session, produceRequest(topic, 1, 1, records(5, 0, "acks=1")), 3)
	if n := len(s.answers[session]); n != 0 {
		t.Fatalf("%d answers overtook the first request", n)
	}
	s.hold = false
	s.settle()
	var order []int32
	for _, r := range s.answers[session] {
		order = append(order, r.Correlation)
	}
	if !slices.Equal(order, []int32{1, 2, 3}) {
		t.Fatalf("answered in order %v", order)
	}
}

// A fetch waits for data and is woken by its commit; without data it ends at its time.
func TestFetchWaitsForOffset(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	reader := s.connect()
	s.request(reader, fetchRequest(topic, 0, 0, 1, 10*time.Second), 1)
	s.pass(9 * time.Second)
	if len(s.answers[reader]) != 0 {
		t.Fatal("answered without data before its time")
	}
	s.hold = true
	writer := s.connect()
	s.request(writer, produceRequest(topic, 0, 1, records(5, 0, "x")), 1)
	if len(s.answers[writer]) != 1 || len(s.answers[reader]) != 0 {
		t.Fatal("a reader saw what is appended and not committed")
	}
	s.hold = false
	s.settle()
	if len(s.answers[reader]) != 1 {
		t.Fatal("the commit did not wake the fetch")
	}
	if got := values(t, s.answers[reader][0].Body.(*kmsg.FetchResponse).Topics[0].Partitions[0]); len(got) != 1 {
		t.Fatalf("woken with %v", got)
	}
	s.request(reader, fetchRequest(topic, 0, 1, 1, 10*time.Second), 2)
	s.pass(11 * time.Second)
	if len(s.answers[reader]) != 2 {
		t.Fatal("not answered at the end of its wait")
	}
	for i := range s.node.shards {
		if n := len(s.node.shards[i].watches); n != 0 {
			t.Errorf("shard %d keeps %d watches", i, n)
		}
	}
}

// A fetch over partitions of several shards, with more bytes asked for than one append brings.
func TestFetchAddsUpOverShards(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 4)
	reader := s.connect()
	req := fetchRequest(topic, 0, 0, 220, 10*time.Second)
	for i := int32(1); i < 4; i++ {
		p := req.Topics[0].Partitions[0]
		p.Partition = i
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
	}
	s.request(reader, req, 1)
	for i := range int32(4) {
		if len(s.answers[reader]) != 0 {
			t.Fatalf("answered after %d appends", i)
		}
		produceTo(s, topic, i, records(5, 0, "x"))
	}
	if len(s.answers[reader]) != 1 {
		t.Fatal("not answered although the bytes are there")
	}
}

// A closed connection leaves nothing behind.
func TestClosedConnectionLeavesNothing(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	reader := s.connect()
	s.request(reader, fetchRequest(topic, 0, 0, 1, 10*time.Second), 1)
	s.step(reader, api.Closed{})
	delete(s.actors, reader)
	s.settle()
	for i := range s.node.shards {
		if n := len(s.node.shards[i].watches); n != 0 {
			t.Errorf("shard %d keeps %d watches", i, n)
		}
	}
	if slices.Contains(s.node.metadata.sessions, reader) {
		t.Error("the metadata actor still publishes to the session")
	}
	produceTo(s, topic, 0, records(5, 0, "x"))
}

// acks=0 has no answer; an error closes the connection, the only way to tell the client.
func TestAcksZero(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	session := s.connect()
	s.request(session, produceRequest(topic, 0, 0, records(5, 0, "x")), 1)
	if n := len(s.answers[session]); n != 1 || s.answers[session][0].Body != nil {
		t.Fatalf("acks=0: %d answers", n)
	}
	if got := readAll(s, topic, 0); len(got) != 1 {
		t.Fatalf("read %v", got)
	}
	s.request(session, produceRequest(topic, 5, 0, records(5, 0, "x")), 2)
	if s.hangups[session] == "" {
		t.Fatal("an error with acks=0 must close the connection")
	}
}

// Produce that is not committed in time says so; the records may commit later.
func TestProduceTimesOut(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	s.hold = true
	session := s.connect()
	s.request(session, produceRequest(topic, 0, -1, records(5, 0, "x")), 1)
	s.pass(11 * time.Second)
	if len(s.answers[session]) != 1 {
		t.Fatal("not answered at its time")
	}
	p := s.answers[session][0].Body.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if p.ErrorCode != kerr.RequestTimedOut.Code {
		t.Fatalf("%v, want REQUEST_TIMED_OUT", kerr.ErrorForCode(p.ErrorCode))
	}
	s.hold = false
	s.settle()
	if got := readAll(s, topic, 0); len(got) != 1 {
		t.Fatalf("read %v", got)
	}
}

// A topic that is deleted and created again under its name has none of the old records, also
// when the node dies between the deletion's record and the deletion of the files.
func TestDeletedTopicStaysDeleted(t *testing.T) {
	files := mem.New()
	s := startNode(t, files, testConfig())
	old := createTopic(s, "orders", 2)
	produceTo(s, old, 0, records(5, 0, "old"))
	remove := kmsg.NewPtrDeleteTopicsRequest()
	byName := kmsg.NewDeleteTopicsRequestTopic()
	byName.Topic = kmsg.StringPtr("orders")
	remove.Topics = append(remove.Topics, byName)
	if resp := ask[*kmsg.DeleteTopicsResponse](s, remove); resp.Topics[0].ErrorCode != 0 {
		t.Fatal(kerr.ErrorForCode(resp.Topics[0].ErrorCode))
	}
	if p := produceTo(s, old, 0, records(5, 1, "x")); p.ErrorCode != kerr.UnknownTopicID.Code {
		t.Fatalf("produce to a deleted topic: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	again := createTopic(s, "orders", 2)
	if again == old {
		t.Fatal("a topic id was used twice")
	}
	s = startNode(t, files.Crash(nil), testConfig())
	if got := readAll(s, again, 0); len(got) != 0 {
		t.Fatalf("the new topic holds %v", got)
	}
}

func TestMetadataCreatesTopics(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = true
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = kmsg.StringPtr("events")
	req.Topics = append(req.Topics, asked)
	resp := ask[*kmsg.MetadataResponse](s, req)
	if topic := resp.Topics[0]; topic.ErrorCode != 0 || len(topic.Partitions) != 3 || topic.Partitions[0].Leader != 7 {
		t.Fatalf("created: %+v", topic)
	}
	*asked.Topic = "bad name"
	if resp = ask[*kmsg.MetadataResponse](s, req); resp.Topics[0].ErrorCode != kerr.InvalidTopicException.Code {
		t.Fatalf("a bad name: %v", kerr.ErrorForCode(resp.Topics[0].ErrorCode))
	}
	req.Topics, req.AllowAutoTopicCreation = nil, false
	if resp = ask[*kmsg.MetadataResponse](s, req); len(resp.Topics) != 1 || resp.Brokers[0].NodeID != 7 {
		t.Fatalf("all topics: %+v", resp)
	}
}

func TestListOffsets(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	produceTo(s, topic, 0, records(5, 0, "a", "b", "c")) // timestamps 1000, 1001, 1002
	for timestamp, want := range map[int64]int64{-1: 3, -2: 0, -3: 2, -4: 0, -5: -1, -6: -1, 0: 0, 1001: 1, 5000: -1} {
		req := kmsg.NewPtrListOffsetsRequest()
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = "orders"
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Timestamp = timestamp
		rt.Partitions = append(rt.Partitions, p)
		req.Topics = append(req.Topics, rt)
		got := ask[*kmsg.ListOffsetsResponse](s, req).Topics[0].Partitions[0]
		if got.ErrorCode != 0 || got.Offset != want {
			t.Errorf("timestamp %d: offset %d, want %d (%v)", timestamp, got.Offset, want, kerr.ErrorForCode(got.ErrorCode))
		}
	}
}

func TestProducerIDsAreNeverReused(t *testing.T) {
	files := mem.New()
	seen := map[int64]bool{}
	for round := range 3 {
		s := startNode(t, files, testConfig())
		for range 1500 {
			resp := ask[*kmsg.InitProducerIDResponse](s, kmsg.NewPtrInitProducerIDRequest())
			if resp.ErrorCode != 0 || seen[resp.ProducerID] {
				t.Fatalf("round %d: producer id %d again, error %d", round, resp.ProducerID, resp.ErrorCode)
			}
			seen[resp.ProducerID] = true
		}
		files = files.Crash(nil)
	}
}

func TestUnsupportedApiVersions(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	session := s.connect()
	frame := []byte{0, 18, 0, 99, 0, 0, 0, 1, 0xff, 0xff}
	s.step(session, arrived(t, frame))
	resp := s.answers[session][0].Body.(*kmsg.ApiVersionsResponse)
	if resp.ErrorCode != kerr.UnsupportedVersion.Code || resp.Version != 0 || len(resp.ApiKeys) != 1 || resp.ApiKeys[0].MaxVersion != 5 {
		t.Fatalf("answered %+v", resp)
	}
}

// Every planted bug does what its name says, and nothing happens without it.
func TestPlantedBugs(t *testing.T) {
	fill := func(cfg Config) (*stepper, [16]byte, *mem.FS) {
		files := mem.New()
		s := startNode(t, files, cfg)
		return s, createTopic(s, "orders", 1), files
	}
	t.Run("ack-before-write", func(t *testing.T) {
		s, topic, _ := fill(withBugs(bug.AckBeforeWrite))
		s.hold = true
		if p := produceTo(s, topic, 0, records(5, 0, "x")); p.ErrorCode != 0 {
			t.Fatal("not acknowledged before the sync")
		}
	})
	t.Run("no-dedupe", func(t *testing.T) {
		s, topic, _ := fill(withBugs(bug.NoDedupe))
		for range 2 {
			produceTo(s, topic, 0, records(5, 0, "x"))
		}
		if got := readAll(s, topic, 0); len(got) != 2 {
			t.Fatalf("read %v", got)
		}
	})
	t.Run("recovery-drops-tail", func(t *testing.T) {
		s, topic, files := fill(withBugs(bug.RecoveryDropsTail))
		produceTo(s, topic, 0, records(5, 0, "x"))
		produceTo(s, topic, 0, records(5, 1, "y"))
		s = startNode(t, files.Crash(nil), withBugs(bug.RecoveryDropsTail))
		if got := readAll(s, topic, 0); !slices.Equal(got, []string{"x"}) {
			t.Fatalf("read %v", got)
		}
	})
	t.Run("flip-order", func(t *testing.T) {
		s, topic, _ := fill(withBugs(bug.FlipOrder))
		session := s.connect()
		for i := range int32(3 * plantedEvery) {
			s.request(session, produceRequest(topic, 0, -1, records(5, i, fmt.Sprintf("%03d", i))), i)
		}
		if got := readAll(s, topic, 0); slices.IsSorted(got) || len(got) < 2*plantedEvery {
			t.Fatalf("read %v", got)
		}
	})
	t.Run("corrupt-payload", func(t *testing.T) {
		s, topic, _ := fill(withBugs(bug.CorruptPayload))
		for i := range int32(plantedEvery) {
			if p := produceTo(s, topic, 0, records(5, i, "payload")); p.ErrorCode != 0 {
				t.Fatal(kerr.ErrorForCode(p.ErrorCode))
			}
		}
		got := readAll(s, topic, 0)
		if bad := slices.IndexFunc(got, func(v string) bool { return v != "payload" }); bad != plantedEvery-1 {
			t.Fatalf("record %d differs, want %d", bad, plantedEvery-1)
		}
	})
}

// With flush none nothing waits for the disk; with interval it is synced later.
func TestFlushPolicies(t *testing.T) {
	for _, flush := range []partition.Flush{partition.FlushNone, partition.FlushInterval} {
		cfg := testConfig()
		cfg.Flush = flush
		s := startNode(t, mem.New(), cfg)
		topic := createTopic(s, "orders", 1)
		s.hold = true
		if p := produceTo(s, topic, 0, records(5, 0, "x")); p.ErrorCode != 0 {
			t.Fatalf("%s: not acknowledged at append", flush)
		}
		if len(s.syncs) != 0 {
			t.Fatalf("%s: a sync began at append", flush)
		}
		s.hold = false
		s.pass(2 * time.Second)
		synced := s.node.shards[0].cfg.Flush == partition.FlushInterval
		for _, shard := range s.node.shards {
			for _, r := range shard.replicas {
				if r.log.Dirty() == synced {
					t.Errorf("%s: dirty is %v after the interval", flush, r.log.Dirty())
				}
			}
		}
	}
}
