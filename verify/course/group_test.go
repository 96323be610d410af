package course

import (
	"testing"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// What members do is counted by group, and not as what readers read.
func TestGroupsAreCountedApart(t *testing.T) {
	orders := history.Partition{Topic: "orders"}
	tell := func(process string, kind history.Kind, outcome history.Outcome, generation int32, at time.Duration, offset int64) *history.Operation {
		return &history.Operation{
			Process: process, Kind: kind, Outcome: outcome, Return: history.Time(at),
			Group: &history.GroupPart{Group: "workers", Generation: generation, Positions: []history.Position{{Partition: orders, Offset: offset}}},
		}
	}
	read := func(process string, first int64, n int32) *history.Operation {
		op := fetch(process, 310*time.Millisecond, n, 0)
		op.Runs[0].FirstOffset = first
		return op
	}
	var m Meter
	for _, op := range []*history.Operation{
		read("reader-0", 0, 13),
		tell("workers-0", history.Resume, history.OK, 1, 1e6, history.Unset), read("workers-0", 0, 10),
		tell("workers-0", history.Commit, history.OK, 1, 10e6, 10), tell("workers-0", history.Commit, history.Unknown, 1, 11e6, 11),
		tell("workers-0", history.Commit, history.Fail, 1, 12e6, 12), tell("workers-0", history.Own, history.OK, 1, 13e6, history.Unset),
		tell("workers-1", history.Resume, history.OK, 2, 1e9, 8), read("workers-1", 8, 5),
		tell("workers-1", history.Commit, history.OK, 2, 2010e6, 13), tell("workers-1", history.Own, history.OK, 2, 3e9, history.Unset),
		tell("workers-end", history.Resume, history.OK, -1, 4e9, 13),
	} {
		m.Observe(op)
	}
	c := m.Course()
	if c.Readers != 1 || c.Buckets[3].Read != 13 || len(c.Groups) != 1 {
		t.Fatalf("%d readers read %d, %d groups: want one that read 13, and one group", c.Readers, c.Buckets[3].Read, len(c.Groups))
	}
	g := c.Groups[0]
	g.members, g.generations, g.reached, g.committed = nil, nil, nil, 0
	if g.Members != 2 || g.Generations != 2 || g.Assigned != 2 || g.Acknowledged != 2 || g.Unknown != 1 || g.Refused != 1 || g.Resumed != 2 ||
		g.Processed != 15 || g.Again != 2 || g.Pause != 2*time.Second || g.PauseFrom != 10e6 {
		t.Errorf("the group is %+v", g)
	}
}
