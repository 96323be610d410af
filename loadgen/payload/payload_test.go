package payload

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"testing"
	"testing/quick"
)

func TestRoundTrip(t *testing.T) {
	check := func(h Header, size uint16) bool {
		if !h.Source.Exists {
			h.Source = Source{}
		}
		length := headed(h.flags()) + int(size)%3000
		value := Encode(nil, length, h)
		got, err := Decode(value)
		return err == nil && got == h && len(value) == length
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestAnyFlippedBitIsFound(t *testing.T) {
	value := Encode(nil, 101, Header{Run: 7, Producer: 3, Partition: 5, Sequence: 1 << 40, Intended: 99})
	for bit := range len(value) * 8 {
		damaged := bytes.Clone(value)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, err := Decode(damaged); err == nil {
			t.Errorf("bit %d flipped and nobody noticed", bit)
		}
	}
}

// restamp gives a damaged value a matching checksum, as a broker that rewrites batches could.
func restamp(value []byte) []byte {
	binary.BigEndian.PutUint32(value[atChecksum:], crc32.Checksum(value[atVersion:], castagnoli))
	return value
}

func TestReasons(t *testing.T) {
	value := Encode(nil, 100, Header{Run: 1, Sequence: 2})
	f := func(name string, damaged []byte, want error) {
		t.Helper()
		if h, err := Decode(damaged); !errors.Is(err, want) || h != (Header{}) {
			t.Errorf("%s: %+v, %v; want %v", name, h, err, want)
		}
	}
	change := func(at int, b byte) []byte {
		c := bytes.Clone(value)
		c[at] ^= b
		return c
	}
	f("nothing", nil, ErrShort)
	f("one byte short of a header", value[:MinSize-1], ErrShort)
	f("other magic", change(0, 1), ErrMagic)
	f("truncated", value[:99], ErrChecksum)
	f("damaged", change(60, 0x80), ErrChecksum)
	f("filler damaged and stamped again", restamp(change(60, 0x80)), ErrFiller)
	f("last byte damaged and stamped again", restamp(change(99, 1)), ErrFiller)
	f("sequence changed and stamped again", restamp(change(atSequence+7, 1)), ErrFiller)
	f("topic changed and stamped again", restamp(change(atTopic+1, 1)), ErrFiller)
	f("future version", restamp(change(atVersion, 2)), ErrVersion)
	f("unknown flag", restamp(change(atFlags, 0x40)), ErrVersion)
}

func TestFillerFollowsFromIdentityOnly(t *testing.T) {
	base := Header{Run: 1, Producer: 2, Topic: 3, Partition: 4, Sequence: 5}
	filler := func(h Header) string { return string(Encode(nil, 200, h)[MinSize:]) }
	later := base
	later.Intended, later.Barrier = 1e9, true
	if filler(base) != filler(later) {
		t.Error("the filler depends on the intended time or the barrier flag")
	}
	seen := map[string]Header{filler(base): base}
	for i := range 5 {
		h := base
		switch i {
		case 0:
			h.Run++
		case 1:
			h.Producer++
		case 2:
			h.Topic++
		case 3:
			h.Partition++
		case 4:
			h.Sequence++
		}
		if other, taken := seen[filler(h)]; taken {
			t.Errorf("%+v and %+v have the same filler", h, other)
		}
		seen[filler(h)] = h
	}
}

func TestSizeBelowTheHeaderIsRefused(t *testing.T) {
	if CheckSize(MinSize) != nil || CheckSize(MinSize-1) == nil {
		t.Errorf("CheckSize does not draw the line at %d", MinSize)
	}
	defer func() {
		if recover() == nil {
			t.Error("Encode wrote a value shorter than its header")
		}
	}()
	Encode(nil, MinSize-1, Header{})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	buf := make([]byte, 1024)
	var sequence int64
	allocations := testing.AllocsPerRun(100, func() {
		sequence++
		value := Encode(buf, 1024, Header{Run: 1, Sequence: sequence})
		if _, err := Decode(value); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("a record costs %v allocations; want 0", allocations)
	}
}

func TestFillerDoesNotCompress(t *testing.T) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	const size, records = 1024, 64
	for i := range records {
		w.Write(Encode(nil, size, Header{Run: 9, Sequence: int64(i)})[MinSize:])
	}
	w.Close()
	if whole := records * (size - MinSize); packed.Len() < whole*99/100 {
		t.Errorf("%d bytes of filler were packed into %d", whole, packed.Len())
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode(nil, 64, Header{Run: 1, Producer: 2, Sequence: 3}))
	f.Add([]byte("lgpf"))
	f.Fuzz(func(t *testing.T, value []byte) {
		h, err := Decode(value)
		if err == nil && !bytes.Equal(Encode(nil, len(value), h), value) {
			t.Errorf("%x decodes to %+v, which encodes to something else", value, h)
		}
	})
}

func BenchmarkEncode1K(b *testing.B) {
	buf := make([]byte, 1024)
	b.SetBytes(1024)
	for i := range b.N {
		Encode(buf, 1024, Header{Sequence: int64(i)})
	}
}

func BenchmarkDecode1K(b *testing.B) {
	value := Encode(nil, 1024, Header{})
	b.SetBytes(1024)
	for range b.N {
		if _, err := Decode(value); err != nil {
			b.Fatal(err)
		}
	}
}

// A run that uses neither sources nor keys writes the same bytes as before there were any.
func TestLayoutWithoutSourceAndKeyStays(t *testing.T) {
	value := Encode(nil, 60, Header{Run: 0x0102030405060708, Producer: 3, Topic: 2, Partition: 5, Sequence: 9, Intended: 77})
	want := "6c6770669874ddc9010000020000000301020304050607080000000000000009000000000000004d00000005d17845a6a4acf2dffb8faec020b50bca"
	if got := hex.EncodeToString(value); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSourceAndKeyAreIdentity(t *testing.T) {
	h := Header{Run: 1, Producer: 2, Source: Source{Exists: true, Topic: 3, Partition: 4, Offset: 1 << 33}, Key: 7}
	value := Encode(nil, 120, h)
	if got, err := Decode(value); err != nil || got != h {
		t.Errorf("%+v, %v; want %+v", got, err, h)
	}
	for _, at := range []int{MinSize + 1, MinSize + 5, MinSize + 13, MinSize + SourceSize + 3} {
		damaged := bytes.Clone(value)
		damaged[at] ^= 1
		if _, err := Decode(restamp(damaged)); !errors.Is(err, ErrFiller) {
			t.Errorf("byte %d changed and stamped again: %v; want %v", at, err, ErrFiller)
		}
	}
	cut := bytes.Clone(value[:MinSize+SourceSize+KeySize-1])
	if _, err := Decode(restamp(cut)); !errors.Is(err, ErrShort) {
		t.Errorf("a value that ends in its key: %v; want %v", err, ErrShort)
	}
	defer func() {
		if recover() == nil {
			t.Error("Encode wrote a value without room for its source and key")
		}
	}()
	Encode(nil, MinSize+SourceSize+KeySize-1, h)
}
