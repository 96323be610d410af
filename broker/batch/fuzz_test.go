package batch

import (
	"errors"
	"testing"
)

// What a client sends as a batch is refused or sound, and never more: whatever passes can be read by its
// header, and by its records where those are of the client that is believed about what is in them.
func FuzzValidateClient(f *testing.F) {
	f.Add([]byte(sample()), true)
	f.Add([]byte(sample()[:70]), false)
	for _, at := range []int{atLength, atMagic, atAttributes, atCount + 3, HeaderLen, HeaderLen + 3} {
		v := sample()
		v[at] ^= 0x7f
		f.Add([]byte(v), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, stamp bool) {
		v, rest, err := Next(data)
		if err != nil {
			if len(rest) != len(data) {
				t.Fatalf("%d bytes are left of %d: %v", len(rest), len(data), err)
			}
			return
		}
		if stamp { // past the checksum, which a fuzzer does not guess
			v = append(View{}, v...)
			v.Stamp()
		}
		if _, err := v.ValidateClient(new(Codecs)); err != nil {
			known := false
			for _, one := range []error{ErrCorrupt, ErrInvalidRecord, ErrUnsupportedMagic, ErrUnsupportedCodec, ErrTooLarge} {
				known = known || errors.Is(err, one)
			}
			if !known {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if n := int64(v.Count()); n < 1 || v.LastOffset() != n-1 || v.Length() != int64(len(v)) {
			t.Fatalf("%d records, last offset %d, %d bytes of %d", n, v.LastOffset(), v.Length(), len(v))
		}
		if v.Codec() != Uncompressed {
			return
		}
		if records, err := Records(v); err == nil && len(records) != int(v.Count()) {
			t.Fatalf("%d records of %d", len(records), v.Count())
		}
	})
}
