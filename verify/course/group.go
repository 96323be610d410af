package course

import (
	"slices"
	"strings"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// Group is what a consumer group did in a run.
type Group struct {
	Name string `json:"name"`
	// Members that there were, those that came after a crash among them.
	Members int `json:"members"`
	// Generations that gave some member an assignment, and partitions that were assigned.
	Generations int   `json:"generations"`
	Assigned    int64 `json:"assigned_partitions"`
	// Positions that were committed, by the outcome of the commit, and positions that members resumed at.
	Acknowledged int64 `json:"acknowledged_positions"`
	Refused      int64 `json:"refused_positions"`
	Unknown      int64 `json:"unknown_positions"`
	Resumed      int64 `json:"resumed_positions"`
	// Processed records, and Again those of them that stand below what a member had processed before.
	Processed int64 `json:"processed_records"`
	Again     int64 `json:"processed_again"`
	// Pause is the longest time between two acknowledged commits of the group, and PauseFrom its beginning.
	Pause     time.Duration `json:"longest_pause_ns"`
	PauseFrom history.Time  `json:"longest_pause_from_ns"`

	members     map[string]bool
	generations map[int32]bool
	reached     map[history.Partition]int64
	committed   history.Time // when a commit was acknowledged last
}

// groups meters the consumer groups of a run.
type groups struct {
	list   []*Group
	member map[string]*Group // by process
}

// observe takes what a member of a group promised or was told.
func (g *groups) observe(op *history.Operation) {
	one := g.group(op.Group.Group)
	if g.member == nil {
		g.member = map[string]*Group{}
	}
	g.member[op.Process] = one
	n := int64(len(op.Group.Positions))
	switch op.Kind {
	case history.Own:
		one.Assigned += n
		one.members[op.Process] = true
		one.generations[op.Group.Generation] = true
	case history.Resume:
		if op.Group.Generation != int32(history.Unset) {
			one.Resumed += n
		}
	case history.Commit:
		one.commit(op, n)
	}
}

func (one *Group) commit(op *history.Operation, positions int64) {
	switch op.Outcome {
	case history.Fail:
		one.Refused += positions
		return
	case history.Unknown:
		one.Unknown += positions
		return
	}
	one.Acknowledged += positions
	if pause := time.Duration(op.Return - one.committed); one.committed > 0 && pause > one.Pause {
		one.Pause, one.PauseFrom = pause, one.committed
	}
	one.committed = max(one.committed, op.Return)
}

// processed takes the records of a fetch of a member; it is false if the process is no member.
func (g *groups) processed(op *history.Operation) bool {
	one := g.member[op.Process]
	if one == nil {
		return false
	}
	for _, run := range op.Runs {
		if run.Producer == history.BarrierProducer {
			continue
		}
		end := run.FirstOffset + int64(run.Count)
		one.Processed += int64(run.Count)
		one.Again += max(0, min(one.reached[run.Partition], end)-run.FirstOffset)
		one.reached[run.Partition] = max(one.reached[run.Partition], end)
	}
	return true
}

func (g *groups) group(name string) *Group {
	for _, one := range g.list {
		if one.Name == name {
			return one
		}
	}
	one := &Group{Name: name, members: map[string]bool{}, generations: map[int32]bool{}, reached: map[history.Partition]int64{}}
	g.list = append(g.list, one)
	return one
}

// all are the groups by their names.
func (g *groups) all() (list []Group) {
	for _, one := range g.list {
		one.Members, one.Generations = len(one.members), len(one.generations)
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return list
}
