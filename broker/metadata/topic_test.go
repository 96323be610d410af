package metadata

import (
	"reflect"
	"slices"
	"testing"
)

// A reassignment goes through records, images and snapshots, and is told apart from its beginning and its
// end (KIP-455).
func TestReassignment(t *testing.T) {
	id := TopicID{1}
	im := NewImage("c", nil).Apply([]Record{
		{Topic: &TopicRecord{Name: "orders", ID: id, Configs: map[string]string{MinISRConfig: "2"}}},
		{Partition: &PartitionRecord{TopicID: id, Replicas: []int32{1}, ISR: []int32{1}, Leader: 1}},
	})
	change := func(r PartitionChangeRecord) Partition {
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
		im = im.Apply([]Record{decoded})
		again, err := FromSnapshot(im.Snapshot())
		if err != nil || !reflect.DeepEqual(again.Topic("orders"), im.Topic("orders")) {
			t.Fatalf("of its snapshot %+v, %v, is %+v", again.Topic("orders"), err, im.Topic("orders"))
		}
		return im.Topic("orders").Partitions[0]
	}
	begun := change(PartitionChangeRecord{Replicas: []int32{2, 3, 1}, Adding: []int32{2, 3}, Removing: []int32{1}})
	if !begun.Reassigned() || !slices.Equal(begun.Target(), []int32{2, 3}) || !slices.Equal(begun.Original(), []int32{1}) {
		t.Errorf("begun: %+v, to %v, from %v", begun, begun.Target(), begun.Original())
	}
	if got := im.Topic("orders").MinISR(&begun, 1); got != 1 {
		t.Errorf("min ISR is %d while one replica of three is not being added", got)
	}
	joined := change(PartitionChangeRecord{ISR: []int32{1, 2}})
	if !slices.Equal(joined.Adding, []int32{2, 3}) || !slices.Equal(joined.Replicas, []int32{2, 3, 1}) {
		t.Errorf("a change of the ISR: %+v", joined)
	}
	over := change(PartitionChangeRecord{Replicas: []int32{2, 3}, Adding: []int32{}, Removing: []int32{}, ISR: []int32{2, 3}})
	if over.Reassigned() || over.Adding != nil || !slices.Equal(over.Target(), []int32{2, 3}) || im.Topic("orders").MinISR(&over, 1) != 2 {
		t.Errorf("over: %+v", over)
	}
}
