package batch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// level names a compressor: the levels are Kafka's (KIP-390).
type level struct {
	codec Codec
	level int
}

// compressor adds src, compressed, to dst.
type compressor func(dst, src []byte) ([]byte, error)

// DefaultLevel stands for the level that a codec has by default; codecs without levels ignore it.
const DefaultLevel = -1

// Recompress gives a batch with its records compressed by another codec (compression.type of the topic), in memory
// of its own; everything else about it stays. Levels are 1 to 9 for gzip and 1 to 17 for lz4, -131072 to 22 for zstd;
// what is out of range is brought into it.
func (c *Codecs) Recompress(v View, to Codec, at int) (View, error) {
	records, err := c.Expand(v)
	if err != nil {
		return nil, err
	}
	out := make(View, HeaderLen, HeaderLen+len(v.records())+len(v.records())/8)
	copy(out, v[:HeaderLen])
	if to == Uncompressed {
		out = append(out, records...)
	} else {
		with, err := c.compressor(level{to, at})
		if err != nil {
			return nil, err
		}
		compressed, err := with(out, records)
		if err != nil {
			return nil, fmt.Errorf("compress with %s: %w", to, err)
		}
		out = compressed
	}
	out.put32(atLength, int32(len(out)-framing))
	out.put16(atAttributes, out.Attributes()&^codecBits|int16(to))
	out.Stamp()
	return out, nil
}

func (c *Codecs) compressor(l level) (compressor, error) {
	if made := c.writers[l]; made != nil {
		return made, nil
	}
	made, err := newCompressor(l)
	if err != nil {
		return nil, err
	}
	if c.writers == nil {
		c.writers = map[level]compressor{}
	}
	c.writers[l] = made
	return made, nil
}

func newCompressor(l level) (compressor, error) {
	switch l.codec {
	case Gzip:
		at := gzip.DefaultCompression
		if l.level != DefaultLevel {
			at = min(max(l.level, gzip.BestSpeed), gzip.BestCompression)
		}
		w, err := gzip.NewWriterLevel(nil, at)
		if err != nil {
			return nil, err
		}
		return func(dst, src []byte) ([]byte, error) { return through(w, dst, src) }, nil
	case Snappy:
		return func(dst, src []byte) ([]byte, error) { return appendSnappy(dst, src), nil }, nil
	case LZ4:
		w := lz4.NewWriter(nil)
		// As Kafka writes it: independent blocks of 64 KiB without checksums.
		options := []lz4.Option{lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.CompressionLevelOption(lz4Level(l.level))}
		if err := w.Apply(options...); err != nil {
			return nil, err
		}
		return func(dst, src []byte) ([]byte, error) { return through(w, dst, src) }, nil
	case Zstd:
		at := zstd.SpeedDefault
		if l.level != DefaultLevel {
			at = zstd.EncoderLevelFromZstd(l.level)
		}
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(at), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, err
		}
		return func(dst, src []byte) ([]byte, error) { return e.EncodeAll(src, dst), nil }, nil
	}
	return nil, fmt.Errorf("%w: codec %d", ErrUnsupportedCodec, l.codec)
}

// lz4Level maps Kafka's levels, 1 to 17 with 9 by default, to the library's: fast, and nine that are not.
func lz4Level(at int) lz4.CompressionLevel {
	if at == DefaultLevel || at < 2 {
		return lz4.Fast
	}
	levels := [...]lz4.CompressionLevel{lz4.Level1, lz4.Level2, lz4.Level3, lz4.Level4, lz4.Level5, lz4.Level6, lz4.Level7, lz4.Level8, lz4.Level9}
	return levels[min((at-1)/2, len(levels)-1)]
}

// resettable is a writer that is used again.
type resettable interface {
	io.WriteCloser
	Reset(io.Writer)
}

func through(w resettable, dst, src []byte) ([]byte, error) {
	to := bytes.NewBuffer(dst)
	w.Reset(to)
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return to.Bytes(), nil
}

// snappyBlock is how many bytes Java's library puts into a block.
const snappyBlock = 32 << 10

// appendSnappy writes the framing of Java's library, which every client reads.
func appendSnappy(dst, src []byte) []byte {
	dst = append(dst, snappyMagic...)
	dst = append(dst, 0, 0, 0, 1, 0, 0, 0, 1) // its version, and the oldest one that reads it
	for part := range slices.Chunk(src, snappyBlock) {
		block := snappy.Encode(nil, part)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(block)))
		dst = append(dst, block...)
	}
	return dst
}
