package controller

import (
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/metadata"
)

// target is what a partition shall become. It begins as what the partition is.
type target struct {
	topic *metadata.Topic
	from  *metadata.Partition
	image *metadata.Image
	// byDefault is min.insync.replicas of a topic that does not say; minISR is what that comes to.
	byDefault, minISR int
	// unclean is unclean.leader.election.enable of a topic that does not say.
	unclean bool
	bugs    Bugs

	// replicas with those that a reassignment is adding and removing; see reassign.go.
	replicas, adding, removing []int32
	isr, elr, lastKnown        []int32
	leader                     int32
	recovering                 bool
}

func (m *Machine) targetOf(im *metadata.Image, topic *metadata.Topic, p *metadata.Partition) *target {
	minISR, unclean := m.defaults(im)
	return &target{
		topic: topic, from: p, image: im, bugs: m.cfg.Bugs,
		byDefault: minISR, minISR: topic.MinISR(p, minISR), unclean: unclean,
		replicas: p.Replicas, adding: p.Adding, removing: p.Removing,
		isr: p.ISR, elr: p.ELR, lastKnown: p.LastKnownELR, leader: p.Leader, recovering: p.Recovering,
	}
}

// nobody stands for the broker where none is meant.
const nobody int32 = -1

// repair brings every partition with a replica on one of the brokers into line with their state:
// who is not active leaves ISR and leadership, who came back may lead a partition that has no
// leader. lost is a broker that may have lost records, or nobody.
func (m *Machine) repair(d *decision, lost int32, brokers ...int32) {
	var changes []metadata.Record
	for _, name := range d.image.Names() {
		topic := d.image.Topic(name)
		for i := range topic.Partitions {
			p := &topic.Partitions[i]
			if !slices.ContainsFunc(brokers, func(id int32) bool { return slices.Contains(p.Replicas, id) }) {
				continue
			}
			t := m.targetOf(d.image, topic, p)
			t.settle(t.remaining(lost), lost)
			t.elect(m.cfg.LastKnownLeader, topic.Unclean(t.unclean) || m.cfg.Bugs.Unclean)
			changes = append(changes, t.changes()...)
		}
	}
	d.add(changes...)
}

// remaining is the ISR without those who may not be in one.
func (t *target) remaining(lost int32) []int32 {
	left := only(t.isr, func(id int32) bool { return id != lost && t.active(id) })
	if t.bugs.LastReplica && len(left) == 0 {
		return t.isr
	}
	return left
}

// settle sets the ISR, and with it who else may be elected (KIP-966). An ISR of min.insync.replicas
// needs nobody else. Below that nothing is committed, so whoever was in ISR or ELR still has every
// committed record and is in the ELR, unless it lost records: then it is only remembered. Who is no
// replica any more is in neither.
func (t *target) settle(isr []int32, lost int32) {
	t.isr = isr
	t.complete()
	if len(t.isr) >= t.minISR || t.bugs.LastReplica {
		t.elr, t.lastKnown = nil, nil
		return
	}
	before := only(union(t.from.ISR, t.from.ELR), t.holds)
	t.elr = only(before, func(id int32) bool { return id != lost && !slices.Contains(t.isr, id) })
	t.lastKnown = only(union(before, only(t.from.LastKnownELR, t.holds)), func(id int32) bool {
		return !slices.Contains(t.isr, id) && !slices.Contains(t.elr, id)
	})
}

// elect finds a leader unless there is one that can stay: in the order of assignment a member of
// the ISR, else of the ELR, which so comes into the ISR. Both have every committed record. Where
// neither has anybody left, the last leader may do if lastKnown allows it, where nobody of them is
// active, any replica if unclean allows it. It reports whether the partition has a leader.
func (t *target) elect(lastKnown, unclean bool) bool {
	if t.leads(t.leader) {
		return true
	}
	t.leader = metadata.NoLeader
	for _, id := range t.replicas {
		if t.leads(id) {
			t.leader = id
			return true
		}
	}
	for _, id := range t.replicas {
		if t.active(id) && slices.Contains(t.elr, id) {
			t.promote(id)
			return true
		}
	}
	if last := t.from.LastLeader; lastKnown && len(t.isr) == 0 && len(t.elr) == 0 && t.active(last) && t.holds(last) {
		t.override(last)
		return true
	}
	for _, id := range union(t.from.Original(), t.replicas) { // those that are only being added have least
		if unclean && t.active(id) && t.holds(id) {
			t.override(id)
			return true
		}
	}
	return false
}

// leads says that the broker may lead as a member of the ISR.
func (t *target) leads(id int32) bool { return t.active(id) && slices.Contains(t.isr, id) }

func (t *target) active(id int32) bool { return t.image.Broker(id).Active() }

// holds says that the broker holds a replica.
func (t *target) holds(id int32) bool { return slices.Contains(t.replicas, id) }

// promote makes a member of the ELR the leader. It joins the ISR, which has no active member.
func (t *target) promote(id int32) {
	t.leader = id
	t.isr = append(slices.Clone(t.isr), id)
	if !slices.Contains(t.removing, id) {
		t.complete()
	}
	t.elr = only(t.elr, func(other int32) bool { return other != id })
	if len(t.isr) >= t.minISR {
		t.elr, t.lastKnown = nil, nil
	}
}

// override elects uncleanly: from now on the log of this replica is what is committed, so that no
// other is in sync with it.
func (t *target) override(id int32) {
	t.leader, t.isr, t.elr, t.lastKnown = id, []int32{id}, nil, nil
	t.recovering = true
	if !slices.Contains(t.removing, id) {
		t.complete()
	}
}

// changes gives the record that makes the partition the target; none if it is.
func (t *target) changes() []metadata.Record {
	t.check()
	p, r := t.from, metadata.PartitionChangeRecord{TopicID: t.topic.ID, Index: t.from.Index}
	changed := false
	list := func(field *[]int32, from, to []int32) {
		if !slices.Equal(from, to) {
			*field, changed = append([]int32{}, to...), true
		}
	}
	list(&r.Replicas, p.Replicas, t.replicas)
	list(&r.Adding, p.Adding, t.adding)
	list(&r.Removing, p.Removing, t.removing)
	list(&r.ISR, p.ISR, t.isr)
	list(&r.ELR, p.ELR, t.elr)
	list(&r.LastKnownELR, p.LastKnownELR, t.lastKnown)
	// A leader that loses a replica begins a new term: the broker that is sent away follows none of it.
	if t.leader != p.Leader || slices.ContainsFunc(p.Replicas, func(id int32) bool { return !t.holds(id) }) {
		leader := t.leader
		r.Leader, changed = &leader, true
	}
	if t.recovering != p.Recovering {
		recovering := t.recovering
		r.Recovering, changed = &recovering, true
	}
	if !changed {
		return nil
	}
	return []metadata.Record{{PartitionChange: &r}}
}

// check panics on a target that must not be, before it gets into the log of the cluster.
func (t *target) check() {
	switch {
	case slices.ContainsFunc(slices.Concat(t.isr, t.elr, t.adding, t.removing), func(id int32) bool { return !t.holds(id) }):
		panic(fmt.Sprintf("controller: %s-%d: ISR %v, ELR %v, adding %v and removing %v are not all of the replicas %v", t.topic.Name, t.from.Index, t.isr, t.elr, t.adding, t.removing, t.replicas))
	case t.leader != metadata.NoLeader && !slices.Contains(t.isr, t.leader):
		panic(fmt.Sprintf("controller: %s-%d: leader %d is not in ISR %v", t.topic.Name, t.from.Index, t.leader, t.isr))
	case slices.ContainsFunc(t.elr, func(id int32) bool { return slices.Contains(t.isr, id) }):
		panic(fmt.Sprintf("controller: %s-%d: ISR %v and ELR %v have a member in common", t.topic.Name, t.from.Index, t.isr, t.elr))
	case len(t.elr) > 0 && len(t.isr) >= t.minISR:
		panic(fmt.Sprintf("controller: %s-%d: ELR %v beside ISR %v, which has min.insync.replicas", t.topic.Name, t.from.Index, t.elr, t.isr))
	}
}

// only gives the members that keep wants, in their order.
func only(list []int32, keep func(int32) bool) (kept []int32) {
	for _, id := range list {
		if keep(id) {
			kept = append(kept, id)
		}
	}
	return kept
}

// union gives the members of both lists, each once.
func union(a, b []int32) []int32 {
	return append(slices.Clone(a), only(b, func(id int32) bool { return !slices.Contains(a, id) })...)
}
