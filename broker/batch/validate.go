package batch

import (
	"errors"
	"fmt"
)

// What can be wrong with a batch. Errors of Next, Peek and Validate wrap exactly one of these.
var (
	// ErrShort is the beginning of a batch whose rest is not there: normal at the end of a fetch, no batch
	// in a produce request (INVALID_RECORD).
	ErrShort = errors.New("incomplete record batch")
	// ErrCorrupt is a batch that is not what was sent (CORRUPT_MESSAGE).
	ErrCorrupt = errors.New("corrupt record batch")
	// ErrInvalidRecord is a batch that arrived as it was sent and contradicts itself (INVALID_RECORD).
	ErrInvalidRecord = errors.New("invalid record batch")
	// ErrUnsupportedMagic is a batch of a format before v2 (INVALID_RECORD). There is none after it.
	ErrUnsupportedMagic = errors.New("unsupported record batch format")
	// ErrUnsupportedCodec is a compression that nobody knows (UNSUPPORTED_COMPRESSION_TYPE).
	ErrUnsupportedCodec = errors.New("unsupported compression")
)

// recordMin is the size of the smallest record: length, attributes, two deltas, null key, null
// value, no headers, one byte each.
const recordMin = 7

// Peek gives the header of the first batch in b, which need not hold the rest of it. The header is
// framed soundly: the format is v2 and the length is possible.
func Peek(b []byte) (header View, err error) {
	if len(b) < framing {
		return nil, fmt.Errorf("%w: %d bytes", ErrShort, len(b))
	}
	// The format's number stands at the same place in every version, so it can be judged first.
	if len(b) > atMagic && b[atMagic] > Magic {
		return nil, fmt.Errorf("%w: format v%d, there is none after v%d", ErrCorrupt, b[atMagic], Magic)
	}
	if len(b) > atMagic && b[atMagic] != Magic {
		return nil, fmt.Errorf("%w: v%d, only v%d is served", ErrUnsupportedMagic, b[atMagic], Magic)
	}
	if length := View(b).Length(); length < HeaderLen {
		return nil, fmt.Errorf("%w: length %d is less than the header's %d", ErrCorrupt, length, HeaderLen)
	}
	if len(b) < HeaderLen {
		return nil, fmt.Errorf("%w: %d bytes of a header of %d", ErrShort, len(b), HeaderLen)
	}
	return View(b[:HeaderLen]), nil
}

// Next splits the first whole batch from b. ErrShort says that b ends within it.
func Next(b []byte) (v View, rest []byte, err error) {
	header, err := Peek(b)
	if err != nil {
		return nil, b, err
	}
	length := header.Length()
	if int64(len(b)) < length {
		return nil, b, fmt.Errorf("%w: %d bytes of %d", ErrShort, len(b), length)
	}
	return View(b[:length:length]), b[length:], nil
}

// Validate checks everything that can be checked without taking the records apart: framing,
// checksum, and that the header agrees with itself, as Kafka's LogValidator does for format v2.
func (v View) Validate() error {
	if err := v.sound(); err != nil {
		return err
	}
	switch count, delta := v.Count(), v.LastOffsetDelta(); {
	case count <= 0:
		return fmt.Errorf("%w: %d records", ErrInvalidRecord, count)
	case delta != count-1:
		return fmt.Errorf("%w: %d records, but the last offset delta is %d", ErrInvalidRecord, count, delta)
	}
	return v.consistent()
}

// sound checks framing and checksum.
func (v View) sound() error {
	header, err := Peek(v)
	if err != nil {
		return err
	}
	if header.Length() != int64(len(v)) {
		return fmt.Errorf("%w: its length field says %d bytes, it has %d", ErrCorrupt, header.Length(), len(v))
	}
	if stored, computed := v.CRC(), v.Checksum(); stored != computed {
		return fmt.Errorf("%w: its checksum is %08x, its bytes give %08x", ErrCorrupt, stored, computed)
	}
	return nil
}

// consistent checks a batch whose bytes are as its author wrote them.
func (v View) consistent() error {
	count := v.Count()
	switch {
	case v.Codec() > Zstd:
		return fmt.Errorf("%w: codec %d", ErrUnsupportedCodec, v.Codec())
	case v.Codec() == Uncompressed && int64(count)*recordMin > int64(len(v.records())):
		return fmt.Errorf("%w: %d records do not fit in %d bytes", ErrInvalidRecord, count, len(v.records()))
	case v.ProducerID() < 0 && v.IsTransactional():
		return fmt.Errorf("%w: transactional, but without a producer id", ErrInvalidRecord)
	case v.ProducerID() >= 0 && v.ProducerEpoch() < 0:
		return fmt.Errorf("%w: producer id %d has epoch %d", ErrInvalidRecord, v.ProducerID(), v.ProducerEpoch())
	// A marker of the broker carries the id of its producer, and no sequence.
	case v.ProducerID() >= 0 && v.BaseSequence() < 0 && !v.IsControl():
		return fmt.Errorf("%w: producer id %d has sequence %d", ErrInvalidRecord, v.ProducerID(), v.BaseSequence())
	}
	return nil
}
