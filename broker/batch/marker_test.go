package batch

import (
	"encoding/hex"
	"errors"
	"testing"
)

// The bytes are those that Apache Kafka 4 writes for the end of a transaction.
func TestMarkerIsKafkas(t *testing.T) {
	for want, m := range map[string]Marker{
		"0000000000000000" + "00000042" + "ffffffff" + "02" + "........" + "0030" + "00000000" + "00000000000003e8" + "00000000000003e8" +
			"0000000000000007" + "0004" + "ffffffff" + "00000001" + "20" + "00" + "00" + "00" + "08" + "00000001" + "0c" + "000000000009" + "00": {Commit: true, CoordinatorEpoch: 9},
		"0000000000000000" + "00000042" + "ffffffff" + "02" + "........" + "0030" + "00000000" + "00000000000003e8" + "00000000000003e8" +
			"0000000000000007" + "0004" + "ffffffff" + "00000001" + "20" + "00" + "00" + "00" + "08" + "00000000" + "0c" + "000000000000" + "00": {},
	} {
		v := BuildMarker(7, 4, m, 1000)
		if err := v.Validate(); err != nil {
			t.Fatal(err)
		}
		got := hex.EncodeToString(v)
		if crc := hex.EncodeToString(v[atCRC:atAttributes]); got[:34]+"........"+got[42:] != want || len(crc) != 8 {
			t.Errorf("%+v:\n%s\n%s", m, got, want)
		}
		if read, err := ReadMarker(v); err != nil || read != m {
			t.Errorf("%+v is read as %+v, %v", m, read, err)
		}
		if !v.IsControl() || !v.IsTransactional() || v.BaseSequence() != -1 || v.ProducerID() != 7 || v.ProducerEpoch() != 4 || v.LastOffset() != 0 {
			t.Errorf("%+v: the header says something else", m)
		}
	}
}

// What is no marker is not taken for one, whatever it is.
func TestReadMarkerRefuses(t *testing.T) {
	data := func(key, value []byte, attributes int16) View {
		var b Builder
		b.Producer(1, 0, 0)
		b.Add(key, value, 0)
		v := b.Build()
		v.put16(atAttributes, attributes)
		return v
	}
	control, value := int16(transactionalBit|controlBit), []byte{0, 0, 0, 0, 0, 1}
	for what, v := range map[string]View{
		"a record of a client":      data([]byte{0, 0, 0, 1}, value, transactionalBit),
		"a control batch of a raft": data([]byte{0, 0, 0, 2}, value, controlBit),
		"another type":              data([]byte{0, 0, 0, 2}, value, control),
		"a version below 0":         data([]byte{255, 255, 0, 1}, value, control),
		"a value below version 0":   data([]byte{0, 0, 0, 1}, []byte{255, 255, 0, 0, 0, 1}, control),
		"a key cut short":           data([]byte{0, 0, 0}, value, control),
		"a value cut short":         data([]byte{0, 0, 0, 1}, value[:5], control),
		"no key":                    data(nil, value, control),
		"compressed":                data([]byte{0, 0, 0, 1}, value, control|int16(Gzip)),
	} {
		if m, err := ReadMarker(v); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: %+v, %v", what, m, err)
		}
	}
	two := BuildMarker(1, 0, Marker{}, 0)
	two.put32(atCount, 2)
	if _, err := ReadMarker(two); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("two records: %v", err)
	}
	none := BuildMarker(-1, 0, Marker{}, 0)
	if _, err := ReadMarker(none); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("nobody's: %v", err)
	}
	cut := BuildMarker(1, 0, Marker{}, 0)
	if _, err := ReadMarker(cut[:len(cut)-5]); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("cut short: %v", err)
	}
}

// A transactional batch of a client is like any other, but for its attribute.
func TestBuilderTransactional(t *testing.T) {
	var b Builder
	b.Producer(3, 1, 0)
	b.Transactional()
	b.Add(nil, []byte("v"), 5)
	v := b.Build()
	if err := v.Validate(); err != nil || !v.IsTransactional() || v.IsControl() {
		t.Errorf("%v, transactional %v, control %v", err, v.IsTransactional(), v.IsControl())
	}
	if sum, err := v.ValidateClient(new(Codecs)); err != nil || sum.MaxTimestamp != 5 {
		t.Errorf("%+v, %v", sum, err)
	}
}
