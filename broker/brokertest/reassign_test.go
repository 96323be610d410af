package brokertest_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/brokertest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// reassignable is a cluster of four with a topic of one partition on the first three, and an administrator.
func reassignable(t *testing.T, opts ...brokertest.Option) (*brokertest.Cluster, *kadm.Client) {
	t.Helper()
	c := brokertest.Start(t, append(opts, brokertest.Brokers(4))...)
	admin := kadm.NewClient(newClient(t, c))
	// A broker that does not hear from the controller asks again: what was asked for may be there by then.
	if _, err := admin.CreateTopic(within(t), 1, 3, nil, "orders"); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Fatal(err)
	}
	reassign(t, admin, 0, 1, 2)
	replicasAre(t, admin, 0, 1, 2)
	return c, admin
}

// answered asks until a broker answers: the one that is asked may be one that was killed.
func answered[T any](t *testing.T, ask func() (T, error)) (answer T) {
	t.Helper()
	eventually(t, func() string {
		got, err := ask()
		if err != nil {
			return err.Error()
		}
		answer = got
		return ""
	})
	return answer
}

// reassign begins to give partition 0 the replicas; none cancels.
func reassign(t *testing.T, admin *kadm.Client, replicas ...int32) {
	t.Helper()
	var req kadm.AlterPartitionAssignmentsReq
	if len(replicas) == 0 {
		req.CancelAssign("orders", 0)
	} else {
		req.Assign("orders", 0, replicas)
	}
	resp := answered(t, func() (kadm.AlterPartitionAssignmentsResponses, error) {
		return admin.AlterPartitionAssignments(within(t), req)
	})
	if err := resp.Error(); err != nil && !(len(replicas) == 0 && errors.Is(err, kerr.NoReassignmentInProgress)) { // see reassignable
		t.Fatalf("reassign to %v: %v", replicas, err)
	}
}

// underWay gives the reassignment of partition 0, if there is one.
func underWay(t *testing.T, admin *kadm.Client) (r kadm.ListPartitionReassignmentsResponse, ok bool) {
	t.Helper()
	all := answered(t, func() (kadm.ListPartitionReassignmentsResponses, error) {
		return admin.ListPartitionReassignments(within(t), kadm.TopicsSet{"orders": {0: {}}})
	})
	return all["orders"][0], len(all["orders"]) > 0
}

// partition 0 as a broker knows it.
func partition(t *testing.T, admin *kadm.Client) kadm.PartitionDetail {
	t.Helper()
	return answered(t, func() (kadm.TopicDetails, error) { return admin.ListTopics(within(t), "orders") })["orders"].Partitions[0]
}

// replicasAre waits until partition 0 has the replicas, all of them in sync, and nothing is under way.
func replicasAre(t *testing.T, admin *kadm.Client, want ...int32) {
	t.Helper()
	eventually(t, func() string {
		p := partition(t, admin)
		if _, ok := underWay(t, admin); !ok && slices.Equal(p.Replicas, want) && len(p.ISR) == len(want) && slices.Contains(want, p.Leader) {
			return ""
		}
		return fmt.Sprintf("%+v, want replicas %v, all in sync", p, want)
	})
}

// A partition moves from broker to broker under load, its leader too: nothing that was acknowledged is
// lost and nothing comes twice.
func TestReassignmentUnderLoad(t *testing.T) {
	for name, opts := range map[string][]brokertest.Option{
		"memory": nil, "disk": {brokertest.OnDisk()}, "power loss": {brokertest.PowerLoss()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, admin := reassignable(t, opts...)
			l := startLoad(t, c)
			l.more(t, 20)
			for _, replicas := range [][]int32{{1, 2, 3}, {2, 3, 0}, {3}, {0, 1}, {1, 0}, {0, 1, 2}, {2, 1, 3}} {
				reassign(t, admin, replicas...)
				l.more(t, 5)
				replicasAre(t, admin, replicas...)
				l.more(t, 5)
			}
			consume(t, c, l.end())
		})
	}
}

// Cancelled with a replica on its way, or in sync already, everything is as before.
func TestReassignmentCancelled(t *testing.T) {
	t.Parallel()
	c, admin := reassignable(t)
	l := startLoad(t, c)
	l.more(t, 5)
	// Broker 3 cannot join: the reassignment stays under way.
	c.Kill(3)
	reassign(t, admin, 1, 2, 3)
	r, ok := underWay(t, admin)
	if !ok || !slices.Equal(r.Replicas, []int32{1, 2, 3, 0}) || !slices.Equal(r.AddingReplicas, []int32{3}) || !slices.Equal(r.RemovingReplicas, []int32{0}) {
		t.Fatalf("under way: %+v, %v", r, ok)
	}
	l.more(t, 5)
	reassign(t, admin)
	replicasAre(t, admin, 1, 2, 0)
	l.more(t, 5)
	// Broker 3 joins, and stays in the ISR until it is cancelled: broker 1 is not there.
	c.Restart(3)
	c.Kill(1)
	for len(partition(t, admin).ISR) > 2 { // broker 1 counts until it is found dead
		l.more(t, 1)
	}
	reassign(t, admin, 1, 2, 3)
	for r, ok := underWay(t, admin); ok; r, ok = underWay(t, admin) {
		if p := partition(t, admin); slices.Contains(p.ISR, 3) && len(r.AddingReplicas) == 1 {
			break
		}
		l.more(t, 1)
	}
	reassign(t, admin)
	l.more(t, 5)
	c.Restart(1)
	replicasAre(t, admin, 1, 2, 0)
	consume(t, c, l.end())
	var again kadm.AlterPartitionAssignmentsReq
	again.CancelAssign("orders", 0)
	resp := answered(t, func() (kadm.AlterPartitionAssignmentsResponses, error) {
		return admin.AlterPartitionAssignments(within(t), again)
	})
	if !errors.Is(resp.Error(), kerr.NoReassignmentInProgress) {
		t.Errorf("cancelled twice: %v", resp.Error())
	}
}

// Any broker may be killed while a reassignment is under way; it is over when they are back.
func TestBrokerIsKilledDuringReassignment(t *testing.T) {
	for dead := range int32(4) {
		t.Run(fmt.Sprint(dead), func(t *testing.T) {
			t.Parallel()
			c, admin := reassignable(t, brokertest.PowerLoss())
			l := startLoad(t, c)
			l.more(t, 20)
			c.Kill(dead)
			reassign(t, admin, 3, 1, 2)
			l.more(t, 5)
			c.Restart(dead)
			replicasAre(t, admin, 3, 1, 2)
			l.more(t, 5)
			consume(t, c, l.end())
		})
	}
}

// Leaderships are given to whom they are wanted for, also while there is load.
func TestElectLeaders(t *testing.T) {
	t.Parallel()
	c, admin := reassignable(t)
	l := startLoad(t, c)
	for round := range int32(6) {
		want, leading := round%3, c.Leader("orders", 0)
		reassign(t, admin, want, (want+1)%3, (want+2)%3)
		results, err := admin.ElectLeaders(within(t), kadm.ElectPreferredReplica, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := results["orders"][0].Err; err != nil && leading != want {
			t.Fatalf("elect broker %d in place of %d: %v", want, leading, err)
		}
		if leader := c.Leader("orders", 0); leader != want {
			t.Fatalf("broker %d leads, want %d", leader, want)
		}
		l.more(t, 3)
	}
	again, err := admin.ElectLeaders(within(t), kadm.ElectPreferredReplica, kadm.TopicsSet{"orders": {0: {}}})
	if err != nil || len(again) != 1 || again["orders"][0].Err == nil {
		t.Errorf("elected again: %+v, %v", again, err)
	}
	consume(t, c, l.end())
}

// A partition of one replica that gets a second one takes records all the while, also if that one is not
// there to join: min.insync.replicas 2 counts for the replicas that it had.
func TestMoreReplicasThanBefore(t *testing.T) {
	t.Parallel()
	c, admin := reassignable(t)
	reassign(t, admin, 0)
	replicasAre(t, admin, 0)
	l := startLoad(t, c)
	l.more(t, 5)
	c.Kill(3)
	reassign(t, admin, 0, 3)
	l.more(t, 20)
	c.Restart(3)
	replicasAre(t, admin, 0, 3)
	l.more(t, 5)
	consume(t, c, l.end())
}
