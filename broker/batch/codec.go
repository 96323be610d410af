package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Bounds of what is decompressed, whatever a client sends.
const (
	// ExpandedMax bytes are what one batch may hold, compressed or not: what a request may have by default. A
	// batch that holds more is ErrTooLarge. Apache Kafka has no such limit.
	ExpandedMax = 100 << 20
	// zstdWindowMax is the window that a decoder must be able to keep (RFC 8878 recommends it), and here the
	// most that it does.
	zstdWindowMax = 8 << 20
	// windowBytes of decompressed records are looked at at once.
	windowBytes = 16 << 10
	// snappyExpansion is more than a snappy block can expand: three bytes make 64 of them at most.
	snappyExpansion = 22
)

// ErrTooLarge is a batch that decompresses to more than ExpandedMax (MESSAGE_TOO_LARGE: clients split it).
var ErrTooLarge = errors.New("record batch expands to too much")

// Codecs compresses and decompresses the records of batches. It keeps what is expensive to make; one user at a time
// may have it. Its zero value works.
type Codecs struct {
	gzip   *gzip.Reader
	lz4    *lz4.Reader
	zstd   *zstd.Decoder
	snappy snappyReader
	source bytes.Reader
	stream stream
	// writers by codec and level.
	writers map[level]compressor
}

// reader decompresses the records of a batch; it is valid until the next call.
func (c *Codecs) reader(v View) (io.Reader, error) {
	c.source.Reset(v.records())
	switch v.Codec() {
	case Uncompressed:
		return &c.source, nil
	case Gzip:
		if c.gzip == nil {
			c.gzip = new(gzip.Reader)
		}
		return c.gzip, c.gzip.Reset(&c.source)
	case Snappy:
		return &c.snappy, c.snappy.reset(v.records())
	case LZ4:
		if c.lz4 == nil {
			c.lz4 = lz4.NewReader(&c.source)
		}
		c.lz4.Reset(&c.source)
		return c.lz4, nil
	case Zstd:
		if c.zstd == nil {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindowMax))
			if err != nil {
				return nil, err
			}
			c.zstd = d
		}
		return c.zstd, c.zstd.Reset(&c.source)
	}
	return nil, fmt.Errorf("%w: codec %d", ErrUnsupportedCodec, v.Codec())
}

// open gives the records of a batch as a stream of bytes.
func (c *Codecs) open(v View) (*stream, error) {
	from, err := c.reader(v)
	if err != nil {
		return nil, undecodable(v, err)
	}
	if c.stream.buf == nil {
		c.stream.buf = make([]byte, windowBytes)
	}
	c.stream = stream{from: from, buf: c.stream.buf, left: ExpandedMax}
	return &c.stream, nil
}

// Expand gives the records of a batch decompressed, in memory of their own.
func (c *Codecs) Expand(v View) ([]byte, error) {
	if v.Codec() == Uncompressed {
		return bytes.Clone(v.records()), nil
	}
	from, err := c.reader(v)
	if err != nil {
		return nil, undecodable(v, err)
	}
	all, err := io.ReadAll(io.LimitReader(from, ExpandedMax+1))
	switch {
	case err != nil:
		return nil, undecodable(v, err)
	case len(all) > ExpandedMax:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, ExpandedMax)
	}
	return all, nil
}

// undecodable is the error of records that are not what their codec writes.
func undecodable(v View, err error) error {
	if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnsupportedCodec) {
		return err
	}
	return fmt.Errorf("%w: its records are no %s: %w", ErrInvalidRecord, v.Codec(), err)
}

// snappyMagic begins the framing that Java's snappy library writes: versions in 8 bytes follow, then blocks, each
// with its length in 4 bytes before it. Other clients write one block without any framing; both are taken.
var snappyMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const snappyHeader = 16

// snappyReader gives the bytes of one block after the other.
type snappyReader struct {
	rest   []byte // blocks to come, framed
	framed bool
	block  []byte // of the present block what was not read
	buf    []byte
}

func (r *snappyReader) reset(src []byte) error {
	r.rest, r.block, r.framed = src, nil, bytes.HasPrefix(src, snappyMagic)
	if r.framed {
		if len(src) < snappyHeader {
			return io.ErrUnexpectedEOF
		}
		r.rest = src[snappyHeader:]
	}
	return nil
}

func (r *snappyReader) Read(p []byte) (int, error) {
	for len(r.block) == 0 {
		if len(r.rest) == 0 {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.block)
	r.block = r.block[n:]
	return n, nil
}

// next decodes the next block. Its length is its own claim, and believed only as far as it can be true.
func (r *snappyReader) next() error {
	block := r.rest
	if r.framed {
		if len(r.rest) < 4 {
			return io.ErrUnexpectedEOF
		}
		size := int64(binary.BigEndian.Uint32(r.rest))
		if size > int64(len(r.rest)-4) {
			return io.ErrUnexpectedEOF
		}
		block = r.rest[4 : 4+size]
		r.rest = r.rest[4+size:]
	} else {
		r.rest = nil
	}
	size, err := snappy.DecodedLen(block)
	switch {
	case err != nil:
		return err
	case size > snappyExpansion*len(block):
		return fmt.Errorf("a block of %d bytes says that it expands to %d", len(block), size)
	case size > ExpandedMax:
		return ErrTooLarge
	}
	if cap(r.buf) < size || cap(r.buf) > 1<<20 && size < 1<<20 { // a large one is not kept for small ones
		r.buf = make([]byte, size)
	}
	r.block, err = snappy.Decode(r.buf[:cap(r.buf)], block)
	return err
}

// stream takes fields from decompressed records, with little of them in memory.
type stream struct {
	from io.Reader
	buf  []byte
	// at is the next byte of buf, end the one after the last.
	at, end int
	// left is how much may still come.
	left int64
}

// fill reads more; io.EOF if there is none.
func (s *stream) fill() error {
	for range 100 {
		n, err := s.from.Read(s.buf)
		s.at, s.end = 0, n
		if s.left -= int64(n); s.left < 0 {
			return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, ExpandedMax)
		}
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

func (s *stream) ReadByte() (byte, error) {
	if s.at == s.end {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	s.at++
	return s.buf[s.at-1], nil
}

func (s *stream) varint() (n int64, size int64, err error) {
	shift := uint(0)
	u := uint64(0)
	for size = 1; size <= binary.MaxVarintLen64; size++ {
		b, err := s.ReadByte()
		if err != nil {
			return 0, size, err
		}
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(u>>1) ^ -int64(u&1), size, nil
		}
		shift += 7
	}
	return 0, size, errors.New("a number of more than 10 bytes")
}

func (s *stream) skip(n int64) error {
	for n > 0 {
		if s.at == s.end {
			if err := s.fill(); err != nil {
				return err
			}
		}
		step := min(n, int64(s.end-s.at))
		s.at += int(step)
		n -= step
	}
	return nil
}
