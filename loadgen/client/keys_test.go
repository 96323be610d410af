package client

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/verify/history"
)

// Kafka's own vectors of its hash, and the client's default partitioner as a second opinion.
func TestKeysGoWhereKafkasPartitionerSendsThem(t *testing.T) {
	for text, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(text))); got != want {
			t.Errorf("murmur2(%q) = %d; want %d", text, got, want)
		}
	}
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("orders")
	for number := range uint32(1000) {
		key := KeyBytes(nil, number)
		if got, want := PartitionOf(key, 7), int32(partitioner.Partition(&kgo.Record{Key: key}, 7)); got != want {
			t.Fatalf("key %s goes to partition %d; the client sends it to %d", key, got, want)
		}
	}
}

func TestKeyedRecordsStayInTheirTopic(t *testing.T) {
	targets := Targets([]Topic{{Name: "a", Partitions: 3}, {Name: "b", Partitions: 5}})
	written := func(Target) func() uint64 { return func() uint64 { return 0 } }
	for _, zipf := range []bool{false, true} {
		r := newRouter(targets, written, KeySpec{Count: 100, Zipf: zipf}, 1)
		counts := map[uint32]int{}
		at := map[uint32]history.Partition{}
		for i := range 20_000 {
			lane, key := r.route(i % len(targets))
			if lane.target.Topic != targets[i%len(targets)].Topic {
				t.Fatal("a keyed record went to another topic")
			}
			if lane.target.Topic == 1 {
				if before, seen := at[key]; seen && before != lane.target.Partition {
					t.Fatalf("key %d went to %v and %v", key, before, lane.target.Partition)
				}
				at[key] = lane.target.Partition
			}
			counts[key]++
		}
		if skewed := counts[1] > 5*counts[50]; skewed != zipf || counts[0] != 0 {
			t.Errorf("zipf %v: key 1 was drawn %d times, key 50 %d, none %d", zipf, counts[1], counts[50], counts[0])
		}
	}
	if _, key := newRouter(targets, written, KeySpec{}, 1).route(0); key != 0 {
		t.Error("a record has a key that nobody asked for")
	}
}
