package node

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// reassign asks a node for other replicas of partition 0; none cancels.
func (p *party) reassign(id int32, topic string, replicas ...int32) {
	p.t.Helper()
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	asked := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	one := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	one.Replicas = replicas
	asked.Topic, asked.Partitions = topic, append(asked.Partitions, one)
	req.Topics = append(req.Topics, asked)
	resp := request[*kmsg.AlterPartitionAssignmentsResponse](p, id, req)
	if code := resp.Topics[0].Partitions[0].ErrorCode; resp.ErrorCode != 0 || code != 0 {
		p.t.Fatalf("reassign %s to %v: %v, %v", topic, replicas, kerr.ErrorForCode(resp.ErrorCode), kerr.ErrorForCode(code))
	}
}

// keeps reports whether a node has files of a partition.
func (p *party) keeps(id int32, dir string) bool {
	names, err := p.files[id].List(".")
	if err != nil {
		p.t.Fatal(err)
	}
	return slices.Contains(names, dir)
}

// A broker that a replica is taken from deletes its log, and says who leads until its clients know; one
// that was down meanwhile deletes it when it is back, and one that is given the replica again keeps it.
func TestReplicaIsGivenUp(t *testing.T) {
	p := newParty(t, nil)
	topic := p.create(0, "orders")
	if code := p.produce(p.healthy("orders"), topic, 0, "a"); code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	p.reassign(0, "orders", 1, 2)
	p.until("node 0 has given it up", func() bool { return !p.keeps(0, "orders-0") })
	if leader := p.partition(0, "orders").Leader; leader != 1 && leader != 2 {
		t.Fatalf("broker %d leads", leader)
	}
	if code := p.produce(0, topic, 1, "b"); code != kerr.NotLeaderForPartition.Code {
		t.Errorf("produced to who has no replica: %v", kerr.ErrorForCode(code))
	}
	p.reassign(0, "orders", 0, 1, 2)
	p.healthy("orders")
	if !p.keeps(0, "orders-0") {
		t.Error("node 0 has joined without files")
	}

	p.kill(1, false)
	p.until("broker 1 is fenced", func() bool { return p.up[0].node.metadata.image.Broker(1).Fenced })
	p.reassign(0, "orders", 0, 2)
	if !p.keeps(1, "orders-0") {
		t.Fatal("node 1 has no files")
	}
	p.start(1)
	p.until("node 1 has given it up", func() bool { return !p.keeps(1, "orders-0") })
	p.reassign(1, "orders", 2, 0)
	if got := p.partition(1, "orders").Replicas; !slices.Equal(got, []int32{2, 0}) {
		t.Errorf("replicas %v", got)
	}

	p.kill(0, false)
	p.until("broker 0 is fenced", func() bool { return p.up[1].node.metadata.image.Broker(0).Fenced })
	p.reassign(1, "orders", 2, 1)
	p.reassign(1, "orders", 2, 1, 0)
	p.start(0)
	leader := p.healthy("orders")
	if code := p.produce(leader, topic, 1, "b"); code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	if got := p.read(leader, topic); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("read %v", got)
	}
}

// A topic that is deleted with a replica that has moved leaves nothing here.
func TestMovedAndDeleted(t *testing.T) {
	p := newParty(t, nil)
	p.create(0, "orders")
	p.healthy("orders")
	p.reassign(1, "orders", 1, 2)
	req := kmsg.NewPtrDeleteTopicsRequest()
	asked := kmsg.NewDeleteTopicsRequestTopic()
	asked.Topic = kmsg.StringPtr("orders")
	req.Topics = append(req.Topics, asked)
	if resp := request[*kmsg.DeleteTopicsResponse](p, 1, req); resp.Topics[0].ErrorCode != 0 {
		t.Fatal(kerr.ErrorForCode(resp.Topics[0].ErrorCode))
	}
	p.until("nobody has files", func() bool {
		return !p.keeps(0, "orders-0") && !p.keeps(1, "orders-0") && !p.keeps(2, "orders-0")
	})
}
