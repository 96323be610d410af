package metadata

import (
	"slices"
	"strconv"
)

// NoLeader stands for the leader of a partition that has none.
const NoLeader int32 = -1

// Partition as the image knows it.
//
// Whoever is in ISR has every committed record. So has whoever is in ELR, the eligible leader
// replicas (KIP-966): they left the ISR when it was, or became, smaller than min.insync.replicas,
// and since then nothing was committed. The two have no member in common.
//
// While it is reassigned (KIP-455), Replicas are those that shall be, the preferred leader first, and
// after them those that only still are. It is over when all that shall be are in the ISR.
type Partition struct {
	Index    int32
	Replicas []int32
	// Adding are the replicas that came with the reassignment, Removing those that go when it is over.
	// Both are among Replicas, and empty where nothing is under way. One that an earlier reassignment
	// brought and a later one does without is in both.
	Adding   []int32 `json:",omitempty"`
	Removing []int32 `json:",omitempty"`
	ISR      []int32
	// ELR is empty while the ISR has min.insync.replicas members.
	ELR []int32 `json:",omitempty"`
	// LastKnownELR left ISR or ELR and may have lost records since, by an unclean restart.
	LastKnownELR []int32 `json:",omitempty"`
	// Leader is a member of ISR, or NoLeader.
	Leader int32
	// LastLeader led last. It counts while there is no leader.
	LastLeader int32
	// LeaderEpoch rises with every leadership term, PartitionEpoch with every change.
	LeaderEpoch    int32
	PartitionEpoch int32
	// Recovering is set while the leader was elected uncleanly and has not yet said that it has
	// dealt with that (KIP-704).
	Recovering bool `json:",omitempty"`
}

// Topic as the image knows it; Partitions[i].Index == i.
type Topic struct {
	Name       string
	ID         TopicID
	Configs    map[string]string `json:",omitempty"`
	Partitions []Partition
}

// Topic settings that say which replicas count.
const (
	MinISRConfig  = "min.insync.replicas"
	UncleanConfig = "unclean.leader.election.enable"
)

// MinISR is how large the ISR of one of the topic's partitions must be for records to be committed:
// the topic's min.insync.replicas, or byDefault where it has none, and never more than the
// partition has replicas. Replicas that a reassignment is adding do not count yet: with them a
// partition of one replica would take no records until a second one is in sync.
func (t *Topic) MinISR(p *Partition, byDefault int) int {
	if n, err := strconv.Atoi(t.Configs[MinISRConfig]); err == nil {
		byDefault = n
	}
	return max(1, min(byDefault, len(p.Replicas)-len(p.Adding)))
}

// Reassigned says that a reassignment of the partition is under way.
func (p *Partition) Reassigned() bool { return len(p.Adding)+len(p.Removing) > 0 }

// Target are the replicas that the partition shall have: those that it has, unless it is reassigned.
func (p *Partition) Target() []int32 { return without(p.Replicas, p.Removing) }

// Original are the replicas that the partition had before it was reassigned, and has again if that is
// cancelled.
func (p *Partition) Original() []int32 { return without(p.Replicas, p.Adding) }

// without gives a list of its own.
func without(list, gone []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(list), func(id int32) bool { return slices.Contains(gone, id) })
}

// Unclean says that the topic prefers a leader that may have lost records to none: its
// unclean.leader.election.enable, or byDefault where it has none.
func (t *Topic) Unclean(byDefault bool) bool {
	if value, ok := t.Configs[UncleanConfig]; ok {
		return value == "true"
	}
	return byDefault
}

func (im *Image) applyConfig(r *TopicConfigRecord, own map[*Topic]bool) {
	topic := im.TopicByID(r.ID)
	if topic == nil {
		return
	}
	im.owned(topic, own).Configs = changed(topic.Configs, r.Set, r.Unset)
}

func (im *Image) applyPartition(r *PartitionRecord, own map[*Topic]bool) {
	topic := im.TopicByID(r.TopicID)
	if topic == nil || r.Index < 0 || int(r.Index) > len(topic.Partitions) {
		return
	}
	topic = im.owned(topic, own)
	p := Partition{
		Index: r.Index, Replicas: r.Replicas, ISR: r.ISR,
		Leader: r.Leader, LastLeader: r.Leader, LeaderEpoch: r.LeaderEpoch,
	}
	if int(r.Index) == len(topic.Partitions) {
		topic.Partitions = append(topic.Partitions, p)
	} else {
		topic.Partitions[r.Index] = p
	}
}

func (im *Image) applyChange(r *PartitionChangeRecord, own map[*Topic]bool) {
	if topic, p := im.Partition(r.TopicID, r.Index); topic != nil {
		im.owned(topic, own).Partitions[r.Index] = p.With(r)
	}
}

// With is the partition after the change; p stays as it is.
func (p *Partition) With(r *PartitionChangeRecord) Partition {
	next := *p
	next.PartitionEpoch++
	if r.Leader != nil {
		if p.Leader != NoLeader {
			next.LastLeader = p.Leader
		}
		next.Leader = *r.Leader
		next.LeaderEpoch++
	}
	replace(&next.Replicas, r.Replicas)
	replace(&next.Adding, r.Adding)
	replace(&next.Removing, r.Removing)
	replace(&next.ISR, r.ISR)
	replace(&next.ELR, r.ELR)
	replace(&next.LastKnownELR, r.LastKnownELR)
	if r.Recovering != nil {
		next.Recovering = *r.Recovering
	}
	return next
}

// replace sets what is not nil. An empty list becomes nil, so that equal images look equal.
func replace(list *[]int32, with []int32) {
	if with != nil {
		*list = slices.Clip(with)
	}
	if len(*list) == 0 {
		*list = nil
	}
}

// owned gives a copy of the topic that may be changed, in its place.
func (im *Image) owned(topic *Topic, own map[*Topic]bool) *Topic {
	if own[topic] {
		return topic
	}
	copied := *topic
	copied.Partitions = slices.Clone(topic.Partitions)
	own[&copied] = true
	im.topics[topic.Name] = &copied
	return &copied
}
