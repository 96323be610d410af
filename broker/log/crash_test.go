package log

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

// life is a log whose power is cut before the n-th operation on its files, and what must be found
// after that.
type life struct {
	t    *testing.T
	rng  *rand.Rand
	disk *mem.FS
	log  *Log
	cfg  Config
	// appended are all batches of the log, in order; the log may hold less after a cut.
	appended []batch.View
	// safe is the offset below which everything must survive.
	safe int64
	// epoch is the latest leader epoch.
	epoch int32
	// sequences are the next ones of some producers.
	sequences [3]int32
	syncing   *SyncPoint
	// cuts and interruptions of recovery that were seen, and epochs without a batch.
	truncated, interrupted, empty int
}

// powered gives the disk through a wrapper that cuts the power before the n-th operation that
// changes it. What the cut leaves is drawn from rng, or nothing unsynced is left.
func (w *life) powered(n int, total bool) *watched {
	files := watch(w.disk)
	files.before = func(op, _ string) error {
		if op == "read" || op == "open" {
			return nil
		}
		if n--; n == 0 {
			if total {
				w.disk.Crash(nil)
			} else {
				w.disk.Crash(w.rng.Uint64)
			}
		}
		return nil
	}
	return files
}

// after is the disk that the cut left; if there was no cut yet, it comes now. Sometimes the power
// fails again while the log recovers.
func (w *life) after() {
	w.disk = w.disk.Crash(nil)
	for w.rng.IntN(3) == 0 {
		if _, _, err := Open(w.powered(1+w.rng.IntN(15), w.rng.IntN(2) == 0), dir, w.cfg); errors.Is(err, mem.ErrCrashed) {
			w.interrupted++
		} else if err != nil {
			w.t.Fatal(err)
		}
		w.disk = w.disk.Crash(nil)
	}
}

// step does something random; an error is the end of the life.
func (w *life) step() error {
	l := w.log
	switch w.rng.IntN(20) {
	case 0, 1, 2:
		if w.syncing == nil {
			p := l.BeginSync()
			w.syncing = &p
		}
	case 3, 4, 5:
		if p := w.syncing; p != nil {
			w.syncing = nil
			if err := p.Run(); err != nil {
				return err
			}
			l.Synced(p.End)
			w.safe = max(w.safe, p.End)
		}
	case 6:
		if w.rng.IntN(4) == 0 && w.syncing == nil && l.EndOffset() > 0 {
			return w.truncate(w.rng.Int64N(l.EndOffset()))
		}
	case 7:
		w.epoch += int32(w.rng.IntN(3))
		return l.BeginEpoch(w.epoch)
	case 8:
		return w.follow()
	default:
		return w.append()
	}
	return nil
}

func (w *life) append() error {
	v := w.draw(w.log.EndOffset())
	if v.IsControl() {
		if err := w.log.CheckMarker(v, batch.Marker{}, false); err != nil {
			w.t.Fatal(err)
		}
	} else if err := errors.Join(w.log.CheckSequence(v), w.log.CheckTransaction(v, true)); err != nil {
		w.t.Fatal(err)
	}
	if w.rng.IntN(10) == 0 {
		w.epoch += 1 + int32(w.rng.IntN(3))
	}
	if _, err := w.log.Append(v, w.epoch); err != nil {
		return err
	}
	w.appended = append(w.appended, v)
	return nil
}

// draw makes the next batch of some producer, or of none.
func (w *life) draw(offset int64) batch.View {
	id := w.rng.IntN(len(w.sequences)+1) - 1
	count, sequence := 1+w.rng.IntN(4), int32(-1)
	if id > 0 && w.rng.IntN(4) == 0 { // producers but the first have transactions
		return batch.BuildMarker(int64(id), 0, batch.Marker{Commit: w.rng.IntN(2) == 0}, 1000+offset)
	}
	if id >= 0 {
		sequence = w.sequences[id]
		w.sequences[id] += int32(count)
	}
	pad := w.rng.IntN(300)
	if w.rng.IntN(20) == 0 {
		pad = 6000 // more than a page each
	}
	v := made(int64(id), sequence, count, 1000+offset, pad)
	if id > 0 {
		v[22] |= 0x10 // transactional
		v.Stamp()
	}
	return v
}

// follow appends some batches as a leader wrote them, of several epochs. If it fails, some may be there.
func (w *life) follow() error {
	var batches []byte
	end := w.log.EndOffset()
	for range 1 + w.rng.IntN(6) {
		if w.rng.IntN(3) == 0 {
			w.epoch += int32(w.rng.IntN(3))
		}
		v := w.draw(end)
		v.Assign(end, w.epoch)
		batches, end = append(batches, v...), v.LastOffset()+1
		w.appended = append(w.appended, v)
	}
	_, err := w.log.AppendAsFollower(batches)
	return err
}

func (w *life) truncate(offset int64) error {
	kept := 0
	for w.appended[kept].LastOffset() < offset {
		kept++
	}
	w.safe = min(w.safe, w.appended[kept].BaseOffset())
	if err := w.log.TruncateTo(offset); err != nil {
		return err
	}
	w.appended = w.appended[:kept:kept]
	w.epoch = max(w.log.LatestEpoch(), 0)
	w.recount()
	return nil
}

// recount tells the producers' sequences from the batches that are there.
func (w *life) recount() {
	w.sequences = [3]int32{}
	for _, v := range w.appended {
		if id := v.ProducerID(); id >= 0 && !v.IsControl() {
			w.sequences[id] = v.LastSequence() + 1
		}
	}
}

// check opens the log after the cut: what was safe is there, byte for byte and in order, nothing
// else is, and the producers are known as their batches say.
func (w *life) check() {
	w.t.Helper()
	l, r, err := Open(w.disk, dir, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.TruncatedBytes > 0 {
		w.truncated++
	}
	if l.EndOffset() < w.safe {
		w.t.Fatalf("log ends at %d, was synced to %d: %+v", l.EndOffset(), w.safe, r)
	}
	got := readAll(w.t, l, 3000)
	if len(got) > len(w.appended) {
		w.t.Fatalf("%d batches, %d were appended", len(got), len(w.appended))
	}
	for i, v := range got {
		if !bytes.Equal(v, w.appended[i]) {
			w.t.Fatalf("batch %d of %d is not what was appended:\n%x\n%x", i, len(got), v[:80], w.appended[i][:80])
		}
	}
	if l.Dirty() && len(got) > 0 {
		w.t.Fatal("dirty after recovery: what was kept must be on stable storage")
	}
	w.log, w.appended, w.safe, w.syncing = l, got, l.EndOffset(), nil
	w.recount()
	w.checkProducers()
	sameAsTold(w.t, w.rng, l, got)
	w.checkEpochs(r.Clean)
}

// checkEpochs compares the epochs with those of the batches. Only a clean shutdown keeps one that has
// no batch.
func (w *life) checkEpochs(clean bool) {
	w.t.Helper()
	want, got := epochsOf(w.appended), w.log.epochs.starts
	if n := len(got) - 1; clean && n == len(want) && got[n].offset == w.log.EndOffset() {
		want = append(want, got[n])
		w.empty++
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("leader epochs %v, those of the batches are %v", got, want)
	}
	w.epoch = max(w.log.LatestEpoch(), 0)
	content, err := readEpochs(w.disk, dir)
	if err != nil || content != string(encodeEpochs(want)) && (content != "" || len(want) > 0) {
		w.t.Fatalf("the checkpoint says %q, %v; the log has %v", content, err, want)
	}
}

// epochsOf tells the epochs from batches.
func epochsOf(batches []batch.View) (starts []epochStart) {
	for i, v := range batches {
		if i == 0 || v.LeaderEpoch() != batches[i-1].LeaderEpoch() {
			starts = append(starts, epochStart{v.LeaderEpoch(), v.BaseOffset()})
		}
	}
	return starts
}

func (w *life) checkProducers() {
	w.t.Helper()
	last := map[int64][]batch.View{}
	for _, v := range w.appended {
		if id := v.ProducerID(); id >= 0 && !v.IsControl() {
			last[id] = append(last[id], v)
		}
	}
	for id, batches := range last {
		for i, v := range batches {
			err := w.log.CheckSequence(v)
			var duplicate *Duplicate
			switch {
			case i < len(batches)-batchesKept:
				if !errors.Is(err, ErrOutOfOrderSequence) {
					w.t.Fatalf("producer %d, batch %d of %d again: %v", id, i, len(batches), err)
				}
			case !errors.As(err, &duplicate) || duplicate.BaseOffset != v.BaseOffset() || duplicate.LastOffset != v.LastOffset():
				w.t.Fatalf("producer %d, batch %d of %d again: %v", id, i, len(batches), err)
			}
		}
	}
}

// Several lives of one log, each ended by a power cut at a random operation, some while recovery
// is under way.
func TestPowerCuts(t *testing.T) {
	seeds := uint64(500)
	if testing.Short() {
		seeds = 200
	}
	truncated, interrupted, kept, clean, empty := 0, 0, 0, 0, 0
	for seed := range seeds {
		w := &life{t: t, rng: seeded(seed), disk: mem.New(), cfg: Config{SegmentBytes: 3000, IndexIntervalBytes: 300}}
		if seed%3 == 0 {
			w.cfg.SegmentBytes = 40_000
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w.t = t
			for range 4 {
				files := w.powered(1+w.rng.IntN(60), w.rng.IntN(4) == 0)
				l, r, err := Open(files, dir, w.cfg)
				w.log, w.syncing = l, nil
				if r.Clean {
					clean++
				}
				for steps := w.rng.IntN(60); err == nil && steps > 0; steps-- {
					err = w.step()
				}
				if err == nil && w.rng.IntN(3) == 0 {
					if err = l.Close(); err == nil {
						w.safe = l.EndOffset()
					}
				}
				if err != nil && !errors.Is(err, mem.ErrCrashed) {
					t.Fatal(err)
				}
				w.after()
				w.check()
				kept += len(w.appended)
				if w.rng.IntN(2) == 0 {
					// check has recovered the log: closed in order, the next life begins clean.
					if err := w.log.Close(); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
		truncated, interrupted, empty = truncated+w.truncated, interrupted+w.interrupted, empty+w.empty
	}
	t.Logf("%d recoveries cut something, %d were interrupted, %d opens were clean, %d with an epoch that has no batch; %d batches survived",
		truncated, interrupted, clean, empty, kept)
	if truncated == 0 || interrupted == 0 || clean == 0 || empty == 0 || kept == 0 {
		t.Error("the test did not reach what it is for")
	}
}

// One workload, cut before every single operation on its files in turn.
func TestPowerCutEverywhere(t *testing.T) {
	for _, total := range []bool{true, false} {
		reached := false
		for n := 1; !reached; n++ {
			w := &life{t: t, rng: seeded(7), disk: mem.New(), cfg: Config{SegmentBytes: 2500, IndexIntervalBytes: 300}}
			files := w.powered(n, total)
			var err error
			if w.log, _, err = Open(files, dir, w.cfg); err == nil {
				for steps := 0; err == nil && steps < 60; steps++ {
					err = w.step()
				}
			}
			if err == nil {
				if err = w.log.Close(); err == nil {
					w.safe, reached = w.log.EndOffset(), true
				}
			}
			if err != nil && !errors.Is(err, mem.ErrCrashed) {
				t.Fatalf("cut before operation %d: %v", n, err)
			}
			w.after()
			w.check()
			if n > 2000 {
				t.Fatal("the workload does not end")
			}
		}
	}
}
