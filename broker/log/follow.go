package log

import (
	"errors"
	"fmt"
	"math"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
)

// ErrOutOfOrderOffset is a batch of a leader that does not begin at the follower's log end.
var ErrOutOfOrderOffset = errors.New("out of order offset")

// AppendAsFollower appends whole batches exactly as a leader wrote them: they keep their offsets and
// leader epochs, and begin at EndOffset; but a filler of compaction that begins before it, where this log ends within
// what the leader's has no more records of, is taken from there. All of them are checked before the first is written: framing,
// checksum, offsets without a gap, epochs that do not fall. An epoch that has begun at the end and left
// no record here is forgotten where the leader has records of an older one: this log led, and nobody
// followed. What is wrong with the bytes is an error of
// package batch; ErrOutOfOrderOffset and ErrStaleEpoch say that the leader's log is not the
// continuation of this one.
//
// After an error of the disk the log ends where EndOffset says: whole batches from the front may have
// been appended. Producers are remembered as the batches tell; their sequences were the leader's to
// check. No bytes append nothing, LastOffset is then before BaseOffset.
func (l *Log) AppendAsFollower(batches []byte) (Appended, error) {
	if l.failed != nil {
		return Appended{}, l.failed
	}
	batches = l.clipped(batches)
	next, within := l.startsWithin(batches)
	err := l.checkFollowing(batches, next)
	if err == nil && within {
		err = l.restart(next, l.start)
	}
	if err != nil {
		return Appended{}, fmt.Errorf("append to log %s as a follower: %w", l.dir, err)
	}
	base := l.EndOffset()
	if len(batches) > 0 && firstOf(batches).LeaderEpoch() < l.LatestEpoch() {
		if err := l.trimEpochs(base); err != nil {
			return Appended{}, err
		}
	}
	for len(batches) > 0 {
		if err := l.prepare(firstOf(batches)); err != nil {
			return Appended{}, err
		}
		run := l.run(batches)
		if err := l.place(batches[:run], l.cfg.Bugs.Has(bug.MarkerForgotten)); err != nil {
			return Appended{}, err
		}
		batches = batches[run:]
	}
	return Appended{base, l.EndOffset() - 1}, nil
}

// clipped gives the batches of a leader without what a filler at their front covers of this log.
func (l *Log) clipped(batches []byte) []byte {
	v, rest, err := batch.Next(batches)
	end := l.EndOffset()
	if err != nil || !v.IsFiller() || v.BaseOffset() >= end || v.LastOffset() < end || v.CRC() != v.Checksum() {
		return batches
	}
	return append(batch.ClipFiller(v, end), rest...)
}

// firstOf gives the first of some whole batches.
func firstOf(batches []byte) batch.View { return batch.View(batches[:batch.View(batches).Length()]) }

// startsWithin gives the offset where batches of a leader must begin: the log's end; or, in a log that holds nothing
// yet, before its start, if the leader's log starts within the first of them.
func (l *Log) startsWithin(batches []byte) (next int64, within bool) {
	if h, err := batch.Peek(batches); err == nil && l.EndOffset() == l.start && l.size == 0 {
		if h.BaseOffset() >= 0 && h.BaseOffset() < l.start && h.LastOffset() >= l.start {
			return h.BaseOffset(), true
		}
	}
	return l.EndOffset(), false
}

func (l *Log) checkFollowing(batches []byte, next int64) error {
	epoch := max(l.recordEpoch(), 0)
	for len(batches) > 0 {
		v, rest, err := batch.Next(batches)
		switch {
		case err != nil:
			return fmt.Errorf("offset %d: %w", next, err)
		case v.CRC() != v.Checksum():
			return fmt.Errorf("offset %d: %w: its checksum is %08x, its bytes give %08x", next, batch.ErrCorrupt, v.CRC(), v.Checksum())
		case v.LastOffsetDelta() < 0:
			return fmt.Errorf("offset %d: %w: the last offset delta is %d", next, batch.ErrInvalidRecord, v.LastOffsetDelta())
		case v.BaseOffset() != next:
			return fmt.Errorf("%w: a batch begins at %d, the log goes on at %d", ErrOutOfOrderOffset, v.BaseOffset(), next)
		case v.LeaderEpoch() < epoch:
			return fmt.Errorf("%w: a batch of epoch %d at offset %d, after epoch %d", ErrStaleEpoch, v.LeaderEpoch(), next, epoch)
		}
		next, epoch, batches = v.LastOffset()+1, v.LeaderEpoch(), rest
	}
	return nil
}

// recordEpoch is the epoch of the last record, -1 if there is none.
func (l *Log) recordEpoch() int32 {
	starts := l.epochs.below(l.EndOffset())
	if len(starts) == 0 {
		return UndefinedEpoch
	}
	return starts[len(starts)-1].epoch
}

// run gives how many bytes of batches go into the active segment in one write: the first batch, and
// those after it that belong to the same epoch and fit.
func (l *Log) run(batches []byte) int {
	s := l.active()
	first := firstOf(batches)
	run, began := len(first), s.firstTimestamp
	if s.size == 0 {
		began = first.MaxTimestamp()
	}
	for run < len(batches) {
		v := firstOf(batches[run:])
		if v.LeaderEpoch() != first.LeaderEpoch() || s.size+int64(run+len(v)) > l.cfg.SegmentBytes || v.LastOffset()-s.base > math.MaxInt32 || apart(began, v, &l.cfg) {
			break
		}
		run += len(v)
	}
	return run
}
