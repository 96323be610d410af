package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// sample is a batch of three records of an idempotent producer.
func sample() View {
	var b Builder
	b.Producer(77, 3, 40)
	b.Add([]byte("k1"), []byte("value one"), 1_700_000_000_500, Header{"h", []byte("x")}, Header{"nil", nil})
	b.Add(nil, []byte{}, 1_700_000_000_000)
	b.Add([]byte("k3"), nil, 1_700_000_000_900)
	return b.Build()
}

func sampleRecords(base int64) []Record {
	return []Record{
		{Offset: base, Timestamp: 1_700_000_000_500, Key: []byte("k1"), Value: []byte("value one"), Headers: []Header{{"h", []byte("x")}, {"nil", nil}}},
		{Offset: base + 1, Timestamp: 1_700_000_000_000, Value: []byte{}},
		{Offset: base + 2, Timestamp: 1_700_000_000_900, Key: []byte("k3")},
	}
}

// The same batch written by kmsg, which others wrote and every client speaks.
func TestBuilderAgreesWithKmsg(t *testing.T) {
	records := []kmsg.Record{
		{Key: []byte("k1"), Value: []byte("value one"), Headers: []kmsg.Header{{Key: "h", Value: []byte("x")}, {Key: "nil"}}},
		{TimestampDelta64: -500, OffsetDelta: 1, Value: []byte{}},
		{TimestampDelta64: 400, OffsetDelta: 2, Key: []byte("k3")},
	}
	var encoded []byte
	for _, r := range records {
		r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
		encoded = r.AppendTo(encoded)
	}
	want := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: 2,
		FirstTimestamp: 1_700_000_000_500, MaxTimestamp: 1_700_000_000_900,
		ProducerID: 77, ProducerEpoch: 3, FirstSequence: 40, NumRecords: 3, Records: encoded,
	}
	want.Length = int32(len(want.AppendTo(nil)) - 12)
	got := sample()
	want.CRC = int32(got.Checksum())
	if !bytes.Equal(got, want.AppendTo(nil)) {
		t.Fatalf("built\n%x, kmsg writes\n%x", []byte(got), want.AppendTo(nil))
	}
	if _, err := got.ValidateClient(new(Codecs)); err != nil {
		t.Fatal(err)
	}
}

func TestAccessors(t *testing.T) {
	v := sample()
	v.Assign(1000, 9)
	for name, pair := range map[string][2]int64{
		"BaseOffset":      {v.BaseOffset(), 1000},
		"LastOffset":      {v.LastOffset(), 1002},
		"LastOffsetDelta": {int64(v.LastOffsetDelta()), 2},
		"Length":          {v.Length(), int64(len(v))},
		"LeaderEpoch":     {int64(v.LeaderEpoch()), 9},
		"Attributes":      {int64(v.Attributes()), 0},
		"BaseTimestamp":   {v.BaseTimestamp(), 1_700_000_000_500},
		"MaxTimestamp":    {v.MaxTimestamp(), 1_700_000_000_900},
		"ProducerID":      {v.ProducerID(), 77},
		"ProducerEpoch":   {int64(v.ProducerEpoch()), 3},
		"BaseSequence":    {int64(v.BaseSequence()), 40},
		"LastSequence":    {int64(v.LastSequence()), 42},
		"Count":           {int64(v.Count()), 3},
		"CRC":             {int64(v.CRC()), int64(v.Checksum())},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %d, want %d", name, pair[0], pair[1])
		}
	}
	if v.IsTransactional() || v.IsControl() || v.Codec() != Uncompressed || v.TimestampType() != CreateTime {
		t.Error("flags are set that nobody set")
	}
	v.put16(atAttributes, 0x08|0x10|0x20|4)
	if !v.IsTransactional() || !v.IsControl() || v.Codec() != Zstd || v.TimestampType() != LogAppendTime {
		t.Errorf("attributes %#x are not read back", v.Attributes())
	}
	if err := v.Validate(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("changed attributes without a new checksum: %v", err)
	}
	v.Stamp()
	if err := v.Validate(); err != nil {
		t.Errorf("after Stamp: %v", err)
	}
}

// A leader writes offset and epoch without computing the checksum again.
func TestAssignKeepsChecksum(t *testing.T) {
	v := sample()
	before := v.Checksum()
	v.Assign(math.MaxInt64-10, math.MaxInt32)
	if v.Checksum() != before || v.Validate() != nil {
		t.Fatal("Assign changed what the checksum covers")
	}
	if _, err := v.ValidateClient(new(Codecs)); !errors.Is(err, ErrInvalidRecord) {
		t.Fatalf("a client's batch with a base offset: %v", err)
	}
}

func TestLastSequenceWraps(t *testing.T) {
	for _, c := range []struct{ base, delta, want int32 }{
		{-1, 4, -1}, {0, 0, 0}, {7, 3, 10},
		{math.MaxInt32, 0, math.MaxInt32}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 2, 5, 2},
	} {
		v := sample()
		v.put32(atBaseSequence, c.base)
		v.put32(atLastOffsetDelta, c.delta)
		if got := v.LastSequence(); got != c.want {
			t.Errorf("base %d delta %d: last sequence %d, want %d", c.base, c.delta, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(v View) View
		stamp  bool
		want   error
	}{
		"sound":            {func(v View) View { return v }, false, nil},
		"magic 1":          {func(v View) View { v[atMagic] = 1; return v }, true, ErrUnsupportedMagic},
		"magic 3":          {func(v View) View { v[atMagic] = 3; return v }, true, ErrCorrupt},
		"magic -1":         {func(v View) View { v[atMagic] = 0xff; return v }, true, ErrCorrupt},
		"empty":            {func(View) View { return nil }, false, ErrShort},
		"only a header":    {func(v View) View { return v[:HeaderLen] }, false, ErrCorrupt},
		"a byte too much":  {func(v View) View { return append(v, 0) }, false, ErrCorrupt},
		"length too small": {func(v View) View { v.put32(atLength, 48); return v }, false, ErrCorrupt},
		"length negative":  {func(v View) View { v.put32(atLength, -1); return v }, false, ErrCorrupt},
		"flipped bit":      {func(v View) View { v[len(v)-1] ^= 1; return v }, false, ErrCorrupt},
		"wrong checksum":   {func(v View) View { v[atCRC] ^= 0x80; return v }, false, ErrCorrupt},
		"no records":       {func(v View) View { v.put32(atCount, 0); return v }, true, ErrInvalidRecord},
		"negative count":   {func(v View) View { v.put32(atCount, -3); return v }, true, ErrInvalidRecord},
		"delta too large":  {func(v View) View { v.put32(atLastOffsetDelta, 3); return v }, true, ErrInvalidRecord},
		"delta negative":   {func(v View) View { v.put32(atLastOffsetDelta, -1); return v }, true, ErrInvalidRecord},
		"unknown codec":    {func(v View) View { v.put16(atAttributes, 5); return v }, true, ErrUnsupportedCodec},
		"known codec":      {func(v View) View { v.put16(atAttributes, int16(LZ4)); return v }, true, nil},
		"too many records": {func(v View) View { v.put32(atCount, 1000); v.put32(atLastOffsetDelta, 999); return v }, true, ErrInvalidRecord},
		"no epoch":         {func(v View) View { v.put16(atProducerEpoch, -1); return v }, true, ErrInvalidRecord},
		"no sequence":      {func(v View) View { v.put32(atBaseSequence, -1); return v }, true, ErrInvalidRecord},
		"marker":           {func(v View) View { v.put32(atBaseSequence, -1); v.put16(atAttributes, 0x30); return v }, true, nil},
		"no id, in a txn":  {func(v View) View { v.put64(atProducerID, -1); v.put16(atAttributes, 0x10); return v }, true, ErrInvalidRecord},
		"not idempotent": {func(v View) View {
			v.put64(atProducerID, -1)
			v.put16(atProducerEpoch, -1)
			v.put32(atBaseSequence, -1)
			return v
		}, true, nil},
		"log append time":   {func(v View) View { v.put16(atAttributes, 8); return v }, true, nil},
		"leader epoch less": {func(v View) View { v.put32(atLeaderEpoch, -1); return v }, false, nil},
	} {
		v := c.change(sample())
		if c.stamp {
			v.Stamp()
		}
		if err := v.Validate(); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	marker := sample()
	marker.put16(atAttributes, 0x20)
	marker.Stamp()
	if _, err := marker.ValidateClient(new(Codecs)); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("a control batch of a client: %v", err)
	}
}

func TestNext(t *testing.T) {
	one, two := sample(), sample()
	both := append(append([]byte{}, one...), two...)
	for n := range both {
		v, rest, err := Next(both[:n])
		if n < len(one) {
			if !errors.Is(err, ErrShort) || v != nil || len(rest) != n {
				t.Fatalf("%d of %d bytes: %v", n, len(one), err)
			}
			continue
		}
		if err != nil || !bytes.Equal(v, one) || len(rest) != n-len(one) {
			t.Fatalf("%d bytes: batch of %d, rest of %d, %v", n, len(v), len(rest), err)
		}
		if cap(v) != len(v) {
			t.Fatal("an append to the batch would write into the next one")
		}
	}
	old := append([]byte{}, one[:30]...) // a message of format v1 may be shorter than our header
	old[atMagic] = 1
	if _, _, err := Next(old); !errors.Is(err, ErrUnsupportedMagic) {
		t.Errorf("format v1: %v", err)
	}
}

func TestRecords(t *testing.T) {
	v := sample()
	v.Assign(500, 1)
	got, err := Records(v)
	if err != nil || !reflect.DeepEqual(got, sampleRecords(500)) {
		t.Fatalf("records %+v, %v", got, err)
	}
	v.put16(atAttributes, 8)
	v.Stamp()
	got, err = Records(v)
	if err != nil || got[0].Timestamp != v.MaxTimestamp() || got[1].Timestamp != v.MaxTimestamp() {
		t.Fatalf("log append time: %+v, %v", got, err)
	}
	v.put16(atAttributes, int16(Gzip))
	v.Stamp()
	if _, err := Records(v); !errors.Is(err, ErrUnsupportedCodec) {
		t.Fatalf("compressed: %v", err)
	}
}

// Records that do not fill the batch, or say wrong lengths, are refused though the checksum is right.
func TestRecordsRefuses(t *testing.T) {
	for name, change := range map[string]func(v View) View{
		"first length too large": func(v View) View { v[HeaderLen] = 0x7e; return v },
		"first length negative":  func(v View) View { v[HeaderLen] = 0x01; return v },
		"a byte after the last":  func(v View) View { return append(v, 0) },
		"one record less":        func(v View) View { v.put32(atCount, 2); v.put32(atLastOffsetDelta, 1); return v },
		"one record more":        func(v View) View { v.put32(atCount, 4); v.put32(atLastOffsetDelta, 3); return v },
		"offset delta":           func(v View) View { v[HeaderLen+3] = 8; return v },
		"key length":             func(v View) View { v[HeaderLen+4] = 8; return v },
	} {
		v := change(sample())
		v.put32(atLength, int32(len(v)-framing))
		v.Stamp()
		if _, err := Records(v); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: %v", name, err)
		}
		// What is inside of a record is its reader's business.
		if _, err := v.ValidateClient(new(Codecs)); name != "key length" && !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s, of a client: %v", name, err)
		}
	}
}

func TestCodecNames(t *testing.T) {
	for c, want := range map[Codec]string{Uncompressed: "uncompressed", Gzip: "gzip", Snappy: "snappy", LZ4: "lz4", Zstd: "zstd", 7: "unknown"} {
		if c.String() != want {
			t.Errorf("codec %d is %q, want %q", c, c, want)
		}
	}
}

// Whatever comes from the network: no panic, and what passes is what it says.
func FuzzNext(f *testing.F) {
	f.Add([]byte(sample()))
	f.Add([]byte(sample()[:70]))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := Next(b)
		if err != nil {
			return
		}
		if len(v)+len(rest) != len(b) || v.Length() != int64(len(v)) {
			t.Fatalf("%d bytes became %d and %d", len(b), len(v), len(rest))
		}
		if errors.Is(v.Validate(), ErrCorrupt) {
			v.Stamp() // let the fuzzer reach what the checksum hides
		}
		records, err := Records(v)
		if err == nil && int32(len(records)) != v.Count() {
			t.Fatalf("%d records of %d", len(records), v.Count())
		}
	})
}

// Whatever is built is read back.
func FuzzBuild(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), int64(1_700_000_000_000), int64(-5), "name")
	f.Fuzz(func(t *testing.T, key, value []byte, first, delta int64, name string) {
		first, delta = first%(1<<60), delta%(1<<60)
		var b Builder
		b.Add(key, value, first)
		b.Add(value, nil, first+delta, Header{name, key})
		v := b.Build()
		records, err := Records(v)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(records[0].Key, key) || !bytes.Equal(records[0].Value, value) || records[1].Value != nil ||
			records[1].Timestamp != first+delta || records[1].Headers[0].Key != name {
			t.Fatalf("read back %+v", records)
		}
		if v.MaxTimestamp() != max(first, first+delta) {
			t.Fatalf("max timestamp %d", v.MaxTimestamp())
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	var builder Builder
	value := make([]byte, 1024)
	for i := range 1000 {
		binary.BigEndian.PutUint64(value, uint64(i))
		builder.Add(nil, value, int64(i))
	}
	v := builder.Build()
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
