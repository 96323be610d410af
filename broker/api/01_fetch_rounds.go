package api

import (
	"time"

	"github.com/logproof/logproof/broker/actor"
)

// rounds asks shards for what there is, again and again until there is enough to answer a fetch. A
// consumer's fetch and a replica's are built on it.
type rounds struct {
	// replica and brokerEpoch of a broker that fetches; -1 for a reader.
	replica     int32
	brokerEpoch int64
	asked       []FetchPart
	found       []FetchResult
	// shards asked, and how many of them have not answered this round.
	shards   map[actor.Address][]FetchPart
	waiting  int
	round    int32
	ended    bool // something is to be told at once
	expired  bool
	minBytes int
	maxBytes int
	// watching is set once a shard keeps a watch for this call.
	watching bool
	// again is set when a wake came while a round was under way.
	again bool
	// answer finishes the call with what was found.
	answer func(s *Session, c *call, fx *actor.Effects)
}

// begin asks for the parts in h.asked, for at most wait.
func (h *rounds) begin(s *Session, c *call, now time.Time, waitMillis int32, fx *actor.Effects) {
	h.shards = map[actor.Address][]FetchPart{}
	for _, part := range h.asked {
		shard := ShardOf(part.Replica, s.cfg.Shards)
		h.shards[shard] = append(h.shards[shard], part)
	}
	wait := min(time.Duration(max(waitMillis, 0))*time.Millisecond, s.cfg.MaxWait)
	c.deadline, h.expired = now.Add(wait), wait == 0
	h.read(s, c, fx)
	if h.waiting == 0 {
		h.done(s, c, fx)
	}
}

// read begins a round: every shard is asked what there is now.
func (h *rounds) read(s *Session, c *call, fx *actor.Effects) {
	h.round++
	h.again = false
	h.waiting = len(h.shards)
	watch := 0
	if !h.expired && !h.ended {
		watch = h.minBytes
	}
	for i := range s.cfg.Shards {
		shard := actor.Address{Role: actor.Shard, ID: int64(i)}
		if parts := h.shards[shard]; parts != nil {
			fx.Send(shard, FetchRead{
				To: s.self, Call: c.id, Round: h.round, Replica: h.replica, BrokerEpoch: h.brokerEpoch,
				Parts: parts, MaxBytes: h.maxBytes, Watch: watch, Several: len(h.shards) > 1,
			})
		}
	}
}

func (h *rounds) fetched(s *Session, c *call, m FetchData, fx *actor.Effects) {
	h.found = append(h.found, m.Results...)
	h.watching = h.watching || m.Watching
	if h.waiting--; h.waiting > 0 {
		return
	}
	bytes := 0
	for i := range h.found {
		bytes += h.found[i].Bytes
		h.ended = h.ended || h.found[i].ended()
	}
	switch {
	case bytes >= h.minBytes || h.ended || h.expired:
		h.done(s, c, fx)
	case h.again:
		h.retry(s, c, fx)
	}
}

// woken starts another round: what was found before is read again, it may hold more now.
func (h *rounds) woken(s *Session, c *call, fx *actor.Effects) {
	if h.waiting > 0 {
		h.again = true
		return
	}
	h.retry(s, c, fx)
}

func (h *rounds) retry(s *Session, c *call, fx *actor.Effects) {
	release(h.found)
	h.found = h.found[:0]
	h.read(s, c, fx)
}

// expire ends the wait; an answer that is under way is still awaited.
func (h *rounds) expire(s *Session, c *call, fx *actor.Effects) {
	h.expired, c.deadline = true, time.Time{}
	if h.waiting == 0 {
		h.done(s, c, fx)
	}
}

func (h *rounds) abandon(s *Session, c *call, fx *actor.Effects) {
	release(h.found)
	h.unwatch(s, c, fx)
}

func (h *rounds) unwatch(s *Session, c *call, fx *actor.Effects) {
	if !h.watching {
		return
	}
	for i := range s.cfg.Shards {
		shard := actor.Address{Role: actor.Shard, ID: int64(i)}
		if h.shards[shard] != nil {
			fx.Send(shard, FetchUnwatch{To: s.self, Call: c.id})
		}
	}
}

func (h *rounds) done(s *Session, c *call, fx *actor.Effects) {
	h.unwatch(s, c, fx)
	h.answer(s, c, fx)
	h.found = nil
}

// limit drops ranges beyond the limit for all shards together; each shard has kept to it alone.
func (h *rounds) limit() {
	total := 0
	for i := range h.found {
		r := &h.found[i]
		if r.Source == nil {
			continue
		}
		if total > 0 && total+r.Bytes > h.maxBytes {
			r.Source.Release()
			r.Source = nil
			continue
		}
		total += r.Bytes
	}
}

// ended reports whether there is something to tell at once.
func (r *FetchResult) ended() bool { return r.Error != 0 || r.Diverging != nil || r.News }

// release gives up the log ranges of results that are not sent.
func release(results []FetchResult) {
	for i := range results {
		if results[i].Source != nil {
			results[i].Source.Release()
			results[i].Source = nil
		}
	}
}
