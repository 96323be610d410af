package verify

import (
	"fmt"
	"strings"

	"github.com/logproof/logproof/verify/history"
)

// halved reports what was acknowledged in transactions of unknown outcome, if the log has the commit and not the
// records.
func (s *loss) halved(r *RuleResult) {
	for _, x := range s.transactions.unsettled() {
		if x.client != pending || x.logged() != committed {
			continue
		}
		for _, p := range x.parts {
			facts := s.ledger.stream(p.stream.partition, p.stream.producer)
			for _, gone := range intervals(p.left.and(facts.acked)).minus(facts.scanned) {
				if s.judged(p.stream.partition) {
					r.add(s.anomaly(LostWrite, p.stream, p.part(gone.first, gone.end), intervals{p.interval}, facts.scanned))
				}
			}
		}
	}
}

func (s *loss) result() RuleResult {
	r := RuleResult{Rule: Loss, Asked: true, Unit: "acknowledged or read record"}
	excused := map[history.Partition]int64{}
	for _, key := range s.ledger.sortedStreams() {
		d, f := s.due[key], s.ledger.stream(key.partition, key.producer)
		if d == nil || !s.judged(key.partition) {
			continue
		}
		acked, read := d.acked.sequences(), d.read.sequences()
		// A phantom that is not in the log is not lost.
		gone := intervals(intervals(read.minus(acked)).and(f.attempted))
		r.Checked += max(0, acked.size()+gone.size()-d.aborted)
		for _, part := range s.legible(key, d.acked.minus(f.scanned), excused) {
			r.add(s.anomaly(LostWrite, key, part, acked, f.scanned))
		}
		for _, part := range s.legible(key, d.read.minus(f.scanned), excused) {
			for _, i := range gone.within(part.first, part.end) {
				r.add(s.anomaly(ReadThenGone, key, part.part(i.first, i.end), read, f.scanned))
			}
		}
	}
	s.halved(&r)
	if s.keyed > 0 {
		r.Detail = plural(s.keyed, "record") + " with a key in compacted topics left to compaction"
		if r.Checked == 0 {
			r.Asked = false // there is nothing else
		}
	}
	r.Skipped = s.unjudged()
	r.conclude()
	return r
}

// judged reports whether lost can be told from late in the partition.
func (s *loss) judged(p history.Partition) bool {
	return s.ledger.partition(p).reached() && !s.partition(p).blurred
}

// legible leaves out records that stand where the scan met a record it could not decode: those are
// not lost but corrupt, and the corruption rule reports them. Where the offset of a missing record is
// not known, as many are left out as the partition has unexplained corrupt records.
func (s *loss) legible(key stream, missing []stretch, excused map[history.Partition]int64) []stretch {
	corrupt := s.ledger.partition(key.partition).corrupt
	if len(corrupt) == 0 {
		return missing
	}
	var left []stretch
	for _, m := range missing {
		if m.offset == history.Unset {
			n := min(m.size(), corrupt.size()-excused[key.partition])
			excused[key.partition] += n
			if n < m.size() {
				left = append(left, m.part(m.first+n, m.end))
			}
			continue
		}
		for _, i := range corrupt.without(m.offset, m.offset+m.size()) {
			left = append(left, m.part(m.first+i.first-m.offset, m.first+i.end-m.offset))
		}
	}
	return left
}

func (s *loss) anomaly(class Class, key stream, lost stretch, all, scanned intervals) Anomaly {
	what, of := "acknowledged", "what it had been promised there"
	if class == ReadThenGone {
		what, of = "already read", "what readers had been given of it"
	}
	place := span("sequence", lost.first, lost.size())
	if lost.offset != history.Unset {
		place += ", " + span("offset", lost.offset, lost.size())
	}
	return Anomaly{
		Class: class, Partition: key.partition, Producer: int64(key.producer), FirstSequence: lost.first,
		Count: lost.size(), Offset: lost.offset,
		Text: fmt.Sprintf("%s: %s of %s (%s) %s not in the log below its barrier at %d: %s of %s",
			key.partition, plural(lost.size(), what+" record"), who(key.producer), place, verb(lost.size()),
			s.ledger.partition(key.partition).barrier, part(lost, all, scanned), of),
	}
}

// part says which part of a stream is lost: the shape hints at the cause (a lost tail at a missing
// sync, a lost middle at a damaged or diverged log, a lost head at a wrong start).
func part(lost stretch, all, scanned intervals) string {
	first, end := all[0].first, all[len(all)-1].end
	before := len(scanned.within(first, lost.first)) > 0
	after := len(scanned.within(lost.end, end)) > 0
	switch {
	case before && after:
		return "a middle part"
	case before:
		return "the tail"
	case after:
		return "the head"
	}
	return "all"
}

// unjudged names the partitions that could not be judged.
func (s *loss) unjudged() string {
	want := map[history.Partition]bool{}
	for _, p := range s.expect.Partitions {
		want[p] = true
	}
	for key := range s.due {
		want[key.partition] = true
	}
	var names []string
	for _, p := range sortedPartitions(want) {
		if !s.judged(p) {
			names = append(names, p.String())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s not scanned to an acknowledged barrier (%s), so lost cannot be told from late",
		len(names), plural(int64(len(want)), "partition"), strings.Join(names, ", "))
}
