package coordinator

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kerr"
)

// load is how far the reading of a partition has got: up to next, of start to end. Both are -1 until the shard has
// told them.
type load struct {
	start, end, next    int64
	records, unreadable int
}

// loadBytes is how much is read at a time (offsets.load.buffer.size).
const loadBytes = 5 << 20

// begin begins a term.
func (ts *terms[M]) begin(now time.Time, id metadata.TopicID, p *metadata.Partition, fx *actor.Effects) {
	t := &term[M]{
		replica: api.Replica{Topic: id, Partition: p.Index}, epoch: p.LeaderEpoch,
		machine: ts.fresh(p.LeaderEpoch), began: now, load: load{start: -1, end: -1},
	}
	ts.led[p.Index] = t
	ts.ask(now, t, fx)
}

// call notes a question to a shard.
func (ts *terms[M]) call(k call[M]) uint64 {
	ts.next++
	ts.calls[ts.next] = k
	return ts.next
}

// answered gives the call that an answer belongs to; ok is false if its term is over.
func (ts *terms[M]) answered(id uint64) (k call[M], ok bool) {
	k, ok = ts.calls[id]
	delete(ts.calls, id)
	return k, ok && !k.term.over
}

// ask asks the shard for what the term needs next: where its log ends, where it begins, what is in it.
func (ts *terms[M]) ask(now time.Time, t *term[M], fx *actor.Effects) {
	if t.over {
		return
	}
	shard := api.ShardOf(t.replica, ts.shards)
	query := func(timestamp int64) {
		fx.Send(shard, api.OffsetQuery{
			Ticket:  partition.Ticket{To: ts.self, Call: ts.call(call[M]{term: t})},
			Replica: t.replica, Timestamp: timestamp, Epoch: t.epoch,
		})
	}
	switch {
	case t.load.end < 0:
		query(api.LatestOffset)
	case t.load.start < 0:
		query(api.EarliestOffset)
	case t.load.next >= t.load.end && ts.lapsed(now): // who lets it lead may be old
		ts.askAgain(t, fx)
	case t.load.next >= t.load.end:
		t.served = true
		ts.loaded(now, t, fx)
	default:
		fx.Send(shard, api.FetchRead{
			To: ts.self, Call: ts.call(call[M]{term: t}), Round: 1, Replica: -1, BrokerEpoch: -1, MaxBytes: loadBytes,
			Parts: []api.FetchPart{{Replica: t.replica, Offset: t.load.next, Epoch: t.epoch, LastEpoch: -1, MaxBytes: loadBytes}},
		})
	}
}

// askAgain does so after a while: the shard could not answer yet, or an image that ends the term is on its way.
func (ts *terms[M]) askAgain(t *term[M], fx *actor.Effects) { fx.After(ts.backOff, again[M]{t}) }

// bounded takes where the log ends, or begins. The end is told once the high watermark has reached the start of the
// epoch.
func (ts *terms[M]) bounded(now time.Time, m api.OffsetAnswer, fx *actor.Effects) {
	k, ok := ts.answered(m.Call)
	switch {
	case !ok:
		return
	case m.Error != 0:
		ts.askAgain(k.term, fx)
		return
	case k.term.load.end < 0:
		k.term.load.end = m.Offset
	default:
		k.term.load.start, k.term.load.next = m.Offset, m.Offset
	}
	ts.ask(now, k.term, fx)
}

func (ts *terms[M]) found(now time.Time, m api.FetchData, fx *actor.Effects) {
	k, ok := ts.answered(m.Call)
	r := m.Results[0]
	switch {
	case !ok && r.Source != nil:
		r.Source.Release()
	case !ok:
	case r.Error == kerr.OffsetOutOfRange.Code: // retention or a cleaner has moved the start meanwhile
		k.term.load.start = -1
		ts.askAgain(k.term, fx)
	case r.Source != nil:
		fx.Load(r.Source, loading[M]{k.term, r.Owner, r.Token})
	case r.Error != 0:
		ts.askAgain(k.term, fx)
	default: // nothing is left below the end
		k.term.load.next = k.term.load.end
		ts.ask(now, k.term, fx)
	}
}

// read takes the records of a range.
func (ts *terms[M]) read(now time.Time, m actor.Loaded, fx *actor.Effects) {
	l := m.Token.(loading[M])
	if m.Err != nil {
		fx.Send(l.owner, actor.ReadFailed{Token: l.token, Err: m.Err})
		ts.askAgain(l.term, fx)
		return
	}
	if l.term.over {
		return
	}
	before := l.term.load.next
	for data := m.Data; len(data) > 0; {
		v, rest, err := batch.Next(data)
		if err != nil { // the last one is cut
			break
		}
		l.term.take(v)
		data = rest
	}
	if l.term.load.next == before {
		ts.askAgain(l.term, fx)
		return
	}
	ts.ask(now, l.term, fx)
}

// take replays a batch.
func (t *term[M]) take(v batch.View) {
	from := t.load.next
	t.load.next = max(from, v.LastOffset()+1)
	if v.IsControl() {
		t.decide(v)
		return
	}
	records, err := batch.Records(v)
	if err != nil {
		t.load.unreadable += int(v.Count())
		t.load.records += int(v.Count())
		return
	}
	for i := range records {
		if records[i].Offset < from {
			continue
		}
		t.load.records++
		if err := t.loadRecord(v, &records[i]); err != nil {
			t.load.unreadable++
		}
	}
}

// loadRecord tells the machine of a record.
func (t *term[M]) loadRecord(v batch.View, r *batch.Record) error {
	if w, ok := any(t.machine).(witness); ok && v.IsTransactional() {
		return w.LoadPending(v.ProducerID(), r.Key, r.Value)
	}
	return t.machine.Load(r.Key, r.Value)
}

// decide tells the machine of a marker.
func (t *term[M]) decide(v batch.View) {
	w, ok := any(t.machine).(witness)
	if marker, err := batch.ReadMarker(v); ok && err == nil {
		w.Decide(v.ProducerID(), marker.Commit)
	}
}
