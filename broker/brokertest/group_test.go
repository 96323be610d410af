package brokertest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// filled makes a topic with as many records in each partition, whose values are their places.
func filled(t *testing.T, c *brokertest.Cluster, topic string, partitions, records int) {
	t.Helper()
	ctx := within(t)
	client := newClient(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if _, err := kadm.NewClient(client).CreateTopic(ctx, int32(partitions), -1, nil, topic); err != nil {
		t.Fatal(err)
	}
	var all []*kgo.Record
	for p := range partitions {
		for i := range records {
			all = append(all, &kgo.Record{Topic: topic, Partition: int32(p), Value: fmt.Appendf(nil, "%d", i)})
		}
	}
	if err := client.ProduceSync(ctx, all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// Members of a group read every record of a topic once between them, whichever assignor shares the partitions out;
// one that leaves hands over what it had, and the next begins where it ended.
func TestGroup(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3))
	for name, balancer := range map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer(),
	} {
		t.Run(name, func(t *testing.T) {
			const partitions, records, members = 6, 20, 3
			ctx := within(t)
			filled(t, c, name, partitions, records)
			var mu sync.Mutex
			seen := map[string]int{}
			all, done := context.WithCancel(ctx)
			defer done()
			var reading sync.WaitGroup
			for range members {
				member := newClient(t, c, kgo.ConsumerGroup("group-"+name), kgo.ConsumeTopics(name), kgo.Balancers(balancer),
					kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.HeartbeatInterval(100*time.Millisecond))
				reading.Go(func() {
					for all.Err() == nil {
						fetches := member.PollFetches(all)
						mu.Lock()
						fetches.EachRecord(func(r *kgo.Record) { seen[fmt.Sprint(r.Partition, "/", string(r.Value))]++ })
						if len(seen) == partitions*records {
							done()
						}
						mu.Unlock()
						if err := member.CommitUncommittedOffsets(ctx); err != nil {
							t.Error(err)
						}
						member.AllowRebalance()
					}
				})
			}
			reading.Wait()
			if ctx.Err() != nil {
				t.Fatalf("the members have read %d of %d records", len(seen), partitions*records)
			}
			for record, times := range seen {
				if times != 1 {
					t.Errorf("record %s was read %d times", record, times)
				}
			}
			offsets, err := kadm.NewClient(newClient(t, c)).FetchOffsets(ctx, "group-"+name)
			if err != nil {
				t.Fatal(err)
			}
			for p := range int32(partitions) {
				if o, _ := offsets.Lookup(name, p); o.At != records {
					t.Errorf("partition %d: committed %d, want %d", p, o.At, records)
				}
			}
		})
	}
}

// A coordinator that dies takes no acknowledged commit with it, whatever it was doing: offsets that a client was told are
// committed are there at the next coordinator, or later ones are.
func TestCoordinatorFailover(t *testing.T) {
	t.Parallel()
	c := brokertest.Start(t, brokertest.Brokers(3), brokertest.PowerLoss())
	filled(t, c, "orders", 1, 1)
	ctx := within(t)
	admin := kadm.NewClient(newClient(t, c))
	const groups, rounds = 4, 3
	var acknowledged [groups]int64
	commit := func(g int, at int64) error {
		var o kadm.Offsets
		o.Add(kadm.Offset{Topic: "orders", At: at, LeaderEpoch: -1})
		_, err := admin.CommitOffsets(ctx, fmt.Sprint("group-", g), o)
		return err
	}
	for g := range groups {
		if err := commit(g, 0); err != nil { // the topic is there from here on
			t.Fatal(err)
		}
	}
	for round := range rounds {
		stop, stopped := context.WithCancel(ctx)
		defer stopped()
		var committing sync.WaitGroup
		for g := range groups {
			committing.Go(func() {
				for at := acknowledged[g] + 1; stop.Err() == nil; at++ {
					if commit(g, at) == nil {
						acknowledged[g] = at
					}
				}
			})
		}
		partition := api.CoordinatorPartition(fmt.Sprint("group-", round), 4)
		before := acknowledgedBy(t, admin, groups)
		killed := c.KillLeader("__consumer_offsets", partition)
		c.Leader("__consumer_offsets", partition)
		for g := range groups { // the new coordinators take commits
			for acknowledgedBy(t, admin, groups)[g] <= before[g] {
				if ctx.Err() != nil {
					t.Fatalf("group %d commits nothing after broker %d was killed", g, killed)
				}
			}
		}
		stopped()
		committing.Wait()
		for g, at := range acknowledgedBy(t, admin, groups) {
			if at < acknowledged[g] {
				t.Errorf("round %d: group %d committed %d, which was acknowledged; %d is there", round, g, acknowledged[g], at)
			}
		}
		c.Restart(killed)
	}
}

// acknowledgedBy is what each group has committed, according to its coordinator of the moment.
func acknowledgedBy(t *testing.T, admin *kadm.Client, groups int) []int64 {
	t.Helper()
	ctx := within(t)
	all := make([]int64, groups)
	for g := range all {
		for {
			offsets, err := admin.FetchOffsets(ctx, fmt.Sprint("group-", g))
			if o, ok := offsets.Lookup("orders", 0); err == nil && ok && o.Err == nil {
				all[g] = o.At
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("nobody tells what group %d has committed: %v", g, err)
			}
		}
	}
	return all
}
