package log

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
)

// UndefinedEpoch is the epoch of no leader, as in Kafka; its end offset is -1 too.
const UndefinedEpoch = -1

// ErrStaleEpoch is a leader epoch behind one that the log has seen: its leader has been replaced.
var ErrStaleEpoch = errors.New("stale leader epoch")

// epochStart says that the records of a leader epoch begin at an offset.
type epochStart struct {
	epoch  int32
	offset int64
}

// epochs is the leader-epoch cache (KIP-101): it tells where two logs went different ways, which no
// high watermark does.
//
// Invariant: epochs are at least 0; epochs and offsets rise strictly from entry to entry. Only the
// last entry may have no record yet, its offset is then the log's end.
type epochs struct{ starts []epochStart }

func (e *epochs) latest() int32 {
	if len(e.starts) == 0 {
		return UndefinedEpoch
	}
	return e.starts[len(e.starts)-1].epoch
}

// with gives the entries once an epoch has begun at an offset, the log's end. An epoch that began
// there and left no record is forgotten: nobody can tell it from one that never was.
func (e *epochs) with(epoch int32, offset int64) []epochStart {
	if epoch <= e.latest() {
		panic(fmt.Sprintf("log: leader epoch %d begins after %d", epoch, e.latest()))
	}
	return append(slices.Clone(e.below(offset)), epochStart{epoch, offset})
}

// knows reports whether an epoch has begun here.
func (e *epochs) knows(epoch int32) bool {
	return slices.ContainsFunc(e.starts, func(s epochStart) bool { return s.epoch == epoch })
}

// below gives the entries that begin before an offset.
func (e *epochs) below(offset int64) []epochStart {
	n, _ := slices.BinarySearchFunc(e.starts, offset, func(s epochStart, offset int64) int { return cmp.Compare(s.offset, offset) })
	return e.starts[:n]
}

// from gives the entries of a log that starts at an offset: the epoch of its first record begins there.
func (e *epochs) from(start int64) []epochStart {
	n := len(e.below(start + 1))
	if n == 0 || n == 1 && e.starts[0].offset == start {
		return e.starts
	}
	kept := slices.Clone(e.starts[n-1:])
	kept[0].offset = start
	return kept
}

// note takes a batch into account that was found in the log, in order. It is false for one that
// cannot stand there: the epochs of a log never fall. A batch without an epoch is before all others.
func (e *epochs) note(h batch.View) bool {
	epoch := h.LeaderEpoch()
	if epoch > e.latest() {
		e.starts = append(e.starts, epochStart{epoch, h.BaseOffset()})
	}
	return epoch >= e.latest()
}

// LatestEpoch is the last leader epoch that the log has seen, -1 if it has seen none. It may be one
// that began here and has no record: what a follower fetched last is EpochForOffset of its last record.
func (l *Log) LatestEpoch() int32 { return l.epochs.latest() }

// EndOffsetForEpoch finds where a leader epoch ends here: the largest epoch that is not above the
// asked one, and the offset after its last record (KIP-101, KIP-279). As in Kafka
//
//   - the latest epoch ends at the log's end
//   - an epoch above the latest, or a negative one, is undefined: -1 and -1
//   - an epoch before the first is answered with itself and the first one's start: nothing of it is here
func (l *Log) EndOffsetForEpoch(epoch int32) (found int32, end int64) {
	starts := l.epochs.starts
	switch latest := l.epochs.latest(); {
	case epoch < 0 || epoch > latest:
		return UndefinedEpoch, -1
	case epoch == latest:
		return epoch, l.EndOffset()
	case l.cfg.Bugs.Has(bug.EpochOvershoot) && !l.epochs.knows(epoch):
		return epoch, l.EndOffset()
	}
	// An epoch above the asked one exists: latest is one.
	above, _ := slices.BinarySearchFunc(starts, epoch+1, func(s epochStart, epoch int32) int { return cmp.Compare(s.epoch, epoch) })
	if above > 0 {
		epoch = starts[above-1].epoch
	}
	return epoch, starts[above].offset
}

// EpochForOffset is the leader epoch of the record at an offset, and at the log's end that of an epoch
// which has begun there; -1 if it is not known.
func (l *Log) EpochForOffset(offset int64) int32 {
	if offset < l.StartOffset() || offset > l.EndOffset() {
		return UndefinedEpoch
	}
	starts := l.epochs.below(offset + 1)
	if len(starts) == 0 {
		return UndefinedEpoch
	}
	return starts[len(starts)-1].epoch
}

// BeginEpoch notes that a leader epoch begins at the log's end. A new leader calls it before it
// answers anyone: followers may have records of later epochs than any record here, and must find an
// end to cut them to (KIP-279). An epoch that is known already does nothing, one before it is
// ErrStaleEpoch. Append does it by itself.
//
// The entry is on stable storage with the next sync, so before anything of the epoch is
// acknowledged. A crash before that, or before the epoch's first record, forgets it: no log has
// anything of it then.
func (l *Log) BeginEpoch(epoch int32) error {
	latest := l.epochs.latest()
	switch {
	case l.failed != nil:
		return l.failed
	case epoch < 0 || epoch < latest:
		return fmt.Errorf("%w: %d, log %s has seen %d", ErrStaleEpoch, epoch, l.dir, latest)
	case epoch == latest:
		return nil
	}
	if err := l.setEpochs(l.epochs.with(epoch, max(l.EndOffset(), l.start))); err != nil {
		return fmt.Errorf("begin leader epoch %d of log %s: %w", epoch, l.dir, err)
	}
	return nil
}

// trimEpochs forgets the epochs that begin at or after an offset: the log ends there now.
func (l *Log) trimEpochs(end int64) error {
	kept := l.epochs.below(end)
	if len(kept) == len(l.epochs.starts) {
		return nil
	}
	return l.setEpochs(slices.Clone(kept))
}

// trimEpochsBefore forgets the epochs that have no record from the log start on.
func (l *Log) trimEpochsBefore(start int64) error {
	kept := l.epochs.from(start)
	if slices.Equal(kept, l.epochs.starts) {
		return nil
	}
	return l.setEpochs(kept)
}

// setEpochs writes the checkpoint, and if that succeeds, takes its entries.
func (l *Log) setEpochs(starts []epochStart) error {
	f, err := writeEpochs(l.fs, l.dir, starts)
	if err != nil {
		return err
	}
	l.epochs.starts = starts
	l.sync.checkpointed(f)
	return nil
}

// retellEpochs reads the epochs from the batches. A flaw is damage, where recovery must look closer.
func (l *Log) retellEpochs() (*flaw, error) {
	l.epochs = epochs{}
	for _, s := range l.segments {
		var fallen *flaw
		torn, err := newWindow(s.file, s.size, false).walk(0, s.base, false, func(h batch.View, position int64) bool {
			if !l.epochs.note(h) {
				fallen = l.epochs.fallen(h, position)
			}
			return fallen == nil
		})
		if torn == nil {
			torn = fallen
		}
		if torn != nil || err != nil {
			return torn, err
		}
	}
	return nil, nil
}

// fallen is the flaw of a batch that note refused.
func (e *epochs) fallen(h batch.View, position int64) *flaw {
	return &flaw{position, h.BaseOffset(), fmt.Sprintf("a batch of leader epoch %d is here, after one of epoch %d", h.LeaderEpoch(), e.latest())}
}
