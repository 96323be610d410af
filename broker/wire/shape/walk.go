package shape

import (
	"encoding/binary"
	"fmt"
	"math"
)

// ElementsMax is how many elements and tagged fields one body may have: some tens of megabytes, decoded.
const ElementsMax = 1 << 18

// Pass passes over a body of a version and returns what comes after its end, or says what is wrong with it, and at
// which of its bytes. flexible says that lengths are varints and structs end with tagged fields (KIP-482).
func (s Shape) Pass(version int16, flexible bool, body []byte) (rest []byte, err error) {
	w := walker{rest: body, version: version, flexible: flexible}
	if err := w.structure(s); err != nil {
		return nil, fmt.Errorf("%w at byte %d of %d", err, len(body)-len(w.rest), len(body))
	}
	return w.rest, nil
}

// walker passes over a body.
type walker struct {
	rest     []byte
	version  int16
	flexible bool
	elements int
}

func (w *walker) structure(shape Shape) error {
	for i := range shape {
		f := &shape[i]
		if f.tagged || !w.has(f) {
			continue
		}
		if err := w.field(f); err != nil {
			return err
		}
	}
	if !w.flexible {
		return nil
	}
	return w.tags(shape)
}

// has says whether a field is in bodies of this version.
func (w *walker) has(f *field) bool { return w.version >= f.min && w.version <= f.max }

func (w *walker) field(f *field) error {
	switch f.kind {
	case 'f':
		return w.skip(int64(f.size))
	case 's', 'b':
		n, err := w.length(f.kind == 's')
		if err != nil {
			return err
		}
		return w.skip(max(n, 0))
	case '{':
		return w.structure(f.of)
	case '?':
		present := w.rest
		if err := w.skip(1); err != nil || int8(present[0]) == -1 {
			return err
		}
		return w.structure(f.of)
	}
	return w.array(f)
}

func (w *walker) array(f *field) error {
	n, err := w.length(false)
	if err != nil {
		return err
	}
	if n > int64(len(w.rest)) {
		return fmt.Errorf("an array of %d elements in %d bytes", n, len(w.rest))
	}
	if err := w.count(uint64(max(n, 0))); err != nil {
		return err
	}
	for ; n > 0 && err == nil; n-- {
		if f.kind == '[' {
			err = w.structure(f.of)
		} else {
			err = w.field(&f.of[0])
		}
	}
	return err
}

// length reads how long a string, bytes or an array is; -1 is null.
func (w *walker) length(short bool) (int64, error) {
	switch {
	case w.flexible:
		n, err := w.uvarint()
		return int64(n) - 1, err
	case short && len(w.rest) >= 2:
		n := int16(binary.BigEndian.Uint16(w.rest))
		w.rest = w.rest[2:]
		return int64(n), nil
	case !short && len(w.rest) >= 4:
		n := int32(binary.BigEndian.Uint32(w.rest))
		w.rest = w.rest[4:]
		return int64(n), nil
	}
	return 0, fmt.Errorf("the end is missing")
}

// tags passes the tagged fields of a struct, and looks into those that its shape knows.
func (w *walker) tags(shape Shape) error {
	count, err := w.uvarint()
	if err == nil {
		err = w.count(uint64(count))
	}
	for ; count > 0 && err == nil; count-- {
		tag, bad := w.uvarint()
		size, bad2 := w.uvarint()
		if bad != nil || bad2 != nil || uint64(size) > uint64(len(w.rest)) {
			return fmt.Errorf("tagged field %d has %d bytes, %d are left", tag, size, len(w.rest))
		}
		inner := *w
		inner.rest = w.rest[:size]
		w.rest = w.rest[size:]
		for i := range shape {
			if f := &shape[i]; f.tagged && f.tag == tag && w.has(f) {
				err = inner.field(f)
			}
		}
		w.elements = inner.elements
	}
	return err
}

func (w *walker) count(n uint64) error {
	if n > ElementsMax || w.elements+int(n) > ElementsMax {
		return fmt.Errorf("more than %d elements", ElementsMax)
	}
	w.elements += int(n)
	return nil
}

func (w *walker) skip(n int64) error {
	if n > int64(len(w.rest)) {
		return fmt.Errorf("a field of %d bytes, %d are left", n, len(w.rest))
	}
	w.rest = w.rest[n:]
	return nil
}

// uvarint of at most 32 bits, as all lengths and counts are.
func (w *walker) uvarint() (uint32, error) {
	n, size := binary.Uvarint(w.rest)
	if size <= 0 || n > math.MaxUint32 {
		return 0, fmt.Errorf("a length is cut short, or too long")
	}
	w.rest = w.rest[size:]
	return uint32(n), nil
}
