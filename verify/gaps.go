package verify

import (
	"fmt"
	"strings"

	"github.com/logproof/logproof/verify/history"
)

// gaps judges that every offset is explained. In the final scan, which is raw, each offset from the log's start
// to its end is a record or a marker, or stands below a log start that was told (retention), or may have been
// compacted away; nothing else takes an offset. Who reads committed is given every record of the scan but those
// of aborted transactions.
type gaps struct {
	ledger   *ledger
	readings *readings
	expect   Expect
}

func newGaps(l *ledger, s *readings, x Expect) *gaps { return &gaps{l, s, x} }

func (g *gaps) observe(*history.Operation) {}

func (g *gaps) retained() int { return 0 }

func (g *gaps) result() RuleResult {
	r := RuleResult{Rule: Gaps, Asked: true, Unit: "offset scanned"}
	var started, compacted int64
	for _, p := range sortedPartitions(g.readings.logs) {
		v := g.readings.logs[p]
		for _, s := range v.order {
			if !s.scan {
				continue
			}
			r.Checked += s.end
			start := g.ledger.partition(p).start
			started += min(start, s.end)
			holes := s.holes()
			if g.ledger.compacted(p.Topic) {
				compacted += holes.size()
				continue
			}
			for _, gap := range holes {
				if gap.first = max(gap.first, start); gap.first < gap.end {
					r.add(Anomaly{
						Class: Gap, Partition: p, Producer: history.Unset, FirstSequence: history.Unset, Count: gap.size(), Offset: gap.first,
						Text: fmt.Sprintf("%s: the log has no record at %s", p, span("offset", gap.first, gap.size())),
					})
				}
			}
		}
		g.readings.skips(&r, p, v, true)
	}
	var details []string
	if started > 0 {
		details = append(details, plural(started, "offset")+" below the start of their logs")
	}
	if compacted > 0 {
		details = append(details, plural(compacted, "offset")+" without a record in compacted topics, which compaction judges")
	}
	r.Detail = strings.Join(details, "; ")
	r.conclude()
	return r
}
