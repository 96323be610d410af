package replication

import (
	"testing"

	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func at(index int32, offset int64) Position {
	return Position{Topic: metadata.TopicID{1}, Partition: index, Fetch: partition.Fetch{Replica: 2, BrokerEpoch: 7, Offset: offset}}
}

// named lists the partitions of a request and its forgotten ones.
func named(req *kmsg.FetchRequest) (asked, forgotten []int32) {
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			asked = append(asked, p.Partition)
		}
	}
	for _, t := range req.ForgottenTopics {
		forgotten = append(forgotten, t.Partitions...)
	}
	return asked, forgotten
}

func TestSessionNamesWhatChanged(t *testing.T) {
	var s Session
	for i, step := range []struct {
		positions        []Position
		epoch            int32
		asked, forgotten int
	}{
		{[]Position{at(0, 0), at(1, 0)}, 0, 2, 0},
		{[]Position{at(0, 0), at(1, 0)}, 1, 0, 0},
		{[]Position{at(0, 5), at(1, 0)}, 2, 1, 0},
		{[]Position{at(1, 0), at(2, 0)}, 3, 1, 1},
		{[]Position{at(0, 5), at(1, 0), at(2, 0)}, 4, 1, 0},
	} {
		req := s.Request(step.positions)
		asked, forgotten := named(req)
		if req.SessionEpoch != step.epoch || len(asked) != step.asked || len(forgotten) != step.forgotten {
			t.Fatalf("request %d: epoch %d, asks %v, forgets %v", i, req.SessionEpoch, asked, forgotten)
		}
		if (req.SessionID == 9) != (i > 0) || req.ReplicaState.ID != 2 || req.ReplicaState.Epoch != 7 {
			t.Fatalf("request %d: session %d of replica %+v", i, req.SessionID, req.ReplicaState)
		}
		resp := kmsg.NewFetchResponse()
		resp.SessionID = 9
		if err := s.Answered(&resp); err != nil {
			t.Fatal(err)
		}
	}
	if f, ok := s.Asked(metadata.TopicID{1}, 0); !ok || f.Offset != 5 {
		t.Errorf("asked %+v, %v", f, ok)
	}
}

// A leader that does not know the session is asked for everything again.
func TestSessionBeginsAnew(t *testing.T) {
	var s Session
	s.Request([]Position{at(0, 0)})
	resp := kmsg.NewFetchResponse()
	resp.SessionID = 9
	if err := s.Answered(&resp); err != nil {
		t.Fatal(err)
	}
	s.Request([]Position{at(0, 0)})
	resp.ErrorCode = kerr.FetchSessionIDNotFound.Code
	if s.Answered(&resp) == nil {
		t.Fatal("an unknown session is no error")
	}
	req := s.Request([]Position{at(0, 0)})
	if asked, _ := named(req); req.SessionID != 0 || req.SessionEpoch != 0 || len(asked) != 1 {
		t.Errorf("session %d, epoch %d, asks %v", req.SessionID, req.SessionEpoch, asked)
	}
}
