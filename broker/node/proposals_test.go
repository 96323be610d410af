package node

import (
	"testing"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// While a request is under way a leader may want something else: only that is asked for next. Of two
// changes of one partition in a request the controller refuses the second, the one that counts.
func TestALaterProposalTakesThePlaceOfOneThatWaits(t *testing.T) {
	u := &uplink{cfg: Config{Voters: []Voter{{ID: 100}}}, calls: map[uint64]uplinkCall{}}
	u.busy = true
	for i := range 2 {
		for id := range uint64(3) {
			u.add(alter{api.Uplink, api.Replica{Partition: int32(i)}, partition.AlterPartition{ID: id, PartitionEpoch: int32(id)}})
		}
	}
	u.busy = false
	var fx actor.Effects
	u.propose(&fx)
	req := fx.Calls[0].Request.(*kmsg.AlterPartitionRequest)
	if len(req.Topics) != 2 {
		t.Fatalf("%d partitions in a request about 2", len(req.Topics))
	}
	for i, topic := range req.Topics {
		if p := topic.Partitions[0]; p.Partition != int32(i) || p.PartitionEpoch != 2 {
			t.Errorf("partition %d at partition epoch %d, want %d at 2", p.Partition, p.PartitionEpoch, i)
		}
	}
}
