package group

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Describe shows a group with its members. What they told the assignor and what they were assigned are shown of a
// stable group only. A group that is not there is Dead, and from version 6 an error (KIP-1043).
func (m *Machine) Describe(id string, version int16) kmsg.DescribeGroupsResponseGroup {
	out := kmsg.NewDescribeGroupsResponseGroup()
	out.Group = id
	g := m.groups[id]
	if g == nil || g.nothing() {
		out.State = string(Dead)
		if version >= 6 {
			out.ErrorCode, out.ErrorMessage = kerr.GroupIDNotFound.Code, kmsg.StringPtr("Group "+id+" not found.")
		}
		return out
	}
	out.State, out.ProtocolType = string(g.state), g.protocolType
	if g.state == Stable {
		out.Protocol = g.protocol
	}
	for _, mem := range g.members {
		one := kmsg.NewDescribeGroupsResponseGroupMember()
		one.MemberID, one.InstanceID, one.ClientID, one.ClientHost = mem.id, mem.instance, mem.client.ID, mem.client.Host
		one.ProtocolMetadata, one.MemberAssignment = []byte{}, []byte{}
		if g.state == Stable {
			one.ProtocolMetadata, one.MemberAssignment = mem.metadata(g.protocol), append(one.MemberAssignment, mem.assignment...)
		}
		out.Members = append(out.Members, one)
	}
	return out
}

// nothing says that there is only what asks for the group, or has been refused: it is not there for anybody.
func (g *group) nothing() bool {
	return g.state == Empty && !g.stored && len(g.members)+len(g.offsets)+len(g.promises.open) == 0
}

// List gives the groups in the states and of the types that are asked for, in any case of letters; none is all.
func (m *Machine) List(states, types []string) (all []kmsg.ListGroupsResponseGroup) {
	wanted := func(list []string, what string) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, what) })
	}
	for _, g := range m.sorted() {
		if g.nothing() || !wanted(states, string(g.state)) || !wanted(types, "classic") {
			continue
		}
		out := kmsg.NewListGroupsResponseGroup()
		out.Group, out.ProtocolType, out.GroupState, out.GroupType = g.id, g.protocolType, string(g.state), "classic"
		all = append(all, out)
	}
	return all
}

// Delete removes a group without members, with its offsets. done is called once, with nil when it is gone.
func (m *Machine) Delete(now time.Time, id string, done func(*kerr.Error)) {
	g := m.groups[id]
	switch {
	case g == nil || g.nothing() && len(g.inFlight) == 0:
		done(kerr.GroupIDNotFound)
		return
	case g.state != Empty:
		done(kerr.NonEmptyGroup)
		return
	}
	gone := map[partition]bool{}
	for p := range g.offsets {
		gone[p] = true
	}
	for p := range g.promises.open {
		gone[p] = true
	}
	for p := range g.inFlight { // they are before this in the log
		gone[p] = true
	}
	m.remove(now, g, slices.Collect(maps.Keys(gone)), true, done)
}

// remove writes that offsets are gone, and the group's metadata with them if whole is set.
func (m *Machine) remove(now time.Time, g *group, gone []partition, whole bool, done func(*kerr.Error)) {
	slices.SortFunc(gone, comparePartitions)
	stamp := m.cfg.Wall(now).UnixMilli()
	var records []Record
	for _, p := range gone {
		records = append(records, Record{Key: offsetKey(g.id, p), Timestamp: stamp})
	}
	if whole && (g.stored || g.protocolType != "") {
		records = append(records, Record{Key: groupKey(g.id), Timestamp: stamp})
	}
	if len(records) == 0 {
		done(nil)
		return
	}
	generation := g.generation
	m.write(now, false, records, func(_ time.Time, err *kerr.Error) {
		if err == nil {
			m.order++
			for _, p := range gone { // what is pending is before this in the log, and goes with it
				delete(g.offsets, p)
				delete(g.promises.open, p)
			}
			if whole && g.state == Empty && g.generation == generation {
				g.stored, g.generation, g.protocolType = false, 0, ""
			}
			m.forget(g)
		} else {
			err = coordinatorError(err)
		}
		if done != nil {
			done(err)
			done = nil
		}
	}, func(time.Time) {
		if done != nil {
			done(kerr.CoordinatorNotAvailable)
			done = nil
		}
	})
}

// DeleteOffsets removes offsets of a group. Those of topics that its consumers read are kept (KIP-496).
func (m *Machine) DeleteOffsets(now time.Time, req *kmsg.OffsetDeleteRequest, answer Answer) {
	resp := kmsg.NewPtrOffsetDeleteResponse()
	g := m.groups[req.Group]
	switch {
	case req.Group == "":
		resp.ErrorCode = kerr.InvalidGroupID.Code
	case g == nil || g.nothing():
		resp.ErrorCode = kerr.GroupIDNotFound.Code
	case g.state != Empty && !g.consumers():
		resp.ErrorCode = kerr.NonEmptyGroup.Code
	}
	if resp.ErrorCode != 0 {
		answer(resp)
		return
	}
	var gone []partition
	for _, t := range req.Topics {
		out := kmsg.NewOffsetDeleteResponseTopic()
		out.Topic = t.Topic
		for _, p := range t.Partitions {
			one := kmsg.NewOffsetDeleteResponseTopicPartition()
			one.Partition = p.Partition
			if at := (partition{t.Topic, p.Partition}); g.subscribed(t.Topic) {
				one.ErrorCode = kerr.GroupSubscribedToTopic.Code
			} else if _, ok := g.offsets[at]; (ok || len(g.promises.open[at]) > 0) && !slices.Contains(gone, at) {
				gone = append(gone, at)
			}
			out.Partitions = append(out.Partitions, one)
		}
		resp.Topics = append(resp.Topics, out)
	}
	m.remove(now, g, gone, false, func(err *kerr.Error) {
		if err != nil {
			resp.ErrorCode, resp.Topics = err.Code, nil
		}
		answer(resp)
	})
}

func comparePartitions(a, b partition) int {
	return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.index, b.index))
}

func sortedPartitions[V any](of map[partition]V) []partition {
	return slices.SortedFunc(maps.Keys(of), comparePartitions)
}
