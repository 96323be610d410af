package metadata

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
)

// The table is sorted, its defaults are allowed by its own rules, and every setting can be found.
func TestSettingsTable(t *testing.T) {
	rows := AllSettings()
	if !slices.IsSortedFunc(rows, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the table is not sorted by name")
	}
	for i := range rows {
		row := &rows[i]
		if canonical, err := row.Parse(row.Default); err != nil || canonical != row.Default {
			t.Errorf("%s: its default %q is read as %q, %v", row.Name, row.Default, canonical, err)
		}
		if FindSetting(row.Name) != row || !row.Internal && FindBrokerSetting(row.Broker) != row {
			t.Errorf("%s is not found", row.Name)
		}
		if row.field == nil && !strings.HasPrefix(row.Doc, "Kept and shown") {
			t.Errorf("%s acts on nothing, and does not say so: %q", row.Name, row.Doc)
		}
		if !strings.HasSuffix(row.Doc, ".") {
			t.Errorf("%s: its doc is no sentence: %q", row.Name, row.Doc)
		}
	}
	for i, row := range brokerRows {
		if i > 0 && brokerRows[i-1].Broker >= row.Broker {
			t.Errorf("%s and %s of brokers are not in order", brokerRows[i-1].Broker, row.Broker)
		}
	}
	for _, name := range []string{"", "retention", "retention.hours", "zzz"} {
		if FindSetting(name) != nil || FindBrokerSetting(name) != nil {
			t.Errorf("%q was found", name)
		}
	}
}

func TestSettingsValues(t *testing.T) {
	for _, c := range []struct {
		name, value string
		// want is part of the error; the value is taken if it is empty.
		want string
	}{
		{"retention.ms", " 1000 ", ""}, {"retention.ms", "-1", ""}, {"retention.ms", "-2", "a number from -1 to 9223372036854775807"},
		{"retention.ms", "1h", "a number from -1"}, {"retention.ms", "", "a number from -1"}, {"retention.ms", "9223372036854775808", "a number"},
		{"retention.bytes", "-1", ""}, {"retention.bytes", "-7", "a number from -1"},
		{"segment.bytes", "1048576", ""}, {"segment.bytes", "1048575", "a number from 1048576 to 2147483647"},
		{"segment.bytes", "2147483648", "to 2147483647"}, {"internal.segment.bytes", "100", ""}, {"segment.ms", "0", "a number from 1"},
		{"cleanup.policy", "compact, delete", ""}, {"cleanup.policy", "", ""}, {"cleanup.policy", "shred", "a list of compact, delete"},
		{"cleanup.policy", "delete,delete", "each at most once"},
		{"compression.type", "zstd", ""}, {"compression.type", "brotli", "one of uncompressed, zstd, lz4, snappy, gzip, producer"},
		{"compression.gzip.level", "-1", ""}, {"compression.gzip.level", "0", "-1, or a number from 1 to 9"}, {"compression.gzip.level", "10", "to 9"},
		{"message.timestamp.type", "LogAppendTime", ""}, {"message.timestamp.type", "CreationTime", "one of CreateTime, LogAppendTime"},
		{"min.cleanable.dirty.ratio", "0.25", ""}, {"min.cleanable.dirty.ratio", "1.5", "a number from 0 to 1"}, {"min.cleanable.dirty.ratio", "NaN", "a number"},
		{MinISRConfig, "2", ""}, {MinISRConfig, "0", "a number from 1"}, {UncleanConfig, "TRUE", ""}, {UncleanConfig, "yes", "true or false"},
		{"max.message.bytes", "-1", "a number from 0"}, {"leader.replication.throttled.replicas", "*", ""},
		{"leader.replication.throttled.replicas", "0:1,1:2", ""}, {"leader.replication.throttled.replicas", "0-1", "a list of partition:broker"},
		{"follower.replication.throttled.replicas", "0:1,0:1", "every item once"},
		{"retention.hours", "1", `there is no setting "retention.hours"`}, {"remote.storage.enable", "true", "there is no setting"},
	} {
		checked, err := CheckSettings(map[string]string{c.name: c.value})
		switch {
		case c.want == "" && (err != nil || len(checked) != 1):
			t.Errorf("%s=%q: %v", c.name, c.value, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name)):
			t.Errorf("%s=%q: %v, want %q", c.name, c.value, err, c.want)
		}
	}
	if _, err := CheckSettings(map[string]string{"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"}); err == nil || !strings.Contains(err.Error(), "want at most max.compaction.lag.ms") {
		t.Errorf("a lag that is at least 5 and at most 4: %v", err)
	}
	if checked, err := CheckSettings(map[string]string{"cleanup.policy": " compact , delete", UncleanConfig: "True"}); err != nil ||
		checked["cleanup.policy"] != "compact,delete" || checked[UncleanConfig] != "true" {
		t.Errorf("canonical: %v, %v", checked, err)
	}
}

// What a topic says comes before what its broker says, and that before Kafka's defaults.
func TestSettingsInForce(t *testing.T) {
	none := Defaults(nil)
	want := Settings{
		Cleanup: Cleanup{Delete: true}, RetentionMillis: 604800000, RetentionBytes: -1, SegmentBytes: 1 << 30, SegmentMillis: 604800000,
		IndexIntervalBytes: 4096, FileDeleteDelayMillis: 60000, MaxMessageBytes: 1048588, Compression: "producer",
		GzipLevel: -1, Lz4Level: 9, ZstdLevel: 3, TimestampType: "CreateTime", TimestampBeforeMaxMillis: math.MaxInt64,
		TimestampAfterMaxMillis: 3600000, MinISR: 1, DeleteRetentionMillis: 86400000, MinDirtyRatio: 0.5, MaxCompactionLagMillis: math.MaxInt64,
	}
	if none != want {
		t.Errorf("Kafka's defaults:\n%+v, want\n%+v", none, want)
	}
	broker := Defaults(map[string]string{"retention.ms": "5", "segment.ms": "6", MinISRConfig: "2"})
	topic := &Topic{Configs: map[string]string{"retention.ms": "7", "cleanup.policy": "compact", UncleanConfig: "true", "internal.segment.bytes": "100"}}
	got := topic.Settings(broker)
	want.RetentionMillis, want.SegmentMillis, want.MinISR, want.Cleanup, want.Unclean = 7, 6, 2, Cleanup{Compact: true}, true
	want.SegmentBytes, want.internalSegmentBytes = 100, 100
	if got != want {
		t.Errorf("in force:\n%+v, want\n%+v", got, want)
	}
	// What an older version let through is as if it had not been said.
	odd := &Topic{Configs: map[string]string{"retention.ms": "soon", "gone": "1"}}
	if odd.Settings(broker) != broker {
		t.Errorf("values that cannot be read: %+v", odd.Settings(broker))
	}
}

// A change of settings touches the topic that it names, keeps what it does not name, and is in snapshots.
func TestTopicConfigRecord(t *testing.T) {
	id := TopicID{1}
	before := NewImage("c", nil).Apply([]Record{
		{Topic: &TopicRecord{Name: "orders", ID: id, Configs: map[string]string{"retention.ms": "1", "segment.ms": "2"}}},
		{Topic: &TopicRecord{Name: "plain", ID: TopicID{2}}},
	})
	change := Record{TopicConfig: &TopicConfigRecord{ID: id, Set: map[string]string{"retention.ms": "9"}, Unset: []string{"segment.ms", "never.set"}}}
	encoded, err := Encode(change)
	if err != nil {
		t.Fatal(err)
	}
	if change, err = Decode(encoded); err != nil {
		t.Fatal(err)
	}
	after := before.Apply([]Record{change})
	if got := after.Topic("orders").Configs; len(got) != 1 || got["retention.ms"] != "9" {
		t.Errorf("after the change: %v", got)
	}
	if got := before.Topic("orders").Configs; len(got) != 2 || got["retention.ms"] != "1" {
		t.Errorf("the older image has changed: %v", got)
	}
	if after.Topic("plain") != before.Topic("plain") || after.Topic("orders") == before.Topic("orders") {
		t.Error("the topic that was changed is another, the rest is the same")
	}
	again, err := FromSnapshot(after.Snapshot())
	if err != nil || !bytes.Equal(again.Snapshot(), after.Snapshot()) || again.Topic("orders").Configs["retention.ms"] != "9" {
		t.Errorf("from a snapshot: %v, %v", again.Topic("orders").Configs, err)
	}
	none := after.Apply([]Record{{TopicConfig: &TopicConfigRecord{ID: id, Unset: []string{"retention.ms"}}}})
	if none.Topic("orders").Configs != nil {
		t.Errorf("all unset: %v", none.Topic("orders").Configs)
	}
	if later := none.Apply([]Record{{TopicConfig: &TopicConfigRecord{ID: TopicID{7}, Set: map[string]string{"retention.ms": "1"}}}}); later.Offset != none.Offset+1 {
		t.Error("a change of a topic that is gone must count and change nothing")
	}
}
