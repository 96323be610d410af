package command

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/twmb/franz-go/pkg/kgo"
)

// dumpBatchMax bounds the batches that are read into memory; what says it is larger is damaged.
const dumpBatchMax = 1 << 30

// Where the length of what follows it stands in a batch, and which bits of its attributes are the codec.
const (
	lengthAt  = 8
	codecMask = 0x7
)

// found is a batch in a segment.
type found struct {
	batch.View
	position int64
	// damage is what is wrong with it, nil for nothing.
	damage error
}

// batches gives the batches of a segment to a function, whole, until something cannot be framed: what lies
// behind that cannot be told. rest is what is wrong there, nil if the file ends with a batch.
func batches(path string, each func(found)) (size int64, rest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, usage("%w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, nil, environment(err)
	}
	size = info.Size()
	header := make([]byte, batch.HeaderLen)
	for at := int64(0); at < size; {
		if _, err := f.ReadAt(header, at); errors.Is(err, io.EOF) {
			return size, fmt.Errorf("%d bytes at %d are less than the header of a batch", size-at, at), nil
		} else if err != nil {
			return size, nil, environment(err)
		}
		v, err := batch.Peek(header)
		if err != nil {
			return size, fmt.Errorf("at %d: %w", at, err), nil
		}
		if v.Length() > size-at || v.Length() > dumpBatchMax {
			return size, fmt.Errorf("the batch at %d says that it has %d bytes, and the file ends after %d", at, v.Length(), size-at), nil
		}
		whole := make(batch.View, v.Length())
		if _, err := f.ReadAt(whole, at); err != nil {
			return size, nil, environment(err)
		}
		each(found{View: whole, position: at, damage: whole.Validate()})
		at += int64(len(whole))
	}
	return size, nil, nil
}

// segment prints the batches of a log file; end is the offset after its last one.
func (d *dumper) segment(path string, base int64) (end int64, err error) {
	fmt.Fprintf(d.out, "%s\n", path)
	end, epoch, count, records := base, int32(-1), 0, int64(0)
	size, rest, err := batches(path, func(b found) {
		if count == 0 {
			fmt.Fprintf(d.out, "  %10s %9s %21s %7s %5s %-12s %-24s %-8s %s\n", "position", "bytes", "offsets", "records", "epoch", "codec", "newest", "crc", "producer")
		}
		count++
		records += int64(b.Count())
		d.batch(b)
		if b.BaseOffset() < end {
			d.damage("the batch at %d begins at offset %d, and the log before it ends at %d", b.position, b.BaseOffset(), end)
		}
		if b.LeaderEpoch() < epoch {
			d.damage("the batch at %d is of leader epoch %d, and the one before it of %d", b.position, b.LeaderEpoch(), epoch)
		}
		end, epoch = max(end, b.LastOffset()+1), max(epoch, b.LeaderEpoch())
	})
	if err != nil {
		return end, err
	}
	if rest != nil {
		d.damage("%v: what is behind cannot be told; at the end of the last segment it may be a torn write, which recovery cuts", rest)
	}
	fmt.Fprintf(d.out, "  batches: %d, records: %d, offsets %d to %d, bytes: %d\n", count, records, base, end-1, size)
	return end, nil
}

// batch prints one batch, and its records if they are asked for.
func (d *dumper) batch(b found) {
	crc := "ok"
	if b.CRC() != b.Checksum() {
		crc = fmt.Sprintf("%08x", b.CRC())
	}
	fmt.Fprintf(d.out, "  %10d %9d %21s %7d %5d %-12s %-24s %-8s %s\n", b.position, b.Length(), fmt.Sprintf("%d..%d", b.BaseOffset(), b.LastOffset()),
		b.Count(), b.LeaderEpoch(), b.Codec(), stamp(b.MaxTimestamp()), crc, writer(b.View))
	if b.damage != nil {
		d.damage("the batch at %d: %v", b.position, b.damage)
		return
	}
	records, err := recordsOf(b.View)
	if err != nil {
		d.damage("the batch at %d: %v", b.position, err)
		return
	}
	if !d.records {
		return
	}
	for _, r := range records {
		fmt.Fprintf(d.out, "    %d %s key %s value %s", r.Offset, stamp(r.Timestamp), quote(r.Key), quote(r.Value))
		for _, h := range r.Headers {
			fmt.Fprintf(d.out, " %s=%s", h.Key, quote(h.Value))
		}
		fmt.Fprintln(d.out)
	}
}

// recordsOf takes a batch apart, whatever it is compressed with.
func recordsOf(v batch.View) ([]batch.Record, error) {
	if v.Codec() == batch.Uncompressed {
		return batch.Records(v)
	}
	plain, err := kgo.DefaultDecompressor().Decompress(v[batch.HeaderLen:], kgo.CompressionCodecType(v.Codec()))
	if err != nil {
		return nil, fmt.Errorf("decompress %s: %w", v.Codec(), err)
	}
	// The same batch as it would be without compression.
	head := bytes.Clone(v[:batch.HeaderLen])
	binary.BigEndian.PutUint16(head[batch.Checked:], uint16(v.Attributes())&^codecMask)
	binary.BigEndian.PutUint32(head[lengthAt:], uint32(len(head)-lengthAt-4+len(plain)))
	view := batch.View(append(head, plain...))
	view.Stamp()
	return batch.Records(view)
}

// writer says who wrote a batch, and what is special about it.
func writer(v batch.View) string {
	text := "-"
	if v.ProducerID() >= 0 {
		text = fmt.Sprintf("%d epoch %d sequence %d..%d", v.ProducerID(), v.ProducerEpoch(), v.BaseSequence(), v.LastSequence())
	}
	if v.IsTransactional() {
		text += " transactional"
	}
	if v.IsControl() {
		text += " control"
	}
	if m, err := batch.ReadMarker(v); err == nil {
		text = fmt.Sprintf("%d epoch %d %s", v.ProducerID(), v.ProducerEpoch(), ending(m))
	}
	if v.TimestampType() == batch.LogAppendTime {
		text += " append-time"
	}
	return text
}

// stamp is a timestamp in milliseconds for people.
func stamp(milliseconds int64) string {
	if milliseconds < 0 {
		return "none"
	}
	return time.UnixMilli(milliseconds).UTC().Format("2006-01-02T15:04:05.000Z")
}

// quote shows bytes in one line; nil is none.
func quote(b []byte) string {
	if b == nil {
		return "none"
	}
	return strconv.Quote(string(b))
}
