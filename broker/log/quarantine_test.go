package log

import (
	"errors"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
)

// rot changes a bit of a file behind the log's back.
func rot(t *testing.T, files env.FS, name string, position int64, bit uint) {
	t.Helper()
	f, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if err := readFull(f, b[:], position); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << bit
	if _, err := f.WriteAt(b[:], position); err != nil {
		t.Fatal(err)
	}
}

// rottingLog has three sealed segments and an active one, all of it synced.
func rottingLog(t *testing.T) (*mem.FS, *Log, []batch.View) {
	t.Helper()
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	var written []batch.View
	for len(l.segments) < 4 {
		written = append(written, fill(t, l, 1)...)
	}
	written = append(written, fill(t, l, 2)...)
	syncLog(t, l)
	return files, l, written
}

// scrubAll looks at all sealed segments, and gives the first damage.
func scrubAll(t *testing.T, l *Log) *CorruptError {
	t.Helper()
	for offset := int64(0); ; {
		s, ok := l.Scrub(offset)
		if !ok {
			return nil
		}
		next, err := s.Run()
		var corrupt *CorruptError
		if errors.As(err, &corrupt) {
			return corrupt
		}
		if err != nil || next <= offset {
			t.Fatalf("from offset %d to %d: %v", offset, next, err)
		}
		offset = next
	}
}

// Whichever bit of a sealed segment changes, a scrub finds it, and no reader gets a batch that was not
// written, wherever it begins to read.
func TestEveryBitThatRotsIsFound(t *testing.T) {
	files, l, written := rottingLog(t)
	if found := scrubAll(t, l); found != nil {
		t.Fatalf("a log that is whole: %v", found)
	}
	if sealed, err := Sealed(files, dir); err != nil || len(sealed) != 3 || sealed[1] != l.segments[1].name {
		t.Fatalf("sealed are %v, %v", sealed, err)
	}
	if sealed, err := Sealed(mem.New(), dir); err == nil {
		t.Errorf("sealed in no directory are %v", sealed)
	}
	s := l.segments[1]
	for position := int64(0); position < s.size; position++ {
		bit := uint(position % 8)
		rot(t, files, s.name, position, bit)
		found := scrubAll(t, l)
		if found == nil || found.Segment != s.name {
			t.Fatalf("bit %d of byte %d: %v", bit, position, found)
		}
		for from := s.base; from < s.end; from++ {
			slice, err := l.Read(from, l.EndOffset(), 700)
			if err != nil {
				t.Fatal(err)
			}
			bytes, err := slice.AppendTo(nil)
			slice.Release()
			var corrupt *CorruptError
			if err != nil && !errors.As(err, &corrupt) {
				t.Fatalf("bit %d of byte %d, read from %d: %v", bit, position, from, err)
			}
			for len(bytes) > 0 {
				v := firstOf(bytes)
				if !contains(written, v) {
					t.Fatalf("bit %d of byte %d: a reader from %d got a batch that was not written", bit, position, from)
				}
				bytes = bytes[len(v):]
			}
		}
		rot(t, files, s.name, position, bit) // and back
	}
	if found := scrubAll(t, l); found != nil {
		t.Fatalf("the log is as it was: %v", found)
	}
}

func contains(all []batch.View, v batch.View) bool {
	for _, w := range all {
		if string(w) == string(v) {
			return true
		}
	}
	return false
}

// A damaged segment is not read, and is set aside: the log ends before it, and takes from another log what
// followed.
func TestQuarantine(t *testing.T) {
	for victim := range 3 {
		files, l, written := rottingLog(t)
		whole := l.EndOffset()
		s := l.segments[victim]
		rot(t, files, s.name, s.size/2, 3)
		found := scrubAll(t, l)
		d, news := l.Damaged(found)
		if !news || d.Base != s.base || d.End != s.end || l.Whole() {
			t.Fatalf("%+v, %v", d, news)
		}
		if _, again := l.Damaged(found); again {
			t.Error("the same damage is news twice")
		}
		var corrupt *CorruptError
		if _, err := l.Read(s.base, whole, 700); !errors.As(err, &corrupt) {
			t.Errorf("a read of the damaged segment: %v", err)
		}
		if _, _, _, err := l.OffsetForTimestamp(1); victim == 0 && !errors.As(err, &corrupt) {
			t.Errorf("a search in the damaged segment: %v", err)
		}
		if found := scrubAll(t, l); found != nil {
			t.Errorf("it is found again: %v", found)
		}
		before := content(t, files, strings.TrimPrefix(s.name, dir+"/"))
		file, err := l.Quarantine()
		if err != nil || l.EndOffset() != s.base || !l.Whole() || !strings.HasSuffix(file, ".log.quarantined") {
			t.Fatalf("%s, %v: the log ends at %d, want %d", file, err, l.EndOffset(), s.base)
		}
		if string(content(t, files, strings.TrimPrefix(file, dir+"/"))) != string(before) {
			t.Error("the file that was set aside has other bytes")
		}
		if _, err := l.Quarantine(); err == nil {
			t.Error("there is nothing more to set aside, and it is")
		}
		refill(t, l, written)
		syncLog(t, l)
		sameBatches(t, readAll(t, l, 700), written)
		for _, clean := range []bool{true, false} {
			if clean {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			} else {
				l.releaseAll()
			}
			var r Recovery
			if l, r = mustOpen(t, files, small); r.Clean != clean || r.EndOffset != whole {
				t.Fatalf("clean %v: %+v, want the end %d", clean, r, whole)
			}
			sameBatches(t, readAll(t, l, 700), written)
		}
		if err := l.Delete(); err != nil {
			t.Errorf("delete a log with a file that was set aside: %v", err)
		}
	}
}

// refill appends what the log does not have, as from a leader.
func refill(t *testing.T, l *Log, written []batch.View) {
	t.Helper()
	for _, v := range written {
		if v.BaseOffset() >= l.EndOffset() {
			if _, err := l.AppendAsFollower(v); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The power is cut before each operation of a quarantine: what is found then is the front of the log, at
// least up to the damaged segment, with nothing in it that was not written, and it can be refilled.
func TestQuarantineIsInterrupted(t *testing.T) {
	for n := 1; ; n++ {
		files, l, written := rottingLog(t)
		s := l.segments[1]
		rot(t, files, s.name, s.size/2, 3)
		l.Damaged(scrubAll(t, l))
		ops, cut := 0, false
		under := watch(files)
		under.before = func(op, _ string) error {
			if op != "read" && op != "open" {
				if ops++; ops == n {
					files.Crash(seeded(uint64(n)).Uint64)
					cut = true
				}
			}
			return nil
		}
		l.fs = under
		_, err := l.Quarantine()
		if !cut {
			if err != nil {
				t.Fatal(err)
			}
			if n < 8 {
				t.Fatalf("only %d operations", n)
			}
			return
		}
		var failed *TruncateError
		if !errors.As(err, &failed) || failed.Dir != dir || failed.Offset != s.base {
			t.Fatalf("cut before operation %d: %v; want a truncation to %d that failed", n, err, s.base)
		}
		if _, err := l.Append(made(-1, 0, 1, 1, 0), 9); err == nil {
			t.Fatalf("cut before operation %d: the log goes on", n)
		}
		after := files.Crash(nil)
		again, r, err := Open(after, dir, small)
		var corrupt *CorruptError
		if errors.As(err, &corrupt) && corrupt.Segment == s.name {
			continue // nothing has been done yet
		}
		if err != nil || r.EndOffset < s.base {
			t.Fatalf("cut before operation %d: %+v, %v; the damaged segment begins at %d", n, r, err, s.base)
		}
		refill(t, again, written)
		sameBatches(t, readAll(t, again, 700), written)
	}
}

// A log that recovery refuses, because of damage where a crash cannot have caused it, is set aside in the same
// way; an interruption before each operation leaves one that can be set aside again.
func TestSetAside(t *testing.T) {
	for n := 1; ; n++ {
		files, l, written := rottingLog(t)
		s := l.segments[1]
		rot(t, files, s.name, s.size/2, 3)
		l.releaseAll()
		var found *CorruptError
		if _, _, err := Open(files, dir, small); !errors.As(err, &found) {
			t.Fatalf("recovery of a damaged log: %v", err)
		}
		ops, cut := 0, false
		under := watch(files)
		under.before = func(op, _ string) error {
			if op != "read" && op != "open" {
				if ops++; ops == n {
					files.Crash(seeded(uint64(n)).Uint64)
					cut = true
				}
			}
			return nil
		}
		file, base, err := SetAside(under, dir, found)
		if cut {
			files = files.Crash(nil)
			file, base, err = SetAside(files, dir, found)
		}
		if err != nil {
			t.Fatalf("cut before operation %d: %v", n, err)
		}
		again, r, err := Open(files, dir, small)
		if err != nil || base != s.base || r.EndOffset != s.base || r.Reason != "" {
			t.Fatalf("cut before operation %d: %s, %+v, %v; the damaged segment begins at %d", n, file, r, err, s.base)
		}
		content(t, files, strings.TrimPrefix(file, dir+"/"))
		refill(t, again, written)
		syncLog(t, again)
		sameBatches(t, readAll(t, again, 700), written)
		if !cut {
			if n < 8 {
				t.Fatalf("only %d operations", n)
			}
			break
		}
	}
	if _, _, err := SetAside(mem.New(), dir, &CorruptError{Segment: "nothing"}); err == nil {
		t.Error("something that is no segment is set aside")
	}
}
