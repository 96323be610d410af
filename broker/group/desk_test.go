package group

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// desk is a machine with clients and a log. What clients are told becomes a transcript.
type desk struct {
	t   *testing.T
	m   *Machine
	cfg Config
	now time.Time
	// log is what is committed; writes are committed at once unless hold is set, and then wait in held.
	log  []logged
	hold bool
	held []Write
	told []string
	// ids are the member ids that clients know of themselves.
	ids  map[string]string
	made int
}

// morning is when every test begins.
var morning = time.Date(2026, 1, 2, 8, 0, 0, 0, time.UTC)

func newDesk(t *testing.T, change func(*Config)) *desk {
	d := &desk{t: t, now: morning, ids: map[string]string{}}
	d.cfg = Config{NewID: func(prefix string) string { d.made++; return fmt.Sprint(prefix, "-", d.made) }}
	if change != nil {
		change(&d.cfg)
	}
	d.m = New(d.cfg)
	d.m.Loaded(d.now)
	return d
}

// settle commits what is to be written.
func (d *desk) settle() {
	for {
		writes, events := d.m.Take()
		for _, e := range events {
			d.told = append(d.told, "* "+e.String())
		}
		if len(writes) == 0 {
			return
		}
		for _, w := range writes {
			if d.hold {
				d.held = append(d.held, w)
				continue
			}
			d.keep(w)
			d.m.Written(d.now, w.ID, nil)
		}
	}
}

// logged is a record of the log, in a transaction if it has a producer; or the marker of one.
type logged struct {
	Record
	producer *Producer
	marker   *bool
}

func (d *desk) keep(w Write) {
	for _, r := range w.Records {
		d.log = append(d.log, logged{r, w.Producer, nil})
	}
}

// release commits what was held, or lets it fail.
func (d *desk) release(err *kerr.Error) {
	held := d.held
	d.held, d.hold = nil, false
	for _, w := range held {
		if err == nil {
			d.keep(w)
		}
		d.m.Written(d.now, w.ID, err)
	}
	d.settle()
}

// pass lets time go by, with a tick whenever one is due.
func (d *desk) pass(span time.Duration) {
	end := d.now.Add(span)
	for at, ok := d.m.Next(); ok && !at.After(end); at, ok = d.m.Next() {
		d.now = at
		d.m.Tick(at)
		d.settle()
	}
	d.now = end
}

// successor is the coordinator of the next term, which has read the log.
func (d *desk) successor() {
	d.m.Resign(kerr.NotCoordinator)
	d.m = New(d.cfg)
	for _, r := range d.log {
		var err error
		switch {
		case r.marker != nil:
			d.m.Decide(r.producer.ID, *r.marker)
		case r.producer != nil:
			err = d.m.LoadPending(r.producer.ID, r.Key, r.Value)
		default:
			err = d.m.Load(r.Key, r.Value)
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	d.m.Loaded(d.now)
	d.settle()
}

// named puts the names of clients in the places of their member ids. The longest ids come first: one may begin another.
func (d *desk) named(text string) string {
	names := sortedKeys(d.ids)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(len(d.ids[b]), len(d.ids[a])) })
	for _, name := range names {
		if d.ids[name] != "" {
			text = strings.ReplaceAll(text, d.ids[name], name)
		}
	}
	return text
}

func (d *desk) say(format string, args ...any) {
	d.told = append(d.told, fmt.Sprintf(format, args...))
}

// expect compares what was told since the last time.
func (d *desk) expect(want ...string) {
	d.t.Helper()
	for i := range d.told {
		d.told[i] = d.named(d.told[i])
	}
	if !slices.Equal(d.told, want) {
		d.t.Fatalf("told\n\t%s\nwant\n\t%s", strings.Join(d.told, "\n\t"), strings.Join(want, "\n\t"))
	}
	d.told = nil
}

func code(n int16) string {
	if err := kerr.TypedErrorForCode(n); err != nil {
		return err.Message
	}
	return "ok"
}

// joining is a request to join by a client of some name; its group is "g".
func joining(change func(*kmsg.JoinGroupRequest)) *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.SetVersion(9)
	req.Group, req.ProtocolType = "g", "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 10_000, 30_000
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription("orders")}}
	if change != nil {
		change(req)
	}
	return req
}

func subscription(topics ...string) []byte {
	s := kmsg.NewConsumerMemberMetadata()
	s.Topics = topics
	return s.AppendTo(nil)
}

func (d *desk) join(name string, change func(*kmsg.JoinGroupRequest)) {
	req := joining(func(r *kmsg.JoinGroupRequest) {
		r.MemberID = d.ids[name]
		if change != nil {
			change(r)
		}
	})
	d.m.Join(d.now, req, Client{ID: name, Host: "/10.0.0.1"}, func(r kmsg.Response) {
		resp := r.(*kmsg.JoinGroupResponse)
		if resp.ErrorCode == 0 || resp.ErrorCode == kerr.MemberIDRequired.Code {
			d.ids[name] = resp.MemberID
		}
		if resp.ErrorCode != 0 {
			d.say("%s: join: %s", name, code(resp.ErrorCode))
			return
		}
		text := fmt.Sprintf("%s: joined %d by %s, %s leads", name, resp.Generation, *resp.Protocol, resp.LeaderID)
		for i, m := range resp.Members {
			text += map[bool]string{true: " ", false: "+"}[i == 0] + m.MemberID
		}
		if resp.SkipAssignment {
			text += ", skip"
		}
		d.say("%s", text)
	})
	d.settle()
}

// enter joins as new members do: once for an id, once with it.
func (d *desk) enter(name string, change func(*kmsg.JoinGroupRequest)) {
	d.t.Helper()
	d.join(name, change)
	if last := d.told[len(d.told)-1]; last != name+": join: MEMBER_ID_REQUIRED" {
		d.t.Fatalf("%q, want an id", last)
	}
	d.told = d.told[:len(d.told)-1]
	d.join(name, change)
}

func static(instance string) func(*kmsg.JoinGroupRequest) {
	return func(r *kmsg.JoinGroupRequest) { r.InstanceID = &instance }
}

// sync asks for an assignment; a leader gives each client of a list its own name.
func (d *desk) sync(name string, generation int32, assign ...string) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.SetVersion(5)
	req.Group, req.MemberID, req.Generation = "g", d.ids[name], generation
	for _, other := range assign {
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: d.ids[other], MemberAssignment: []byte("for " + other)})
	}
	d.syncs(name, req)
}

func (d *desk) syncs(name string, req *kmsg.SyncGroupRequest) {
	d.m.Sync(d.now, req, func(r kmsg.Response) {
		resp := r.(*kmsg.SyncGroupResponse)
		if resp.ErrorCode != 0 {
			d.say("%s: sync: %s", name, code(resp.ErrorCode))
			return
		}
		d.say("%s: has %q", name, resp.MemberAssignment)
	})
	d.settle()
}

func (d *desk) beat(name string, generation int32, instance *string) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation, req.InstanceID = "g", d.ids[name], generation, instance
	d.m.Heartbeat(d.now, req, func(r kmsg.Response) {
		d.say("%s: beat: %s", name, code(r.(*kmsg.HeartbeatResponse).ErrorCode))
	})
	d.settle()
}

// leave removes members: "id" or "id/instance" or "/instance", where id is a client's name.
func (d *desk) leave(who ...string) {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.SetVersion(5)
	req.Group = "g"
	for _, w := range who {
		id, instance, static := strings.Cut(w, "/")
		one := kmsg.NewLeaveGroupRequestMember()
		one.MemberID = cmp.Or(d.ids[id], id)
		if static {
			one.InstanceID = &instance
		}
		req.Members = append(req.Members, one)
	}
	d.m.Leave(d.now, req, func(r kmsg.Response) {
		resp := r.(*kmsg.LeaveGroupResponse)
		text := "leave: " + code(resp.ErrorCode)
		for _, m := range resp.Members {
			text += " " + code(m.ErrorCode)
		}
		d.say("%s", text)
	})
	d.settle()
}

// commit commits one offset of orders-0 in a member's name; "" is a consumer without a group.
func (d *desk) commit(name string, generation int32, at int64, change func(*kmsg.OffsetCommitRequest)) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(9)
	req.Group, req.MemberID, req.Generation = "g", d.ids[name], generation
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: at, LeaderEpoch: 3}}}}
	if change != nil {
		change(req)
	}
	d.m.Commit(d.now, req, func(r kmsg.Response) {
		var codes []string
		for _, t := range r.(*kmsg.OffsetCommitResponse).Topics {
			for _, p := range t.Partitions {
				codes = append(codes, code(p.ErrorCode))
			}
		}
		d.say("%s: commit: %s", name, strings.Join(codes, " "))
	})
	d.settle()
}

// offsets are what the group "g" has committed, in a line.
func (d *desk) offsets() string {
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group, asked.Topics = "g", nil
	var all []string
	for _, t := range d.m.Fetch(&asked, false).Topics {
		for _, p := range t.Partitions {
			all = append(all, fmt.Sprintf("%s-%d at %d", t.Topic, p.Partition, p.Offset))
		}
	}
	return strings.Join(all, ", ")
}

// stable makes a stable group of the clients named, the first of which leads, and forgets what was told.
func (d *desk) stable(names ...string) (generation int32) {
	d.t.Helper()
	for _, name := range names {
		d.enter(name, nil)
	}
	for _, name := range names[:len(names)-1] {
		d.join(name, nil)
	}
	g := d.m.groups["g"]
	for _, name := range names {
		d.sync(name, g.generation, names...)
	}
	if g.state != Stable || g.leader != d.ids[names[0]] {
		d.t.Fatalf("the group is %s with leader %s after\n%s", g.state, d.named(g.leader), strings.Join(d.told, "\n"))
	}
	d.told = nil
	return g.generation
}
