package node

import (
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lead makes the node the leader of a later epoch, as an election will do.
func lead(s *stepper, topic metadata.TopicID, epoch int32) {
	s.t.Helper()
	for _, shard := range s.node.shards {
		if r := shard.replicas[api.Replica{Topic: topic}]; r != nil {
			if err := r.log.BeginEpoch(epoch); err != nil {
				s.t.Fatal(err)
			}
			r.leader.Epoch = epoch
			return
		}
	}
	s.t.Fatal("no shard has the replica")
}

// severalEpochs makes a topic whose partition 0 has epoch 0 from offset 0, 3 from 2, 6 from 5, and ends
// at 6. Epoch 4 left no record.
func severalEpochs(t *testing.T) (*stepper, metadata.TopicID) {
	t.Helper()
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 2)
	produceTo(s, topic, 0, records(5, 0, "a", "b"))
	lead(s, topic, 3)
	produceTo(s, topic, 0, records(5, 2, "c", "d", "e"))
	lead(s, topic, 4)
	lead(s, topic, 6)
	produceTo(s, topic, 0, records(5, 5, "f"))
	return s, topic
}

func epochRequest(topic string, index, current, asked int32) *kmsg.OffsetForLeaderEpochRequest {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	rt := kmsg.NewOffsetForLeaderEpochRequestTopic()
	rt.Topic = topic
	p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = index, current, asked
	rt.Partitions = append(rt.Partitions, p)
	req.Topics = append(req.Topics, rt)
	return req
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	s, _ := severalEpochs(t)
	for what, c := range map[string]struct {
		topic          string
		index          int32
		current, asked int32
		want           *kerr.Error
		epoch          int32
		end            int64
	}{
		"an old epoch":                 {"orders", 0, 6, 0, nil, 0, 2},
		"one that never was":           {"orders", 0, 6, 2, nil, 0, 2},
		"the one before":               {"orders", 0, 6, 3, nil, 3, 5},
		"one that left nothing":        {"orders", 0, 6, 4, nil, 3, 5},
		"the current one":              {"orders", 0, 6, 6, nil, 6, 6},
		"a later one":                  {"orders", 0, 6, 7, nil, -1, -1},
		"none":                         {"orders", 0, 6, -1, nil, -1, -1},
		"client knows no leader":       {"orders", 0, -1, 3, nil, 3, 5},
		"client behind":                {"orders", 0, 5, 3, kerr.FencedLeaderEpoch, -1, -1},
		"client ahead":                 {"orders", 0, 7, 3, kerr.UnknownLeaderEpoch, -1, -1},
		"current epoch, empty log":     {"orders", 1, 0, 0, nil, 0, 0},
		"partition that is not there":  {"orders", 2, 6, 3, kerr.UnknownTopicOrPartition, -1, -1},
		"partition with a strange id":  {"orders", -1, 6, 3, kerr.UnknownTopicOrPartition, -1, -1},
		"a topic that does not exist ": {"events", 0, 6, 3, kerr.UnknownTopicOrPartition, -1, -1},
	} {
		versions, _ := wire.Served(wire.Clients, kmsg.OffsetForLeaderEpoch.Int16())
		for version := versions.Min; version <= versions.Max; version++ {
			req := epochRequest(c.topic, c.index, c.current, c.asked)
			req.SetVersion(version)
			p := ask[*kmsg.OffsetForLeaderEpochResponse](s, req).Topics[0].Partitions[0]
			code := int16(0)
			if c.want != nil {
				code = c.want.Code
			}
			if p.Partition != c.index || p.ErrorCode != code || p.LeaderEpoch != c.epoch || p.EndOffset != c.end {
				t.Errorf("%s, version %d: epoch %d ends at %d (%v), want %d at %d (%v)",
					what, version, p.LeaderEpoch, p.EndOffset, kerr.ErrorForCode(p.ErrorCode), c.epoch, c.end, c.want)
			}
		}
	}
	if resp := ask[*kmsg.OffsetForLeaderEpochResponse](s, kmsg.NewPtrOffsetForLeaderEpochRequest()); len(resp.Topics) != 0 {
		t.Errorf("nothing was asked, answered %+v", resp)
	}
}

// The current epoch ends at the log's end, committed or not: a follower must keep what it has copied.
func TestEpochEndsAtLogEnd(t *testing.T) {
	s, topic := severalEpochs(t)
	s.hold = true
	s.request(s.connect(), produceRequest(topic, 0, -1, records(5, 6, "g", "h")), 1)
	if p := ask[*kmsg.OffsetForLeaderEpochResponse](s, epochRequest("orders", 0, 6, 6)).Topics[0].Partitions[0]; p.EndOffset != 8 {
		t.Errorf("epoch 6 ends at %d, want 8", p.EndOffset)
	}
}

// A reader whose last record is not this log's gets told where its log left this one, and no records.
func TestFetchDiverging(t *testing.T) {
	s, topic := severalEpochs(t)
	fetchFrom := func(last int32, offset int64) kmsg.FetchResponseTopicPartition {
		t.Helper()
		req := fetchRequest(topic, 0, offset, 0, 0)
		req.Topics[0].Partitions[0].LastFetchedEpoch = last
		return ask[*kmsg.FetchResponse](s, req).Topics[0].Partitions[0]
	}
	for _, c := range []struct {
		last   int32
		offset int64
		epoch  int32
		end    int64
	}{
		{3, 6, 3, 5}, // more records of epoch 3 than were kept
		{4, 5, 3, 5}, // records of an epoch that left none here
		{5, 6, 3, 5},
		{2, 2, 0, 2},
		{0, 3, 0, 2},
		{6, 7, 6, 6}, // beyond the end of the current epoch
		{9, 6, 6, 6}, // of an epoch that this leader has not seen
	} {
		p := fetchFrom(c.last, c.offset)
		if p.ErrorCode != 0 || p.DivergingEpoch.Epoch != c.epoch || p.DivergingEpoch.EndOffset != c.end || len(p.RecordBatches) != 0 {
			t.Errorf("fetched epoch %d before offset %d: %v, diverging %+v with %d bytes, want epoch %d, end %d",
				c.last, c.offset, kerr.ErrorForCode(p.ErrorCode), p.DivergingEpoch, len(p.RecordBatches), c.epoch, c.end)
		}
		if p.HighWatermark != 6 || p.LogStartOffset != 0 {
			t.Errorf("fetched epoch %d: high watermark %d, log start %d", c.last, p.HighWatermark, p.LogStartOffset)
		}
	}
	for _, c := range []struct {
		last   int32
		offset int64
		first  string
	}{{0, 2, "c"}, {0, 0, "a"}, {3, 5, "f"}, {-1, 5, "f"}} {
		p := fetchFrom(c.last, c.offset)
		if got := values(t, p); p.DivergingEpoch.EndOffset != -1 || len(got) == 0 || got[0] != c.first {
			t.Errorf("fetched epoch %d before offset %d: %v, diverging %+v", c.last, c.offset, got, p.DivergingEpoch)
		}
	}
	if p := fetchFrom(-1, 7); p.ErrorCode != kerr.OffsetOutOfRange.Code {
		t.Errorf("beyond the end: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	if p := fetchFrom(4, -5); p.ErrorCode != kerr.OffsetOutOfRange.Code || p.DivergingEpoch.EndOffset != -1 {
		t.Errorf("before the start: %v, diverging %+v", kerr.ErrorForCode(p.ErrorCode), p.DivergingEpoch)
	}
}

// Like an error, a diverging epoch is told at once, however long the reader would wait for bytes, and
// leaves no watch behind.
func TestDivergingEndsTheWait(t *testing.T) {
	for _, other := range []int32{0, 1} { // the other partition may belong to another shard
		s, topic := severalEpochs(t)
		req := fetchRequest(topic, other, 0, 1<<20, 30*time.Second)
		p := req.Topics[0].Partitions[0]
		p.Partition, p.FetchOffset, p.LastFetchedEpoch = 0, 6, 3
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
		session := s.connect()
		s.request(session, req, 1)
		if len(s.answers[session]) != 1 {
			t.Fatal("the reader waits")
		}
		replica := api.Replica{Topic: topic}
		var fx actor.Effects
		s.actors[api.ShardOf(replica, 2)].Step(s.now, api.FetchRead{
			To: session, Parts: []api.FetchPart{{Replica: replica, Offset: 6, Epoch: 6, LastEpoch: 3, MaxBytes: 100}}, MaxBytes: 100, Watch: 100,
		}, &fx)
		if data := fx.Sends[0].Message.(api.FetchData); data.Watching || data.Results[0].Diverging == nil {
			t.Errorf("the shard answers %+v", data)
		}
		got := s.answers[session][0].Body.(*kmsg.FetchResponse).Topics[0].Partitions
		if got[1].DivergingEpoch.EndOffset != 5 || other == 0 && len(got[0].RecordBatches) == 0 {
			t.Errorf("answered %+v", got)
		}
		for i, shard := range s.node.shards {
			if n := len(shard.watches); n != 0 {
				t.Errorf("shard %d keeps %d watches", i, n)
			}
		}
	}
}

// An offset comes with the leader epoch of its record.
func TestListOffsetsEpochs(t *testing.T) {
	s, topic := severalEpochs(t)
	lead(s, topic, 8) // has no record
	for timestamp, want := range map[int64]struct {
		offset int64
		epoch  int32
	}{
		api.LatestOffset: {6, 8}, api.EarliestOffset: {0, 0}, api.EarliestLocalOffset: {0, 0}, api.LatestTieredOffset: {-1, -1},
		api.MaxTimestampOffset: {4, 3}, 1000: {0, 0}, 1002: {4, 3}, 5000: {-1, -1},
	} {
		req := kmsg.NewPtrListOffsetsRequest()
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = "orders"
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Timestamp, p.CurrentLeaderEpoch = timestamp, 8
		rt.Partitions = append(rt.Partitions, p)
		req.Topics = append(req.Topics, rt)
		got := ask[*kmsg.ListOffsetsResponse](s, req).Topics[0].Partitions[0]
		if got.ErrorCode != 0 || got.Offset != want.offset || got.LeaderEpoch != want.epoch {
			t.Errorf("timestamp %d: offset %d of epoch %d, want %+v (%v)", timestamp, got.Offset, got.LeaderEpoch, want, kerr.ErrorForCode(got.ErrorCode))
		}
	}
}
