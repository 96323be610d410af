package loadgen

import (
	"sync"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/verify/history"
)

// received is what one reader got.
type received struct {
	process string
	// live readers measure end-to-end latency, the scan does not.
	live bool

	mu                  sync.Mutex
	records, duplicates uint64
	barriers            uint64
	endToEnd            Latency
	seen                map[source]*sequences
	lastSource          source
	lastSeen            *sequences
}

// source is one producer's records in one partition.
type source struct {
	producer  uint32
	topic     uint16
	partition int32
}

func newReceived(process string, live bool) *received {
	return &received{process: process, live: live, seen: make(map[source]*sequences)}
}

// receive takes one record. Barriers are not load: they are counted apart.
func (r *received) receive(rec client.Received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec.Header.Barrier {
		r.barriers++
		return
	}
	r.records++
	if !r.sequencesOf(source{rec.Header.Producer, rec.Header.Topic, rec.Header.Partition}).add(rec.Header.Sequence) {
		r.duplicates++
		return
	}
	if r.live {
		r.endToEnd.record(history.Time(rec.Header.Intended), rec.At)
	}
}

// sequencesOf keeps the last answer: records come in long rows of one producer.
func (r *received) sequencesOf(key source) *sequences {
	if r.lastSeen != nil && r.lastSource == key {
		return r.lastSeen
	}
	s := r.seen[key]
	if s == nil {
		s = &sequences{}
		r.seen[key] = s
	}
	r.lastSource, r.lastSeen = key, s
	return s
}

// account is what the reader contributes to the accounting. Unique is counted from the sequences that
// are there and not from what was not a duplicate.
func (r *received) account() ReaderAccount {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := ReaderAccount{Process: r.process, Live: r.live, Received: r.records, Duplicate: r.duplicates, Barriers: r.barriers}
	for _, s := range r.seen {
		a.Unique += s.size()
	}
	if r.live {
		a.Measured, a.Negative = r.endToEnd.Count(), r.endToEnd.Negative()
	}
	return a
}

// latency is a copy of the reader's end-to-end distribution.
func (r *received) latency() Latency {
	r.mu.Lock()
	defer r.mu.Unlock()
	var l Latency
	l.merge(&r.endToEnd)
	return l
}
