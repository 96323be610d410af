package verify

import (
	"fmt"
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// generationsMax bounds the generations of one group whose beginning is kept.
const generationsMax = 1024

// groupOf is one partition as one group sees it.
type groupOf struct {
	group     string
	partition history.Partition
}

func (g groupOf) String() string { return fmt.Sprintf("group %s in %s", g.group, g.partition) }

// compareGroups orders positions of groups for reports that do not depend on maps.
func compareGroups(a, b groupOf) int {
	if a.group != b.group {
		if a.group < b.group {
			return -1
		}
		return 1
	}
	return comparePartitions(a.partition, b.partition)
}

// sortedGroups lists the keys of a map in the order of reports.
func sortedGroups[V any](m map[groupOf]V) []groupOf {
	keys := make([]groupOf, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareGroups)
	return keys
}

// generations is when each generation of a group was first known to have begun: some member had been
// given its assignment. A generation is never begun twice.
type generations struct {
	begun []generation // by number
}

type generation struct {
	number int32
	at     history.Time
	by     telling
}

// hear takes what an operation tells: that a generation had begun at a time. Times come in any order.
func (g *generations) hear(number int32, at history.Time, by telling) {
	if number < 0 {
		return
	}
	i, found := slices.BinarySearchFunc(g.begun, number, func(a generation, n int32) int { return int(int64(a.number) - int64(n)) })
	if found {
		if at < g.begun[i].at {
			g.begun[i].at, g.begun[i].by = at, by
		}
		return
	}
	g.begun = slices.Insert(g.begun, i, generation{number, at, by})
	if len(g.begun) > generationsMax {
		g.begun = slices.Delete(g.begun, 0, 1)
	}
}

// after is the generation above the given one that was known first; at is Never if none was. Of an
// unknown generation nothing is known.
func (g *generations) after(number int32) generation {
	first := generation{at: history.Never}
	if number < 0 {
		return first
	}
	for i := len(g.begun) - 1; i >= 0 && g.begun[i].number > number; i-- {
		if g.begun[i].at < first.at {
			first = g.begun[i]
		}
	}
	return first
}

// learn takes what an operation of a group tells of its generations. An Own was given at its Invoke; a
// Resume and an acknowledged Commit show that the generation had begun when they returned.
func (g *generations) learn(op *history.Operation) {
	by := telling{op.Process, op.Return}
	switch {
	case op.Kind == history.Own:
		g.hear(op.Group.Generation, op.Invoke, by)
	case op.Outcome == history.OK:
		g.hear(op.Group.Generation, op.Return, by)
	}
}
