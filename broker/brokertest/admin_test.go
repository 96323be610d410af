package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// administered is a cluster with a topic, and an administrator.
func administered(t *testing.T, partitions int32, replicas int16, opts ...brokertest.Option) (*brokertest.Cluster, *kgo.Client, *kadm.Client) {
	t.Helper()
	c := brokertest.Start(t, append(opts, brokertest.Brokers(3))...)
	client := newClient(t, c)
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(within(t), partitions, replicas, nil, "orders"); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Fatal(err)
	}
	return c, client, admin
}

// askAt sends a request to one broker: what it has decided shows in its next answer, in that of another soon after.
func askAt[R kmsg.Response](t *testing.T, client *kgo.Client, id int32, req kmsg.Request) R {
	t.Helper()
	return answered(t, func() (R, error) {
		resp, err := client.Broker(int(id)).RetriableRequest(within(t), req)
		if err != nil {
			var none R
			return none, err
		}
		return resp.(R), nil
	})
}

// setAt changes a setting of the topic.
func setAt(t *testing.T, client *kgo.Client, id int32, op kmsg.IncrementalAlterConfigOp, name, value string) {
	t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, "orders"
	one := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	one.Name, one.Op, one.Value = name, op, &value
	r.Configs = append(r.Configs, one)
	req.Resources = append(req.Resources, r)
	if resp := askAt[*kmsg.IncrementalAlterConfigsResponse](t, client, id, req); resp.Resources[0].ErrorCode != 0 {
		t.Fatalf("%s=%s: %+v", name, value, resp.Resources[0])
	}
}

// settingAt is what a broker says of a setting of the topic.
func settingAt(t *testing.T, client *kgo.Client, id int32, name string) (value string, source kmsg.ConfigSource) {
	t.Helper()
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeTopic, "orders", []string{name}
	req.Resources = append(req.Resources, r)
	resp := askAt[*kmsg.DescribeConfigsResponse](t, client, id, req)
	if resp.Resources[0].ErrorCode != 0 || len(resp.Resources[0].Configs) != 1 {
		t.Fatalf("%+v", resp.Resources[0])
	}
	return *resp.Resources[0].Configs[0].Value, resp.Resources[0].Configs[0].Source
}

// A change of settings takes effect on those who lead and on those who come to lead, at once and for as long as
// the cluster lives: with a record or from a snapshot.
func TestSettingsTakeEffectLive(t *testing.T) {
	c, client, _ := administered(t, 1, 3)
	produce(t, client, 0, 1)
	first := c.Leader("orders", 0)
	other := (first + 1) % 3
	setAt(t, client, other, kmsg.IncrementalAlterConfigOpSet, "min.insync.replicas", "3")
	if got, source := settingAt(t, client, other, "min.insync.replicas"); got != "3" || source != kmsg.ConfigSourceDynamicTopicConfig {
		t.Errorf("asked at once: %s from %s", got, source)
	}
	refused := func(when string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(within(t), 5*time.Second)
		defer cancel()
		one := newClient(t, c, kgo.RecordRetries(0), kgo.DisableIdempotentWrite())
		for ctx.Err() == nil {
			err := one.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr()
			if errors.Is(err, kerr.NotEnoughReplicas) {
				return
			}
		}
		t.Fatalf("%s: a record is taken by fewer replicas than three", when)
	}
	c.Kill(first)
	refused("after the leader is killed")
	setAt(t, client, other, kmsg.IncrementalAlterConfigOpSet, "min.insync.replicas", "2")
	produce(t, client, 1, 1)
	c.Kill((first+1)%3, (first+2)%3)
	c.Restart(0, 1, 2)
	for id := range int32(3) {
		if got, _ := settingAt(t, client, id, "min.insync.replicas"); got != "2" {
			t.Errorf("after the cluster has restarted broker %d says %s", id, got)
		}
	}
	setAt(t, client, first, kmsg.IncrementalAlterConfigOpDelete, "min.insync.replicas", "")
	if got, source := settingAt(t, client, first, "min.insync.replicas"); got != "2" || source != kmsg.ConfigSourceStaticBrokerConfig {
		t.Errorf("deleted: %s from %s", got, source)
	}
}

// Everybody is asked at the moment after a change on one connection, and shows it.
func TestChangesAreDescribed(t *testing.T) {
	_, client, admin := administered(t, 1, 3, brokertest.Configure(func(cfg *broker.Config) {
		cfg.Settings = map[string]string{"log.roll.ms": "70000"}
	}))
	setAt(t, client, 2, kmsg.IncrementalAlterConfigOpAppend, "cleanup.policy", "compact")
	setAt(t, client, 2, kmsg.IncrementalAlterConfigOpSet, "retention.ms", "5000")
	alter := func(change func(context.Context, []kadm.AlterConfig, ...string) (kadm.AlterConfigsResponses, error), value string) kadm.AlterConfigsResponses {
		resp, err := change(within(t), []kadm.AlterConfig{{Name: "retention.ms", Value: &value}}, "orders", "gone")
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(resp, func(a, b kadm.AlterConfigsResponse) int { return -strings.Compare(a.Name, b.Name) })
		return resp
	}
	if resp := alter(admin.AlterTopicConfigs, "soon"); !errors.Is(resp[0].Err, kerr.InvalidConfig) || !errors.Is(resp[1].Err, kerr.UnknownTopicOrPartition) {
		t.Errorf("a value that cannot be, and a topic that is not there: %+v", resp)
	}
	if resp := alter(admin.ValidateAlterTopicConfigs, "1"); resp[0].Err != nil || !errors.Is(resp[1].Err, kerr.UnknownTopicOrPartition) {
		t.Errorf("validated only: %+v", resp)
	}
	for name, want := range map[string]string{"retention.ms": "5000", "cleanup.policy": "delete,compact", "segment.ms": "70000"} {
		if got, source := settingAt(t, client, 2, name); got != want || (source == kmsg.ConfigSourceStaticBrokerConfig) != (name == "segment.ms") {
			t.Errorf("%s is %s from %s, want %s", name, got, source, want)
		}
	}
	// What all brokers are told comes before what they were started with, and what one is told before that.
	for id, to := range []string{"", "1"} { // what broker 1 has decided comes after what broker 0 has
		req := kmsg.NewPtrAlterConfigsRequest()
		r := kmsg.NewAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, to
		r.Configs = append(r.Configs, kmsg.AlterConfigsRequestResourceConfig{Name: "log.roll.ms", Value: kmsg.StringPtr([]string{"80000", "90000"}[id])})
		req.Resources = append(req.Resources, r)
		if resp := askAt[*kmsg.AlterConfigsResponse](t, client, int32(id), req); resp.Resources[0].ErrorCode != 0 {
			t.Fatalf("%+v", resp.Resources[0])
		}
	}
	for id, want := range []struct {
		value  string
		source kmsg.ConfigSource
	}{{"80000", kmsg.ConfigSourceDynamicDefaultBrokerConfig}, {"90000", kmsg.ConfigSourceDynamicBrokerConfig}} {
		described, err := admin.DescribeBrokerConfigs(within(t), int32(id))
		if err != nil || described[0].Err != nil {
			t.Fatalf("%v, %+v", err, described)
		}
		found := false
		for _, cfg := range described[0].Configs {
			switch cfg.Key {
			case "log.roll.ms":
				found = true
				if cfg.MaybeValue() != want.value || cfg.Source != want.source || len(cfg.Synonyms) != id+3 {
					t.Errorf("broker %d: %+v", id, cfg)
				}
			case "node.id":
				if cfg.MaybeValue() != fmt.Sprint(id) || cfg.Source != kmsg.ConfigSourceStaticBrokerConfig {
					t.Errorf("broker %d: %+v", id, cfg)
				}
			}
		}
		if !found {
			t.Errorf("broker %d does not tell log.roll.ms", id)
		}
	}
}

// A topic gets more partitions while records come, and loses none.
func TestPartitionsAreCreatedUnderLoad(t *testing.T) {
	c, _, admin := administered(t, 1, 3)
	client := newClient(t, c, kgo.MetadataMaxAge(200*time.Millisecond)) // or it would not hear of new partitions for 5 min
	done, stop := make(chan error, 1), make(chan struct{})
	sent := 0
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			r := kgo.StringRecord(fmt.Sprint(sent))
			r.Key = fmt.Appendf(nil, "%d", sent)
			if err := client.ProduceSync(within(t), r).FirstErr(); err != nil {
				done <- err
				return
			}
			sent++
		}
	}()
	check := func(count int, only bool, want error) {
		t.Helper()
		create := admin.UpdatePartitions
		if only {
			create = admin.ValidateUpdatePartitions
		}
		resp, err := create(within(t), count, "orders")
		if err != nil || !errors.Is(resp["orders"].Err, want) {
			t.Fatalf("%d partitions: %v, %+v", count, err, resp)
		}
	}
	check(6, true, nil)
	check(1, false, kerr.InvalidPartitions)
	awaitPartitions(t, admin, 1) // a broker that has not heard of the topic yet may be asked
	check(6, false, nil)
	awaitPartitions(t, admin, 6)
	for deadline := time.Now().Add(20 * time.Second); ; { // until records have gone to one of the new ones
		ends, err := admin.ListEndOffsets(within(t), "orders")
		moved := false
		ends.Each(func(o kadm.ListedOffset) { moved = moved || o.Partition > 0 && o.Offset > 0 })
		if moved {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no record in any new partition: %v, %v", ends, err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ends, err := admin.ListEndOffsets(within(t), "orders")
	total := int64(0)
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	if err != nil || total != int64(sent) {
		t.Errorf("%d records in six partitions, %d acknowledged; %v", total, sent, err)
	}
}

// What tools ask of a cluster: who is there, who leads the quorum, how large its logs are, who writes.
func TestClusterIsDescribed(t *testing.T) {
	c, client, admin := administered(t, 2, 3, brokertest.OnDisk())
	produce(t, client, 0, 10)
	ctx := within(t)

	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeClusterAuthorizedOperations = true
	described, err := req.RequestWith(ctx, client)
	if err != nil || described.ErrorCode != 0 || len(described.Brokers) != 3 || described.ClusterAuthorizedOperations != 8096 || described.ControllerID < 0 {
		t.Errorf("DescribeCluster: %+v, %v", described, err)
	}
	req.EndpointType = 2
	if described, err = req.RequestWith(ctx, client); err != nil || described.ErrorCode != kerr.MismatchedEndpointType.Code {
		t.Errorf("of controllers: %+v, %v", described, err)
	}

	quorum := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic, topic.Partitions = "__cluster_metadata", []kmsg.DescribeQuorumRequestTopicPartition{{}, {Partition: 7}}
	quorum.Topics = append(quorum.Topics, topic)
	for broker := range 3 {
		shard, err := client.Broker(broker).RetriableRequest(ctx, quorum)
		if err != nil {
			t.Fatal(err)
		}
		answer := shard.(*kmsg.DescribeQuorumResponse)
		p := answer.Topics[0].Partitions
		if p[0].ErrorCode != 0 || p[1].ErrorCode != kerr.UnknownTopicOrPartition.Code || len(p[0].CurrentVoters) != 3 || len(answer.Nodes) != 3 {
			t.Fatalf("broker %d: %+v", broker, answer)
		}
		for _, v := range p[0].CurrentVoters {
			if v.ReplicaID == p[0].LeaderID && (v.LogEndOffset <= 0 || v.LastFetchTimestamp <= 0) {
				t.Errorf("broker %d: the leader is %+v", broker, v)
			}
		}
	}

	dirs, err := admin.DescribeAllLogDirs(ctx, nil)
	if err != nil || len(dirs) != 3 {
		t.Fatalf("log dirs: %+v, %v", dirs, err)
	}
	leader := c.Leader("orders", 0)
	size := int64(0)
	dirs.Each(func(d kadm.DescribedLogDir) {
		if d.Err != nil || len(d.Topics["orders"]) != 2 || !strings.HasPrefix(d.Dir, "/") || d.TotalBytes <= 0 || d.UsableBytes <= 0 {
			t.Errorf("%+v", d)
		}
		for _, p := range d.Topics["orders"] {
			if d.Broker == leader {
				size += p.Size
			}
		}
	})
	if size < 600 {
		t.Errorf("ten records are %d bytes", size)
	}

	writers, err := admin.DescribeProducers(ctx, kadm.TopicsSet{"orders": {0: {}, 1: {}}})
	if err != nil || len(writers["orders"].Partitions) != 2 {
		t.Fatalf("producers: %+v, %v", writers, err)
	}
	last := int32(-1)
	writers.EachProducer(func(p kadm.DescribedProducer) {
		last = max(last, p.LastSequence)
		if p.ProducerID < 0 || p.LastTimestamp <= 0 || p.CurrentTxnStartOffset != -1 {
			t.Errorf("%+v", p)
		}
	})
	if last < 0 {
		t.Error("nobody is known to have written")
	}

	list := kmsg.NewPtrListConfigResourcesRequest()
	list.ResourceTypes = []int8{2, 4}
	resources, err := list.RequestWith(ctx, client)
	if err != nil || len(resources.ConfigResources) != 4 || resources.ConfigResources[0].Name != "orders" {
		t.Errorf("resources: %+v, %v", resources, err)
	}
	list.ResourceTypes = []int8{3}
	if resources, err = list.RequestWith(ctx, client); err != nil || resources.ErrorCode != kerr.UnsupportedVersion.Code {
		t.Errorf("of a type that does not exist: %+v, %v", resources, err)
	}
}

// A broker that is gone can be forgotten; if it comes back after all, it is filled again.
func TestABrokerIsForgotten(t *testing.T) {
	c, client, _ := administered(t, 1, 3)
	produce(t, client, 0, 3)
	leader := c.Leader("orders", 0)
	gone, other := (leader+1)%3, (leader+2)%3
	forget := func() int16 {
		req := kmsg.NewPtrUnregisterBrokerRequest()
		req.BrokerID = gone
		return askAt[*kmsg.UnregisterBrokerResponse](t, client, other, req).ErrorCode
	}
	if code := forget(); code != kerr.InvalidRequest.Code {
		t.Errorf("it lives: %v", kerr.ErrorForCode(code))
	}
	c.Kill(gone)
	for deadline := time.Now().Add(20 * time.Second); ; {
		code := forget()
		if code == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is gone: %v", kerr.ErrorForCode(code))
		}
	}
	if code := forget(); code != kerr.BrokerIDNotRegistered.Code {
		t.Errorf("it is forgotten: %v", kerr.ErrorForCode(code))
	}
	all := kmsg.NewPtrDescribeClusterRequest()
	all.IncludeFencedBrokers = true
	if cluster := askAt[*kmsg.DescribeClusterResponse](t, client, other, all); len(cluster.Brokers) != 2 {
		t.Errorf("%+v", cluster.Brokers)
	}
	produce(t, client, 3, 3)
	c.Restart(gone)
	c.Kill(leader) // what it led needs the one that came back, with min ISR 2
	produce(t, client, 6, 3)
	consume(t, c, 9)
}

// awaitPartitions waits until a broker says that orders has so many partitions; it fails if one says more.
func awaitPartitions(t *testing.T, admin *kadm.Client, want int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		topics, err := admin.ListTopics(within(t), "orders")
		got := len(topics["orders"].Partitions)
		switch {
		case err == nil && got == want:
			return
		case got > want || time.Now().After(deadline):
			t.Fatalf("orders has %d partitions, want %d: %v, %v", got, want, topics, err)
		}
	}
}
