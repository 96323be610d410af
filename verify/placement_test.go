package verify

import (
	"io"
	"strings"
	"testing"

	"github.com/logproof/logproof/verify/history"
)

// The vectors are those by which Apache Kafka tests its own (UtilsTest.testMurmur2).
func TestMurmur2(t *testing.T) {
	for text, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(text))); got != want {
			t.Errorf("murmur2(%q) is %d, want %d", text, got, want)
		}
	}
}

// A client learns late that a topic has grown: for that long both places are right, and no longer.
func TestPlacementOfAGrowingTopic(t *testing.T) {
	k := KeyedTopic{Topic: "orders", Counts: []PartitionCount{{0, 3}, {100, 6}}}
	key := uint32(1)
	for partitionOf(key, 3) == partitionOf(key, 6) {
		key++
	}
	old, new := partitionOf(key, 3), partitionOf(key, 6)
	for _, c := range []struct {
		from, to int64
		index    int32
		ok       bool
	}{
		{0, 99, old, true}, {0, 99, new, false}, {90, 100, new, true}, {90, 100, old, true}, {100, 150, old, true}, {101, 150, old, false}, {101, 150, new, true},
	} {
		if want, ok := k.takes(key, c.index, history.Time(c.from), history.Time(c.to)); ok != c.ok || !ok && want == "" {
			t.Errorf("from %d to %d, partition %d: %v (%s), want %v", c.from, c.to, c.index, ok, want, c.ok)
		}
	}
}

// Growing a topic breaks the order of its keys: it is shown and permitted.
func TestGrowthIsShown(t *testing.T) {
	for _, a := range zoo(t) {
		if a.name != "misplaced-key-grown.clean" {
			continue
		}
		for _, rule := range check(t, a.entries, a.expect).Rules {
			if rule.Rule == Placement && (rule.Verdict != Pass || !strings.Contains(rule.Detail, "orders grew from 3 to 6 partitions and 1 key is in several of them")) {
				t.Errorf("placement is %s: %q", rule.Verdict, rule.Detail)
			}
		}
	}
}

func TestBadKeysAndCompaction(t *testing.T) {
	for _, c := range []struct {
		expect Expect
		want   string
	}{
		{Expect{Keys: []KeyedTopic{{Topic: "orders"}}}, `keyed topic "orders": want a name and a count`},
		{Expect{Keys: []KeyedTopic{{"orders", []PartitionCount{{0, 0}}}}}, "0 partitions from 0 on: want 1 or more"},
		{Expect{Keys: []KeyedTopic{{"orders", []PartitionCount{{0, 6}, {10, 3}}}}}, "3 partitions from 10 on: want 1 or more, and topics only grow"},
		{Expect{Compacted: []CompactedTopic{{"orders", -1}}}, "compacted topic \"orders\" with a lag of -1ns"},
	} {
		if _, err := Check(&entries{nil, io.EOF}, c.expect); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v, want %q", err, c.want)
		}
	}
}
