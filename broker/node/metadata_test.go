package node

import (
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/metadata"
)

// An image that comes in place of the log is gone by as it is, and not before the topics that it does not
// have are deleted here: every image that is shown is one that was committed.
func TestInstalledImage(t *testing.T) {
	cfg := testConfig()
	self := cfg.Sessions.NodeID
	topic := func(name string, id byte) []metadata.Record {
		return []metadata.Record{
			{Topic: &metadata.TopicRecord{Name: name, ID: metadata.TopicID{id}}},
			{Partition: &metadata.PartitionRecord{TopicID: metadata.TopicID{id}, Replicas: []int32{self}, ISR: []int32{self}, Leader: self}},
		}
	}
	start := metadata.NewImage(cfg.ClusterID, nil).Apply([]metadata.Record{
		{RegisterBroker: &metadata.RegisterBrokerRecord{ID: self, Incarnation: cfg.Incarnation, Host: "localhost"}},
		{UnfenceBroker: &metadata.BrokerRecord{ID: self}},
	})
	before := start.Apply(append(topic("orders", 1), topic("events", 2)...))
	after := start.Apply(append(topic("orders", 3), topic("users", 4)...)).Apply(topic("more", 5))

	a := newMetadata(cfg)
	var shown []*metadata.Image
	var sent []any
	waiting := 0
	step := func(message any) {
		var fx actor.Effects
		a.Step(time.Time{}, message, &fx)
		for _, s := range fx.Sends {
			switch m := s.Message.(type) {
			case applied:
				shown = append(shown, m.image)
			case assign, unassign:
				waiting++
				sent = append(sent, m)
			}
		}
	}
	answer := func() {
		for ; waiting > 0; waiting-- {
			step(assigned{})
		}
	}
	step(news{image: before})
	answer()
	sent = nil
	step(news{image: after})
	if len(sent) != 2 || shown[len(shown)-1] != before {
		t.Fatalf("%d messages before the two old topics are gone, the image has %d records", len(sent), shown[len(shown)-1].Offset)
	}
	for _, m := range sent {
		if _, ok := m.(unassign); !ok {
			t.Errorf("%+v comes before what is gone is deleted", m)
		}
	}
	answer()
	for waiting > 0 {
		answer()
	}
	if last := shown[len(shown)-1]; last != after {
		t.Errorf("the image has %d records, want %d", last.Offset, after.Offset)
	}
	for _, image := range shown {
		if image != before && image != after {
			t.Errorf("an image of %d records was shown, which nobody has committed", image.Offset)
		}
	}
	if a.sent[api.Replica{Topic: metadata.TopicID{3}}].state.Leader != self {
		t.Error("the new topic of the old name is not led here")
	}
}
