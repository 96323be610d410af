package sim

import (
	"time"

	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// stall lets a process stand still for a while: it does nothing, and its connections stay.
func (m *consumer) stall(span time.Duration) {
	m.stalled = true
	m.sim.after(span, kindClient, func() {
		m.stalled = false
		waiting := m.waiting
		m.waiting = nil
		for _, f := range waiting {
			if !m.dead {
				f()
			}
		}
	})
}

// crashed ends the process where it stands.
func (m *consumer) crashed() {
	if m.dead {
		return
	}
	m.sim.story.departing(m, "is gone without a word", "nobody knows: its partitions are read by nobody until the coordinator misses its heartbeats")
	m.release(history.Unknown)
	m.turn++
	m.crash()
}

// fenced ends a process that was told that another one has its instance id. It may be told so by a coordinator that
// never heard of it, because it was one member more when the one before died: whoever runs it starts it again, unless
// there is another one in its place already.
func (m *consumer) fenced() {
	if m.crashed(); m.group.members[m.place] == m {
		m.group.replace(m.place, between(m.group.draw, 100*time.Millisecond, time.Second), func() {})
	}
}

// leave gives everything up in order and tells the coordinator; then follows. A member that has not come so far
// is simply gone.
func (m *consumer) leave(then func()) {
	if m.dead {
		then()
		return
	}
	if m.stalled {
		m.waiting = append(m.waiting, func() { m.leave(then) })
		return
	}
	m.sim.story.departing(m, "leaves", "it says so to the coordinator, which need not wait for its session to end")
	stage := m.stage
	m.stage = outside
	m.turn++
	turn := m.turn
	bye := func() {
		if m.dead || m.turn != turn {
			return
		}
		m.release(history.OK)
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group = m.group.name
		one := kmsg.NewLeaveGroupRequestMember()
		one.MemberID, one.InstanceID = m.id, m.instance
		req.Members = append(req.Members, one)
		if m.id == "" || m.coordinator == nobody {
			m.crash()
			then()
			return
		}
		m.ask(m.coordinator, req, func(*request, kmsg.Response) {
			if !m.dead {
				m.crash()
				then()
			}
		})
	}
	if stage != stable {
		bye()
		return
	}
	m.commit(bye)
}
