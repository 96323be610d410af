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
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// member starts a consumer of a group that has polled, so that it has what it was assigned.
func member(t *testing.T, c *brokertest.Cluster, group, topic string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	assigned := make(chan struct{}, 100)
	client := newClient(t, c, append([]kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.HeartbeatInterval(100 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { assigned <- struct{}{} })}, opts...)...)
	ctx := within(t)
	for {
		poll, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		client.PollFetches(poll)
		cancel()
		select {
		case <-assigned:
			return client
		case <-ctx.Done():
			t.Fatal("the member has got no partitions")
		default:
		}
	}
}

// A static member that is started again within its session goes on with what it had: nobody else notices.
func TestStaticMember(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	filled(t, c, "orders", 4, 5)
	admin := kadm.NewClient(newClient(t, c))
	first := member(t, c, "g", "orders", kgo.InstanceID("one"))
	member(t, c, "g", "orders", kgo.InstanceID("two"))
	describe := func() kadm.DescribedGroup {
		t.Helper()
		groups, err := admin.DescribeGroups(within(t), "g")
		if err != nil || groups["g"].Err != nil {
			t.Fatal(err, groups["g"].Err)
		}
		return groups["g"]
	}
	eventually(t, func() string {
		if g := describe(); g.State != "Stable" || len(g.Members) != 2 {
			return fmt.Sprintf("the group is %s with %d members", g.State, len(g.Members))
		}
		return ""
	})
	ids := func(g kadm.DescribedGroup) (all []string) {
		for _, m := range g.Members {
			if m.InstanceID == nil || m.ClientHost != "/127.0.0.1" || m.ClientID == "" {
				t.Errorf("%+v", m)
			}
			all = append(all, *m.InstanceID+" "+m.MemberID)
		}
		slices.Sort(all)
		return all
	}
	_, generation := first.GroupMetadata()
	before := ids(describe())
	first.Close()
	again := member(t, c, "g", "orders", kgo.InstanceID("one"))
	if _, next := again.GroupMetadata(); next != generation {
		t.Errorf("generation %d, want %d as before", next, generation)
	}
	after := ids(describe())
	if len(after) != 2 || before[0] == after[0] || before[1] != after[1] {
		t.Errorf("members were %v and are %v", before, after)
	}
}

// What administrators do with groups: list, describe, delete, and take offsets back.
func TestGroupAdministration(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	filled(t, c, "orders", 2, 5)
	filled(t, c, "bills", 1, 5)
	ctx := within(t)
	admin := kadm.NewClient(newClient(t, c))
	member(t, c, "readers", "orders")
	both := kadm.OffsetsFromRecords(kgo.Record{Topic: "bills", Offset: 2, LeaderEpoch: -1}, kgo.Record{Topic: "orders", Partition: 1, Offset: 3, LeaderEpoch: -1})
	if err := admin.CommitAllOffsets(ctx, "idle", both); err != nil {
		t.Fatal(err)
	}
	if err := admin.CommitAllOffsets(ctx, "readers", both); !errors.Is(err, kerr.UnknownMemberID) {
		t.Errorf("an administrator commits for a group that has members: %v", err)
	}
	listed, err := admin.ListGroups(ctx)
	if err != nil || len(listed) != 2 || listed["readers"].State != "Stable" || listed["idle"].State != "Empty" || listed["readers"].ProtocolType != "consumer" {
		t.Fatalf("%+v, %v", listed, err)
	}
	if empty, err := admin.ListGroups(ctx, "Empty"); err != nil || len(empty) != 1 || empty["idle"].Group != "idle" {
		t.Errorf("%+v, %v", empty, err)
	}
	described, err := admin.DescribeGroups(ctx, "readers", "idle", "nobody")
	if err != nil || !errors.Is(described["nobody"].Err, kerr.GroupIDNotFound) || described["idle"].Err != nil {
		t.Errorf("%+v, %v", described, err)
	}
	assigned := described.AssignedPartitions()
	if !assigned.Lookup("orders", 0) || !assigned.Lookup("orders", 1) {
		t.Errorf("%v", assigned)
	}
	deleted, err := admin.DeleteOffsets(ctx, "idle", both.TopicsSet())
	if err != nil || deleted.Error() != nil {
		t.Errorf("%v, %v", err, deleted.Error())
	}
	if left, err := admin.FetchOffsets(ctx, "idle"); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	deleted, err = admin.DeleteOffsets(ctx, "readers", both.TopicsSet())
	if p, _ := deleted.Lookup("orders", 1); err != nil || !errors.Is(p, kerr.GroupSubscribedToTopic) {
		t.Errorf("%v, %v", err, p)
	}
	gone, err := admin.DeleteGroups(ctx, "readers", "idle", "nobody")
	if err != nil || !errors.Is(gone["readers"].Err, kerr.NonEmptyGroup) || !errors.Is(gone["nobody"].Err, kerr.GroupIDNotFound) {
		t.Errorf("%+v, %v", gone, err)
	}
	if listed, err = admin.ListGroups(ctx); err != nil || len(listed) != 1 {
		t.Errorf("%+v, %v", listed, err)
	}
}

// The offsets of a topic go with it, and do not come back with another one of its name.
func TestOffsetsGoWithTheirTopic(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t)
	filled(t, c, "orders", 1, 5)
	ctx := within(t)
	admin := kadm.NewClient(newClient(t, c))
	if err := admin.CommitAllOffsets(ctx, "g", kadm.OffsetsFromRecords(kgo.Record{Topic: "orders", Offset: 2, LeaderEpoch: -1})); err != nil {
		t.Fatal(err)
	}
	if r, err := admin.DeleteTopic(ctx, "orders"); err != nil || r.Err != nil {
		t.Fatal(err, r.Err)
	}
	filled(t, c, "orders", 1, 5)
	eventually(t, func() string {
		offsets, err := admin.FetchOffsets(ctx, "g")
		if err == nil && len(offsets) == 0 {
			return ""
		}
		return fmt.Sprintf("%v, %v", offsets, err)
	})
}

// What is kept of a group that nobody needs goes when its time is over.
func TestOffsetsExpire(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Configure(func(cfg *broker.Config) {
		cfg.Groups.Retention, cfg.Groups.RetentionCheck = 100*time.Millisecond, 20*time.Millisecond
	}))
	filled(t, c, "orders", 1, 5)
	ctx := within(t)
	admin := kadm.NewClient(newClient(t, c))
	if err := admin.CommitAllOffsets(ctx, "g", kadm.OffsetsFromRecords(kgo.Record{Topic: "orders", Offset: 2, LeaderEpoch: -1})); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string {
		listed, err := admin.ListGroups(ctx)
		if err == nil && len(listed) == 0 {
			return ""
		}
		return fmt.Sprintf("%v, %v", listed, err)
	})
}

// __consumer_offsets is made on the first demand, is shown as the cluster's own, and takes nothing from clients.
func TestInternalTopic(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	ctx := within(t)
	client := newClient(t, c)
	admin := kadm.NewClient(client)
	found := admin.FindGroupCoordinators(ctx, "a", "b", "c")
	if err := found.Error(); err != nil {
		t.Fatal(err)
	}
	topics, err := admin.ListTopicsWithInternal(ctx)
	for len(topics) == 0 && ctx.Err() == nil { // another broker than the one that was asked hears of it in its own time
		topics, err = admin.ListTopicsWithInternal(ctx)
	}
	if err != nil || len(topics) != 1 {
		t.Fatalf("%v, %v", topics, err)
	}
	offsets := topics["__consumer_offsets"]
	if !offsets.IsInternal || len(offsets.Partitions) != 4 || offsets.Partitions.NumReplicas() != 3 {
		t.Errorf("%+v", offsets)
	}
	for _, group := range []string{"a", "b", "c"} {
		if leader := offsets.Partitions[api.CoordinatorPartition(group, 4)].Leader; found[group].NodeID != leader {
			t.Errorf("group %s is said to be at %d, and %d leads its partition", group, found[group].NodeID, leader)
		}
	}
	configs, err := admin.DescribeTopicConfigs(ctx, "__consumer_offsets")
	for ctx.Err() == nil && (err != nil || configs[0].Err != nil) {
		configs, err = admin.DescribeTopicConfigs(ctx, "__consumer_offsets")
	}
	if err != nil || !slices.ContainsFunc(configs[0].Configs, func(c kadm.Config) bool { return c.Key == "cleanup.policy" && *c.Value == "compact" }) {
		t.Errorf("%+v, %v", configs, err)
	}
	err = client.ProduceSync(ctx, &kgo.Record{Topic: "__consumer_offsets", Value: []byte("x")}).FirstErr()
	if !errors.Is(err, kerr.InvalidTopicException) {
		t.Errorf("a client writes to it: %v", err)
	}
	share := kmsg.NewPtrFindCoordinatorRequest()
	share.CoordinatorType, share.CoordinatorKeys = 2, []string{"t"}
	resp, err := client.SeedBrokers()[0].Request(ctx, share)
	if err != nil {
		t.Fatal(err)
	}
	if one := resp.(*kmsg.FindCoordinatorResponse).Coordinators[0]; one.ErrorCode != kerr.InvalidRequest.Code || one.ErrorMessage == nil || !strings.Contains(*one.ErrorMessage, "no share groups") {
		t.Errorf("%+v", one)
	}
}
