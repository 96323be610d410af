package group

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fixed makes a stable group of static members A and B, whose instances are a and b, and of C, which is dynamic.
func (d *desk) fixed() {
	d.t.Helper()
	d.join("A", static("a"))
	d.join("B", static("b"))
	d.enter("C", nil)
	d.join("A", static("a"))
	d.join("B", static("b"))
	for _, name := range []string{"A", "B", "C"} {
		d.sync(name, d.m.groups["g"].generation, "A", "B", "C")
	}
	if g := d.m.groups["g"]; g.state != Stable || len(g.members) != 3 {
		d.t.Fatalf("%s with %d members", g.state, len(g.members))
	}
	d.told = nil
}

// again is a client's next process, which knows no member id.
func (d *desk) again(name string) {
	d.ids["old "+name] = d.ids[name]
	d.ids[name] = ""
}

// A static member that comes back takes its place without a rebalance; the process before is fenced.
func TestStaticMemberComesBack(t *testing.T) {
	d := newDesk(t, nil)
	d.fixed()
	d.again("B")
	d.join("B", static("b"))
	d.expect("B: joined 2 by range, A leads")
	d.sync("B", 2)
	d.expect(`B: has "for B"`)
	instance := "b"
	d.beat("B", 2, &instance)
	d.beat("old B", 2, &instance)
	d.beat("old B", 2, nil)
	d.beat("A", 2, nil)
	d.expect("B: beat: ok", "old B: beat: FENCED_INSTANCE_ID", "old B: beat: UNKNOWN_MEMBER_ID", "A: beat: ok")
	d.commit("old B", 2, 7, func(r *kmsg.OffsetCommitRequest) { r.InstanceID = &instance })
	d.expect("old B: commit: FENCED_INSTANCE_ID")
	d.join("old B", static("b"))
	d.expect("old B: join: FENCED_INSTANCE_ID")
	other := "nobody"
	d.beat("B", 2, &other)
	d.expect("B: beat: UNKNOWN_MEMBER_ID")

	// The new name is in the log: the next coordinator knows it.
	d.successor()
	d.beat("B", 2, &instance)
	d.beat("old B", 2, &instance)
	d.expect("B: beat: ok", "old B: beat: FENCED_INSTANCE_ID")
}

// A static leader that comes back is told not to assign anew (KIP-814), or that another leads, if it could not
// understand that.
func TestStaticLeaderComesBack(t *testing.T) {
	for version, want := range map[int16]string{9: "A: joined 2 by range, A leads A+B+C, skip", 8: "A: joined 2 by range, old A leads"} {
		d := newDesk(t, nil)
		d.fixed()
		d.again("A")
		d.join("A", func(r *kmsg.JoinGroupRequest) { static("a")(r); r.Version = version })
		d.expect(want)
		d.sync("A", 2)
		d.beat("C", 2, nil)
		d.expect(`A: has "for A"`, "C: beat: ok")
	}
}

// What of a static member's return is not written is undone, so that its client can come back once more.
func TestReturnThatIsNotWritten(t *testing.T) {
	d := newDesk(t, nil)
	d.fixed()
	d.again("B")
	d.hold = true
	d.join("B", static("b"))
	d.expect()
	d.release(kerr.NotEnoughReplicas)
	d.expect("B: join: COORDINATOR_NOT_AVAILABLE")
	instance := "b"
	d.beat("old B", 2, &instance)
	d.expect("old B: beat: ok")
	d.hold = true
	d.join("B", static("b"))
	d.pass(6 * time.Second)
	d.expect("B: join: COORDINATOR_NOT_AVAILABLE")
	d.release(nil)
	d.expect()

	d.hold = true
	d.join("B", static("b"))
	d.enter("D", nil) // a rebalance begins meanwhile
	d.release(nil)
	d.expect("B: join: REBALANCE_IN_PROGRESS")
}

// A static member that comes back while a rebalance is under way takes part in it, and one whose protocols make
// another choice needs one.
func TestStaticMemberComesBackInARebalance(t *testing.T) {
	d := newDesk(t, nil)
	d.fixed()
	d.leave("C")
	d.again("B")
	d.join("B", static("b"))
	d.join("A", static("a"))
	d.expect("leave: ok ok", "A: joined 3 by range, A leads A+B", "B: joined 3 by range, A leads")
	d.again("B")
	d.join("B", static("b"))
	d.join("A", static("a"))
	d.expect("A: joined 4 by range, A leads A+B", "B: joined 4 by range, A leads")
	d.sync("A", 4, "A", "B")
	d.sync("B", 4)
	d.told = nil
	both := func(r *kmsg.JoinGroupRequest) {
		r.Protocols = append([]kmsg.JoinGroupRequestProtocol{{Name: "sticky"}}, r.Protocols...)
	}
	d.join("A", func(r *kmsg.JoinGroupRequest) { static("a")(r); both(r) })
	d.join("B", func(r *kmsg.JoinGroupRequest) { static("b")(r); both(r) })
	d.sync("A", 5, "A", "B")
	d.told = nil
	d.again("B")
	d.join("B", static("b")) // without the protocol that is in use
	d.beat("A", 5, nil)
	d.expect("A: beat: REBALANCE_IN_PROGRESS")
}

// A rebalance does not wait for a static member longer than for others, but keeps its place until its session is over.
func TestStaticMemberThatIsLate(t *testing.T) {
	d := newDesk(t, nil)
	long := func(instance string) func(*kmsg.JoinGroupRequest) {
		return func(r *kmsg.JoinGroupRequest) {
			static(instance)(r)
			r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 60_000, 20_000
		}
	}
	d.join("A", long("a"))
	d.join("B", long("b"))
	d.join("A", long("a"))
	d.told = nil
	d.sync("A", 2, "A", "B")
	d.sync("B", 2)
	d.told = nil
	d.join("A", long("a")) // the leader wants to assign anew, and B does not come
	d.pass(21 * time.Second)
	d.expect("A: joined 3 by range, A leads A+B")
	d.again("B")
	d.join("B", long("b")) // now it comes, before anything is assigned
	d.join("A", long("a"))
	d.expect("A: joined 4 by range, A leads A+B", "B: joined 4 by range, A leads")

	// Who leaves for good says so by its instance, as an administrator does.
	d.leave("/b", "nobody/a", "/c")
	d.expect("leave: ok ok FENCED_INSTANCE_ID UNKNOWN_MEMBER_ID")
	d.leave("A/a")
	d.told = nil
	if len(d.m.groups["g"].static) != 0 {
		t.Error("static members are left")
	}
}

// Where only static members are left and none of them comes, the rebalance goes on.
func TestOnlySilentStaticMembers(t *testing.T) {
	d := newDesk(t, nil)
	slow := func(r *kmsg.JoinGroupRequest) {
		static("a")(r)
		r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 60_000, 10_000
	}
	d.join("A", slow)
	d.sync("A", 1, "A")
	d.enter("B", func(r *kmsg.JoinGroupRequest) { r.RebalanceTimeoutMillis = 10_000 })
	d.leave("B")
	d.told = nil
	d.pass(15 * time.Second)
	if g := d.m.groups["g"]; g.state != Preparing || len(g.members) != 1 {
		t.Fatalf("%s with %d members", g.state, len(g.members))
	}
	d.join("A", slow)
	d.expect("A: joined 2 by range, A leads A")
}
