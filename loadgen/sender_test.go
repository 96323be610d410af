package loadgen

import (
	"testing"
	"time"

	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify/history"
)

// sink takes records while it has room.
type sink struct {
	room     int
	targets  []int
	intended []history.Time
}

func (s *sink) Send(target int, intended history.Time) bool {
	if s.room == 0 {
		return false
	}
	s.room--
	s.targets = append(s.targets, target)
	s.intended = append(s.intended, intended)
	return true
}

const ms = history.Time(time.Millisecond)

// newSender sends a record every millisecond, from the moment 100 ms on.
func newSender(room int, maxBehind time.Duration) (*sender, *sink) {
	out := &sink{room: room}
	return &sender{
		out: out, schedule: pace.Constant(pace.PerSecond(1000)), targets: 3, first: 2, maxBehind: maxBehind, start: 100 * ms,
	}, out
}

func TestSenderKeepsIntendedTimes(t *testing.T) {
	s, out := newSender(100, 0)
	s.sendDue(99 * ms)
	if len(out.intended) != 0 {
		t.Errorf("%d records were sent before the start", len(out.intended))
	}
	s.sendDue(104*ms + 1)
	s.sendDue(104*ms + 2)
	for i, intended := range out.intended {
		if intended != history.Time(100+i)*ms || out.targets[i] != (i+2)%3 {
			t.Errorf("record %d was meant for %v to target %d", i, intended, out.targets[i])
		}
	}
	if len(out.intended) != 5 || s.sent.Load() != 5 {
		t.Errorf("%d records were sent, %d counted; want 5", len(out.intended), s.sent.Load())
	}
}

func TestSenderIsLateAndNotSlower(t *testing.T) {
	s, out := newSender(3, 0)
	s.sendDue(110 * ms)
	if len(out.intended) != 3 {
		t.Fatalf("%d records were sent into room for 3", len(out.intended))
	}
	out.room = 100
	s.sendDue(120 * ms)
	if len(out.intended) != 21 || out.intended[20] != 120*ms || s.dropped.Load() != 0 {
		t.Errorf("%d records, the last meant for %v, %d dropped; want all 21 up to 120 ms", len(out.intended), out.intended[len(out.intended)-1], s.dropped.Load())
	}
}

func TestSenderDropsWhatIsTooLate(t *testing.T) {
	s, out := newSender(3, 5*time.Millisecond)
	s.sendDue(102 * ms)
	s.sendDue(120 * ms) // 103 to 114 ms are too late; 115 is just in time, but there is no room
	if len(out.intended) != 3 || s.dropped.Load() != 12 {
		t.Errorf("%d sent, %d dropped; want 3 and 12", len(out.intended), s.dropped.Load())
	}
	out.room = 2
	s.sendDue(120 * ms)
	s.finish(121 * ms)
	if out.intended[3] != 115*ms || s.intended != 22 || s.sent.Load()+s.dropped.Load() != 22 {
		t.Errorf("next record meant for %v; intended %d, sent %d, dropped %d", out.intended[3], s.intended, s.sent.Load(), s.dropped.Load())
	}
}

func TestSenderWakesOnItsGrid(t *testing.T) {
	s, _ := newSender(0, 0)
	if got := s.wait(100 * ms); got != tick {
		t.Errorf("with a record that waits the next turn is in %v; want a tick", got)
	}
	s.next = 3
	if got := s.wait(100*ms + 1); got != 3*time.Millisecond+tick-1 {
		t.Errorf("the next turn is in %v; want the tick after 3 ms", got)
	}
	s.schedule = pace.Constant(pace.Rate{})
	if got := s.wait(100 * ms); got < time.Minute {
		t.Errorf("an empty schedule wakes in %v", got)
	}
}

func TestFirstTargetsAreDrawnFromTheSeed(t *testing.T) {
	seen := map[int]bool{}
	for producer := range 20 {
		first := firstTarget(7, producer, 6)
		if first != firstTarget(7, producer, 6) || first < 0 || first > 5 {
			t.Errorf("producer %d begins at %d", producer, first)
		}
		seen[first] = true
	}
	if len(seen) < 3 {
		t.Errorf("20 producers begin at %d of 6 targets only", len(seen))
	}
}
