package node

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
)

// noted tells the names of the clean-shutdown files in the order in which they are made.
type noted struct {
	env.FS
	made []string
}

func (n *noted) Create(name string) (env.File, error) {
	if dir, ok := strings.CutSuffix(name, "/clean-shutdown"); ok {
		n.made = append(n.made, dir)
	}
	return n.FS.Create(name)
}

// A shard goes through its replicas in the same order in every run, or a simulation could not be repeated.
func TestReplicasInOrder(t *testing.T) {
	files := &noted{FS: mem.New()}
	cfg := testConfig()
	cfg.Sessions.Shards = 1
	s := startNode(t, files, cfg)
	createTopic(s, "orders", 6)
	createTopic(s, "events", 6)
	var marks []Replica
	s.node.shards[0].report(Report{Done: func(all []Replica) { marks = all }})
	if len(marks) != 12 || !slices.IsSortedFunc(marks, func(a, b Replica) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	}) {
		t.Errorf("reported %v", marks)
	}
	if err := s.node.Close(); err != nil {
		t.Fatal(err)
	}
	// The first is the metadata log; the node's own file is in no directory of a log.
	if len(files.made) != 13 || !slices.IsSorted(files.made[1:]) {
		t.Errorf("closed in the order %v", files.made)
	}
}
