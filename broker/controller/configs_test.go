package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// incremental makes a request from resources in the words "topic orders: retention.ms=5 cleanup.policy+compact
// cleanup.policy-delete segment.ms!", the last of which deletes.
func incremental(resources ...string) *kmsg.IncrementalAlterConfigsRequest {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	for _, text := range resources {
		head, ops, _ := strings.Cut(text, ":")
		kind, name, _ := strings.Cut(head, " ")
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceName = name
		r.ResourceType, _ = kmsg.ParseConfigResourceType(kind)
		for op := range strings.FieldsSeq(ops) {
			c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			i := strings.IndexAny(op, "=+-!?*")
			c.Name, c.Value = op[:i], kmsg.StringPtr(op[i+1:])
			c.Op = kmsg.IncrementalAlterConfigOp(strings.IndexByte("=!+-*", op[i]))
			if op[i] == '?' { // set to null
				c.Op, c.Value = 0, nil
			}
			r.Configs = append(r.Configs, c)
		}
		req.Resources = append(req.Resources, r)
	}
	return req
}

func TestIncrementalAlterConfigs(t *testing.T) {
	for _, c := range []struct {
		ask string
		// want are the topic's settings after it, or the error and what its message says.
		want string
		err  *kerr.Error
	}{
		{"topic orders: retention.ms=5", "cleanup.policy=delete retention.ms=5 segment.ms=7", nil},
		{"topic orders: segment.ms!", "cleanup.policy=delete", nil},
		{"topic orders: never.known! segment.ms=8", "cleanup.policy=delete segment.ms=8", nil},
		{"topic orders: cleanup.policy+compact", "cleanup.policy=delete,compact segment.ms=7", nil},
		{"topic orders: cleanup.policy+delete", "cleanup.policy=delete segment.ms=7", nil},
		{"topic orders: cleanup.policy-delete", "cleanup.policy= segment.ms=7", nil},
		{"topic plain: cleanup.policy+compact", "", nil},
		{"topic orders:", "cleanup.policy=delete segment.ms=7", nil},
		{"topic orders: retention.ms=soon", "want a number from -1", kerr.InvalidConfig},
		{"topic orders: retention.hours=5", `no setting "retention.hours"`, kerr.InvalidConfig},
		{"topic orders: segment.ms+5", "no list", kerr.InvalidConfig},
		{"topic orders: cleanup.policy+shred", "a list of compact, delete", kerr.InvalidConfig},
		{"topic orders: segment.ms=5 segment.ms=6", "more than once", kerr.InvalidRequest},
		{"topic orders: segment.ms?", "no value", kerr.InvalidRequest},
		{"topic orders: segment.ms*5", "no operation 4", kerr.InvalidRequest},
		{"topic gone: segment.ms=5", "no topic", kerr.UnknownTopicOrPartition},
		{"topic a/b: segment.ms=5", "not one of letters", kerr.InvalidTopicException},
		{"broker 9: log.retention.ms=5", "no broker 9", kerr.BrokerIDNotRegistered},
		{"broker one: log.retention.ms=5", "want the id", kerr.InvalidRequest},
		{"broker 1: retention.ms=5", `no setting "retention.ms"`, kerr.InvalidConfig},
		{"broker 1: min.insync.replicas=2", "to all brokers", kerr.InvalidConfig},
		{"broker 1: log.retention.ms=-5", "log.retention.ms is", kerr.InvalidConfig},
		{"client_metrics x: a=5", "want TOPIC or BROKER", kerr.InvalidRequest},
	} {
		m := newMachine(1, 1, 2)
		create(m, createRequest("orders", 1, 1))
		create(m, createRequest("plain", 1, 1))
		records, _ := m.IncrementalAlterConfigs(incremental("topic orders: cleanup.policy=delete segment.ms=7"))
		m.Replay(records)
		before := m.Image().Snapshot()
		req := incremental(c.ask)
		req.ValidateOnly = true
		tried, said := m.IncrementalAlterConfigs(req)
		req.ValidateOnly = false
		records, resp := m.IncrementalAlterConfigs(req)
		m.Replay(records)
		r := resp.Resources[0]
		if len(tried) > 0 || said.Resources[0].ErrorCode != r.ErrorCode {
			t.Errorf("%s: validate-only has %d records and error %d, and in earnest it is %d", c.ask, len(tried), said.Resources[0].ErrorCode, r.ErrorCode)
		}
		switch {
		case c.err != nil:
			if r.ErrorCode != c.err.Code || r.ErrorMessage == nil || !strings.Contains(*r.ErrorMessage, c.want) {
				t.Errorf("%s: %v, want %v and %q", c.ask, kerr.ErrorForCode(r.ErrorCode), c.err, c.want)
			}
			if !slices.Equal(before, m.Image().Snapshot()) {
				t.Errorf("%s: it was refused and has changed something", c.ask)
			}
		case c.want == "":
			if got := m.Image().Topic("plain").Configs["cleanup.policy"]; r.ErrorCode != 0 || got != "delete,compact" {
				t.Errorf("%s: %v, %q", c.ask, kerr.ErrorForCode(r.ErrorCode), got)
			}
		default:
			if got := listed(m.Image().Topic("orders").Configs); r.ErrorCode != 0 || got != c.want {
				t.Errorf("%s: %v and %q, want %q", c.ask, kerr.ErrorForCode(r.ErrorCode), got, c.want)
			}
		}
	}
}

func listed(configs map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		words = append(words, name+"="+configs[name])
	}
	return strings.Join(words, " ")
}

// Each resource has its own outcome, and one that stands twice has none.
func TestIncrementalAlterConfigsPerResource(t *testing.T) {
	m := newMachine(1, 1)
	create(m, createRequest("orders", 1, 1))
	create(m, createRequest("plain", 1, 1))
	records, resp := m.IncrementalAlterConfigs(incremental(
		"topic orders: segment.ms=1", "topic gone: segment.ms=1", "topic plain: segment.ms=2", "broker 1: log.retention.ms=3", "broker : log.retention.ms=4", "topic plain: segment.ms=3"))
	m.Replay(records)
	want := []int16{0, kerr.UnknownTopicOrPartition.Code, kerr.InvalidRequest.Code, 0, 0, kerr.InvalidRequest.Code}
	for i, r := range resp.Resources {
		if r.ErrorCode != want[i] {
			t.Errorf("%s %q: %v", r.ResourceType, r.ResourceName, kerr.ErrorForCode(r.ErrorCode))
		}
	}
	im := m.Image()
	if im.Topic("orders").Configs["segment.ms"] != "1" || im.Topic("plain").Configs != nil || im.BrokerConfigs(1)["log.retention.ms"] != "3" ||
		im.BrokerConfigs(metadata.AllBrokers)["log.retention.ms"] != "4" || len(records) != 3 {
		t.Errorf("%d records: %v, %v", len(records), im.Topic("orders").Configs, im.BrokerConfigs(1))
	}
}

// AlterConfigs leaves nothing of what it does not name.
func TestAlterConfigsReplaces(t *testing.T) {
	m := newMachine(1, 1)
	create(m, createRequest("orders", 1, 1))
	alter := func(only bool, pairs ...string) int16 {
		req := kmsg.NewPtrAlterConfigsRequest()
		req.ValidateOnly = only
		r := kmsg.NewAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, "orders"
		for i := 0; i < len(pairs); i += 2 {
			c := kmsg.NewAlterConfigsRequestResourceConfig()
			if c.Name = pairs[i]; pairs[i+1] != "null" {
				c.Value = &pairs[i+1]
			}
			r.Configs = append(r.Configs, c)
		}
		req.Resources = append(req.Resources, r)
		records, resp := m.AlterConfigs(req)
		m.Replay(records)
		return resp.Resources[0].ErrorCode
	}
	for _, c := range []struct {
		only  bool
		pairs []string
		err   *kerr.Error
		want  string
	}{
		{false, []string{"segment.ms", "5", "retention.ms", " 6"}, nil, "retention.ms=6 segment.ms=5"},
		{true, []string{"segment.ms", "9"}, nil, "retention.ms=6 segment.ms=5"},
		{false, []string{"segment.ms", "x"}, kerr.InvalidConfig, "retention.ms=6 segment.ms=5"},
		{false, []string{"segment.ms", "null"}, kerr.InvalidRequest, "retention.ms=6 segment.ms=5"},
		{false, []string{"segment.ms", "1", "segment.ms", "2"}, kerr.InvalidRequest, "retention.ms=6 segment.ms=5"},
		{false, []string{"segment.ms", "8"}, nil, "segment.ms=8"},
		{false, nil, nil, ""},
	} {
		code := alter(c.only, c.pairs...)
		if got := listed(m.Image().Topic("orders").Configs); code != codeOf(c.err) || got != c.want {
			t.Errorf("%v: %v and %q, want %v and %q", c.pairs, kerr.ErrorForCode(code), got, c.err, c.want)
		}
	}
}

func codeOf(err *kerr.Error) int16 {
	if err == nil {
		return 0
	}
	return err.Code
}

// A leader that does not know of another min.insync.replicas yet gets nothing from the controller by the old
// one: whoever left the ISR then would be taken for one that has all that is committed.
func TestMinISRChangesUnderALeader(t *testing.T) {
	for _, who := range []string{"topic orders", "broker "} {
		w := newWorld(t, Config{DefaultPartitions: 1, DefaultReplication: 2, MaxPartitions: 10, DefaultMinISR: 1})
		for id := range int32(2) {
			w.register(id, "", "", false)
			w.beat(id, 1<<40, false, false)
		}
		create(w.m, createRequest("orders", 1, 2))
		topic, p := w.partition("orders-0")
		early := w.proposal(topic, p, p.Leader, []int32{p.Leader})
		records, resp := w.m.IncrementalAlterConfigs(incremental(who + ": min.insync.replicas=2"))
		if resp.Resources[0].ErrorCode != 0 || len(records) != 2 {
			t.Fatalf("%s: %+v with %d records", who, resp.Resources[0], len(records))
		}
		w.m.Replay(records)
		if records, answer := w.m.AlterPartition(early); len(records) > 0 || answer.Topics[0].Partitions[0].ErrorCode != kerr.InvalidUpdateVersion.Code {
			t.Errorf("%s: what the leader wanted before it knew: %d records, %+v", who, len(records), answer.Topics)
		}
		topic, p = w.partition("orders-0")
		records, answer := w.m.AlterPartition(w.proposal(topic, p, p.Leader, []int32{p.Leader}))
		w.m.Replay(records)
		_, p = w.partition("orders-0")
		if answer.Topics[0].Partitions[0].ErrorCode != 0 || len(p.ISR) != 1 || len(p.ELR) != 1 {
			t.Fatalf("%s: the ISR shrinks below the least: %+v, %+v", who, answer.Topics, p)
		}
		// One is enough again: from now on it commits alone, and nobody else may lead.
		records, _ = w.m.IncrementalAlterConfigs(incremental(who + ": min.insync.replicas!"))
		w.m.Replay(records)
		if _, after := w.partition("orders-0"); after.ELR != nil || after.PartitionEpoch != p.PartitionEpoch+1 {
			t.Errorf("%s: one is enough: %+v", who, after)
		}
	}
}

// Who comes to prefer a leader that may lack records gets one.
func TestUncleanIsSetWithoutALeader(t *testing.T) {
	w := newWorld(t, Config{DefaultPartitions: 1, DefaultReplication: 2, MaxPartitions: 10, DefaultMinISR: 1})
	for id := range int32(2) {
		w.register(id, "", "", false)
		w.beat(id, 1<<40, false, false)
	}
	create(w.m, createRequest("orders", 1, 2))
	topic, p := w.partition("orders-0")
	leader := p.Leader
	records, _ := w.m.AlterPartition(w.proposal(topic, p, leader, []int32{leader}))
	w.m.Replay(records)
	w.beat(leader, 1<<40, true, false)
	if _, p = w.partition("orders-0"); p.Leader != metadata.NoLeader {
		t.Fatalf("the last of the ISR is gone: %+v", p)
	}
	records, _ = w.m.IncrementalAlterConfigs(incremental("topic orders: unclean.leader.election.enable=true"))
	w.m.Replay(records)
	if _, p = w.partition("orders-0"); p.Leader != 1-leader || !p.Recovering {
		t.Errorf("any leader will do, and there is %+v", p)
	}
}

func growth(topic string, count int32, assignment ...[]int32) *kmsg.CreatePartitionsRequest {
	req := kmsg.NewPtrCreatePartitionsRequest()
	asked := kmsg.NewCreatePartitionsRequestTopic()
	asked.Topic, asked.Count = topic, count
	for _, replicas := range assignment {
		asked.Assignment = append(asked.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: replicas})
	}
	req.Topics = append(req.Topics, asked)
	return req
}

func TestCreatePartitions(t *testing.T) {
	for name, c := range map[string]struct {
		req  *kmsg.CreatePartitionsRequest
		want *kerr.Error
	}{
		"more":           {growth("orders", 5), nil},
		"assigned":       {growth("orders", 4, []int32{2, 1}, []int32{0, 2}), nil},
		"as many":        {growth("orders", 2), kerr.InvalidPartitions},
		"fewer":          {growth("orders", 1), kerr.InvalidPartitions},
		"too many":       {growth("orders", 101), kerr.InvalidPartitions},
		"unknown topic":  {growth("gone", 5), kerr.UnknownTopicOrPartition},
		"one too few":    {growth("orders", 4, []int32{2, 1}), kerr.InvalidReplicaAssignment},
		"three replicas": {growth("orders", 3, []int32{0, 1, 2}), kerr.InvalidReplicaAssignment},
		"broker twice":   {growth("orders", 3, []int32{1, 1}), kerr.InvalidReplicaAssignment},
		"unknown broker": {growth("orders", 3, []int32{1, 9}), kerr.InvalidReplicaAssignment},
	} {
		m := newMachine(1, 0, 1, 2)
		create(m, createRequest("orders", 2, 2))
		c.req.ValidateOnly = true
		tried, said := m.CreatePartitions(c.req)
		c.req.ValidateOnly = false
		records, resp := m.CreatePartitions(c.req)
		m.Replay(records)
		r := resp.Topics[0]
		if len(tried) > 0 || said.Topics[0].ErrorCode != r.ErrorCode || r.ErrorCode != codeOf(c.want) || (r.ErrorMessage == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v; validate-only %v with %d records", name, kerr.ErrorForCode(r.ErrorCode), c.want, kerr.ErrorForCode(said.Topics[0].ErrorCode), len(tried))
		}
		want := 2
		if c.want == nil {
			want = int(c.req.Topics[0].Count)
		}
		partitions := m.Image().Topic("orders").Partitions
		if len(partitions) != want {
			t.Errorf("%s: %d partitions", name, len(partitions))
		}
		for i, p := range partitions {
			if int(p.Index) != i || len(p.Replicas) != 2 || p.Leader != p.Replicas[0] || !slices.Equal(p.ISR, p.Replicas) {
				t.Errorf("%s: partition %d: %+v", name, i, p)
			}
		}
		if name == "assigned" && fmt.Sprint(partitions[2].Replicas, partitions[3].Replicas) != "[2 1] [0 2]" {
			t.Errorf("assigned: %v, %v", partitions[2].Replicas, partitions[3].Replicas)
		}
	}
	m := newMachine(1, 0, 1)
	create(m, createRequest("orders", 1, 1))
	twice := growth("orders", 2)
	twice.Topics = append(twice.Topics, twice.Topics[0])
	if records, resp := m.CreatePartitions(twice); len(records) > 0 || len(resp.Topics) != 1 || resp.Topics[0].ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("twice: %+v", resp.Topics)
	}
}
