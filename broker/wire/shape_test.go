package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fill sets every exported field of a request, with arrays of up to three elements.
func fill(v reflect.Value, rng *rand.Rand) {
	switch v.Kind() {
	case reflect.Pointer:
		if rng.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), rng)
		}
	case reflect.Struct:
		if tags, ok := v.Addr().Interface().(*kmsg.Tags); ok {
			for range rng.IntN(3) {
				tags.Set(uint32(100+rng.IntN(3)), make([]byte, rng.IntN(5)))
			}
			return
		}
		for i := range v.NumField() {
			if f := v.Field(i); v.Type().Field(i).Name != "Version" && f.CanSet() {
				fill(f, rng)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rng.IntN(4), 4))
		for i := range v.Len() {
			fill(v.Index(i), rng)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), rng)
		}
	case reflect.String:
		v.SetString(strings.Repeat("x", rng.IntN(5)))
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(rng.IntN(100)))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(rng.IntN(100)))
	}
}

// drawn is a request with everything in it that its version has.
func drawn(key, version int16, rng *rand.Rand) kmsg.Request {
	body := newRequest(key)
	fill(reflect.ValueOf(body).Elem(), rng)
	body.SetVersion(version)
	return body
}

// everyVersion of every key of Kafka that is served anywhere.
func everyVersion(each func(key, version int16)) {
	for _, l := range listeners {
		for _, key := range Keys(l) {
			versions, _ := Served(l, key)
			for v := versions.Accepted; v <= versions.Max && privateNames[key] == ""; v++ {
				each(key, v)
			}
		}
	}
}

// The shapes are those of the library that encodes: whatever it writes is passed over to the last byte, and
// no less is enough.
func TestShapes(t *testing.T) {
	everyVersion(func(key, version int16) {
		for seed := range uint64(40) {
			body := drawn(key, version, rand.New(rand.NewPCG(seed, 0)))
			encoded := body.AppendTo(nil)
			if rest, err := checkShape(body, append(encoded, 1, 2, 3)); err != nil || !bytes.Equal(rest, []byte{1, 2, 3}) {
				t.Fatalf("%s version %d, seed %d: %d bytes are left of %d, %v: %+v", Name(key), version, seed, len(rest), len(encoded), err, body)
			}
			for cut := range encoded {
				if _, err := checkShape(body, encoded[:cut]); err == nil {
					t.Fatalf("%s version %d, seed %d: %d of %d bytes are enough", Name(key), version, seed, cut, len(encoded))
				}
			}
		}
	})
}

// What a request says of itself must be true, before anything is done about it: no memory for elements that
// are not there, and no time for tagged fields that are not.
func TestLyingRequests(t *testing.T) {
	header := func(key, version int16, flexible bool) []byte {
		frame := binary.BigEndian.AppendUint16(nil, uint16(key))
		frame = binary.BigEndian.AppendUint16(frame, uint16(version))
		frame = append(frame, 0, 0, 0, 1, 0xff, 0xff)
		if flexible {
			frame = append(frame, 0)
		}
		return frame
	}
	million := func(frame []byte) []byte { return append(frame, make([]byte, 1<<20)...) }
	for name, c := range map[string]struct {
		frame []byte
		want  string
	}{
		"an array beyond the frame": {append(header(3, 0, false), 0x7f, 0xff, 0xff, 0xff), "an array of 2147483647 elements in 0 bytes"},
		"more elements than a request may have": {
			million(append(header(3, 0, false), 0, 0x0f, 0xff, 0xff)), "more than 262144 elements",
		},
		"tagged fields without end": {append(header(18, 3, true), 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f), "more than 262144 elements"},
		"tagged fields in a tagged field": {
			append(header(1, 15, true), append(make([]byte, 4+4+4+1+4+4), 1, 1, 1, 1, 1, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f)...),
			"more than 262144 elements",
		},
		"a tag beyond the frame":    {append(header(18, 3, true), 1, 1, 1, 7, 100), "tagged field 7 has 100 bytes, 0 are left"},
		"records beyond the frame":  {append(header(0, 3, false), 0xff, 0xff, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 'a', 0, 0, 0, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff), "a field of 2147483647 bytes, 0 are left"},
		"a string beyond the frame": {append(header(3, 0, false), 0, 0, 0, 1, 0x7f, 0xff), "a field of 32767 bytes, 0 are left"},
		"a length of 64 bits":       {append(header(18, 3, true), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), "too long"},
	} {
		_, err := ParseRequest(Clients, c.frame)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
