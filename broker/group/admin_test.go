package group

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (d *desk) delete() {
	d.m.Delete(d.now, "g", func(err *kerr.Error) {
		if err == nil {
			d.say("deleted")
			return
		}
		d.say("delete: %s", err.Message)
	})
	d.settle()
}

func (d *desk) deleteOffsets(topics ...string) {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = "g"
	for _, topic := range topics {
		req.Topics = append(req.Topics, kmsg.OffsetDeleteRequestTopic{Topic: topic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{}}})
	}
	d.m.DeleteOffsets(d.now, req, func(r kmsg.Response) {
		resp := r.(*kmsg.OffsetDeleteResponse)
		text := "offsets deleted: " + code(resp.ErrorCode)
		for _, t := range resp.Topics {
			text += " " + code(t.Partitions[0].ErrorCode)
		}
		d.say("%s", text)
	})
	d.settle()
}

func (d *desk) list(states, types []string) string {
	var all []string
	for _, g := range d.m.List(states, types) {
		all = append(all, fmt.Sprintf("%s %s %s %s", g.Group, g.ProtocolType, g.GroupState, g.GroupType))
	}
	return strings.Join(all, ", ")
}

func TestDescribe(t *testing.T) {
	d := newDesk(t, nil)
	if g := d.m.Describe("g", 5); g.State != "Dead" || g.ErrorCode != 0 {
		t.Errorf("%+v", g)
	}
	if g := d.m.Describe("g", 6); g.State != "Dead" || g.ErrorCode != kerr.GroupIDNotFound.Code || g.ErrorMessage == nil {
		t.Errorf("%+v", g)
	}
	d.enter("A", nil)
	if g := d.m.Describe("g", 6); g.State != "CompletingRebalance" || g.Protocol != "" || len(g.Members[0].ProtocolMetadata) != 0 {
		t.Errorf("%+v", g)
	}
	d.sync("A", 1, "A")
	g := d.m.Describe("g", 6)
	if g.State != "Stable" || g.ProtocolType != "consumer" || g.Protocol != "range" || g.ErrorCode != 0 {
		t.Errorf("%+v", g)
	}
	mem := g.Members[0]
	if mem.MemberID != d.ids["A"] || mem.ClientID != "A" || mem.ClientHost != "/10.0.0.1" || string(mem.MemberAssignment) != "for A" || string(mem.ProtocolMetadata) != string(subscription("orders")) {
		t.Errorf("%+v", mem)
	}
	if got := d.list(nil, nil); got != "g consumer Stable classic" {
		t.Error(got)
	}
	for want, filters := range map[string][2][]string{
		"g consumer Stable classic": {{"empty", "STABLE"}, {"Classic"}}, "": {{"Empty"}, nil},
	} {
		if got := d.list(filters[0], filters[1]); got != want {
			t.Errorf("%v: %q", filters, got)
		}
	}
	if got := d.list(nil, []string{"consumer"}); got != "" {
		t.Error(got)
	}
}

func TestDelete(t *testing.T) {
	d := newDesk(t, nil)
	d.delete()
	d.expect("delete: GROUP_ID_NOT_FOUND")
	d.stable("A")
	d.commit("A", 1, 7, nil)
	d.delete()
	d.expect("A: commit: ok", "delete: NON_EMPTY_GROUP")
	d.leave("A")
	d.told, d.hold = nil, true
	d.commit("", -1, 8, nil) // is being written when the group is deleted, and goes with it
	d.delete()
	d.expect()
	d.release(kerr.NotEnoughReplicas)
	d.expect(": commit: COORDINATOR_NOT_AVAILABLE", "delete: COORDINATOR_NOT_AVAILABLE")
	if d.offsets() != "orders-0 at 7" {
		t.Error("what was not written has been deleted")
	}
	d.delete()
	d.expect("deleted")
	d.successor()
	d.delete()
	d.expect("delete: GROUP_ID_NOT_FOUND")
	if d.offsets() != "" || d.list(nil, nil) != "" {
		t.Error("the group is there again")
	}
}

func TestDeleteOffsets(t *testing.T) {
	d := newDesk(t, nil)
	d.deleteOffsets("orders")
	d.expect("offsets deleted: GROUP_ID_NOT_FOUND")
	d.stable("A")
	d.commit("A", 1, 7, func(r *kmsg.OffsetCommitRequest) {
		r.Topics = append(r.Topics, r.Topics[0], r.Topics[0])
		r.Topics[1].Topic, r.Topics[2].Topic = "bills", "audits"
	})
	d.told = nil
	d.deleteOffsets("orders", "bills", "never")
	d.expect("offsets deleted: ok GROUP_SUBSCRIBED_TO_TOPIC ok ok")
	if got := d.offsets(); got != "audits-0 at 7, orders-0 at 7" {
		t.Error(got)
	}
	d.leave("A")
	d.told = nil
	d.deleteOffsets("orders")
	d.expect("offsets deleted: ok ok")
	d.successor()
	if got := d.offsets(); got != "audits-0 at 7" {
		t.Error(got)
	}
	d.enter("B", func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "connect" })
	d.told = nil
	d.deleteOffsets("audits")
	d.expect("offsets deleted: NON_EMPTY_GROUP")
}

// Offsets of a group are kept for their time after its last member has gone, those of a consumer without a group after
// they were committed.
func TestExpire(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.Retention = time.Hour })
	at := func(after time.Duration) string {
		d.now = morning.Add(after)
		d.m.Expire(d.now)
		d.settle()
		return d.offsets()
	}
	d.commit("", -1, 1, nil)
	if got := at(59 * time.Minute); got != "orders-0 at 1" {
		t.Error(got)
	}
	if got := at(60 * time.Minute); got != "" || len(d.m.groups) != 0 {
		t.Error(got)
	}
	d.commit("", -1, 1, func(r *kmsg.OffsetCommitRequest) { r.Version, r.RetentionTimeMillis = 4, 1000 })
	if got := at(61 * time.Minute); got != "" {
		t.Error("an offset with its own retention is kept longer", got)
	}
	d.told = nil
	d.stable("A")
	d.commit("A", 1, 2, func(r *kmsg.OffsetCommitRequest) {
		r.Topics = append(r.Topics, r.Topics[0])
		r.Topics[1].Topic = "bills"
	})
	d.m.groups["g"].members[0].session = 100 * time.Hour // it lives
	if got := at(3 * time.Hour); got != "orders-0 at 2" {
		t.Error("what nobody reads any more goes, what is read stays:", got)
	}
	d.leave("A")
	if got := at(3*time.Hour + 59*time.Minute); got != "orders-0 at 2" {
		t.Error(got)
	}
	d.hold = true
	d.m.Expire(d.now.Add(time.Minute))
	d.settle()
	d.hold = false
	d.commit("", -1, 9, nil) // after the tombstone in the log
	d.release(nil)
	d.hold = true
	d.commit("", -1, 5, nil)
	if d.now = d.now.Add(100 * time.Hour); len(d.held) != 1 {
		t.Fatal(len(d.held))
	}
	d.m.Expire(d.now)
	d.settle()
	if len(d.held) != 1 {
		t.Error("an offset expires while a commit of it is being written")
	}
}

// The offsets of a topic go with it, also when another one of its name has come.
func TestForget(t *testing.T) {
	d := newDesk(t, nil)
	d.commit("", -1, 1, func(r *kmsg.OffsetCommitRequest) { r.Topics[0].TopicID = [16]byte{1} })
	forget := func(gone bool) string {
		d.m.Forget(d.now, func(topic string, id [16]byte) bool {
			if topic != "orders" || id != [16]byte{1} {
				t.Errorf("%s %v", topic, id)
			}
			return gone
		})
		d.settle()
		return d.offsets()
	}
	if got := forget(false); got != "orders-0 at 1" {
		t.Error(got)
	}
	if got := forget(true); got != "" {
		t.Error(got)
	}
	d.successor()
	if got := d.offsets(); got != "" {
		t.Error(got)
	}
}
