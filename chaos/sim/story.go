package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/node"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// Line of a story: what happened, and what it means for somebody who sees it for the first time.
type Line struct {
	At time.Duration
	// Who did it: "producer-0", "node 0".
	Who  string
	Text string
	// Why is "" where it is that of the line before.
	Why string
}

// chapter is where a story is.
type chapter uint8

const (
	beforeRecord   chapter = iota
	recordSent             // until it is appended
	recordAppended         // until it is acknowledged and read
	recordDone
	crashed   // until the node is told to start
	restarted // until a producer is acknowledged
	outageOver
)

// story follows the first record of producer 0 in partition 0, and then the first crash. It looks and
// tells; it changes nothing and draws nothing.
type story struct {
	sim     *simulation
	tell    func(Line)
	chapter chapter
	// request carries the record; offset is its place once that is known.
	request     *request
	offset      int64
	acked, seen bool
	token       any // of the sync that covers the record
	// life of the node after the crash.
	life uint64
	why  string // of the last line
}

func (t *story) line(who, why, format string, args ...any) {
	if why == t.why {
		why = ""
	} else {
		t.why = why
	}
	t.tell(Line{t.sim.now, who, fmt.Sprintf(format, args...), why})
}

// on reports whether somebody listens and the story is in one of the chapters.
func (t *story) on(from, to chapter) bool {
	return t.tell != nil && t.chapter >= from && t.chapter <= to
}

func (t *story) sent(p *producer, l *lane, b *sending, r *request) {
	switch {
	case t.on(beforeRecord, recordAppended) && p.id == 0 && l.index == 0 && b.first == 0:
		if t.chapter == beforeRecord {
			t.chapter = recordSent
		}
		t.request = r
		t.line(p.name, "the sequence lets the leader tell a repetition from a new record (KIP-98)",
			"sends record 0 of %s in a batch of %d: producer id %d, epoch %d, sequence %d, try %d", place(l.index), b.count, p.pid, l.epoch, b.base, b.tries)
	case t.on(restarted, restarted) && b.tries > 1:
		t.line(p.name, "no answer came, so it cannot know whether the batch was appended: the same sequence again is safe",
			"sends the batch with sequence %d of %s again, try %d", b.base, place(l.index), b.tries)
	}
}

// looked is told of the watermarks of a partition before and after a step of its shard.
func (t *story) looked(h *host, before *watched, now *node.Replica) {
	if !t.on(recordSent, recordAppended) || now.Partition != 0 || before.life != h.life {
		return
	}
	if t.chapter == recordSent && now.LogEnd > before.end {
		t.chapter = recordAppended
		t.line(h.String(), "it is in the log's file, but only in the memory of the machine; no reader may see it",
			"shard appends: log end of %s %d -> %d, high watermark still %d", place(0), before.end, now.LogEnd, now.HighWatermark)
	}
	if t.token != nil && now.HighWatermark > before.highWatermark {
		t.token = nil
		t.line(h.String(), "with flush commit a record is committed when it is on disk: readers may see it, the producer may be told",
			"shard moves the high watermark of %s %d -> %d", place(0), before.highWatermark, now.HighWatermark)
	}
}

func (t *story) syncing(_ *host, b *box, s actor.Sync) {
	if !t.on(recordAppended, recordAppended) || t.token != nil || t.acked {
		return
	}
	first := api.Replica{Topic: t.sim.producers[0].topic}
	point, ok := s.Syncer.(log.SyncPoint)
	if ok && b.address == api.ShardOf(first, t.sim.terrain.shards) {
		t.token = s.Token
		t.line("disk", "one sync serves all appends since the last (group commit)", "begins to sync up to offset %d", point.End)
	}
}

func (t *story) synced(s actor.Sync) {
	if t.on(recordAppended, recordAppended) && t.token != nil && t.token == s.Token {
		t.line("disk", "from here on a power loss cannot take the record", "the sync is done")
	}
}

// answered is told of every response that leaves a node.
func (t *story) answered(h *host, c *connection, r actor.Response) {
	switch {
	case t.on(recordSent, recordAppended) && t.request.conn == c && t.request.correlation == r.Correlation:
		t.line(h.String(), "answers of one connection leave in the order of its requests", "answers the request")
	case t.on(restarted, restarted) && h.served == 1:
		t.line(h.String(), "it serves again once every log is recovered", "answers the first client, %s, after the restart", c.name)
	}
}

func (t *story) acknowledged(l *lane, b *sending, offset int64) {
	if t.on(restarted, restarted) && t.life != 0 {
		t.chapter = outageOver
		t.line(l.producer.name, "for this client the outage is over", "is told that its batch with sequence %d of %s has offset %d", b.base, place(l.index), offset)
	}
	if t.on(recordSent, recordAppended) && l.producer.id == 0 && l.index == 0 && b.first == 0 {
		t.acked, t.offset = true, offset
		t.line(l.producer.name, "a promise: whatever happens now, the record must stay", "is told that record 0 has offset %d", offset)
		t.finish()
	}
}

func (t *story) read(r *reader, index int, offset int64, h payload.Header) {
	if t.on(recordSent, recordAppended) && !t.seen && r.kind == history.Fetch && index == 0 && h.Producer == 0 && h.Sequence == 0 {
		t.seen = true
		t.line(r.name, "its long poll was waiting for the high watermark", "reads record 0 of %s at offset %d", place(index), offset)
		t.finish()
	}
}

func (t *story) finish() {
	if t.acked && t.seen {
		t.chapter = recordDone
	}
}

func (t *story) crashing(h *host, how string) {
	if !t.on(recordDone, recordDone) {
		return
	}
	t.chapter = crashed
	t.line(h.String(), "what was written stays if only the process goes; what was not synced may go with the power", "%s, %d syncs under way", how, h.syncs)
	for i := range t.sim.checker.parts {
		w := &t.sim.checker.replicas[h.slot][i]
		t.line(h.String(), "what lies between is not promised to anybody yet", "%s: log end %d, high watermark %d, acknowledged up to %d", place(i), w.end, w.highWatermark, t.sim.checker.parts[i].acked)
	}
}

// lost is told of a connection that a client has no more; one that was never accepted asked for nothing.
func (t *story) lost(conn *connection, reason string, waiting int) {
	if t.on(crashed, restarted) && waiting > 0 && conn.life != 0 {
		t.line(conn.name, "each of these requests may have been carried out or not", "%s: %d requests have no answer", reason, waiting)
	}
}

func (t *story) booting(h *host) {
	if t.on(crashed, crashed) {
		t.chapter = restarted
		t.line(h.String(), "it reads the metadata log, and then the log of each partition", "is started again")
	}
}

func (t *story) recovered(h *host, w *watched, e nodeevent.LogRecovered) {
	if t.on(restarted, restarted) {
		t.life = h.life
		t.line(h.String(), "the first batch that is not whole ends the log; the producers' last sequences are read from the batches",
			"%v; before the crash it ended at %d", e, w.end)
	}
}

func (t *story) duplicate(h *host, index int32, offset int64) {
	if t.on(restarted, outageOver) && t.life == h.life {
		t.line(h.String(), "the batch is in the log already: it is answered with the offset it has, not appended twice",
			"recognises a batch of %s that was appended at offset %d before the crash", place(int(index)), offset)
	}
}

// happened is told of every event of a node.
func (t *story) happened(*host, nodeevent.Event) {}
