package node

import (
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/env/mem"
)

// A disk that is slower than the quorum's clock does not keep a node from leading in its first term: a
// candidate waits for its own vote to be synced.
func TestSlowDiskElectsOnce(t *testing.T) {
	cfg := testConfig()
	s := &stepper{
		t: t, now: time.Unix(1_700_000_000, 0), hold: true,
		answers: map[actor.Address][]actor.Response{}, hangups: map[actor.Address]string{},
	}
	var err error
	if s.node, err = Open(mem.New(), cfg); err != nil {
		t.Fatal(err)
	}
	s.actors = s.node.Actors()
	s.queue = append(s.queue, s.node.Begin()...)
	s.settle()
	for range 5 {
		s.pass(DefaultQuorumTick)
	}
	s.hold = false
	s.settle()
	if leader := s.node.controller.quorum.Status().Leader; leader.ID != cfg.Sessions.NodeID || leader.Term != 1 {
		t.Errorf("after five ticks of a disk that stood still: leader %d in term %d, want node %d in term 1", leader.ID, leader.Term, cfg.Sessions.NodeID)
	}
}
