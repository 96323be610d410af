package log

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/mem"
)

// within is a batch of count records in a transaction.
func within(id int64, epoch int16, sequence int32, count int) batch.View {
	var b batch.Builder
	b.Producer(id, epoch, sequence)
	b.Transactional()
	for range count {
		b.Add(nil, []byte("v"), 0)
	}
	return b.Build()
}

func marker(id int64, epoch int16, commit bool) batch.View {
	return batch.BuildMarker(id, epoch, batch.Marker{Commit: commit, CoordinatorEpoch: 1}, 0)
}

// story appends what a line says, one word for each batch: "7" is two records of producer 7 in a transaction, "7c" and
// "7a" its marker, "7i" two records outside of one, "-" two records of nobody.
func story(t testing.TB, l *Log, line string) {
	t.Helper()
	sequences := map[int64]int32{}
	for _, word := range strings.Fields(line) {
		var id int64
		var what string
		if word == "-" {
			mustAppend(t, l, made(-1, -1, 2, 0, 0))
			continue
		}
		_, _ = fmt.Sscanf(word, "%d%s", &id, &what)
		switch what {
		case "c", "a":
			mustAppend(t, l, marker(id, 0, what == "c"))
		case "i":
			mustAppend(t, l, sent(id, 0, sequences[id], 2))
			sequences[id] += 2
		default:
			mustAppend(t, l, within(id, 0, sequences[id], 2))
			sequences[id] += 2
		}
	}
}

// The last stable offset for each high watermark at which a batch ends. A marker counts once it is committed.
func TestLastStableOffset(t *testing.T) {
	for line, want := range map[string][]int64{
		"":                 {0},
		"- -":              {0, 2, 4},
		"1i -":             {0, 2, 4},
		"1":                {0, 0},
		"- 1 - 1":          {0, 2, 2, 2, 2},
		"- 1 - 1 1c -":     {0, 2, 2, 2, 2, 9, 11}, // the marker is at 8
		"- 1 1a -":         {0, 2, 2, 5, 7},
		"1 2 1c 2c":        {0, 0, 0, 2, 6},
		"1 2 2c 1c":        {0, 0, 0, 0, 6},
		"1 2 2c - 1c":      {0, 0, 0, 0, 0, 8},
		"1 1c 2 2c":        {0, 0, 3, 3, 6},
		"1 2 3 2c 3a 1c -": {0, 0, 0, 0, 0, 0, 9, 11},
		"1c - 1":           {0, 1, 3, 3}, // a marker without a transaction ends nothing
		"1 1c 1c 1 1a":     {0, 0, 3, 4, 4, 7},
		"1 1a 1i -":        {0, 0, 3, 5, 7},
	} {
		l, _ := mustOpen(t, mem.New(), Config{})
		story(t, l, line)
		batches := []int64{0}
		if line != "" {
			for _, v := range readAll(t, l, 1<<20) {
				batches = append(batches, v.LastOffset()+1)
			}
		}
		var got []int64
		for _, hw := range batches {
			got = append(got, l.LastStableOffset(hw))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
		// Whoever asks for the last one alone is told the same.
		l, _ = mustOpen(t, mem.New(), Config{})
		story(t, l, line)
		if stable := l.LastStableOffset(l.EndOffset()); stable != want[len(want)-1] {
			t.Errorf("%q: %d at the end, want %d", line, stable, want[len(want)-1])
		}
	}
}

// The start of the log is the least that is stable: what was deleted is read by nobody.
func TestLastStableOffsetIsNotBelowTheStart(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	story(t, l, "1 - - -")
	if _, err := l.RaiseStart(5); err != nil {
		t.Fatal(err)
	}
	if stable := l.LastStableOffset(8); stable != 5 {
		t.Errorf("%d, want 5", stable)
	}
}

// More transactions end than are remembered while no high watermark is known. Then nothing is called stable that may not
// be, and as soon as the high watermark is near, everything is as it should be.
func TestEndedTransactionsAreBounded(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, Config{})
	for i := range int32(2 * endedMax) {
		mustAppend(t, l, within(1, 0, i, 1))
		mustAppend(t, l, marker(1, 0, true))
	}
	again, _ := mustOpen(t, killed(files), Config{})
	for _, l := range []*Log{l, again} {
		tr := &l.producers.transactions
		if len(tr.ended) > endedMax || len(tr.ended) < endedMax/2 {
			t.Fatalf("%d are remembered", len(tr.ended))
		}
		end := l.EndOffset()
		for hw, want := range map[int64]int64{1: 0, end / 4: 0, end - 3: end - 4, end - 1: end - 2, end: end} {
			clone := transactions{open: slices.Clone(tr.open), ended: slices.Clone(tr.ended), forgotten: tr.forgotten}
			if got := clone.stable(hw); got != want {
				t.Errorf("under %d of %d: %d is stable, want %d", hw, end, got, want)
			}
		}
	}
}

// So many transactions end behind a high watermark that stands still that it is not known any more which hold it back:
// what was stable stays stable.
func TestStableOffsetDoesNotFall(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	story(t, l, "- 9 9c 8")
	if stable := l.LastStableOffset(5); stable != 5 {
		t.Fatal(stable)
	}
	for i := range int32(2 * endedMax) {
		mustAppend(t, l, within(1, 0, i, 1))
		mustAppend(t, l, marker(1, 0, true))
		if stable := l.LastStableOffset(5); stable != 5 {
			t.Fatalf("after %d transactions: %d", i, stable)
		}
	}
	mustAppend(t, l, marker(8, 0, true))
	if end := l.EndOffset(); l.LastStableOffset(end) != end {
		t.Errorf("%d at the end, %d", l.LastStableOffset(end), end)
	}
}

// What was aborted in a range, by first offset.
func TestAborted(t *testing.T) {
	for line, want := range map[string]map[[2]int64]string{
		"- - -":           {{0, 6}: ""},
		"1 1c":            {{0, 3}: ""},
		"1 1a":            {{0, 3}: "1@0", {2, 3}: "1@0", {0, 1}: "1@0", {0, 0}: ""},
		"- 1 - 1a - ":     {{0, 9}: "1@2", {0, 2}: "", {0, 3}: "1@2", {6, 7}: "1@2", {7, 9}: ""},
		"1 2 2a 1a":       {{0, 6}: "1@0 2@2", {0, 2}: "1@0", {4, 6}: "1@0 2@2", {5, 6}: "1@0"},
		"1 2 1a 2a":       {{0, 6}: "1@0 2@2", {5, 6}: "2@2", {0, 1}: "1@0"},
		"1 2 3 2a 3c 1a":  {{0, 9}: "1@0 2@2", {6, 7}: "1@0 2@2", {7, 8}: "1@0", {4, 5}: "1@0 2@2"},
		"1 1a 1 1a 1 1c":  {{0, 9}: "1@0 1@3", {3, 6}: "1@3", {6, 9}: ""},
		"1a - 1i 1 1a 1a": {{0, 9}: "1@5", {0, 5}: ""},
	} {
		l, _ := mustOpen(t, mem.New(), Config{})
		story(t, l, line)
		for r, want := range want {
			if got := words(l.aborted(r[0], r[1])); got != want {
				t.Errorf("%q, %d to %d: %q, want %q", line, r[0], r[1], got, want)
			}
		}
	}
}

func words(list []Aborted) string {
	var all []string
	for _, a := range list {
		all = append(all, fmt.Sprintf("%d@%d", a.ProducerID, a.First))
	}
	return strings.Join(all, " ")
}

// The index of what was aborted is Kafka's: 34 bytes an entry, and none where nothing was aborted.
func TestAbortedFormat(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, Config{})
	story(t, l, "- 258 7 7a 258a 7 7c")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want := "0000" + "0000000000000007" + "0000000000000004" + "0000000000000006" + "0000000000000002" +
		"0000" + "0000000000000102" + "0000000000000002" + "0000000000000007" + "0000000000000008"
	if got := fmt.Sprintf("%x", content(t, files, name(0, txnSuffix))); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	files = mem.New()
	l, _ = mustOpen(t, files, Config{})
	story(t, l, "- 7 7c")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := contents(t, files)[name(0, txnSuffix)]; ok {
		t.Error("there is an index of nothing")
	}
}

// A read lists what was aborted in what it can give, and not in what comes after: a reader far behind must not be told
// everything.
func TestAbortedOfASlice(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{IndexIntervalBytes: 300})
	for range 200 {
		story(t, l, "1 1a")
	}
	for offset := int64(0); offset < l.EndOffset(); offset++ {
		s, err := l.Read(offset, l.EndOffset(), 500)
		if err != nil {
			t.Fatal(err)
		}
		given, err := s.AppendTo(nil)
		list := l.Aborted(s)
		s.Release()
		if err != nil {
			t.Fatal(err)
		}
		last := int64(-1)
		for len(given) > 0 {
			v := firstOf(given)
			last, given = v.LastOffset(), given[len(v):]
		}
		want := l.aborted(offset, last+1)
		if len(list) < len(want) || !slices.Equal(list[:len(want)], want) || len(list) > len(want)+15 {
			t.Fatalf("at %d, up to %d: %q, want %q", offset, last, words(list), words(want))
		}
	}
}

// One that has a transaction open is never forgotten, whoever comes.
func TestOpenTransactionsAreNotForgotten(t *testing.T) {
	files := mem.New()
	cfg := Config{MaxProducers: 3}
	l, _ := mustOpen(t, files, cfg)
	story(t, l, "1 2i 3i 4 5i 6i 7 8 9")
	know := func(how string, l *Log, want ...int64) {
		t.Helper()
		var got []int64
		for _, p := range l.Producers() {
			got = append(got, p.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v are known, want %v", how, got, want)
		}
	}
	know("all open", l, 1, 4, 7, 8, 9)
	again, _ := mustOpen(t, killed(files), cfg)
	know("killed", again, 1, 4, 7, 8, 9)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if again, _ = mustOpen(t, again.fs.(*mem.FS), cfg); again.EndOffset() != l.EndOffset() {
		t.Fatal(again.EndOffset())
	}
	know("closed", again, 1, 4, 7, 8, 9)
	story(t, again, "4c 7a 1c 9c")
	know("ended", again, 1, 4, 7, 8, 9)
	story(t, again, "10i 11i") // for each that comes one goes
	know("two more", again, 1, 8, 9, 10, 11)
}

// A log that was told anew, after a kill, a clean stop, on a follower or after a truncation, knows what one knows that
// lived through the same batches, and that is what the batches say.
func TestTransactionsSurvive(t *testing.T) {
	cfg := Config{SegmentBytes: 3000, IndexIntervalBytes: 200, MaxProducers: 4}
	for seed := range uint64(60) {
		rng, files := seeded(seed), mem.New()
		l, _ := mustOpen(t, files, cfg)
		wild(t, rng, l, 20+rng.IntN(200))
		batches := readAll(t, l, 1<<20)
		sameAsTold(t, rng, l, batches)
		want := toldState(l)

		again, _ := mustOpen(t, killed(files), cfg)
		if got := toldState(again); got != want {
			t.Fatalf("seed %d: killed:\n%s\nlived:\n%s", seed, got, want)
		}
		sameAsTold(t, rng, again, batches)
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		again, r := mustOpen(t, again.fs.(*mem.FS), cfg)
		if got := toldState(again); got != want || !r.Clean {
			t.Fatalf("seed %d: clean %v:\n%s\nlived:\n%s", seed, r.Clean, got, want)
		}
		follower, _ := mustOpen(t, mem.New(), cfg)
		for _, v := range batches {
			if _, err := follower.AppendAsFollower(v); err != nil {
				t.Fatal(err)
			}
		}
		if got := toldState(follower); got != want {
			t.Fatalf("seed %d: followed:\n%s\nlived:\n%s", seed, got, want)
		}

		kept := rng.IntN(len(batches))
		shorter, _ := mustOpen(t, mem.New(), cfg)
		for _, v := range batches[:kept] {
			if _, err := shorter.AppendAsFollower(v); err != nil {
				t.Fatal(err)
			}
		}
		for how, l := range map[string]*Log{"opened": again, "followed": follower} {
			if err := l.TruncateTo(batches[kept].BaseOffset()); err != nil {
				t.Fatal(err)
			}
			if got := toldState(l); got != toldState(shorter) {
				t.Fatalf("seed %d: %s, truncated:\n%s\nnever longer:\n%s", seed, how, got, toldState(shorter))
			}
			if kept > 0 {
				sameAsTold(t, rng, l, batches[:kept])
			}
		}
	}
}

// abortedFiles are the segments that have an index of what was aborted.
func abortedFiles(t testing.TB, files *mem.FS) (bases []int64) {
	t.Helper()
	for file := range contents(t, files) {
		if base, ok := parseSegmentName(file, txnSuffix); ok {
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	return bases
}

// The planted bug: a follower has the marker, and its transaction does not end until the log is told anew.
func TestMarkerForgotten(t *testing.T) {
	leader, _ := mustOpen(t, mem.New(), Config{})
	story(t, leader, "1 1a")
	files, cfg := mem.New(), Config{Bugs: bug.Set{bug.MarkerForgotten: true}}
	follower, _ := mustOpen(t, files, cfg)
	for _, v := range readAll(t, leader, 1<<20) {
		if _, err := follower.AppendAsFollower(v); err != nil {
			t.Fatal(err)
		}
	}
	if stable, aborted := follower.LastStableOffset(3), follower.aborted(0, 3); stable != 0 || len(aborted) != 0 {
		t.Errorf("%d is stable, %v aborted", stable, aborted)
	}
	again, _ := mustOpen(t, killed(files), cfg)
	if stable, aborted := again.LastStableOffset(3), again.aborted(0, 3); stable != 3 || len(aborted) != 1 {
		t.Errorf("opened again: %d is stable, %v aborted", stable, aborted)
	}
}

// Retention takes the entries of what goes, and their files.
func TestAbortedGoesWithItsSegment(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, Config{SegmentBytes: 400})
	for range 20 {
		story(t, l, "1 1a")
	}
	syncLog(t, l)
	if n := len(abortedFiles(t, files)); n < 5 {
		t.Fatal("no file of an index")
	}
	if _, err := l.RaiseStart(40); err != nil {
		t.Fatal(err)
	}
	if got, want := words(l.aborted(40, l.EndOffset())), tell(allFrom(t, l)).aborted(40, l.EndOffset()); got != want && !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, base := range abortedFiles(t, files) {
		if base < l.segments[0].base {
			t.Errorf("that of segment %d is left", base)
		}
	}
	if _, err := l.StartAt(100); err != nil {
		t.Fatal(err)
	}
	if left := abortedFiles(t, files); len(left) > 0 {
		t.Errorf("those of segments %v are left", left)
	}
	if got := words(l.aborted(100, 200)); got != "" {
		t.Errorf("%q is left", got)
	}
}

// An index that is not what the clean stop left is not trusted: the batches tell.
func TestSpoiltAbortedIndex(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, Config{})
	story(t, l, "1 2 1a 2a")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sound, file := contents(t, files), name(0, txnSuffix)
	for what, spoilt := range map[string]string{
		"a bit": sound[file][:9] + "\x03" + sound[file][10:], "longer": sound[file] + sound[file][:34],
		"shorter": sound[file][:34], "not whole": sound[file][:40], "empty": "",
	} {
		all := map[string]string{}
		for name, content := range sound {
			all[name] = content
		}
		if all[file] = spoilt; what == "empty" {
			delete(all, file)
		}
		files := restore(t, all)
		l, r := mustOpen(t, files, Config{})
		if got := words(l.aborted(0, 6)); r.Clean || got != "1@0 2@2" {
			t.Errorf("%s: clean %v, %q", what, r.Clean, got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if string(content(t, files, file)) != sound[file] {
			t.Errorf("%s: the file is not as it was", what)
		}
	}
	// One of a segment in which nothing is aborted goes.
	files = mem.New()
	l, _ = mustOpen(t, files, Config{})
	story(t, l, "1 1c")
	all := contents(t, files)
	all[file] = sound[file]
	all[name(700, txnSuffix)] = sound[file]
	files = restore(t, all)
	mustOpen(t, files, Config{})
	if left := contents(t, files); left[file] != "" || left[name(700, txnSuffix)] != "" {
		t.Error("an index of nothing is left")
	}
}

// A segment that is set aside takes with it what was known of the transactions in it and after it, and the leader's
// batches bring it back.
func TestQuarantineForgetsTransactions(t *testing.T) {
	cfg := Config{SegmentBytes: 1500, IndexIntervalBytes: 200, MaxProducers: 4}
	for seed := range uint64(20) {
		rng := seeded(seed)
		l, _ := mustOpen(t, mem.New(), cfg)
		wild(t, rng, l, 100)
		batches, whole := readAll(t, l, 1<<20), toldState(l)
		victim := l.segments[rng.IntN(len(l.segments)-1)]
		syncLog(t, l)
		l.Damaged(&CorruptError{Segment: victim.name, Reason: "a bit"})
		if _, err := l.Quarantine(); err != nil {
			t.Fatal(err)
		}
		shorter, _ := mustOpen(t, mem.New(), cfg)
		for _, v := range batches {
			if v.LastOffset() < victim.base {
				if _, err := shorter.AppendAsFollower(v); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got, want := toldState(l), toldState(shorter); got != want {
			t.Fatalf("seed %d: set aside from %d:\n%s\nnever longer:\n%s", seed, victim.base, got, want)
		}
		refill(t, l, batches)
		if got := toldState(l); got != whole {
			t.Fatalf("seed %d: refilled:\n%s\nlived:\n%s", seed, got, whole)
		}
	}
}

// BenchmarkAborted is the list that a fetch of 1 MiB gets in a log in which every second transaction of ten records
// was aborted.
func BenchmarkAborted(b *testing.B) {
	l, _ := mustOpen(b, mem.New(), Config{})
	for i := range int32(40_000) {
		mustAppend(b, l, within(1, 0, 10*i, 10))
		mustAppend(b, l, marker(1, 0, i%2 == 0))
	}
	listed := 0
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		s, err := l.Read(i*7919%l.EndOffset(), l.EndOffset(), 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		listed = max(listed, len(l.Aborted(s)))
		s.Release()
	}
	b.ReportMetric(float64(listed), "entries")
}
