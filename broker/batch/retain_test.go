package batch

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// table makes a batch of keyed records, every third of them a tombstone.
func table(n int) View {
	var b Builder
	b.Producer(7, 2, 40)
	for i := range n {
		value := fmt.Appendf(nil, "value %d", i)
		if i%3 == 2 {
			value = nil
		}
		b.Add(fmt.Appendf(nil, "key %d", i), value, 5000-int64(i)*3, Header{"h", []byte{1}})
	}
	v := b.Build()
	v.Assign(900, 4)
	return v
}

// What is left of a batch keeps its offsets, sequences, producer, codec, times and headers, with a horizon and without.
func TestRetain(t *testing.T) {
	var c Codecs
	for codec := Uncompressed; codec <= Zstd; codec++ {
		whole, err := c.Recompress(table(10), codec, DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		before := recordsOf(t, &c, whole)
		for _, horizon := range []int64{NoHorizon, 0, 1_700_000_000_000} {
			v, err := c.Retain(whole, func(e Entry) bool { return e.Offset%2 == 1 }, horizon)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.ValidateStored(); err != nil {
				t.Errorf("%s: %v", codec, err)
			}
			if err := v.Validate(); !errors.Is(err, ErrInvalidRecord) {
				t.Errorf("%s: as a client's it is %v", codec, err)
			}
			want := slices.DeleteFunc(slices.Clone(before), func(r Record) bool { return r.Offset%2 == 0 })
			if got := recordsOf(t, &c, v); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, horizon %d: %v, want %v", codec, horizon, got, want)
			}
			if v.BaseOffset() != 900 || v.LastOffset() != 909 || v.LeaderEpoch() != 4 || v.ProducerID() != 7 || v.ProducerEpoch() != 2 ||
				v.BaseSequence() != 40 || v.LastSequence() != 49 || v.Count() != 5 || v.Codec() != codec || v.MaxTimestamp() != 4997 {
				t.Errorf("%s: the header is another: %x", codec, []byte(v[:HeaderLen]))
			}
			if at, ok := v.DeleteHorizon(); ok != (horizon != NoHorizon) || ok && at != horizon {
				t.Errorf("%s: horizon %d, %v, want %d", codec, at, ok, horizon)
			}
		}
	}
}

func recordsOf(t *testing.T, c *Codecs, v View) []Record {
	t.Helper()
	plain, err := c.Recompress(v, Uncompressed, DefaultLevel)
	if err != nil {
		t.Fatal(err)
	}
	records, err := Records(plain)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// A batch that loses nothing is the same bytes, one that loses all is none.
func TestRetainAllOrNone(t *testing.T) {
	var c Codecs
	v := table(4)
	if same, err := c.Retain(v, func(Entry) bool { return true }, NoHorizon); err != nil || &same[0] != &v[0] {
		t.Errorf("%v, want the batch itself", err)
	}
	if none, err := c.Retain(v, func(Entry) bool { return false }, 5); err != nil || none != nil {
		t.Errorf("%v, %v, want nothing", none, err)
	}
	var tombstones []int64
	if err := c.Entries(v, func(e Entry) bool {
		if e.Tombstone {
			tombstones = append(tombstones, e.Offset)
		}
		return true
	}); err != nil || fmt.Sprint(tombstones) != "[902]" {
		t.Errorf("tombstones %v, %v", tombstones, err)
	}
}

// What is emptied says still which offsets and sequences it had; a filler says only the offsets.
func TestEmptyAndFiller(t *testing.T) {
	v := table(10)
	v.SetTimestamps(LogAppendTime, 77)
	e := Empty(v)
	if err := e.ValidateStored(); err != nil {
		t.Error(err)
	}
	if len(e) != HeaderLen || e.BaseOffset() != 900 || e.LastOffset() != 909 || e.LastSequence() != 49 || e.ProducerID() != 7 ||
		e.LeaderEpoch() != 4 || e.MaxTimestamp() != 77 || e.Count() != 0 || e.IsFiller() || e.TimestampType() != LogAppendTime {
		t.Errorf("%x", []byte(e))
	}
	f := Filler(900, 5_000, 4, 12)
	if err := f.ValidateStored(); err != nil {
		t.Error(err)
	}
	if f.BaseOffset() != 900 || f.LastOffset() != 5_000 || f.LeaderEpoch() != 4 || f.MaxTimestamp() != 12 || !f.IsFiller() {
		t.Errorf("%x", []byte(f))
	}
	if c := ClipFiller(f, 2_000); c.BaseOffset() != 2_000 || c.LastOffset() != 5_000 || c.ValidateStored() != nil {
		t.Errorf("%x", []byte(c))
	}
	if records, err := Records(e); err != nil || len(records) != 0 {
		t.Errorf("%v, %v", records, err)
	}
}

// Records whose offsets do not rise, or are beyond the batch, are refused wherever they are read.
func TestStoredOffsetsRise(t *testing.T) {
	var c Codecs
	for name, change := range map[string]func(View){
		"the same offset twice": func(v View) { v.records()[9+3] = 0 }, // a record has nine bytes, its offset is the fourth
		"beyond the batch's":    func(v View) { v.records()[9+3] = 4 },
		"one is left over":      func(v View) { v.put32(atCount, 1) },
	} {
		var b Builder
		b.Add([]byte("a"), []byte("b"), 0)
		b.Add([]byte("c"), []byte("d"), 0)
		v := b.Build()
		change(v)
		v.Stamp()
		if err := c.Entries(v, func(Entry) bool { return true }); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: entries: %v", name, err)
		}
		if err := c.Each(v, func(Head) bool { return true }); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: each: %v", name, err)
		}
		if _, err := Records(v); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: records: %v", name, err)
		}
	}
}
