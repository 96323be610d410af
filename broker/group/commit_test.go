package group

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A member commits in its generation, also while a rebalance waits for it; not between joining and syncing.
func TestWhoMayCommit(t *testing.T) {
	d := newDesk(t, nil)
	d.commit("A", 5, 1, nil)
	d.expect("A: commit: ILLEGAL_GENERATION") // there is no group
	d.stable("A", "B")
	d.commit("A", 2, 10, nil)
	d.commit("A", 1, 11, nil)
	d.commit("A", 3, 11, nil)
	d.commit("nobody", 2, 11, nil)
	d.commit("", -1, 11, nil)
	d.expect("A: commit: ok", "A: commit: ILLEGAL_GENERATION", "A: commit: ILLEGAL_GENERATION", "nobody: commit: UNKNOWN_MEMBER_ID", ": commit: UNKNOWN_MEMBER_ID")
	d.enter("C", nil)
	d.commit("A", 2, 12, nil)
	d.expect("A: commit: ok")
	d.join("A", nil)
	d.join("B", nil)
	d.told = nil
	d.commit("A", 3, 13, nil)
	d.expect("A: commit: REBALANCE_IN_PROGRESS")
	if got := d.offsets(); got != "orders-0 at 12" {
		t.Error(got)
	}
	d.leave("A", "B", "C")
	d.told = nil
	d.commit("", -1, 3, nil) // an administrator, once nobody reads
	d.commit("A", 3, 14, nil)
	d.expect(": commit: ok", "A: commit: UNKNOWN_MEMBER_ID")
	if got := d.offsets(); got != "orders-0 at 3" {
		t.Error(got)
	}
}

// A commit is a sign of life.
func TestCommitKeepsAMember(t *testing.T) {
	d := newDesk(t, nil)
	d.stable("A")
	for range 4 {
		d.pass(9 * time.Second)
		d.commit("A", 1, 1, nil)
		d.expect("A: commit: ok")
	}
}

// Offsets count when they are committed to the log, and not before; what is not known to be is told so that the
// client asks again.
func TestCommitIsWritten(t *testing.T) {
	d := newDesk(t, nil)
	d.commit("", -1, 1, nil)
	d.told, d.hold = nil, true
	d.commit("", -1, 2, nil)
	d.commit("", -1, 3, nil)
	d.expect()
	if got := d.offsets(); got != "orders-0 at 1" {
		t.Error(got)
	}
	d.release(nil)
	d.expect(": commit: ok", ": commit: ok")
	if got := d.offsets(); got != "orders-0 at 3" {
		t.Error(got)
	}
	for err, want := range map[*kerr.Error]string{
		kerr.NotLeaderForPartition: "NOT_COORDINATOR", kerr.KafkaStorageError: "NOT_COORDINATOR", kerr.NotEnoughReplicas: "COORDINATOR_NOT_AVAILABLE",
		kerr.UnknownTopicOrPartition: "COORDINATOR_NOT_AVAILABLE", kerr.MessageTooLarge: "INVALID_COMMIT_OFFSET_SIZE",
	} {
		d.hold = true
		d.commit("", -1, 9, nil)
		d.release(err)
		d.expect(": commit: " + want)
	}
	if got := d.offsets(); got != "orders-0 at 3" {
		t.Error(got)
	}
	d.hold = true
	d.commit("", -1, 4, nil)
	d.pass(6 * time.Second)
	d.expect(": commit: COORDINATOR_NOT_AVAILABLE")
	d.release(nil) // late, and yet it is there
	d.expect()
	if got := d.offsets(); got != "orders-0 at 4" {
		t.Error(got)
	}
	d.hold = true
	d.commit("", -1, 5, nil)
	d.m.Resign(kerr.NotCoordinator)
	d.expect(": commit: NOT_COORDINATOR")
}

// Each partition has its own error; a text that is too long stops only its own.
func TestCommitMetadata(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.MaxMetadata = 10 })
	d.commit("", -1, 1, func(r *kmsg.OffsetCommitRequest) {
		long, short := strings.Repeat("x", 11), strings.Repeat("y", 10)
		r.Topics[0].Partitions = []kmsg.OffsetCommitRequestTopicPartition{{Offset: 1, Metadata: &long}, {Partition: 1, Offset: 2, Metadata: &short}}
	})
	d.expect(": commit: OFFSET_METADATA_TOO_LARGE ok")
	if got := d.offsets(); got != "orders-1 at 2" {
		t.Error(got)
	}
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = "g"
	asked.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: "orders", Partitions: []int32{1, 7}}}
	got := d.m.Fetch(&asked, true).Topics[0].Partitions
	if *got[0].Metadata != strings.Repeat("y", 10) || got[1].Offset != -1 || got[1].ErrorCode != 0 || *got[1].Metadata != "" {
		t.Errorf("%+v", got)
	}
	d = newDesk(t, func(c *Config) { c.MaxMetadata = 10 })
	d.commit("", -1, 1, func(r *kmsg.OffsetCommitRequest) {
		long := strings.Repeat("x", 11)
		r.Topics[0].Partitions[0].Metadata = &long
	})
	d.expect(": commit: OFFSET_METADATA_TOO_LARGE")
	if len(d.m.groups) != 0 {
		t.Error("a group of which nothing was taken is there")
	}
}

// The next coordinator has all that was acknowledged: offsets, members and their assignments, and goes on without a
// rebalance. Who was in the middle of one begins anew.
func TestSuccessor(t *testing.T) {
	d := newDesk(t, nil)
	d.stable("A", "B")
	d.commit("A", 2, 7, nil)
	d.pass(8 * time.Second)
	d.told = nil
	d.successor()
	d.pass(9 * time.Second) // a whole session before it
	d.beat("A", 2, nil)
	d.beat("B", 2, nil)
	d.sync("B", 2)
	d.commit("B", 2, 8, nil)
	d.expect("A: beat: ok", "B: beat: ok", `B: has "for B"`, "B: commit: ok")
	if got := d.offsets(); got != "orders-0 at 8" {
		t.Error(got)
	}
	d.enter("C", nil)
	d.join("A", nil)
	d.join("B", nil)
	d.told = nil
	d.sync("C", 3)
	d.successor()
	d.expect("C: sync: NOT_COORDINATOR")
	d.beat("A", 3, nil)
	d.beat("C", 3, nil)
	d.expect("A: beat: ILLEGAL_GENERATION", "C: beat: UNKNOWN_MEMBER_ID")
	d.join("A", nil)
	d.join("B", nil)
	d.expect("A: joined 3 by range, A leads A+B", "B: joined 3 by range, A leads")
}

// A record that cannot be understood is an error and changes nothing; one of a kind that is not ours is none.
func TestLoad(t *testing.T) {
	d := newDesk(t, nil)
	d.commit("", -1, 7, nil)
	d.stable("A")
	for _, bad := range [][2][]byte{
		{{}, nil}, {{0}, nil}, {{0, 1, 0, 9, 'x'}, {0, 3}}, {{0, 2, 0, 9}, {0, 3}},
		{offsetKey("g", partition{"orders", 0}), {0, 3, 1}}, {groupKey("g"), {0, 3, 0, 50, 'x'}},
	} {
		if d.m.Load(bad[0], bad[1]) == nil {
			t.Errorf("%x = %x is taken", bad[0], bad[1])
		}
	}
	if err := d.m.Load([]byte{0, 3, 0, 1, 'g'}, []byte{0, 0}); err != nil {
		t.Errorf("a record of the next protocol: %v", err)
	}
	if got := d.offsets(); got != "orders-0 at 7" || len(d.m.groups["g"].members) != 1 {
		t.Error(got)
	}
	if err := d.m.Load(groupKey("g"), nil); err != nil || len(d.m.groups["g"].members) != 0 || d.offsets() != "orders-0 at 7" {
		t.Error("a group that is taken back loses its members, and its offsets stand for themselves")
	}
	if err := d.m.Load(offsetKey("g", partition{"orders", 0}), nil); err != nil || d.offsets() != "" {
		t.Error("an offset that is taken back is there")
	}
}
