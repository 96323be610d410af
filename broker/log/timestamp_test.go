package log

import (
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

// Timestamps rise and fall; every answer is that of a search through all records.
func TestOffsetForTimestamp(t *testing.T) {
	files := mem.New()
	l, _ := mustOpen(t, files, small)
	rng := seeded(1)
	var all []batch.Record
	for range 120 {
		var b batch.Builder
		for range 1 + rng.IntN(4) {
			b.Add(nil, make([]byte, rng.IntN(120)), 1000+5*l.EndOffset()+rng.Int64N(300)-150)
		}
		v := b.Build()
		mustAppend(t, l, v)
		records, err := batch.Records(v)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, records...)
	}
	check := func(how string, l *Log) {
		t.Helper()
		largest := int64(-1)
		for _, r := range all {
			largest = max(largest, r.Timestamp)
		}
		if _, timestamp := l.MaxTimestamp(); timestamp != largest {
			t.Errorf("%s: max timestamp %d, want %d", how, timestamp, largest)
		}
		for timestamp := int64(800); timestamp < largest+20; timestamp += 3 {
			offset, found, ok, err := l.OffsetForTimestamp(timestamp)
			if err != nil {
				t.Fatal(err)
			}
			want := -1
			for i := range all {
				if all[i].Timestamp >= timestamp {
					want = i
					break
				}
			}
			if ok != (want >= 0) || ok && (offset != all[want].Offset || found != all[want].Timestamp) {
				t.Fatalf("%s: timestamp %d: offset %d at %d, %v; want record %d", how, timestamp, offset, found, ok, want)
			}
		}
	}
	check("running", l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, _ = mustOpen(t, files, small)
	check("closed", l)
	l, _ = mustOpen(t, killed(files), small)
	check("killed", l)
	if err := l.TruncateTo(150); err != nil {
		t.Fatal(err)
	}
	all = all[:l.EndOffset()]
	check("truncated", l)
}

func TestMaxTimestampOffset(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	if offset, timestamp := l.MaxTimestamp(); offset != -1 || timestamp != -1 {
		t.Errorf("empty log: %d at %d", offset, timestamp)
	}
	for _, timestamp := range []int64{10, 500, 400, 500} {
		mustAppend(t, l, made(-1, 0, 2, timestamp, 0)) // timestamp and timestamp+1
	}
	if offset, timestamp := l.MaxTimestamp(); offset != 3 || timestamp != 501 {
		t.Errorf("%d at %d, want 3 at 501", offset, timestamp)
	}
}

// Where the records are not looked at, the answer is the batch: a reader misses nothing.
func TestOffsetForTimestampOfBatches(t *testing.T) {
	for what, attributes := range map[string]byte{"log append time": 8, "compressed": byte(batch.Zstd)} {
		l, _ := mustOpen(t, mem.New(), small)
		mustAppend(t, l, made(-1, 0, 3, 100, 0))
		v := made(-1, 0, 3, 200, 0)
		v[22] = attributes
		v.Stamp()
		mustAppend(t, l, v)
		offset, timestamp, ok, err := l.OffsetForTimestamp(201)
		if offset != 3 || timestamp != 202 || !ok || err != nil {
			t.Errorf("%s: %d at %d, %v, %v; want 3 at 202", what, offset, timestamp, ok, err)
		}
	}
}

// A batch whose header promises more than its records keep is passed over.
func TestOffsetForTimestampOfLyingBatch(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), small)
	v := made(-1, 0, 2, 100, 0)
	v[35+6] = 0x7f // max timestamp
	v.Stamp()
	mustAppend(t, l, v)
	if _, _, ok, err := l.OffsetForTimestamp(500); ok || err != nil {
		t.Errorf("found %v, %v", ok, err)
	}
	mustAppend(t, l, made(-1, 0, 2, 600, 0))
	if offset, timestamp, ok, err := l.OffsetForTimestamp(500); offset != 2 || timestamp != 600 || !ok || err != nil {
		t.Errorf("%d at %d, %v, %v; want 2 at 600", offset, timestamp, ok, err)
	}
}

// In a compressed batch the record itself is found, and in one that is not what its codec writes the batch.
func TestOffsetForTimestampInCompressedBatches(t *testing.T) {
	for codec := batch.Gzip; codec <= batch.Zstd; codec++ {
		l, _ := mustOpen(t, mem.New(), small)
		mustAppend(t, l, made(-1, 0, 3, 100, 0))
		v, err := l.codecs().Recompress(made(-1, 0, 5, 200, 100), codec, batch.DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, v)
		for timestamp, want := range map[int64]int64{150: 3, 200: 3, 203: 6, 204: 7} {
			offset, found, ok, err := l.OffsetForTimestamp(timestamp)
			if offset != want || found != max(timestamp, 200) || !ok || err != nil {
				t.Errorf("%s, %d: %d at %d, %v, %v; want %d", codec, timestamp, offset, found, ok, err, want)
			}
		}
		if _, err := l.RaiseStart(5); err != nil {
			t.Fatal(err)
		}
		if offset, found, ok, err := l.OffsetForTimestamp(0); offset != 5 || found != 202 || !ok || err != nil {
			t.Errorf("%s, from the start on: %d at %d, %v, %v", codec, offset, found, ok, err)
		}
	}
}
