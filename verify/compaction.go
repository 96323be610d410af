package verify

import (
	"fmt"
	"sort"
	"time"

	"github.com/logproof/logproof/verify/history"
)

// CompactedTopic is a topic with cleanup.policy=compact: of the records of one key the newest stays, others may go.
type CompactedTopic struct {
	Topic string `json:"topic"`
	// MinLag is min.compaction.lag.ms: a record that is younger stays; 0 promises nothing of that kind.
	MinLag time.Duration `json:"min_lag,omitempty"`
}

// compacted reports whether records with a key may go from a topic.
func (x Expect) compacted(topic string) bool {
	for _, t := range x.Compacted {
		if t.Topic == topic {
			return true
		}
	}
	return false
}

// youngMax bounds the records of a partition that are remembered as too young to go. Forgetting is sound.
const youngMax = 1 << 14

// compaction judges topics that are compacted: folding the log by key, the newest record of each key, gives what
// folding the history gives, and no record goes that is younger than the topic's lag. That what stays keeps its
// offset is for reader-agreement to judge. The loss rule leaves records with a key in such topics to this one.
//
// The history's side is what was acknowledged outside of transactions, and the records of transactions whose commit
// was acknowledged.
type compaction struct {
	ledger    *ledger
	lags      map[string]history.Time
	newest    map[slot]version // acknowledged
	survivors map[slot]version // in the final scan
	young     map[history.Partition]*nursery
	places    map[place]int64 // the offset that a reader expects next
	early     []early
	dropped   int64
}

// slot is a key in a partition.
type slot struct {
	partition history.Partition
	key       uint32
}

// version is a record of a key.
type version struct {
	offset   int64
	producer uint32
	sequence int64
}

// nursery is the newest acknowledged records of one partition.
type nursery struct{ list []birth }

// birth is records that were acknowledged together, and when they were sent.
type birth struct {
	version
	count  int64
	key    uint32
	invoke history.Time
}

// early is a record that was gone too soon.
type early struct {
	slot
	version
	age  history.Time // at most
	told telling
}

func newCompaction(l *ledger, x Expect) *compaction {
	c := &compaction{
		ledger: l, lags: map[string]history.Time{}, newest: map[slot]version{}, survivors: map[slot]version{},
		young: map[history.Partition]*nursery{}, places: map[place]int64{},
	}
	for _, t := range x.Compacted {
		c.lags[t.Topic] = history.Time(t.MinLag)
	}
	return c
}

func (c *compaction) observe(op *history.Operation) {
	committed := op.Kind == history.Produce && op.Transaction == nil ||
		op.Kind == history.Transact && op.Transaction.Decision == history.DecideCommit
	for i := range op.Runs {
		run := &op.Runs[i]
		if _, ok := c.lags[run.Partition.Topic]; !ok {
			continue
		}
		switch {
		case committed && op.Outcome == history.OK && run.Key != 0 && run.FirstOffset != history.Unset:
			c.acked(op, run)
		case op.Kind == history.Fetch || op.Kind == history.Scan:
			c.read(op, run)
		}
	}
	if op.Kind == history.Resume { // a member goes on where its group stands, not where it stood
		for _, at := range op.Group.Positions {
			delete(c.places, place{op.Process, at.Partition})
		}
	}
}

// last is the last record of a run.
func last(run *history.Run) version {
	n := int64(run.Count) - 1
	return version{run.FirstOffset + n, run.Producer, run.FirstSequence + n}
}

// raise keeps the newer of two versions of a key.
func raise(m map[slot]version, s slot, v version) {
	if old, ok := m[s]; !ok || v.offset > old.offset {
		m[s] = v
	}
}

func (c *compaction) acked(op *history.Operation, run *history.Run) {
	raise(c.newest, slot{run.Partition, run.Key}, last(run))
	if c.lags[run.Partition.Topic] == 0 || op.Kind != history.Produce {
		return
	}
	n := c.young[run.Partition]
	if n == nil {
		n = &nursery{}
		c.young[run.Partition] = n
	}
	n.add(birth{version{run.FirstOffset, run.Producer, run.FirstSequence}, int64(run.Count), run.Key, op.Invoke})
}

// add keeps the births in the order of their offsets.
func (n *nursery) add(b birth) {
	i := sort.Search(len(n.list), func(i int) bool { return n.list[i].offset > b.offset })
	n.list = append(n.list, birth{})
	copy(n.list[i+1:], n.list[i:])
	n.list[i] = b
	if len(n.list) > youngMax {
		n.list = append(n.list[:0], n.list[youngMax/2:]...)
	}
}

// gone lists the records in a stretch of offsets that cannot be as old as the lag at a time.
func (n *nursery) gone(from, to int64, lag, at history.Time) (list []birth) {
	i := sort.Search(len(n.list), func(i int) bool { return n.list[i].offset+n.list[i].count > from })
	for ; i < len(n.list) && n.list[i].offset < to; i++ {
		if b := n.list[i]; at-b.invoke < lag {
			list = append(list, b.cut(from, to))
		}
	}
	return list
}

// cut is the part of a birth within a stretch of offsets.
func (b birth) cut(from, to int64) birth {
	skip := max(0, from-b.offset)
	b.count = min(b.count, to-b.offset) - skip
	b.offset += skip
	b.sequence += skip
	return b
}

// read follows a reader: what it passes without being given it was gone when it was answered.
func (c *compaction) read(op *history.Operation, run *history.Run) {
	at := place{op.Process, run.Partition}
	next, begun := c.places[at]
	if n := c.young[run.Partition]; begun && n != nil && run.FirstOffset > next {
		for _, b := range n.gone(next, run.FirstOffset, c.lags[run.Partition.Topic], op.Return) {
			if len(c.early) == candidatesMax {
				c.dropped++
				continue
			}
			c.early = append(c.early, early{slot{run.Partition, b.key}, b.version, op.Return - b.invoke, telling{op.Process, op.Return}})
		}
	}
	if end := run.FirstOffset + int64(run.Count); !begun || end > next {
		c.places[at] = end
	}
	if c.ledger.scans(op, run.Partition) && run.Key != 0 {
		raise(c.survivors, slot{run.Partition, run.Key}, last(run))
	}
}

func (c *compaction) retained() int {
	n := len(c.newest) + len(c.survivors) + len(c.places) + len(c.early)
	for _, young := range c.young {
		n += len(young.list)
	}
	return n
}

func (c *compaction) result() RuleResult {
	r := RuleResult{Rule: Compaction, Asked: true, Unit: "key"}
	for _, s := range sortedSlots(c.newest) {
		at := c.ledger.partition(s.partition)
		v := c.newest[s]
		if !at.reached() || v.offset > at.barrier {
			continue
		}
		r.Checked++
		left, ok := c.survivors[s]
		if ok && left.offset >= v.offset {
			continue
		}
		what := "and no record of the key is"
		if ok {
			what = fmt.Sprintf("and an older one, at offset %d, stands for it", left.offset)
		}
		r.add(Anomaly{
			Class: NewestCompacted, Partition: s.partition, Producer: int64(v.producer), FirstSequence: v.sequence, Count: 1, Offset: v.offset,
			Text: fmt.Sprintf("%s: the newest record of key-%d (%s, sequence %d, offset %d) is not in the log, %s", s.partition, s.key-1, who(v.producer), v.sequence, v.offset, what),
		})
	}
	for _, e := range c.early {
		r.add(Anomaly{
			Class: CompactedEarly, Partition: e.partition, Producer: int64(e.producer), FirstSequence: e.sequence, Count: 1, Offset: e.offset,
			Text: fmt.Sprintf("%s: a record of key-%d (%s, sequence %d, offset %d) had gone when %s read on from there, at most %s after it was sent; min.compaction.lag keeps it for %s",
				e.partition, e.key-1, who(e.producer), e.sequence, e.offset, e.told.process, time.Duration(e.age), time.Duration(c.lags[e.partition.Topic])),
		})
	}
	r.Total += c.dropped
	r.conclude()
	return r
}

// sortedSlots lists keys in the order of reports.
func sortedSlots(m map[slot]version) []slot {
	keys := make([]slot, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if c := comparePartitions(keys[i].partition, keys[j].partition); c != 0 {
			return c < 0
		}
		return keys[i].key < keys[j].key
	})
	return keys
}
