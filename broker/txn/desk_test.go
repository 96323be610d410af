package txn

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// desk is a machine with clients, a log, leaders that take markers, and a controller that gives producer ids. What
// anybody is told becomes a transcript.
type desk struct {
	t   *testing.T
	m   *Machine
	cfg Config
	now time.Time
	// log is what is committed; writes are committed at once unless hold is set, and then wait in held.
	log  []Record
	hold bool
	held []Write
	// away says that no marker is taken; they wait in sent.
	away  bool
	sent  []Marker
	epoch int32
	// ids counts the producer ids given; none are if dry is set.
	ids  int64
	dry  bool
	told []string
}

// morning is when every test begins.
var morning = time.Date(2026, 1, 2, 8, 0, 0, 0, time.UTC)

func newDesk(t *testing.T, change func(*Config)) *desk {
	d := &desk{t: t, now: morning, epoch: 1}
	if change != nil {
		change(&d.cfg)
	}
	d.m = New(d.cfg, d.epoch)
	d.m.Loaded(d.now)
	return d
}

// settle does what the machine wants.
func (d *desk) settle() {
	for {
		want := d.m.Take()
		for _, e := range want.Events {
			d.say("* %s", e)
		}
		if len(want.Writes)+len(want.Markers)+want.ProducerIDs == 0 {
			return
		}
		for range want.ProducerIDs {
			if d.dry {
				d.m.ProducerID(d.now, noProducer, kerr.CoordinatorNotAvailable)
				continue
			}
			d.ids++
			d.m.ProducerID(d.now, 100*d.ids, nil)
		}
		for _, w := range want.Writes {
			if d.hold {
				d.held = append(d.held, w)
				continue
			}
			d.log = append(d.log, w.Record)
			d.m.Written(d.now, w.ID, nil)
		}
		for _, m := range want.Markers {
			d.sent = append(d.sent, m)
			if !d.away {
				d.marked(nil)
			}
		}
	}
}

// marked answers the oldest marker that was sent.
func (d *desk) marked(err *kerr.Error) {
	m := d.sent[0]
	d.sent = d.sent[1:]
	if err == nil {
		d.say("%s-%d: %s of %d/%d by coordinator %d, version %d", m.Partition.Topic, m.Partition.Index, outcomeName(m.Commit), m.ProducerID, m.Epoch, m.CoordinatorEpoch, m.Version)
	}
	d.m.Marked(d.now, m, err)
}

func outcomeName(commit bool) string {
	if commit {
		return "commit"
	}
	return "abort"
}

// release commits what was held, or lets it fail.
func (d *desk) release(err *kerr.Error) {
	held := d.held
	d.held, d.hold = nil, false
	for _, w := range held {
		if err == nil {
			d.log = append(d.log, w.Record)
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
	d.held, d.sent = nil, nil
	d.epoch++
	d.m = New(d.cfg, d.epoch)
	for _, r := range d.log {
		if err := d.m.Load(r.Key, r.Value); err != nil {
			d.t.Fatal(err)
		}
	}
	d.m.Loaded(d.now)
	d.settle()
}

func (d *desk) say(format string, args ...any) { d.told = append(d.told, fmt.Sprintf(format, args...)) }

// want compares what was told since it was called last.
func (d *desk) want(want ...string) {
	d.t.Helper()
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

// init begins under transactional id "t" with a timeout of a minute; change may make it another request.
func (d *desk) init(change func(*kmsg.InitProducerIDRequest)) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.SetVersion(5)
	req.TransactionalID, req.TransactionTimeoutMillis = kmsg.StringPtr("t"), 60_000
	if change != nil {
		change(req)
	}
	d.m.Init(d.now, req, func(r kmsg.Response) {
		if resp := r.(*kmsg.InitProducerIDResponse); resp.ErrorCode != 0 {
			d.say("init: %s", code(resp.ErrorCode))
		} else {
			d.say("init: %d/%d", resp.ProducerID, resp.ProducerEpoch)
		}
	})
	d.settle()
}

// resume is init of a producer that names what it has.
func (d *desk) resume(id int64, epoch int16) {
	d.init(func(r *kmsg.InitProducerIDRequest) { r.ProducerID, r.ProducerEpoch = id, epoch })
}

// add makes partitions of topic "orders" part of the transaction of producer 100, or of another if id is set.
func (d *desk) add(epoch int16, indexes ...int32) { d.addOf(100, epoch, VersionTwo, indexes...) }

func (d *desk) addOf(id int64, epoch, version int16, indexes ...int32) {
	d.m.Add(d.now, Producer{"t", id, epoch}, orders(indexes...), version, func(err *kerr.Error) {
		if err != nil {
			d.say("add: %s", err.Message)
		} else {
			d.say("add: ok")
		}
	})
	d.settle()
}

func orders(indexes ...int32) (all []Partition) {
	for _, i := range indexes {
		all = append(all, Partition{"orders", i})
	}
	return all
}

// end ends the transaction of producer 100 in version 5 of EndTxn, or another.
func (d *desk) end(epoch int16, commit bool, change func(*kmsg.EndTxnRequest)) {
	req := kmsg.NewPtrEndTxnRequest()
	req.SetVersion(5)
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = "t", 100, epoch, commit
	if change != nil {
		change(req)
	}
	d.m.End(d.now, req, func(r kmsg.Response) {
		switch resp := r.(*kmsg.EndTxnResponse); {
		case resp.ErrorCode != 0:
			d.say("end: %s", code(resp.ErrorCode))
		case req.Version < endsByEpoch:
			d.say("end: ok")
		default:
			d.say("end: %d/%d", resp.ProducerID, resp.ProducerEpoch)
		}
	})
	d.settle()
}

// old makes a request one of a client that knows version 1 of transactions.
func old(r *kmsg.EndTxnRequest) { r.SetVersion(4) }

// state is what the coordinator says of "t".
func (d *desk) state() string {
	got := d.m.Describe("t")
	if got.ErrorCode != 0 {
		return code(got.ErrorCode)
	}
	text := fmt.Sprintf("%s %d/%d", got.State, got.ProducerID, got.ProducerEpoch)
	for _, topic := range got.Topics {
		for _, p := range topic.Partitions {
			text += fmt.Sprintf(" %s-%d", topic.Topic, p)
		}
	}
	return text
}

func (d *desk) wantState(want string) {
	d.t.Helper()
	if got := d.state(); got != want {
		d.t.Errorf("state %q, want %q", got, want)
	}
}
