package metadata

import (
	"bytes"
	"testing"
)

func register(id int32) Record {
	return Record{RegisterBroker: &RegisterBrokerRecord{ID: id, Incarnation: Incarnation{byte(id)}, Host: "host", Port: 9092, Rack: "a"}}
}

func TestBrokers(t *testing.T) {
	empty := NewImage("c", nil)
	im := empty.Apply([]Record{register(2), register(1), {UnfenceBroker: &BrokerRecord{ID: 2, Epoch: 0}}})
	if b := im.Broker(2); b.Epoch != 0 || b.Fenced || !b.Active() || b.Rack != "a" {
		t.Errorf("broker 2: %+v", b)
	}
	if b := im.Broker(1); b.Epoch != 1 || !b.Fenced || b.Active() {
		t.Errorf("broker 1: %+v", b)
	}
	if len(im.Brokers) != 1 || im.Brokers[0].ID != 2 || len(im.Registered()) != 2 || im.Registered()[0].ID != 1 {
		t.Errorf("for clients %v, registered %v", im.Brokers, im.Registered())
	}
	if empty.Broker(2) != nil || im.Broker(3) != nil || im.Broker(3).Active() {
		t.Error("a broker that never registered")
	}
	// A record of another epoch was overtaken by a registration.
	later := im.Apply([]Record{register(2), {UnfenceBroker: &BrokerRecord{ID: 2, Epoch: 0}}, {FenceBroker: &BrokerRecord{ID: 9}}})
	if b := later.Broker(2); b.Epoch != 3 || !b.Fenced || later.Offset != 6 || len(later.Brokers) != 0 {
		t.Errorf("registered again: %+v", b)
	}
	stopping := im.Apply([]Record{{ShutdownBroker: &BrokerRecord{ID: 2, Epoch: 0}}})
	if b := stopping.Broker(2); !b.ShuttingDown || b.Active() || len(stopping.Brokers) != 1 || im.Broker(2).ShuttingDown {
		t.Errorf("shutting down: %+v", b)
	}
}

// A change sets what it has and raises the partition epoch; only a leader raises the leader epoch.
func TestPartitionChanges(t *testing.T) {
	id, leader, recovering := TopicID{1}, int32(2), true
	im := NewImage("c", nil).Apply([]Record{
		{Topic: &TopicRecord{Name: "orders", ID: id}},
		{Partition: &PartitionRecord{TopicID: id, Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Leader: 1}},
	})
	change := func(r PartitionChangeRecord) {
		t.Helper()
		r.TopicID = id
		encoded, err := Encode(Record{PartitionChange: &r})
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		before := im.Snapshot()
		next := im.Apply([]Record{decoded})
		if !bytes.Equal(im.Snapshot(), before) {
			t.Fatal("an image changed")
		}
		im = next
	}
	none := NoLeader
	change(PartitionChangeRecord{ISR: []int32{}, ELR: []int32{1, 2}, Leader: &none})
	if _, p := im.Partition(id, 0); p.ISR != nil || len(p.ELR) != 2 || p.Leader != NoLeader || p.LastLeader != 1 || p.LeaderEpoch != 1 || p.PartitionEpoch != 1 {
		t.Errorf("emptied: %+v", p)
	}
	change(PartitionChangeRecord{LastKnownELR: []int32{1}, ELR: []int32{2}})
	change(PartitionChangeRecord{ISR: []int32{2}, Leader: &leader, Recovering: &recovering})
	if _, p := im.Partition(id, 0); p.Leader != 2 || p.LeaderEpoch != 2 || p.PartitionEpoch != 3 || len(p.ELR) != 1 || len(p.LastKnownELR) != 1 || !p.Recovering {
		t.Errorf("led again: %+v", p)
	}
	change(PartitionChangeRecord{Index: 7, ISR: []int32{}})
	if _, p := im.Partition(id, 0); p.PartitionEpoch != 3 || im.Offset != 6 {
		t.Errorf("a change of nothing: %+v", p)
	}
}

func TestSnapshot(t *testing.T) {
	im := NewImage("c", nil).Apply([]Record{
		register(1), {Topic: &TopicRecord{Name: "orders", ID: TopicID{1}, Configs: map[string]string{MinISRConfig: "2"}}},
		{Partition: &PartitionRecord{TopicID: TopicID{1}, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1}},
		{ProducerIDs: &ProducerIDsRecord{Next: 1000}},
	})
	again, err := FromSnapshot(im.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Snapshot(), im.Snapshot()) || again.TopicByID(TopicID{1}) == nil || again.Offset != 4 {
		t.Errorf("%s\nfrom\n%s", again.Snapshot(), im.Snapshot())
	}
	// Both go on alike.
	more := []Record{register(2), {RemoveTopic: &RemoveTopicRecord{ID: TopicID{1}}}}
	if !bytes.Equal(again.Apply(more).Snapshot(), im.Apply(more).Snapshot()) {
		t.Error("the images part")
	}
	for _, bad := range []string{"", "{}", `{"Version":9}`, `{"Version":1,"Topics":[{"ID":"01000000000000000000000000000000","Partitions":[{"Index":1}]}]}`} {
		if _, err := FromSnapshot([]byte(bad)); err == nil {
			t.Errorf("FromSnapshot(%q) must fail", bad)
		}
	}
}

func TestMinISR(t *testing.T) {
	p := &Partition{Replicas: []int32{1, 2, 3}}
	for _, c := range []struct {
		config    string
		byDefault int
		want      int
	}{{"", 0, 1}, {"", 2, 2}, {"2", 1, 2}, {"5", 1, 3}, {"1", 2, 1}} {
		topic := &Topic{}
		if c.config != "" {
			topic.Configs = map[string]string{MinISRConfig: c.config}
		}
		if got := topic.MinISR(p, c.byDefault); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
