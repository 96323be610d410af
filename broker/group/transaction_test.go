package group

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// promise commits one offset of orders-0 in the transaction of a producer, in a member's name.
func (d *desk) promise(name string, producer int64, generation int32, at int64, change func(*kmsg.TxnOffsetCommitRequest)) {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.SetVersion(5)
	req.Group, req.MemberID, req.Generation, req.ProducerID, req.ProducerEpoch = "g", d.ids[name], generation, producer, 7
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: at, LeaderEpoch: 3}}}}
	if change != nil {
		change(req)
	}
	d.m.CommitInTransaction(d.now, req, 99, func(r kmsg.Response) {
		var codes []string
		for _, t := range r.(*kmsg.TxnOffsetCommitResponse).Topics {
			for _, p := range t.Partitions {
				codes = append(codes, code(p.ErrorCode))
			}
		}
		d.say("%s: promise: %s", name, strings.Join(codes, " "))
	})
	d.settle()
}

// mark writes the marker of a producer.
func (d *desk) mark(producer int64, commit bool) {
	d.log = append(d.log, logged{producer: &Producer{ID: producer}, marker: &commit})
	d.m.Decide(producer, commit)
}

// stably is what those are told of orders-0 who want what is stable.
func (d *desk) stably() string {
	asked := kmsg.NewOffsetFetchRequestGroup()
	topic := kmsg.NewOffsetFetchRequestGroupTopic()
	topic.Topic, topic.Partitions = "orders", []int32{0}
	asked.Group, asked.Topics = "g", []kmsg.OffsetFetchRequestGroupTopic{topic}
	p := d.m.Fetch(&asked, true).Topics[0].Partitions[0]
	if p.ErrorCode != 0 && p.Offset != -1 {
		d.t.Errorf("an error with an offset: %+v", p)
	}
	if p.ErrorCode != 0 {
		return code(p.ErrorCode)
	}
	return fmt.Sprint(p.Offset)
}

// Who may commit in a transaction: the members of the generation, at any time of it; clients that know no generation,
// as before KIP-447; and nobody whom others have taken for dead.
func TestWhoMayCommitInATransaction(t *testing.T) {
	d := newDesk(t, nil)
	d.promise("A", 1, 5, 1, nil) // there is no group
	d.promise("", 1, -1, 1, nil)
	d.expect("A: promise: ILLEGAL_GENERATION", ": promise: ok")
	d.mark(1, true)
	d.stable("A", "B")
	d.promise("A", 1, 2, 10, nil)
	d.promise("A", 1, 1, 11, nil) // it was away for a generation
	d.promise("A", 1, 3, 11, nil)
	d.promise("nobody", 1, 2, 11, nil)
	d.promise("A", 1, -1, 11, nil) // it knows who it is, and no generation
	d.promise("", 1, -1, 12, nil)  // a client of before KIP-447
	d.expect("A: promise: ok", "A: promise: ILLEGAL_GENERATION", "A: promise: ILLEGAL_GENERATION", "nobody: promise: UNKNOWN_MEMBER_ID", "A: promise: ILLEGAL_GENERATION", ": promise: ok")
	d.enter("C", nil)
	d.join("A", nil)
	d.join("B", nil)
	d.told = nil
	d.promise("A", 1, 3, 13, nil) // it has joined, and not heard its assignment: what it read is still its own
	d.expect("A: promise: ok")
	instance := "shelf"
	d.promise("A", 1, 3, 14, func(r *kmsg.TxnOffsetCommitRequest) { r.InstanceID = &instance })
	d.expect("A: promise: UNKNOWN_MEMBER_ID")
	d.promise("A", 1, 3, 15, func(r *kmsg.TxnOffsetCommitRequest) {
		words := strings.Repeat("x", 5000)
		r.Topics[0].Partitions[0].Metadata = &words
	})
	d.expect("A: promise: OFFSET_METADATA_TOO_LARGE")
}

// A static member whose place another process has taken is fenced.
func TestFencedInATransaction(t *testing.T) {
	d := newDesk(t, nil)
	instance := "shelf"
	d.join("A", static(instance))
	d.sync("A", 1, "A")
	d.told = nil
	d.promise("A", 1, 1, 5, func(r *kmsg.TxnOffsetCommitRequest) { r.InstanceID = &instance })
	d.promise("A", 1, 1, 6, func(r *kmsg.TxnOffsetCommitRequest) { r.InstanceID, r.MemberID = &instance, "the one before" })
	d.expect("A: promise: ok", "A: promise: FENCED_INSTANCE_ID")
}

// A commit in a transaction is no sign of life: only what a consumer does is.
func TestTransactionsKeepNoMember(t *testing.T) {
	d := newDesk(t, nil)
	d.stable("A")
	d.pass(9 * time.Second)
	d.promise("A", 1, 1, 1, nil)
	d.told = nil
	d.pass(2 * time.Second)
	if len(d.m.groups["g"].members) != 0 {
		t.Errorf("it lives on: %v", d.told)
	}
}

// Pending offsets count when their marker says so, and until then nobody who wants it stable is told anything.
func TestPendingOffsets(t *testing.T) {
	for _, loaded := range []bool{false, true} {
		t.Run(fmt.Sprint("loaded=", loaded), func(t *testing.T) {
			d := newDesk(t, nil)
			expect := func(when, offsets, stable string) {
				t.Helper()
				if loaded {
					d.successor()
				}
				if got := d.offsets(); got != offsets || d.stably() != stable {
					t.Errorf("%s: %q, and to those who want it stable %s; want %q and %s", when, got, d.stably(), offsets, stable)
				}
			}
			d.commit("", -1, 4, nil)
			d.promise("", 1, -1, 10, nil)
			expect("pending", "orders-0 at 4", "UNSTABLE_OFFSET_COMMIT")
			d.promise("", 1, -1, 12, nil)
			d.mark(2, true) // another's
			expect("pending twice", "orders-0 at 4", "UNSTABLE_OFFSET_COMMIT")
			d.mark(1, true)
			expect("committed", "orders-0 at 12", "12")
			d.promise("", 1, -1, 20, nil)
			d.mark(1, false)
			expect("aborted", "orders-0 at 12", "12")
			d.mark(1, true) // a retry finds nothing
			expect("committed after the abort", "orders-0 at 12", "12")
			d.promise("", 1, -1, 30, nil)
			d.promise("", 2, -1, 31, nil)
			d.mark(2, true)
			expect("one of two", "orders-0 at 31", "UNSTABLE_OFFSET_COMMIT")
			d.mark(1, true) // what it says stands before the other's in the log
			expect("both", "orders-0 at 31", "31")
			d.promise("", 1, -1, 40, nil)
			d.commit("", -1, 35, nil) // an administrator's
			d.mark(1, true)
			expect("overtaken", "orders-0 at 35", "35")
		})
	}
}

// While a commit in a transaction is on its way nothing is stable, and if it is refused nothing has happened.
func TestPendingOffsetsOnTheirWay(t *testing.T) {
	for _, c := range []struct {
		err  *kerr.Error
		told string
	}{
		{nil, "ok"}, {kerr.NotEnoughReplicas, "COORDINATOR_NOT_AVAILABLE"}, {kerr.NotLeaderForPartition, "NOT_COORDINATOR"},
		{kerr.InvalidTxnState, "INVALID_TXN_STATE"}, {kerr.InvalidProducerEpoch, "INVALID_PRODUCER_EPOCH"}, {kerr.MessageTooLarge, "INVALID_COMMIT_OFFSET_SIZE"},
	} {
		d := newDesk(t, nil)
		d.commit("", -1, 1, nil)
		d.told, d.hold = nil, true
		d.promise("", 1, -1, 10, nil)
		if p := d.held[0].Producer; p == nil || *p != (Producer{1, 7, 99}) || d.held[0].Offsets {
			t.Errorf("%v: it is written as %+v", c.err, d.held[0])
		}
		if got := d.stably(); got != "UNSTABLE_OFFSET_COMMIT" || len(d.told) > 0 {
			t.Errorf("%v: on its way: %s, %v", c.err, got, d.told)
		}
		d.release(c.err)
		d.expect(": promise: " + c.told)
		if got := d.stably(); (got != "1") != (c.err == nil) {
			t.Errorf("%v: then %s", c.err, got)
		}
	}
	d := newDesk(t, nil)
	d.hold = true
	d.promise("", 1, -1, 10, nil)
	d.pass(6 * time.Second)
	d.expect(": promise: COORDINATOR_NOT_AVAILABLE") // and it may yet be written
	d.release(nil)
	d.expect()
	d.mark(1, true)
	if got := d.offsets(); got != "orders-0 at 10" {
		t.Error(got)
	}
}

// What removes offsets removes those that are pending; what only looks for what is old leaves them alone.
func TestPendingOffsetsGo(t *testing.T) {
	remove := func(change func(d *desk)) func(*testing.T) {
		return func(t *testing.T) {
			d := newDesk(t, nil)
			d.promise("", 1, -1, 10, nil)
			d.told = nil
			change(d)
			d.settle()
			d.successor()
			if got := d.stably(); got != "-1" {
				t.Errorf("it is %s", got)
			}
			d.mark(1, true)
			if got := d.stably(); got != "-1" {
				t.Errorf("it has come back as %s", got)
			}
		}
	}
	t.Run("DeleteGroups", remove(func(d *desk) {
		d.m.Delete(d.now, "g", func(err *kerr.Error) {
			if err != nil {
				d.t.Error(err)
			}
		})
	}))
	t.Run("DeleteGroups on its way", func(t *testing.T) {
		d := newDesk(t, nil)
		d.hold = true
		d.promise("", 1, -1, 10, nil)
		d.m.Delete(d.now, "g", func(err *kerr.Error) {
			if err != nil {
				d.t.Error(err)
			}
		})
		d.settle()
		d.release(nil)
		d.mark(1, true)
		if got := d.stably(); got != "-1" {
			t.Error(got)
		}
	})
	t.Run("OffsetDelete", remove(func(d *desk) {
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Group = "g"
		req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{}}}}
		d.m.DeleteOffsets(d.now, req, func(r kmsg.Response) {
			if p := r.(*kmsg.OffsetDeleteResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 {
				d.t.Errorf("%+v", p)
			}
		})
	}))
	t.Run("its topic", remove(func(d *desk) { d.m.Forget(d.now, func(string, [16]byte) bool { return true }) }))
	t.Run("time", func(t *testing.T) {
		d := newDesk(t, nil)
		d.commit("", -1, 4, nil)
		d.promise("", 1, -1, 10, nil)
		d.pass(30 * 24 * time.Hour)
		d.m.Expire(d.now)
		d.settle()
		if got := d.offsets(); got != "orders-0 at 4" || d.stably() != "UNSTABLE_OFFSET_COMMIT" {
			t.Errorf("%q, %s", got, d.stably())
		}
		d.mark(1, false)
		d.m.Expire(d.now)
		d.settle()
		if got := d.offsets(); got != "" || d.m.groups["g"] != nil {
			t.Errorf("after the abort: %q, %+v", got, d.m.groups["g"])
		}
	})
}

// A group of which there is nothing but a transaction that aborts is none.
func TestAGroupOfNothingButAnAbort(t *testing.T) {
	d := newDesk(t, nil)
	d.promise("", 1, -1, 10, nil)
	if all := d.m.List(nil, nil); len(all) != 1 {
		t.Errorf("pending: %+v", all)
	}
	d.mark(1, false)
	if all := d.m.List(nil, nil); len(all) != 0 || len(d.m.groups)+len(d.m.producers) != 0 {
		t.Errorf("aborted: %+v", all)
	}
}

// What cannot stand in a transaction is refused, and changes nothing.
func TestLoadPendingNonsense(t *testing.T) {
	d := newDesk(t, nil)
	for _, bad := range [][2][]byte{{nil, nil}, {{0, 1, 0}, {0, 1}}, {groupKey("g"), {0, 3}}, {offsetKey("g", partition{"orders", 0}), nil}, {offsetKey("g", partition{"orders", 0}), {9}}} {
		if d.m.LoadPending(1, bad[0], bad[1]) == nil {
			t.Errorf("%q: taken", bad)
		}
	}
	if d.mark(1, true); d.offsets() != "" {
		t.Error(d.offsets())
	}
}

// The planted bugs do what they say, and nothing else does.
func TestPlantedTransactionBugs(t *testing.T) {
	with := func(b Bugs) *desk {
		d := newDesk(t, func(c *Config) { c.Bugs = b })
		d.commit("", -1, 4, nil)
		d.stable("A")
		return d
	}
	d := with(Bugs{EOSZombie: true})
	d.promise("A", 1, 7, 10, nil)
	d.promise("nobody", 1, 1, 10, nil)
	d.expect("A: promise: ok", "nobody: promise: ok")
	d = with(Bugs{UnstableOffsets: true})
	if d.promise("A", 1, 1, 10, nil); d.stably() != "10" {
		t.Errorf("unstable-offsets: %s", d.stably())
	}
	if d.mark(1, false); d.stably() != "4" {
		t.Errorf("unstable-offsets: after the abort %s", d.stably())
	}
	d = with(Bugs{OffsetsOutsideTransaction: true})
	if d.promise("A", 1, 1, 10, nil); d.stably() != "10" {
		t.Errorf("offsets-outside-transaction: %s", d.stably())
	}
	if d.mark(1, false); d.stably() != "10" {
		t.Errorf("offsets-outside-transaction: after the abort %s", d.stably())
	}
}
