package node

import (
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env/mem"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A request may have weeks. Its connection waits for them a minute at a time, so that no timer is left for long when
// the client has gone, and answers when the time is up and not sooner.
func TestALongDeadline(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	s.hold = true
	session := s.connect()
	req := produceRequest(topic, 0, -1, records(5, 0, "x"))
	req.TimeoutMillis = int32((10 * time.Minute).Milliseconds())
	s.request(session, req, 1)
	for minute := range 10 {
		if len(s.answers[session]) != 0 {
			t.Fatalf("it was answered in minute %d", minute)
		}
		waiting := 0
		for _, timer := range s.timers {
			if timer.to == session {
				waiting++
				if left := timer.at.Sub(s.now); left > time.Minute {
					t.Errorf("minute %d: a timer has %v left", minute, left)
				}
			}
		}
		if waiting != 1 {
			t.Fatalf("minute %d: the connection has %d timers, want one", minute, waiting)
		}
		s.pass(time.Minute)
	}
	if len(s.answers[session]) != 1 {
		t.Fatal("it was not answered after ten minutes")
	}
	if p := s.answers[session][0].Body.(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != kerr.RequestTimedOut.Code {
		t.Errorf("answered with %v", kerr.ErrorForCode(p.ErrorCode))
	}
}
