package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
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
	recordSent             // until the leader has appended it
	recordAppended         // until it is acknowledged, read, and known to be committed everywhere
	recordDone             // until a leader dies
	failover               // until its partition is led and the node is in sync again
	told
)

// story follows the first record of producer 0 in partition 0, then the first failover, and where there are consumer
// groups one rebalance. It looks and
// tells; it changes nothing and draws nothing.
type story struct {
	sim     *simulation
	tell    func(Line)
	chapter chapter
	why     string // of the last line

	// request carries the record; offset is its place once that is known.
	request     *request
	offset      int64
	acked, seen bool
	// tokens of the syncs that cover the record, by node; committed by node once it knows that.
	tokens    []any
	committed []bool

	failing
	handover handover
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

// mine reports whether a batch begins with the record.
func (l *lane) mine(b *sending) bool { return l.producer.id == 0 && l.index == 0 && b.first == 0 }

func (t *story) sent(p *producer, l *lane, b *sending, r *request) {
	switch {
	case t.on(beforeRecord, recordAppended) && l.mine(b):
		if t.chapter == beforeRecord {
			t.chapter = recordSent
			t.tokens, t.committed = make([]any, len(t.sim.hosts)), make([]bool, len(t.sim.hosts))
		}
		t.request = r
		t.line(p.name, "the sequence lets the leader tell a repetition from a new record (KIP-98)",
			"sends record 0 of %s to %v, which leads it in epoch %d: producer id %d, sequence %d, try %d", place(l.index), r.conn.host, p.epochs[l.index], p.pid, b.base, b.tries)
	case t.on(failover, failover) && b.tries > 1:
		t.retried(p, l, b, r)
	}
}

// looked is told of a replica before and after a step of its shard.
func (t *story) looked(h *host, before *watched, now *node.Replica) {
	if !t.on(recordSent, recordAppended) || now.Partition != 0 || before.life != h.life {
		return
	}
	end := t.sim.checker.parts[0].mine
	switch {
	case t.chapter == recordSent && now.Role == node.Leading && now.LogEnd > before.end:
		t.chapter = recordAppended
		t.offset, t.sim.checker.parts[0].mine = before.end, now.LogEnd
		t.line(h.String(), "it is in the log's file, but only in the memory of the machine; no reader may see it",
			"appends: log end of %s %d -> %d, high watermark still %d", place(0), before.end, now.LogEnd, now.HighWatermark)
		return
	case t.chapter == recordAppended && now.Role == node.Following && before.end < end && now.LogEnd >= end:
		t.line(h.String(), "followers fetch as readers do, but to the log end, and write the batch exactly as the leader did",
			"has fetched the record and appends it: log end %d -> %d", before.end, now.LogEnd)
	}
	if t.chapter == recordAppended && before.highWatermark < end && now.HighWatermark >= end && !t.committed[h.slot] {
		t.committed[h.slot] = true
		if now.Role == node.Leading {
			t.line(h.String(), "every member of the ISR has said, by the offset of its next fetch, that it has synced the record: it is committed",
				"moves the high watermark of %s %d -> %d, ISR %v", place(0), before.highWatermark, now.HighWatermark, now.ISR)
		} else {
			t.line(h.String(), "the leader answers the next fetch with its high watermark: now this replica knows it too",
				"learns of the high watermark %d", now.HighWatermark)
		}
		t.finish()
	}
}

func (t *story) syncing(h *host, b *box, s actor.Sync) {
	if !t.on(recordAppended, recordAppended) || t.tokens[h.slot] != nil {
		return
	}
	first := api.Replica{Topic: t.sim.producers[0].topic}
	point, ok := s.Syncer.(log.SyncPoint)
	if ok && point.End >= t.sim.checker.parts[0].mine && b.address == api.ShardOf(first, t.sim.terrain.shards) {
		t.tokens[h.slot] = s.Token
		t.line(h.String(), "one sync serves all appends since the last (group commit)", "begins to sync up to offset %d", point.End)
	}
}

func (t *story) synced(h *host, s actor.Sync) {
	if t.on(recordAppended, recordAppended) && t.tokens[h.slot] != nil && t.tokens[h.slot] == s.Token {
		t.line(h.String(), "from here on a power loss cannot take the record from this node", "the sync is done")
	}
}

// answered is told of every response that leaves a node.
func (t *story) answered(h *host, c *connection, r actor.Response) {
	if t.on(recordSent, recordAppended) && t.request.conn == c && t.request.correlation == r.Correlation {
		t.line(h.String(), "answers of one connection leave in the order of its requests", "answers the request")
	}
}

func (t *story) acknowledged(l *lane, b *sending, offset int64) {
	if t.on(failover, failover) {
		t.recovered(l, b, offset)
	}
	if t.on(recordSent, recordAppended) && l.mine(b) {
		t.acked = true
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

// finish ends the chapter of the record once everybody who lives knows that it is committed.
func (t *story) finish() {
	p := t.sim.checker.partition(0)
	if !t.acked || !t.seen || p == nil {
		return
	}
	for _, id := range p.ISR {
		if !t.committed[t.sim.hosts[id].slot] {
			return
		}
	}
	t.chapter = recordDone
}
