package group

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The whole way of a group: a member, another one, both leave.
func TestMembersComeAndGo(t *testing.T) {
	d := newDesk(t, nil)
	d.join("A", nil)
	d.expect("A: join: MEMBER_ID_REQUIRED")
	d.join("A", nil)
	d.expect("A: joined 1 by range, A leads A")
	d.sync("A", 1, "A")
	d.expect(`A: has "for A"`, "* group g has 1 members in generation 1, by range, after 0 ms (a member joined)")
	d.beat("A", 1, nil)
	d.expect("A: beat: ok")

	d.enter("B", nil)
	d.beat("A", 1, nil)
	d.expect("A: beat: REBALANCE_IN_PROGRESS") // B waits
	d.now = d.now.Add(time.Second)
	d.join("A", nil)
	d.expect("A: joined 2 by range, A leads A+B", "B: joined 2 by range, A leads")
	d.sync("B", 2)
	d.expect() // until the leader has assigned
	d.sync("A", 2, "A", "B")
	d.expect(`A: has "for A"`, `B: has "for B"`, "* group g has 2 members in generation 2, by range, after 1000 ms (a member joined)")
	d.sync("B", 2)
	d.expect(`B: has "for B"`) // once more, as after a lost answer

	d.leave("A")
	d.expect("leave: ok ok")
	d.beat("B", 2, nil)
	d.join("B", nil)
	d.expect("B: beat: REBALANCE_IN_PROGRESS", "B: joined 3 by range, B leads B")
	d.leave("B", "B", "nobody")
	d.expect("leave: ok ok UNKNOWN_MEMBER_ID UNKNOWN_MEMBER_ID", "* group g is empty in generation 4 (a member left)")
	d.beat("B", 4, nil)
	d.expect("B: beat: UNKNOWN_MEMBER_ID")
}

// An empty group waits for more members, and longer if some come, but not longer than they would wait.
func TestInitialDelay(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.InitialDelay = 3 * time.Second })
	d.enter("A", nil)
	d.pass(2 * time.Second)
	d.enter("B", nil)
	d.pass(3 * time.Second)
	d.expect() // B has prolonged it
	d.enter("C", nil)
	d.pass(1*time.Second + 1)
	d.expect() // and C
	d.pass(3 * time.Second)
	d.expect("A: joined 1 by range, A leads A+B+C", "B: joined 1 by range, A leads", "C: joined 1 by range, A leads")

	short := func(r *kmsg.JoinGroupRequest) { r.RebalanceTimeoutMillis = 4000 }
	d = newDesk(t, func(c *Config) { c.InitialDelay = 3 * time.Second })
	d.enter("A", short)
	d.pass(2 * time.Second)
	d.enter("B", short)
	d.pass(1500 * time.Millisecond)
	d.expect()
	d.pass(time.Second)
	d.expect("A: joined 1 by range, A leads A+B", "B: joined 1 by range, A leads")
}

// A member of which nothing is heard is given up when its session is over, and one that does not join a rebalance
// when that has lasted long enough.
func TestSilence(t *testing.T) {
	d := newDesk(t, nil)
	d.stable("A", "B")
	d.pass(9 * time.Second)
	d.beat("A", 2, nil)
	d.pass(2 * time.Second)
	d.expect("A: beat: ok", "* group g goes on without B: its session is over")
	d.join("A", nil)
	d.expect("A: joined 3 by range, A leads A")
	d.sync("A", 3, "A")
	d.told = nil

	d.enter("C", nil)
	for range 29 {
		d.pass(time.Second)
		d.beat("A", 3, nil) // it lives, and goes on reading
		d.told = nil
	}
	d.pass(2 * time.Second)
	d.expect("C: joined 4 by range, C leads C", "* group g goes on without A: it did not join the rebalance in time")
	d.beat("A", 3, nil)
	d.expect("A: beat: UNKNOWN_MEMBER_ID")
}

// Who joins and does not ask for its assignment goes, the leader too: the others must not wait for ever.
func TestLeaderThatDoesNotAssign(t *testing.T) {
	d := newDesk(t, nil)
	d.enter("A", nil)
	d.enter("B", nil)
	d.join("A", nil)
	d.sync("B", 2)
	d.told = nil
	for range 3 {
		d.pass(9 * time.Second)
		d.beat("A", 2, nil)
		d.expect("A: beat: ok")
	}
	d.pass(4 * time.Second)
	d.expect("B: sync: REBALANCE_IN_PROGRESS", "* group g goes on without A: it joined and did not sync in time")
	d.join("B", nil)
	d.expect("B: joined 3 by range, B leads B")
}

// A newcomer whose connection has gone while it waits is not waited for for ever.
func TestNewcomerThatIsGone(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.MaxSession = time.Hour })
	long := func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 900_000, 900_000 }
	d.enter("A", long)
	d.sync("A", 1, "A")
	d.enter("B", long)
	d.told = nil
	d.pass(5*time.Minute + time.Second)
	d.expect("B: join: UNKNOWN_MEMBER_ID", "* group g goes on without B: its session is over")
}

// An id that nobody has joined with does not hold up a rebalance for ever.
func TestIDThatIsNotUsed(t *testing.T) {
	d := newDesk(t, nil)
	d.stable("A")
	d.join("B", nil)
	d.enter("C", nil)
	d.join("A", nil)
	d.expect("B: join: MEMBER_ID_REQUIRED") // B's join is awaited
	d.pass(11 * time.Second)
	d.expect("A: joined 2 by range, A leads A+C", "C: joined 2 by range, A leads")
	d.join("B", nil)
	d.expect("B: join: UNKNOWN_MEMBER_ID")
	d.leave("B")
	d.expect("leave: ok UNKNOWN_MEMBER_ID")

	d = newDesk(t, nil)
	d.join("A", nil)
	d.leave("A")
	d.expect("A: join: MEMBER_ID_REQUIRED", "leave: ok ok")
	if len(d.m.groups) != 0 {
		t.Error("a group of which nothing is left is kept")
	}
}

// Members choose the protocol that all of them support and most like best.
func TestProtocol(t *testing.T) {
	likes := func(names ...string) func(*kmsg.JoinGroupRequest) {
		return func(r *kmsg.JoinGroupRequest) {
			r.Protocols = nil
			for _, name := range names {
				r.Protocols = append(r.Protocols, kmsg.JoinGroupRequestProtocol{Name: name})
			}
		}
	}
	d := newDesk(t, nil)
	d.enter("A", likes("x", "y", "z"))
	d.expect("A: joined 1 by x, A leads A")
	d.enter("B", likes("y", "z"))
	d.enter("C", likes("z", "y"))
	d.join("A", likes("x", "z", "y"))
	d.expect("A: joined 2 by z, A leads A+B+C", "B: joined 2 by z, A leads", "C: joined 2 by z, A leads")
	d.join("D", likes("x"))
	d.join("D", likes())
	d.join("D", func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "connect" })
	d.join("D", func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "" })
	d.expect("D: join: INCONSISTENT_GROUP_PROTOCOL", "D: join: INCONSISTENT_GROUP_PROTOCOL", "D: join: INCONSISTENT_GROUP_PROTOCOL", "D: join: INCONSISTENT_GROUP_PROTOCOL")
}

// A member that joins again and says nothing new is told how things are; the leader, or one that reads something else,
// begins a rebalance.
func TestJoinAgain(t *testing.T) {
	d := newDesk(t, nil)
	d.stable("A", "B")
	d.join("B", nil)
	d.expect("B: joined 2 by range, A leads")
	d.beat("A", 2, nil)
	d.expect("A: beat: ok")
	d.join("B", func(r *kmsg.JoinGroupRequest) { r.Protocols[0].Metadata = subscription("orders", "bills") })
	d.beat("A", 2, nil)
	d.expect("A: beat: REBALANCE_IN_PROGRESS")
	d.join("A", nil)
	d.expect("A: joined 3 by range, A leads A+B", "B: joined 3 by range, A leads")
	d.join("B", func(r *kmsg.JoinGroupRequest) { r.Protocols[0].Metadata = subscription("orders", "bills") })
	d.expect("B: joined 3 by range, A leads") // its first answer was lost
	d.sync("A", 3, "A", "B")
	d.sync("B", 3)
	d.told = nil
	d.join("A", nil)
	d.expect()
	d.join("A", nil)
	d.expect("A: join: REBALANCE_IN_PROGRESS") // the older request; the newer one waits
}

// A coordinator that is gone before the assignment of a generation is stored leaves members that ask the next one for
// it: they have to join again, those that it knows and those that were new.
func TestTheCoordinatorGoesBetweenJoinAndSync(t *testing.T) {
	d := newDesk(t, nil)
	d.enter("X", nil) // the group's first generation, of which nothing is stored
	d.pass(3 * time.Second)
	d.successor()
	d.told = nil
	d.sync("X", 1)
	d.expect("X: sync: REBALANCE_IN_PROGRESS")

	d = newDesk(t, nil)
	generation := d.stable("A")
	d.enter("B", nil)
	d.join("A", nil)
	d.successor()
	d.told = nil
	d.sync("A", generation+1)
	d.sync("B", generation+1)
	d.expect("A: sync: REBALANCE_IN_PROGRESS", "B: sync: REBALANCE_IN_PROGRESS")
	d.join("B", nil)
	d.expect("B: join: UNKNOWN_MEMBER_ID")
}

// Who has left is gone for the next coordinator too, although the rebalance that follows has not ended: nobody waits
// for the dead.
func TestWhoLeavesIsRemembered(t *testing.T) {
	d := newDesk(t, nil)
	generation := d.stable("A", "B", "C")
	d.leave("C")
	d.join("A", nil)
	d.successor()
	d.told = nil
	d.beat("B", generation, nil) // what C had is nobody's: B has to join too, although it has heard nothing of that
	d.expect("B: beat: REBALANCE_IN_PROGRESS")
	d.told = nil
	d.join("A", nil)
	d.join("B", nil)
	if len(d.told) != 2 {
		t.Errorf("A and B have joined, and are told %q; want an end of the rebalance", d.told)
	}
}

// The answer of who leaves waits until that is committed.
func TestLeavingIsCommitted(t *testing.T) {
	d := newDesk(t, nil)
	d.stable("A", "B")
	d.hold = true
	d.told = nil
	d.leave("B")
	d.expect()
	d.release(nil)
	d.expect("leave: ok ok")
}

// Requests that are refused.
func TestRefusals(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.MaxSize = 2 })
	for _, millis := range []int32{5_999, 1_800_001, -1} {
		d.join("A", func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = millis })
		d.expect("A: join: INVALID_SESSION_TIMEOUT")
	}
	d.join("A", func(r *kmsg.JoinGroupRequest) { r.Group = "" })
	d.expect("A: join: INVALID_GROUP_ID")
	d.ids["A"] = "nobody"
	d.join("A", nil)
	d.expect("A: join: UNKNOWN_MEMBER_ID")
	d.ids["A"] = ""
	d.stable("A", "B")
	d.join("C", nil)
	d.expect("C: join: GROUP_MAX_SIZE_REACHED")
	d.ids["C"] = "nobody"
	d.beat("C", 2, nil)
	d.sync("C", 2)
	d.beat("A", 1, nil)
	d.sync("A", 1)
	d.expect("C: beat: UNKNOWN_MEMBER_ID", "C: sync: UNKNOWN_MEMBER_ID", "A: beat: ILLEGAL_GENERATION", "A: sync: ILLEGAL_GENERATION")
	for _, change := range []func(*kmsg.SyncGroupRequest){
		func(r *kmsg.SyncGroupRequest) { r.ProtocolType = kmsg.StringPtr("connect") },
		func(r *kmsg.SyncGroupRequest) { r.Protocol = kmsg.StringPtr("sticky") },
	} {
		req := kmsg.NewPtrSyncGroupRequest()
		req.Group, req.MemberID, req.Generation = "g", d.ids["A"], 2
		change(req)
		d.syncs("A", req)
		d.expect("A: sync: INCONSISTENT_GROUP_PROTOCOL")
	}
	d.join("A", nil)
	d.sync("A", 2)
	d.expect("A: sync: REBALANCE_IN_PROGRESS")
}

// A leader's assignment that cannot be written is nobody's: all are told, and begin anew.
func TestAssignmentThatIsNotWritten(t *testing.T) {
	for _, c := range []struct {
		err  *kerr.Error
		want string
	}{
		{kerr.NotEnoughReplicasAfterAppend, "COORDINATOR_NOT_AVAILABLE"}, {kerr.NotLeaderForPartition, "NOT_COORDINATOR"}, {kerr.MessageTooLarge, "UNKNOWN_SERVER_ERROR"},
	} {
		d := newDesk(t, nil)
		d.enter("A", nil)
		d.told, d.hold = nil, true
		d.sync("A", 1, "A")
		d.release(c.err)
		d.expect("A: sync: " + c.want)
		d.join("A", nil)
		d.expect("A: joined 2 by range, A leads A")
	}
	d := newDesk(t, nil)
	d.enter("A", nil)
	d.told, d.hold = nil, true
	d.sync("A", 1, "A")
	d.pass(6 * time.Second)
	d.expect("A: sync: REBALANCE_IN_PROGRESS") // nobody waits longer than that
	d.join("A", nil)
	d.release(nil)
	d.expect("A: joined 2 by range, A leads A") // and what was written too late changes nothing
	if state := d.m.groups["g"].state; state != Completing {
		t.Errorf("the group is %s", state)
	}
}

// The planted bug does not wait for the others, who stay members.
func TestTwoOwners(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.Bugs.TwoOwners = true })
	d.enter("A", nil)
	d.sync("A", 1, "A")
	d.told = nil
	d.enter("B", nil)
	d.sync("B", 2, "A", "B")
	d.expect("B: joined 2 by range, B leads A+B", `B: has "for B"`, "* group g has 2 members in generation 2, by range, after 0 ms (a member joined)")
	d.beat("A", 1, nil) // only now A hears of it
	d.expect("A: beat: ILLEGAL_GENERATION")
	d.join("A", nil)
	d.sync("A", 2)
	d.expect("A: joined 2 by range, B leads", `A: has "for A"`)
}
