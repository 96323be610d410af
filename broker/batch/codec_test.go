package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

var codecs = []Codec{Gzip, Snappy, LZ4, Zstd}

// many is a batch of records of which the second has no key, with timestamps that are not in order.
func many(count, size int) View {
	var b Builder
	b.Producer(7, 1, 5)
	for i := range count {
		key := fmt.Append(nil, "key ", i)
		if i == 1 {
			key = nil
		}
		b.Add(key, bytes.Repeat([]byte{byte(i), byte(i >> 8), 'x', 'y'}, size/4), 1_700_000_000_000-int64(i%7)*1000, Header{"h", []byte("v")})
	}
	return b.Build()
}

// A batch that is compressed by any codec, and then by another, is the same batch: every header field but codec,
// length and checksum, and every record.
func TestRecompress(t *testing.T) {
	v := many(500, 400) // more than one block of snappy and lz4, and more than the window
	var c Codecs
	for _, from := range append([]Codec{Uncompressed}, codecs...) {
		for _, to := range append([]Codec{Uncompressed}, codecs...) {
			for _, at := range []int{DefaultLevel, 1, 9, 99} {
				first, err := c.Recompress(v, from, DefaultLevel)
				if err != nil {
					t.Fatal(err)
				}
				got, err := c.Recompress(first, to, at)
				if err != nil {
					t.Fatalf("%s to %s: %v", from, to, err)
				}
				if got.Codec() != to || got.ProducerID() != 7 || got.BaseSequence() != 5 || got.Count() != 500 || to != Uncompressed && len(got) > len(v)/2 {
					t.Fatalf("%s to %s: %d bytes, %v", from, to, len(got), []byte(got[:HeaderLen]))
				}
				sum, err := got.ValidateClient(&c)
				if want := (Summary{1_700_000_000_000 - 6000, 1_700_000_000_000, 1}); err != nil || sum != want {
					t.Fatalf("%s to %s: %+v, %v; want %+v", from, to, sum, err, want)
				}
				plain, err := c.Recompress(got, Uncompressed, 0)
				if err != nil || !bytes.Equal(plain, v) {
					t.Fatalf("%s to %s and back is another batch: %v", from, to, err)
				}
			}
		}
	}
}

// withRecords gives a batch whose records are these bytes, by their codec's own account.
func withRecords(v View, codec Codec, records []byte) View {
	out := append(bytes.Clone(v[:HeaderLen]), records...)
	w := View(out)
	w.put16(atAttributes, int16(codec))
	w.put32(atLength, int32(len(w)-framing))
	w.Stamp()
	return w
}

// One block without framing is what some clients write for snappy.
func TestRawSnappy(t *testing.T) {
	v := many(50, 100)
	raw := withRecords(v, Snappy, snappy.Encode(nil, v.records()))
	if sum, err := raw.ValidateClient(new(Codecs)); err != nil || sum.Keyless != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
}

// What compressed records get wrong is found as it is in those that are not compressed.
func TestCompressedRecordsAreChecked(t *testing.T) {
	var c Codecs
	for _, codec := range codecs {
		for name, change := range map[string]func(v View) View{
			"one record less":       func(v View) View { v.put32(atCount, 2); v.put32(atLastOffsetDelta, 1); return v },
			"one record more":       func(v View) View { v.put32(atCount, 4); v.put32(atLastOffsetDelta, 3); return v },
			"offset delta":          func(v View) View { v[HeaderLen+3] = 8; return v },
			"length too large":      func(v View) View { v[HeaderLen] = 0x7e; return v },
			"length negative":       func(v View) View { v[HeaderLen] = 0x01; return v },
			"key beyond the record": func(v View) View { v[HeaderLen+4] = 0x7e; return v },
			"a byte after the last": func(v View) View { return append(v, 0) },
			"nothing":               func(v View) View { return v[:HeaderLen] },
		} {
			plain := change(sample())
			with, err := c.compressor(level{codec, DefaultLevel})
			if err != nil {
				t.Fatal(err)
			}
			records, err := with(nil, plain.records())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := withRecords(plain, codec, records).ValidateClient(&c); !errors.Is(err, ErrInvalidRecord) {
				t.Errorf("%s, %s: %v", codec, name, err)
			}
		}
		good, err := c.Recompress(many(500, 400), codec, DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{0, 1, 3, 10, len(good.records()) / 2, len(good.records()) - 1} {
			if _, err := withRecords(good, codec, good.records()[:cut]).ValidateClient(&c); !errors.Is(err, ErrInvalidRecord) {
				t.Errorf("%s cut after %d bytes: %v", codec, cut, err)
			}
		}
		garbage := bytes.Repeat([]byte{0xa5, 0x5a, 3}, 50)
		if _, err := withRecords(good, codec, garbage).ValidateClient(&c); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s of garbage: %v", codec, err)
		}
		if sum, err := good.ValidateClient(&c); err != nil || sum.Keyless != 1 {
			t.Errorf("%s after all that was wrong: %+v, %v", codec, sum, err)
		}
	}
}

// A batch of some kilobytes that expands to more than a request may have is refused, and never is more than a
// little of it in memory. So is a block or a window that only claims to be large.
func TestBombs(t *testing.T) {
	var c Codecs
	huge := make([]byte, ExpandedMax+(1<<20))
	copy(huge, binary.AppendVarint(nil, int64(len(huge)-5))) // one record that is as long as it says
	copy(huge[5:], []byte{0, 0, 0, 1})
	head := sample()
	head.put32(atCount, 1)
	head.put32(atLastOffsetDelta, 0)
	for _, codec := range codecs {
		with, err := c.compressor(level{codec, DefaultLevel})
		if err != nil {
			t.Fatal(err)
		}
		records, err := with(nil, huge)
		if err != nil {
			t.Fatal(err)
		}
		bomb := withRecords(head, codec, records)
		var before, after runtime.MemStats
		var fresh Codecs
		runtime.ReadMemStats(&before)
		if _, err := bomb.ValidateClient(&fresh); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s of %d bytes: %v", codec, len(bomb), err)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 24<<20 {
			t.Errorf("%s: %d bytes were allocated to look at %d", codec, used, len(bomb))
		}
		if _, err := fresh.Recompress(bomb, Uncompressed, 0); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s, recompressed: %v", codec, err)
		}
	}
	liar := withRecords(head, Snappy, binary.AppendUvarint(nil, math.MaxUint32))
	if _, err := liar.ValidateClient(&c); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("a snappy block that claims 4 GiB: %v", err)
	}
	wide, err := zstd.NewWriter(nil, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	var frame bytes.Buffer
	wide.Reset(&frame)
	if _, err := wide.Write(huge[:9<<20]); err != nil {
		t.Fatal(err)
	}
	if err := wide.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := withRecords(head, Zstd, frame.Bytes()).ValidateClient(&c); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("a zstd window of 64 MiB: %v", err)
	}
}

// The leader's clock takes the place of the records' own, or the largest of these that of a claim.
func TestSetTimestamps(t *testing.T) {
	v := sample()
	sum := v.CRC()
	if v.SetTimestamps(CreateTime, v.MaxTimestamp()); v.CRC() != sum {
		t.Fatal("what is right already was written")
	}
	v.SetTimestamps(LogAppendTime, 5)
	if v.TimestampType() != LogAppendTime || v.MaxTimestamp() != 5 || v.Validate() != nil {
		t.Fatalf("%v", []byte(v[:HeaderLen]))
	}
	var c Codecs
	if err := c.Each(v, func(h Head) bool {
		if h.Timestamp != 5 {
			t.Errorf("record %d has timestamp %d", h.Index, h.Timestamp)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	v.SetTimestamps(CreateTime, 1_700_000_000_900)
	if !bytes.Equal(v, sample()) {
		t.Fatal("back again it is another batch")
	}
}

func TestParseCodec(t *testing.T) {
	for _, c := range append([]Codec{Uncompressed}, codecs...) {
		if got, ok := ParseCodec(c.String()); !ok || got != c {
			t.Errorf("%s is %v, %v", c, got, ok)
		}
	}
	if _, ok := ParseCodec("producer"); ok {
		t.Error("producer is no codec")
	}
}

// Any bytes in place of compressed records: no panic, an error or records that were counted.
func FuzzCompressed(f *testing.F) {
	var c Codecs
	for _, codec := range codecs {
		v, err := c.Recompress(sample(), codec, DefaultLevel)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(codec), []byte(v.records()))
	}
	f.Fuzz(func(t *testing.T, codec byte, records []byte) {
		v := withRecords(sample(), Codec(1+codec%4), records)
		if _, err := v.ValidateClient(&c); err == nil {
			if plain, err := c.Recompress(v, Uncompressed, 0); err != nil || len(plain) <= HeaderLen {
				t.Fatalf("it passes, and expands to %d bytes: %v", len(plain), err)
			}
		}
	})
}

func BenchmarkValidateClient(b *testing.B) {
	for _, size := range []int{100, 1024} {
		plain := many(1<<20/size, size)
		for _, codec := range append([]Codec{Uncompressed}, codecs...) {
			b.Run(fmt.Sprintf("%s/%dB", codec, size), func(b *testing.B) {
				var c Codecs
				v, err := c.Recompress(plain, codec, DefaultLevel)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(plain)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.ValidateClient(&c); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
