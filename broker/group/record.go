package group

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Record of __consumer_offsets, in Apache Kafka's format. A nil Value takes back what stands under Key.
type Record struct {
	Key, Value []byte
	// Timestamp in milliseconds since 1970.
	Timestamp int64
}

// Versions of what is written. Older ones are read.
const (
	offsetKeyVersion  = 1
	groupKeyVersion   = 2
	groupValueVersion = 3
	// offsetValueVersion has the id of the topic; expiringValueVersion has a time at which the offset expires, which
	// no later version has.
	offsetValueVersion   = 4
	expiringValueVersion = 1
)

// offset is what was committed for a partition.
type offset struct {
	at          int64
	leaderEpoch int32
	metadata    string
	// committed and expires are milliseconds since 1970; expires is -1 where the retention decides.
	committed, expires int64
	// topic's id; zero if it is not known.
	topic [16]byte
	// order is Machine.order when the offset came to be in the log.
	order uint64
}

// record is the group's metadata with an assignment, as it is now.
func (m *Machine) record(now time.Time, g *group, assigned map[*member][]byte) Record {
	var leader *string
	if g.protocol != "" {
		leader = kmsg.StringPtr(g.leader)
	}
	return m.recordOf(now, g, kept{g.generation, g.protocol}, leader, g.members, assigned)
}

// remaining is the last assignment that is committed, without those who have gone since. It has no leader: who loads it
// knows by that that it is no longer whole.
func (m *Machine) remaining(now time.Time, g *group) Record {
	members, of := slices.DeleteFunc(slices.Clone(g.members), func(mem *member) bool { return !mem.kept }), g.kept
	if len(members) == 0 {
		of.protocol = ""
	}
	return m.recordOf(now, g, of, nil, members, g.assigned())
}

func (m *Machine) recordOf(now time.Time, g *group, of kept, leader *string, members []*member, assigned map[*member][]byte) Record {
	value := kmsg.NewGroupMetadataValue()
	value.Version, value.ProtocolType, value.Generation = groupValueVersion, g.protocolType, of.generation
	value.CurrentStateTimestamp = m.cfg.Wall(now).UnixMilli()
	if value.Leader = leader; of.protocol != "" {
		value.Protocol = kmsg.StringPtr(of.protocol)
	}
	for _, mem := range members {
		one := kmsg.NewGroupMetadataValueMember()
		one.MemberID, one.InstanceID, one.ClientID, one.ClientHost = mem.id, mem.instance, mem.client.ID, mem.client.Host
		one.SessionTimeoutMillis, one.RebalanceTimeoutMillis = int32(mem.session.Milliseconds()), int32(mem.rebalance.Milliseconds())
		one.Subscription, one.Assignment = mem.metadata(of.protocol), assigned[mem]
		value.Members = append(value.Members, one)
	}
	return Record{groupKey(g.id), value.AppendTo(nil), value.CurrentStateTimestamp}
}

func groupKey(id string) []byte {
	key := kmsg.NewGroupMetadataKey()
	key.Version, key.Group = groupKeyVersion, id
	return key.AppendTo(nil)
}

func offsetKey(group string, p partition) []byte {
	key := kmsg.NewOffsetCommitKey()
	key.Version, key.Group, key.Topic, key.Partition = offsetKeyVersion, group, p.topic, p.index
	return key.AppendTo(nil)
}

func (o offset) record(group string, p partition) Record {
	value := kmsg.NewOffsetCommitValue()
	value.Version = offsetValueVersion
	if o.expires >= 0 {
		value.Version = expiringValueVersion
	}
	value.Offset, value.LeaderEpoch, value.Metadata, value.TopicID = o.at, o.leaderEpoch, o.metadata, o.topic
	value.CommitTimestamp, value.ExpireTimestamp = o.committed, o.expires
	return Record{offsetKey(group, p), value.AppendTo(nil), o.committed}
}

// Load takes a record of the log, in its order. An error is a record that cannot be understood; nothing of it is
// taken. Records of kinds that classic groups do not have change nothing.
func (m *Machine) Load(key, value []byte) error {
	m.order++
	if len(key) < 2 {
		return fmt.Errorf("a key of %d bytes", len(key))
	}
	switch version := int16(key[0])<<8 | int16(key[1]); version {
	case 0, offsetKeyVersion:
		return m.loadOffset(key, value)
	case groupKeyVersion:
		return m.loadGroup(key, value)
	}
	return nil
}

func (m *Machine) loadOffset(key, value []byte) error {
	id, p, o, err := readOffset(key, value)
	switch {
	case err != nil:
		return err
	case m.cfg.Bugs.OffsetsReset:
	case value != nil:
		o.order = m.order
		m.loading(id).offsets[p] = o
	case m.groups[id] != nil:
		delete(m.groups[id].offsets, p)
		delete(m.groups[id].promises.open, p)
	}
	return nil
}

// readOffset gives what a record says of a group's offset; a nil value says only of which.
func readOffset(key, value []byte) (group string, p partition, o offset, err error) {
	k := kmsg.NewOffsetCommitKey()
	if err := k.ReadFrom(key); err != nil {
		return "", p, o, fmt.Errorf("the key of an offset: %w", err)
	}
	group, p = k.Group, partition{k.Topic, k.Partition}
	if value == nil {
		return group, p, o, nil
	}
	v := kmsg.NewOffsetCommitValue()
	if err := v.ReadFrom(value); err != nil {
		return group, p, o, fmt.Errorf("the offset of group %q for %s-%d: %w", k.Group, k.Topic, k.Partition, err)
	}
	o = offset{at: v.Offset, leaderEpoch: -1, metadata: v.Metadata, committed: v.CommitTimestamp, expires: -1, topic: v.TopicID}
	if v.Version >= 3 {
		o.leaderEpoch = v.LeaderEpoch
	}
	if v.Version == expiringValueVersion {
		o.expires = v.ExpireTimestamp
	}
	return group, p, o, nil
}

func (m *Machine) loadGroup(key, value []byte) error {
	k := kmsg.NewGroupMetadataKey()
	if err := k.ReadFrom(key); err != nil {
		return fmt.Errorf("the key of a group: %w", err)
	}
	if value == nil {
		if g := m.groups[k.Group]; g != nil {
			fresh := newGroup(g.id)
			fresh.offsets, fresh.promises = g.offsets, g.promises
			m.groups[g.id] = fresh
		}
		return nil
	}
	v := kmsg.NewGroupMetadataValue()
	if err := v.ReadFrom(value); err != nil {
		return fmt.Errorf("the metadata of group %q: %w", k.Group, err)
	}
	g := newGroup(k.Group)
	g.offsets, g.promises = m.loading(k.Group).offsets, m.loading(k.Group).promises
	g.stored, g.generation, g.protocolType, g.since = true, v.Generation, v.ProtocolType, time.UnixMilli(v.CurrentStateTimestamp)
	if len(v.Members) > 0 && v.Protocol != nil {
		g.state, g.protocol = Stable, *v.Protocol
		g.kept = kept{v.Generation, *v.Protocol}
	}
	for i := range v.Members {
		one := &v.Members[i]
		mem := &member{
			id: one.MemberID, instance: one.InstanceID, client: Client{one.ClientID, one.ClientHost}, synced: true,
			session: millis(one.SessionTimeoutMillis), rebalance: millis(one.RebalanceTimeoutMillis),
			protocols: []protocol{{g.protocol, one.Subscription}}, assignment: one.Assignment, kept: true,
		}
		if mem.rebalance <= 0 {
			mem.rebalance = mem.session
		}
		g.add(mem, v.ProtocolType)
	}
	switch {
	case v.Leader == nil:
		g.leader = ""
	case g.byID[*v.Leader] != nil:
		g.leader = *v.Leader
	}
	m.groups[k.Group] = g
	return nil
}

func (m *Machine) loading(id string) *group {
	if m.groups[id] == nil {
		m.groups[id] = newGroup(id)
	}
	return m.groups[id]
}

// Loaded begins the term, or goes on with it after a time in which nobody could be heard: what was loaded counts, and
// every member has a whole session before it, and a whole time to join and to sync.
func (m *Machine) Loaded(now time.Time) {
	for _, g := range m.sorted() {
		for _, mem := range g.members {
			mem.alive(now)
		}
		for _, by := range []*time.Time{&g.joinBy, &g.syncBy} {
			if !by.IsZero() {
				*by = now.Add(g.rebalanceTimeout())
			}
		}
		if g.state == Stable && g.leader == "" {
			m.prepare(now, g, "a member has left under another coordinator")
		}
		m.forget(g)
		m.arm(g)
	}
}
