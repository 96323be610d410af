package log

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

// Three logs whose leaders come and go, each follower copying as far as it happens to: by the rules of
// KIP-101 and KIP-279 every follower becomes what the last leader is, wherever they went apart.
func TestLogsConverge(t *testing.T) {
	cuts := 0
	for seed := range uint64(300) {
		rng := seeded(seed)
		var logs [3]*Log
		for i := range logs {
			logs[i], _ = mustOpen(t, mem.New(), small)
		}
		leader, epoch := 0, int32(0)
		for range 12 {
			leader, epoch = rng.IntN(3), epoch+1+int32(rng.IntN(2))
			if err := logs[leader].BeginEpoch(epoch); err != nil {
				t.Fatal(err)
			}
			for range rng.IntN(4) {
				appendIn(t, logs[leader], epoch, 1+rng.IntN(3))
			}
			for i, l := range logs {
				if i != leader && rng.IntN(2) == 0 {
					cuts += converge(t, l, logs[leader])
					catchUp(t, l, logs[leader], rng.Int64N(3))
				}
			}
		}
		for i, l := range logs {
			if i != leader {
				converge(t, l, logs[leader])
				catchUp(t, l, logs[leader], 0)
				sameBatches(t, readAll(t, l, 700), readAll(t, logs[leader], 700))
			}
		}
	}
	if cuts == 0 {
		t.Error("no log was ever cut: the test tests nothing")
	}
}

// converge cuts a follower until the leader's log goes on where it ends, and counts the cuts.
func converge(t *testing.T, follower, leader *Log) (cuts int) {
	t.Helper()
	for round := 0; follower.LatestEpoch() >= 0; round++ {
		last := follower.LatestEpoch()
		epoch, end := leader.EndOffsetForEpoch(last)
		if end < 0 {
			t.Fatalf("the leader of epoch %d does not know where %d ends", leader.LatestEpoch(), last)
		}
		if epoch == last && end >= follower.EndOffset() {
			break
		}
		_, own := follower.EndOffsetForEpoch(epoch)
		before := follower.EndOffset()
		if err := follower.TruncateTo(min(own, end)); err != nil {
			t.Fatal(err)
		}
		if follower.EndOffset() < before {
			cuts++
		}
		if round > 20 {
			t.Fatal("the logs do not converge")
		}
	}
	shared := readAll(t, follower, 700)
	sameBatches(t, shared, readAll(t, leader, 700)[:len(shared)])
	return cuts
}

// catchUp copies the leader's batches, but for about the last few records.
func catchUp(t *testing.T, follower, leader *Log, short int64) {
	t.Helper()
	for follower.EndOffset() < leader.EndOffset()-short {
		b := readAt(t, leader, follower.EndOffset(), leader.EndOffset(), 300)
		if _, err := follower.AppendAsFollower(b); err != nil {
			t.Fatal(err)
		}
	}
}

// A follower's log is the leader's, byte for byte, and knows what the leader knows: epochs, producers,
// timestamps; after a crash too.
func TestAppendAsFollower(t *testing.T) {
	leader, _ := mustOpen(t, mem.New(), small)
	for i := range 60 {
		v := made(int64(i%3), int32(2*(i/3)), 2, 1000+10*int64(i), 30*(i%7))
		if _, err := leader.Append(v, int32(i/9)); err != nil {
			t.Fatal(err)
		}
	}
	want := readAll(t, leader, 500)
	whole := bytes.Join(func() (all [][]byte) {
		for _, v := range want {
			all = append(all, v)
		}
		return all
	}(), nil)
	files := watch(mem.New())
	l, _ := mustOpen(t, files, Config{SegmentBytes: 3000, IndexIntervalBytes: 300})
	if a, err := l.AppendAsFollower(nil); err != nil || a != (Appended{0, -1}) {
		t.Errorf("nothing to append: %v, %v", a, err)
	}
	a, err := l.AppendAsFollower(whole)
	if err != nil || a != (Appended{0, leader.EndOffset() - 1}) {
		t.Fatalf("%+v, %v", a, err)
	}
	if most := len(l.segments) + 3*len(l.epochs.starts) + 5; files.count["write"] > most {
		t.Errorf("%d writes for %d batches in %d segments and %d epochs", files.count["write"], len(want), len(l.segments), len(l.epochs.starts))
	}
	check := func(l *Log) {
		t.Helper()
		sameBatches(t, readAll(t, l, 500), want)
		if !slices.Equal(l.epochs.starts, leader.epochs.starts) {
			t.Errorf("epochs %v, the leader has %v", l.epochs.starts, leader.epochs.starts)
		}
		for _, v := range want {
			if got, should := fmt.Sprint(l.CheckSequence(v)), fmt.Sprint(leader.CheckSequence(v)); got != should {
				t.Errorf("sequence %d of producer %d: %s, the leader says %s", v.BaseSequence(), v.ProducerID(), got, should)
			}
		}
		if offset, _, ok, err := l.OffsetForTimestamp(1300); offset != 60 || !ok || err != nil {
			t.Errorf("timestamp 1300 is at %d, %v, %v", offset, ok, err)
		}
	}
	check(l)
	syncLog(t, l)
	again, r := mustOpen(t, files.FS.(*mem.FS).Crash(nil), small)
	if r.TruncatedBytes != 0 {
		t.Errorf("%+v", r)
	}
	check(again)
}

// A log that led for a term without a record, and that nobody followed, takes the older records that
// the next leader has: it forgets the epoch.
func TestAnEpochWithoutRecordsGivesWay(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	appendIn(t, l, 3, 2)
	if err := l.BeginEpoch(5); err != nil {
		t.Fatal(err)
	}
	older := slices.Clone(made(-1, 0, 1, 0, 10))
	older.Assign(2, 4)
	if _, err := l.AppendAsFollower(older); err != nil {
		t.Fatal(err)
	}
	if epoch, end := l.EndOffsetForEpoch(4); l.LatestEpoch() != 4 || epoch != 4 || end != 3 {
		t.Errorf("latest epoch %d, epoch 4 is %d and ends at %d; want 4, 4, 3", l.LatestEpoch(), epoch, end)
	}
	syncLog(t, l)
	if again, _ := mustOpen(t, files.Crash(nil), small); again.LatestEpoch() != 4 || again.EndOffset() != 3 {
		t.Errorf("after a crash: latest epoch %d, end %d; want 4, 3", again.LatestEpoch(), again.EndOffset())
	}
}

// What does not continue the log is refused as a whole.
func TestFollowerRefuses(t *testing.T) {
	next := func(offset int64, epoch int32, count int) batch.View {
		v := made(-1, 0, count, 0, 10)
		v.Assign(offset, epoch)
		return v
	}
	sound := next(12, 7, 2)
	flipped := slices.Clone(next(14, 7, 1))
	flipped[len(flipped)-1] ^= 1
	old := slices.Clone(sound)
	old[16] = 1
	for what, c := range map[string]struct {
		after []byte
		want  error
	}{
		"a gap":            {next(15, 7, 1), ErrOutOfOrderOffset},
		"an overlap":       {next(13, 7, 1), ErrOutOfOrderOffset},
		"an older epoch":   {next(14, 6, 1), ErrStaleEpoch},
		"no epoch":         {next(14, -1, 1), ErrStaleEpoch},
		"a flipped bit":    {flipped, batch.ErrCorrupt},
		"part of a batch":  {next(14, 7, 1)[:70], batch.ErrShort},
		"another format":   {old, batch.ErrUnsupportedMagic},
		"bytes of a batch": {[]byte{1, 2}, batch.ErrShort},
	} {
		l := epochLog(t, mem.New())
		before := readAll(t, l, 500)
		if _, err := l.AppendAsFollower(slices.Concat(sound, c.after)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
		sameBatches(t, readAll(t, l, 500), before)
		if _, err := l.AppendAsFollower(slices.Concat(sound, next(14, 8, 3))); err != nil || l.EndOffset() != 17 || l.LatestEpoch() != 8 {
			t.Errorf("%s, then sound batches: %v", what, err)
		}
	}
}

// A disk that fails in the middle leaves whole batches from the front; the rest can be sent again.
func TestFollowerOnFullDisk(t *testing.T) {
	leader, _ := mustOpen(t, mem.New(), Config{})
	want := fill(t, leader, 40)
	whole := readAt(t, leader, 0, leader.EndOffset(), 1<<20)
	failed := 0
	for n := 1; n < 12; n++ {
		files := watch(mem.New())
		l, _ := mustOpen(t, files, small)
		writes := 0
		files.before = func(op, file string) error {
			if op == "write" && strings.HasSuffix(file, logSuffix) {
				if writes++; writes == n {
					return syscall.ENOSPC
				}
			}
			return nil
		}
		_, err := l.AppendAsFollower(whole)
		if errors.Is(err, syscall.ENOSPC) {
			failed++
			got := readAll(t, l, 500)
			sameBatches(t, got, want[:len(got)])
			_, err = l.AppendAsFollower(readAt(t, leader, l.EndOffset(), leader.EndOffset(), 1<<20))
		}
		if err != nil {
			t.Fatal(err)
		}
		sameBatches(t, readAll(t, l, 500), want)
	}
	if failed < 3 {
		t.Errorf("only %d of the appends failed", failed)
	}
}

// A leader whose log is compacted has fillers where nothing is left. A follower that ends within what one covers takes
// the rest of it, and goes on after it.
func TestFollowerTakesTheRestOfAFiller(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	fill(t, l, 5)
	end := l.EndOffset()
	next := made(-1, 0, 2, 5, 0)
	next.Assign(end+20, 5)
	if _, err := l.AppendAsFollower(append(bytes.Clone(batch.Filler(end-3, end+19, 5, 17)), next...)); err != nil {
		t.Fatal(err)
	}
	b := readAt(t, l, end+7, l.EndOffset(), 1000)
	filler, rest, err := batch.Next(b)
	if err != nil || !filler.IsFiller() || filler.BaseOffset() != end || filler.LastOffset() != end+19 || !bytes.Equal(rest, next) {
		t.Errorf("%v: %x, then %x", err, []byte(filler), rest)
	}
	torn := bytes.Clone(batch.Filler(l.EndOffset()-1, l.EndOffset()+5, 5, 17))
	torn[60]++
	if _, err := l.AppendAsFollower(torn); !errors.Is(err, batch.ErrCorrupt) {
		t.Errorf("a filler that is not what was sent: %v", err)
	}
}
