package timeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Target is symbolic: it is resolved when the fault fires, and the resolution is recorded.
// Forms: "node(0)" (by id), "any" (a node drawn from the seed).
type Target string

// Any is the target that draws one of all nodes.
const Any Target = "any"

// NodeTarget is the target that names one node by id.
func NodeTarget(id int32) Target { return Target("node(" + strconv.Itoa(int(id)) + ")") }

// targetForms is what an error offers.
const targetForms = `write node(0) for a node by its id, or any for one drawn from the seed`

// Selector is a Target that was read: exactly one form of it is set.
type Selector struct {
	// Any of all nodes.
	Any bool
	// Node id, where Any is false.
	Node int32
}

// Selector reads the target.
func (t Target) Selector() (Selector, error) {
	if t == Any {
		return Selector{Any: true}, nil
	}
	inner, ok := strings.CutPrefix(string(t), "node(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !ok || !closed {
		return Selector{}, fmt.Errorf("unknown target %q: %s", string(t), targetForms)
	}
	id, err := strconv.ParseInt(inner, 10, 32)
	if err != nil || id < 0 || NodeTarget(int32(id)) != t {
		return Selector{}, fmt.Errorf("target %q has no node id: %s", string(t), targetForms)
	}
	return Selector{Node: int32(id)}, nil
}

// Target is the form that Target.Selector reads back to the same Selector.
func (s Selector) Target() Target {
	if s.Any {
		return Any
	}
	return NodeTarget(s.Node)
}

// Resolve names the node that a target means now. nodes are the ids of all nodes, ascending; draw
// returns a number in [0,n) and is called only by forms that choose, once, so that one seed makes
// the same choices in every run.
func Resolve(t Target, nodes []int32, draw func(n int) int) (int32, error) {
	s, err := t.Selector()
	if err != nil {
		return 0, err
	}
	if len(nodes) == 0 {
		return 0, fmt.Errorf("target %s: the cluster has no nodes", t)
	}
	if s.Any {
		return nodes[draw(len(nodes))], nil
	}
	if !slices.Contains(nodes, s.Node) {
		return 0, fmt.Errorf("target %s: there is no such node, the cluster has %s", t, idList(nodes))
	}
	return s.Node, nil
}

// idList prints "node 0" or "nodes 0, 1, 2".
func idList(ids []int32) string {
	if len(ids) == 1 {
		return fmt.Sprintf("node %d only", ids[0])
	}
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = strconv.Itoa(int(id))
	}
	return "nodes " + strings.Join(text, ", ")
}
