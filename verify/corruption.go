package verify

import (
	"fmt"

	"github.com/logproof/logproof/verify/history"
)

// corruption judges that every record read is one that was sent: its payload decodes, some produce
// operation asked for it, and that operation did not definitely fail.
type corruption struct {
	ledger *ledger
	// whole reports whether the history was recorded to its end: without it the operation that sent
	// a record may be missing, and nothing is called a phantom.
	whole   func() bool
	corrupt []damaged
	seen    map[damagedAt]bool
	dropped int64
}

// damagedAt is one corrupt record.
type damagedAt struct {
	partition history.Partition
	offset    int64
}

// damaged is a corrupt record and the reader that met it first.
type damaged struct {
	history.Corrupt
	process string
}

func newCorruption(l *ledger, whole func() bool) *corruption {
	return &corruption{ledger: l, whole: whole, seen: map[damagedAt]bool{}}
}

func (c *corruption) observe(op *history.Operation) {
	for _, d := range op.Corrupt {
		at := damagedAt{d.Partition, d.Offset}
		switch {
		case c.seen[at]:
		case len(c.corrupt) == candidatesMax:
			c.dropped++
		default:
			c.seen[at] = true
			c.corrupt = append(c.corrupt, damaged{d, op.Process})
		}
	}
}

func (c *corruption) retained() int { return len(c.corrupt) + len(c.seen) }

func (c *corruption) result() RuleResult {
	n := c.ledger.counters
	r := RuleResult{Rule: Corruption, Asked: true, Unit: "record read", Checked: n.RecordsRead + n.RecordsScanned + n.RecordsCorrupt}
	for _, d := range c.corrupt {
		r.add(Anomaly{
			Class: CorruptRecord, Partition: d.Partition, Producer: history.Unset, FirstSequence: history.Unset, Count: 1, Offset: d.Offset,
			Text: fmt.Sprintf("%s: the record at offset %d is not what its producer wrote (%s), as %s read it", d.Partition, d.Offset, d.Reason, d.process),
		})
	}
	r.Total += c.dropped
	for _, key := range c.ledger.sortedStreams() {
		f := c.ledger.streams[key]
		var seen intervals
		for _, i := range append(append([]interval{}, f.read...), f.scanned...) {
			seen.add(i.first, i.end)
		}
		if c.whole() {
			for _, i := range seen.minus(f.attempted) {
				r.add(key.unsent(Phantom, i, "in the log without ever having been sent"))
			}
		}
		for _, i := range seen.and(f.failed) {
			r.add(key.unsent(FailedRead, i, "in the log, although the send had definitely failed"))
		}
	}
	r.conclude()
	return r
}

// unsent is an anomaly about records that must not be in the log.
func (s stream) unsent(class Class, i interval, what string) Anomaly {
	return Anomaly{
		Class: class, Partition: s.partition, Producer: int64(s.producer), FirstSequence: i.first, Count: i.size(), Offset: history.Unset,
		Text: fmt.Sprintf("%s: %s of %s (%s) %s %s", s.partition, plural(i.size(), "record"), who(s.producer),
			span("sequence", i.first, i.size()), verb(i.size()), what),
	}
}
