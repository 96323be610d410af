package metadata

import "testing"

// An image that somebody holds never changes, whatever is applied to it later.
func TestImagesAreImmutable(t *testing.T) {
	id := TopicID{1}
	partition := func(index, leader int32) Record {
		return Record{Partition: &PartitionRecord{TopicID: id, Index: index, Leader: leader}}
	}
	empty := NewImage("c", nil)
	one := empty.Apply([]Record{{Topic: &TopicRecord{Name: "orders", ID: id}}, partition(0, 1)})
	two := one.Apply([]Record{partition(0, 2), partition(1, 2)})
	none := two.Apply([]Record{{RemoveTopic: &RemoveTopicRecord{ID: id}}})

	if empty.Topic("orders") != nil || empty.Offset != 0 {
		t.Error("the empty image changed")
	}
	if p := one.Topic("orders").Partitions; len(p) != 1 || p[0].Leader != 1 || one.Offset != 2 {
		t.Errorf("the first image changed: %+v", p)
	}
	if p := two.TopicByID(id).Partitions; len(p) != 2 || p[0].Leader != 2 || two.Offset != 4 {
		t.Errorf("the second image: %+v", p)
	}
	if none.Topic("orders") != nil || none.TopicByID(id) != nil || none.Offset != 5 {
		t.Error("the topic is still there")
	}
	if later := none.Apply([]Record{partition(0, 3)}); later.Offset != 6 {
		t.Error("a record of a deleted topic must count and change nothing")
	}
}
