package log

import (
	"errors"
	"fmt"
)

// Retention says how much of a log is kept (cleanup.policy delete); the zero value keeps nothing.
type Retention struct {
	// Millis is how old the youngest record of a segment may be (retention.ms); -1 is no limit.
	Millis int64
	// Bytes of all segments together that are kept (retention.bytes); -1 is no limit.
	Bytes int64
}

// KeepAll is the Retention under which nothing goes.
var KeepAll = Retention{-1, -1}

// extent is what a retention goes by of one segment.
type extent struct {
	end, size    int64
	maxTimestamp int64
}

// expired counts the segments, from the front, that need not be kept any longer, as Kafka does: by size as long
// as the rest is not smaller than what is to be kept, by time while the youngest record is too old. A segment
// that is not wholly below the bound, the high watermark, stays, and so does an active one that is empty. The age
// of records without a timestamp is not known: they are not old.
func expired(segments []extent, r Retention, now, bound int64) (n int, reason string) {
	total := int64(0)
	for _, s := range segments {
		total += s.size
	}
	bySize, byTime := 0, 0
	for over := total - r.Bytes; r.Bytes >= 0 && bySize < len(segments); bySize++ {
		s := segments[bySize]
		if s.end > bound || s.size == 0 || over < s.size {
			break
		}
		over -= s.size
	}
	for r.Millis >= 0 && byTime < len(segments) {
		s := segments[byTime]
		if s.end > bound || s.size == 0 || s.maxTimestamp < 0 || now-s.maxTimestamp <= r.Millis {
			break
		}
		byTime++
	}
	if byTime > 0 && byTime >= bySize {
		return byTime, ReasonTime
	}
	if bySize > 0 {
		return bySize, ReasonSize
	}
	return 0, ""
}

// Retain deletes the segments that a retention does not keep, whole ones and only below bound, the high watermark;
// the log start rises durably before they go. now is the wall clock in milliseconds since 1970. The active segment
// is rolled, and goes too, once nothing in it is kept.
//
// On a full disk it works without writing anything: then the segments go one after the other, each durably before
// the next. An error leaves the log as it says it is, and the next call goes on.
func (l *Log) Retain(r Retention, now, bound int64) (Deleted, error) {
	d := Deleted{From: l.start, Start: l.start}
	if l.failed != nil {
		return d, l.failed
	}
	extents := make([]extent, len(l.segments))
	for i, s := range l.segments {
		extents[i] = extent{s.end, s.size, s.youngest}
	}
	n, reason := expired(extents, r, now, bound)
	if d.Reason = reason; n == 0 {
		return d, nil
	}
	all := n == len(l.segments)
	if all {
		n--
	}
	err := l.deleteFirst(n, &d)
	if err == nil && all {
		if err = l.roll(); err == nil {
			err = l.deleteFirst(1, &d)
		}
	}
	if err != nil {
		err = fmt.Errorf("retention of log %s: %w", l.dir, err)
	}
	return d, err
}

// deleteFirst deletes the first n segments, of which none is the active one.
func (l *Log) deleteFirst(n int, d *Deleted) error {
	if n == 0 {
		return nil
	}
	to := l.segments[n].base
	failed := l.writeStart(to)
	if failed == nil {
		return l.startAt(to, d)
	}
	if err := l.settleEntries(); err != nil {
		return errors.Join(failed, err)
	}
	for range n {
		err := l.dropFirst(d)
		if err == nil {
			err = l.fs.SyncDir(l.dir)
		}
		if err != nil {
			return errors.Join(failed, err)
		}
		l.start = max(l.start, l.segments[0].base)
		d.Start = l.start
	}
	return l.trimEpochsBefore(l.start)
}
