package node

import (
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/metadata"
)

// A change of a topic's settings is told to the shards of its replicas here, once, and of no others.
func TestSettingsReachTheShard(t *testing.T) {
	cfg := testConfig()
	cfg.Settings = map[string]string{"segment.ms": "5000"}
	cfg, err := cfg.complete()
	if err != nil {
		t.Fatal(err)
	}
	self := cfg.Sessions.NodeID
	records := []metadata.Record{
		{RegisterBroker: &metadata.RegisterBrokerRecord{ID: self, Incarnation: cfg.Incarnation}}, {UnfenceBroker: &metadata.BrokerRecord{ID: self}},
	}
	for i, name := range []string{"orders", "other"} {
		id := metadata.TopicID{byte(i + 1)}
		records = append(records, metadata.Record{Topic: &metadata.TopicRecord{Name: name, ID: id}},
			metadata.Record{Partition: &metadata.PartitionRecord{TopicID: id, Replicas: []int32{self}, ISR: []int32{self}, Leader: self}})
	}
	a := newMetadata(cfg)
	step := func(message any) (sent []assign) {
		var fx actor.Effects
		a.Step(time.Time{}, message, &fx)
		for _, s := range fx.Sends {
			if m, ok := s.Message.(assign); ok {
				sent = append(sent, m)
			}
		}
		for range sent {
			a.Step(time.Time{}, assigned{}, &fx)
		}
		return sent
	}
	if sent := step(news{records: records}); len(sent) != 2 || sent[0].settings.SegmentMillis != 5000 || sent[0].settings.RetentionMillis != 604800000 {
		t.Fatalf("at first: %+v", sent)
	}
	change := news{records: []metadata.Record{{TopicConfig: &metadata.TopicConfigRecord{ID: metadata.TopicID{1}, Set: map[string]string{"retention.ms": "7", metadata.MinISRConfig: "1"}}}}}
	if sent := step(change); len(sent) != 1 || sent[0].topic != "orders" || sent[0].settings.RetentionMillis != 7 || sent[0].settings.SegmentMillis != 5000 {
		t.Errorf("changed: %+v", sent)
	}
	if sent := step(change); len(sent) != 0 {
		t.Errorf("told again of what has not changed: %+v", sent)
	}
}

// What fields and names of the configuration say of topics comes together; names win.
func TestSettingsOfTheConfiguration(t *testing.T) {
	cfg := testConfig()
	cfg.Log.SegmentBytes, cfg.Sessions.MaxBatch, cfg.Controller.DefaultMinISR = 4096, 2000, 2
	cfg.Settings = map[string]string{"max.message.bytes": "3000", metadata.UncleanConfig: "true"}
	done, err := cfg.complete()
	if err != nil {
		t.Fatal(err)
	}
	s, static := done.settings, done.Sessions.Static
	if s.SegmentBytes != 4096 || s.MaxMessageBytes != 3000 || s.MinISR != 2 || !s.Unclean || !done.Controller.DefaultUnclean {
		t.Errorf("in force: %+v", s)
	}
	if len(static) != 4 || static["segment.bytes"] != "4096" || static["max.message.bytes"] != "3000" || static[metadata.MinISRConfig] != "2" {
		t.Errorf("static: %v", static)
	}
	cfg.Settings = map[string]string{"retention.ms": "soon"}
	if _, err := cfg.complete(); err == nil || !strings.Contains(err.Error(), "retention.ms") {
		t.Errorf("a value that cannot be: %v", err)
	}
}
