package loadgen

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify/history"
)

// tick is the grid on which senders wake: everything that became due in between is sent at once, each
// record with its own intended time. The grid shows as slip, which is measured and reported.
const tick = 500 * time.Microsecond

// outlet takes records, as client.Producer does.
type outlet interface {
	// Send is false when the record must be offered again later.
	Send(target int, intended history.Time) bool
}

// sender runs the schedule of one producer.
type sender struct {
	out       outlet
	schedule  pace.Schedule
	targets   int
	first     int // the target of record 0
	maxBehind time.Duration
	now       func() history.Time
	start     history.Time

	next uint64 // index of the record that is sent next; the sending goroutine owns it
	// intended is how many records the schedule meant until it ended; valid when run has returned.
	intended uint64
	// Counters for everyone: sent and dropped add up to what is done of the schedule.
	sent, dropped atomic.Uint64
}

// firstTarget draws where a producer begins its turns, so that producers do not march in step.
func firstTarget(seed int64, producer, targets int) int {
	return rand.New(rand.NewPCG(uint64(seed), uint64(producer))).IntN(targets)
}

// run sends what is due until it is stopped or cancelled, and then ends the schedule. It does not
// wait for the cluster.
func (s *sender) run(cancelled, stopped <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-cancelled:
			s.finish(s.now())
			return
		case <-stopped:
			now := s.now()
			s.sendDue(now)
			s.finish(now)
			return
		case <-timer.C:
			s.sendDue(s.now())
			timer.Reset(s.wait(s.now()))
		}
	}
}

// sendDue offers every record that is due at the given moment, until the outlet is full; what is later
// than allowed is dropped.
func (s *sender) sendDue(now history.Time) {
	due := s.schedule.Due(time.Duration(now - s.start))
	for ; s.next < due; s.next++ {
		intended := s.intendedAt(s.next)
		if s.maxBehind > 0 && now-intended > history.Time(s.maxBehind) {
			s.dropped.Add(1)
			continue
		}
		if !s.out.Send(s.target(s.next), intended) {
			return
		}
		s.sent.Add(1)
	}
}

func (s *sender) intendedAt(i uint64) history.Time {
	return s.start + history.Time(s.schedule.At(i))
}

func (s *sender) target(i uint64) int {
	return int((i + uint64(s.first)) % uint64(s.targets))
}

// wait is the time until the first tick at which a record is due that was not sent.
func (s *sender) wait(now history.Time) time.Duration {
	at := max(time.Duration(now-s.start), s.schedule.At(s.next))
	if at > pace.Forever-2*tick {
		return time.Hour
	}
	return (at/tick+1)*tick - time.Duration(now-s.start)
}

// finish ends the schedule at the given moment: what was due by then and not sent is dropped.
func (s *sender) finish(end history.Time) {
	s.intended = s.schedule.Due(time.Duration(end - s.start))
	s.dropped.Add(s.intended - s.next)
	s.next = s.intended
}

// settled is the fate of what one producer sent.
type settled struct {
	mu                     sync.Mutex
	acked, failed, unknown uint64
	aborted                uint64
	// blind producers ask for no acknowledgement: what they sent is what is counted for the last second.
	blind                   bool
	response, service, slip Latency
	series                  Series
	last                    window
	lastAck                 history.Time
}

// settle takes the fate of one record. Response and service time are those of acknowledged records;
// slip is of all.
func (f *settled) settle(s client.Settlement) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slip.record(s.Intended, s.Called)
	switch {
	case s.Aborted:
		f.aborted++
	case s.Outcome == history.OK:
		f.acked++
		f.response.record(s.Intended, s.Returned)
		f.service.record(s.Called, s.Returned)
		f.series.add(s.Returned, 1)
		f.last.add(s.Returned)
		f.lastAck = max(f.lastAck, s.Returned)
	case s.Outcome == history.Fail:
		f.failed++
	default:
		f.unknown++
		if f.blind {
			f.last.add(s.Returned)
		}
	}
}
