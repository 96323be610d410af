package log

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

func TestAppendAndRead(t *testing.T) {
	l, r := mustOpen(t, mem.New(), small)
	if r != (Recovery{Segments: 1}) || l.StartOffset() != 0 || l.EndOffset() != 0 || l.Size() != 0 {
		t.Fatalf("a new log: %+v, %d to %d", r, l.StartOffset(), l.EndOffset())
	}
	want := fill(t, l, 100)
	size := int64(0)
	for _, v := range want {
		size += int64(len(v))
	}
	if l.Size() != size || l.EndOffset() != 199 {
		t.Fatalf("size %d, end %d; want %d, 199", l.Size(), l.EndOffset(), size)
	}
	if len(l.segments) < 5 {
		t.Fatalf("only %d segments: the test wants rolls", len(l.segments))
	}
	for _, v := range want {
		if v.LeaderEpoch() != 5 {
			t.Fatalf("leader epoch %d", v.LeaderEpoch())
		}
	}
	for _, maxBytes := range []int{0, 1, 100, 700, 1 << 20} {
		sameBatches(t, readAll(t, l, maxBytes), want)
	}
}

// Every offset, bound and maximum: whole batches from the one that holds the offset, none at or
// above the bound, as many as fit but at least one, and no more than Len says if that is possible.
func TestReadEveryRange(t *testing.T) {
	for _, forget := range []bool{false, true} {
		l, _ := mustOpen(t, mem.New(), small)
		want := fill(t, l, 60)
		if forget {
			l.recent.clear() // as after a restart: only the sparse index is there
		}
		bounds := []int64{l.EndOffset(), l.EndOffset() + 100}
		for i := 0; i < len(want); i += 7 {
			bounds = append(bounds, want[i].BaseOffset())
		}
		for offset := range l.EndOffset() {
			for _, bound := range bounds {
				for _, maxBytes := range []int{1, 300, 1000, 1 << 20} {
					checkRead(t, l, want, offset, bound, maxBytes)
				}
			}
		}
	}
}

func checkRead(t *testing.T, l *Log, want []batch.View, offset, bound int64, maxBytes int) {
	t.Helper()
	s, err := l.Read(offset, bound, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	got, err := s.AppendTo([]byte("before"))
	if err != nil {
		t.Fatalf("offset %d bound %d: %v", offset, bound, err)
	}
	got, found := bytes.CutPrefix(got, []byte("before"))
	if !found {
		t.Fatal("AppendTo changed what was in the buffer")
	}
	var expected []byte
	end := l.segments[l.find(offset)].end
	for _, v := range want {
		if v.LastOffset() < offset || v.BaseOffset() >= min(bound, end) || offset >= bound {
			continue
		}
		if len(expected) > 0 && len(expected)+len(v) > maxBytes {
			break
		}
		expected = append(expected, v...)
	}
	if !bytes.Equal(got, expected) {
		t.Fatalf("offset %d bound %d max %d: %d bytes, want %d", offset, bound, maxBytes, len(got), len(expected))
	}
	if len(got) > s.Len() && len(got) > maxBytes {
		if _, rest, err := batch.Next(got); err != nil || len(rest) > 0 {
			t.Fatalf("%d bytes, more than Len %d, and more than one batch", len(got), s.Len())
		}
	}
}

func TestReadOutOfRange(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	fill(t, l, 4)
	for _, offset := range []int64{-1, l.EndOffset() + 1} {
		if _, err := l.Read(offset, l.EndOffset(), 100); !errors.Is(err, ErrOffsetOutOfRange) {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
	for _, offset := range []int64{3, l.EndOffset()} {
		s, err := l.Read(offset, 3, 100)
		if err != nil || s.Len() != 0 {
			t.Errorf("offset %d at the bound: %d bytes, %v", offset, s.Len(), err)
		}
		if b, err := s.AppendTo(nil); len(b) != 0 || err != nil {
			t.Errorf("the empty slice gives %d bytes, %v", len(b), err)
		}
		s.Release()
	}
}

// Appending writes once for each batch, and planning reads does nothing to a file.
func TestNoSuperfluousIO(t *testing.T) {
	files := watch(mem.New())
	l, _ := mustOpen(t, files, Config{})
	if err := l.BeginEpoch(5); err != nil {
		t.Fatal(err)
	}
	before := files.count["write"]
	fill(t, l, 500)
	if writes := files.count["write"] - before; writes != 500 {
		t.Errorf("%d writes for 500 batches: index entries must wait", writes)
	}
	total := 0
	for _, n := range files.count {
		total += n
	}
	for offset := range l.EndOffset() {
		s, err := l.Read(offset, l.EndOffset()-offset%7, 1000)
		if err != nil {
			t.Fatal(err)
		}
		l.Bytes(offset, l.EndOffset())
		s.Release()
	}
	for _, n := range files.count {
		total -= n
	}
	if total != 0 {
		t.Errorf("planning reads did %d operations on files", -total)
	}
	s, err := l.Read(l.EndOffset()-2, l.EndOffset(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	reads := files.count["read"]
	if _, err := s.AppendTo(nil); err != nil {
		t.Fatal(err)
	}
	s.Release()
	if reads = files.count["read"] - reads; reads != 1 {
		t.Errorf("a read near the end took %d reads of the file, want 1", reads)
	}
}

func TestBytes(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	want := fill(t, l, 50)
	for i := len(want) - 3; i < len(want); i++ { // in the active segment: exact
		sum := int64(0)
		for _, v := range want[i:] {
			sum += int64(len(v))
		}
		if got := l.Bytes(want[i].BaseOffset(), l.EndOffset()); got != sum {
			t.Errorf("bytes from batch %d: %d, want %d", i, got, sum)
		}
	}
	if got := l.Bytes(0, l.EndOffset()); got != l.Size() {
		t.Errorf("bytes of all: %d, want %d", got, l.Size())
	}
	if got := l.Bytes(-5, 1<<40); got != l.Size() {
		t.Errorf("bytes beyond both ends: %d, want %d", got, l.Size())
	}
	if got := l.Bytes(7, 7); got != 0 {
		t.Errorf("bytes of nothing: %d", got)
	}
	for i := range want {
		exact := int64(0)
		for _, v := range want[i:] {
			from, to := want[i].BaseOffset(), v.LastOffset()+1
			exact += int64(len(v))
			// A segment of this test is smaller than the distance of two entries.
			if got := l.Bytes(from, to); got < exact || got > exact+2*small.SegmentBytes {
				t.Fatalf("bytes %d to %d: %d, exactly %d", from, to, got, exact)
			}
		}
	}
}

// The bytes of the three files, as Kafka documents them.
func TestFileFormat(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, Config{IndexIntervalBytes: 100})
	for i, timestamp := range []int64{1000, 3000, 2000} {
		var b batch.Builder
		b.Add([]byte("k"), []byte(fmt.Sprint("v", i)), timestamp)
		b.Add(nil, []byte("w"), timestamp+1)
		mustAppend(t, l, b.Build())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	golden := func(name, want string) {
		t.Helper()
		want = strings.Join(strings.Fields(want), "")
		if got := hex.EncodeToString(content(t, files, name)); got != want {
			t.Errorf("%s is\n%s, want\n%s", name, got, want)
		}
	}
	// base offset, length, leader epoch, magic, crc, attributes, last offset delta, base and max
	// timestamp, producer id and epoch, base sequence, count; then the records.
	header := func(base, crc, from, to string) string {
		return base + "00000043 00000005 02" + crc + "0000 00000001" + from + to + "ffffffffffffffff ffff ffffffff 00000002"
	}
	golden("00000000000000000000.log", ""+
		header("0000000000000000", crcOf(t, files, 0), "00000000000003e8", "00000000000003e9")+
		"12 00 00 00 02 6b 04 7630 00  0e 00 02 02 01 02 77 00"+
		header("0000000000000002", crcOf(t, files, 79), "0000000000000bb8", "0000000000000bb9")+
		"12 00 00 00 02 6b 04 7631 00  0e 00 02 02 01 02 77 00"+
		header("0000000000000004", crcOf(t, files, 158), "00000000000007d0", "00000000000007d1")+
		"12 00 00 00 02 6b 04 7632 00  0e 00 02 02 01 02 77 00")
	// The third batch begins after more than 100 bytes: last offset 5 is at position 158 or before.
	golden("00000000000000000000.index", "00000005 0000009e")
	// Until then the largest timestamp was 3001, of the batch that ends with offset 3.
	golden("00000000000000000000.timeindex", "0000000000000bb9 00000003")
}

// crcOf computes a batch's checksum from the file, so that the golden text needs no magic numbers.
func crcOf(t *testing.T, files *mem.FS, position int) string {
	b := content(t, files, "00000000000000000000.log")[position : position+79]
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, batch.View(b).Checksum()))
}

func TestSegmentNames(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	fill(t, l, 30)
	names, err := files.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(names, " ")
	for _, s := range l.segments {
		for _, suffix := range []string{"log", "index", "timeindex"} {
			if want := fmt.Sprintf("%020d.%s", s.base, suffix); !strings.Contains(text, want) {
				t.Errorf("%s is missing in %s", want, text)
			}
		}
	}
	for _, bad := range []string{"1.log", "0000000000000000000x.log", "00000000000000000000.log.cut", "-0000000000000000001.log", "99999999999999999999.log"} {
		if _, ok := parseSegmentName(bad, logSuffix); ok {
			t.Errorf("%s passes for a segment", bad)
		}
	}
}

// A batch larger than a segment has a segment of its own; relative offsets stay within 31 bits.
func TestRoll(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{SegmentBytes: 500})
	want := []batch.View{made(-1, 0, 1, 0, 10), made(-1, 1, 1, 0, 1000), made(-1, 2, 1, 0, 10)}
	for _, v := range want {
		mustAppend(t, l, v)
	}
	if len(l.segments) != 3 {
		t.Fatalf("%d segments, want 3", len(l.segments))
	}
	sameBatches(t, readAll(t, l, 100), want)

	far := &segment{base: 0, size: 100, firstTimestamp: -1}
	v := made(-1, 0, 2, 0, 0)
	v.Assign(1<<31-2, 0)
	if far.full(v, &Config{SegmentBytes: 1 << 30, SegmentMillis: 1}) {
		t.Error("the last offset fits in 31 bits")
	}
	v.Assign(1<<31-1, 0)
	if !far.full(v, &Config{SegmentBytes: 1 << 30, SegmentMillis: 1}) {
		t.Error("the last offset does not fit in 31 bits")
	}
}

// A sealed segment keeps one index entry for 64 KiB in memory, and is read as well as before.
func TestSealedIndexIsThin(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{SegmentBytes: 400 << 10})
	want := fill(t, l, 1)
	for len(l.segments) == 1 {
		v := made(-1, 0, 2, 5, 1500)
		mustAppend(t, l, v)
		want = append(want, v)
	}
	s := l.segments[0]
	if n := len(s.offsets.entries); n < 3 || n > 400/64 || cap(s.offsets.entries) != n {
		t.Errorf("%d entries in memory of %d", n, cap(s.offsets.entries))
	}
	if entries := s.offsets.size() / offsetEntryBytes; entries < 60 {
		t.Errorf("%d entries in the file: it must have all of them", entries)
	}
	for from := range s.end {
		checkRead(t, l, want, from, l.EndOffset(), 5000)
	}
}

func TestConfig(t *testing.T) {
	for _, bad := range []Config{{SegmentBytes: -1}, {SegmentBytes: 1 << 31}, {IndexIntervalBytes: -1}, {MaxProducers: -1}} {
		if _, _, err := Open(mem.New(), dir, bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// A full disk: whatever write fails, the log is as it was and goes on when there is space again.
func TestFullDisk(t *testing.T) {
	for fail := range 60 {
		files := watch(mem.New())
		l, _ := mustOpen(t, files, small)
		want := fill(t, l, 3)
		operation, full := 0, false
		files.before = func(op, name string) error {
			if op != "write" && op != "create" && op != "truncate" {
				return nil
			}
			if operation++; operation > fail {
				full = true
				return fmt.Errorf("%s %s: %w", op, name, syscall.ENOSPC)
			}
			return nil
		}
		refused := 0
		for i := 0; refused < 3; i++ {
			end, size := l.EndOffset(), l.Size()
			v := made(-1, int32(end), 1+i%3, 5, 300)
			if _, err := l.Append(v, 5); err == nil {
				want = append(want, v)
				continue
			} else if !errors.Is(err, syscall.ENOSPC) || !full {
				t.Fatal(err)
			}
			refused++
			if l.EndOffset() != end || l.Size() != size {
				t.Fatalf("fail %d: the log moved from %d to %d without an append", fail, end, l.EndOffset())
			}
		}
		sameBatches(t, readAll(t, l, 1000), want)
		files.before = func(string, string) error { return nil }
		want = append(want, fill(t, l, 8)...)
		sameBatches(t, readAll(t, l, 1000), want)
		again, r := mustOpen(t, killed(files.FS.(*mem.FS)), small)
		if r.TruncatedBytes != 0 {
			t.Fatalf("fail %d: recovery cut %d bytes: %s", fail, r.TruncatedBytes, r.Reason)
		}
		sameBatches(t, readAll(t, again, 1000), want)
	}
}

// What is left of a failed write and cannot even be cut away is no record, and harms none.
func TestPartialWriteStays(t *testing.T) {
	files := watch(mem.New())
	l, _ := mustOpen(t, files, Config{})
	want := fill(t, l, 3)
	files.before = func(op, _ string) error {
		if op == "write" || op == "truncate" {
			return syscall.EIO
		}
		return nil
	}
	if _, err := l.Append(made(-1, 0, 3, 0, 2000), 5); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	files.before = func(string, string) error { return nil }
	want = append(want, fill(t, l, 1)...) // shorter than what is left
	again, r := mustOpen(t, killed(files.FS.(*mem.FS)), Config{})
	if r.TruncatedBytes == 0 {
		t.Error("nothing was left of the failed write: the test tests nothing")
	}
	sameBatches(t, readAll(t, again, 1000), want)
}

func TestClosed(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	fill(t, l, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(made(-1, 0, 1, 0, 0), 0); !errors.Is(err, ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if _, err := l.Read(0, 1, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if err := l.TruncateTo(0); !errors.Is(err, ErrClosed) {
		t.Errorf("truncate: %v", err)
	}
	if _, _, _, err := l.OffsetForTimestamp(0); !errors.Is(err, ErrClosed) {
		t.Errorf("offset for timestamp: %v", err)
	}
	if err := l.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("close: %v", err)
	}
}
