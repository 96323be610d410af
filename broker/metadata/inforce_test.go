package metadata

import (
	"bytes"
	"testing"
)

// Who says something of a setting stands in the order in which they win, under the name that it has there.
func TestValuesInForce(t *testing.T) {
	empty := NewImage("c", nil)
	told := empty.Apply([]Record{
		{BrokerConfig: &BrokerConfigRecord{Broker: AllBrokers, Set: map[string]string{"log.retention.ms": "3", "log.segment.bytes": "2000000"}}},
		{BrokerConfig: &BrokerConfigRecord{Broker: 1, Set: map[string]string{"log.retention.ms": "2", "leader.replication.throttled.rate": "9"}}},
	})
	static := map[string]string{"retention.ms": "4"}
	find := func(values []Value, name string) Value {
		for _, v := range values {
			if v.Name == name {
				return v
			}
		}
		t.Fatalf("%s is not there", name)
		return Value{}
	}
	v := find(told.TopicValues(map[string]string{"retention.ms": "1"}, static, 1), "retention.ms")
	want := []Said{{"retention.ms", "1", FromTopic}, {"log.retention.ms", "2", FromBroker}, {"log.retention.ms", "3", FromDefaultBroker},
		{"log.retention.ms", "4", FromStart}, {"log.retention.ms", "604800000", FromTable}}
	if len(v.Synonyms) != len(want) || v.Value != "1" || v.Source != FromTopic {
		t.Fatalf("%+v", v)
	}
	for i := range want {
		if v.Synonyms[i] != want[i] {
			t.Errorf("synonym %d: %+v, want %+v", i, v.Synonyms[i], want[i])
		}
	}
	for _, c := range []struct {
		values []Value
		name   string
		value  string
		source Source
	}{
		{told.TopicValues(nil, static, 1), "retention.ms", "2", FromBroker},
		{told.TopicValues(nil, static, 2), "retention.ms", "3", FromDefaultBroker},
		{empty.TopicValues(nil, static, 2), "retention.ms", "4", FromStart},
		{empty.TopicValues(nil, nil, 2), "retention.ms", "604800000", FromTable},
		{told.BrokerValues(static, 1), "log.retention.ms", "2", FromBroker},
		{told.BrokerValues(static, 1), "leader.replication.throttled.rate", "9", FromBroker},
		{told.BrokerValues(static, 2), "log.segment.bytes", "2000000", FromDefaultBroker},
		{told.ToldToAll(), "log.retention.ms", "3", FromDefaultBroker},
	} {
		if got := find(c.values, c.name); got.Value != c.value || got.Source != c.source {
			t.Errorf("%s: %q from %d, want %q from %d", c.name, got.Value, got.Source, c.value, c.source)
		}
	}
	if all := told.ToldToAll(); len(all) != 2 || len(empty.ToldToAll()) != 0 {
		t.Errorf("told to all: %+v", all)
	}
	for _, internal := range empty.TopicValues(nil, nil, 1) {
		if internal.Setting.Internal {
			t.Errorf("%s is shown, and nobody has said it", internal.Name)
		}
	}
}

// What brokers are told changes the settings of topics that say nothing, and is in snapshots.
func TestDefaultsWhileRunning(t *testing.T) {
	im := NewImage("c", nil).Apply([]Record{
		{BrokerConfig: &BrokerConfigRecord{Broker: AllBrokers, Set: map[string]string{"log.retention.ms": "3", "log.roll.ms": "5"}}},
		{BrokerConfig: &BrokerConfigRecord{Broker: 1, Set: map[string]string{"log.retention.ms": "2"}}},
	})
	base := Defaults(map[string]string{"retention.ms": "9", "retention.bytes": "8"})
	one, two := im.Defaults(base, 1), im.Defaults(base, 2)
	if one.RetentionMillis != 2 || one.SegmentMillis != 5 || one.RetentionBytes != 8 || two.RetentionMillis != 3 {
		t.Errorf("broker 1: %+v\nbroker 2: %+v", one, two)
	}
	again, err := FromSnapshot(im.Snapshot())
	if err != nil || !bytes.Equal(again.Snapshot(), im.Snapshot()) || again.Defaults(base, 1) != one {
		t.Errorf("from a snapshot: %+v, %v", again.Defaults(base, 1), err)
	}
	gone := im.Apply([]Record{
		{BrokerConfig: &BrokerConfigRecord{Broker: 1, Unset: []string{"log.retention.ms"}}},
		{BrokerConfig: &BrokerConfigRecord{Broker: AllBrokers, Unset: []string{"log.retention.ms", "log.roll.ms"}}},
	})
	if gone.Defaults(base, 1) != base || im.Defaults(base, 1) != one {
		t.Errorf("taken back: %+v; the older image: %+v", gone.Defaults(base, 1), im.Defaults(base, 1))
	}
	fresh := NewImage("c", nil)
	fresh.Offset, fresh.topics, fresh.names = gone.Offset, gone.topics, gone.names
	if !bytes.Equal(gone.Snapshot(), fresh.Snapshot()) {
		t.Errorf("nothing is left of what was taken back, and the snapshot is\n%s", gone.Snapshot())
	}
}
