package log

import (
	"errors"
	"fmt"
	"io"

	"github.com/logproof/logproof/broker/batch"
)

const (
	// verifyBytes are read at once where every byte is looked at.
	verifyBytes = 256 << 10
	// headerBytes are read at once where only headers are.
	headerBytes = 4096
)

// window reads a file through a buffer. Only the first size bytes of the file count.
type window struct {
	file io.ReaderAt
	size int64
	buf  []byte
	// kept bytes of the buffer come from position start on.
	start int64
	kept  int
	head  [batch.HeaderLen]byte
}

func newWindow(file io.ReaderAt, size int64, verify bool) *window {
	n := int64(headerBytes)
	if verify {
		n = verifyBytes
	}
	return &window{file: file, size: size, buf: make([]byte, min(n, max(size, 1)))}
}

// from gives the bytes at a position: at least want of them, unless the file or the buffer ends before.
func (w *window) from(position int64, want int64) ([]byte, error) {
	want = min(want, w.size-position, int64(len(w.buf)))
	if position < w.start || position+want > w.start+int64(w.kept) {
		n := min(int64(len(w.buf)), w.size-position)
		w.start, w.kept = position, 0
		if err := readFull(w.file, w.buf[:n], position); err != nil {
			return nil, err
		}
		w.kept = int(n)
	}
	return w.buf[position-w.start : w.kept], nil
}

// header gives the header of the batch at a position, valid until the next call. reason says why
// there is no batch; err is a failure to read, which says nothing about the file.
func (w *window) header(position int64) (h batch.View, reason string, err error) {
	b, err := w.from(position, batch.HeaderLen)
	if err != nil {
		return nil, "", err
	}
	peeked, bad := batch.Peek(b)
	switch {
	case errors.Is(bad, batch.ErrShort):
		return nil, fmt.Sprintf("the file ends after %d bytes of a batch", w.size-position), nil
	case bad != nil:
		return nil, bad.Error(), nil
	case peeked.Length() > w.size-position:
		return nil, fmt.Sprintf("the file ends after %d bytes of a batch of %d", w.size-position, peeked.Length()), nil
	case peeked.LastOffsetDelta() < 0:
		return nil, fmt.Sprintf("the last offset delta is %d", peeked.LastOffsetDelta()), nil
	}
	copy(w.head[:], peeked)
	return w.head[:], "", nil
}

// checksum reads the batch with the header h, which begins at a position.
func (w *window) checksum(h batch.View, position int64) (reason string, err error) {
	sum := uint32(0)
	for at, end := position+batch.Checked, position+h.Length(); at < end; {
		b, err := w.from(at, end-at)
		if err != nil {
			return "", err
		}
		b = b[:min(int64(len(b)), end-at)]
		sum = batch.AddChecksum(sum, b)
		at += int64(len(b))
	}
	if sum != h.CRC() {
		return fmt.Sprintf("the checksum is %08x, the bytes give %08x", h.CRC(), sum), nil
	}
	return "", nil
}

// flaw is the place where a file stops being a sequence of sound batches.
type flaw struct {
	position, offset int64
	reason           string
}

// walk gives the headers of the batches from a position on to visit, until that returns false. The
// first must begin at offset next (-1: anywhere), each other where the one before it ends. With
// verify, checksums are checked. Control batches are given with their records, if those are as few as a marker has. A flaw is damage, an error a failure to read.
func (w *window) walk(position, next int64, verify bool, visit func(h batch.View, position int64) bool) (*flaw, error) {
	for position < w.size {
		h, reason, err := w.header(position)
		if err == nil && reason == "" && next >= 0 && h.BaseOffset() != next {
			reason = fmt.Sprintf("a batch with base offset %d is here", h.BaseOffset())
		}
		if err == nil && reason == "" && verify {
			reason, err = w.checksum(h, position)
		}
		switch {
		case err != nil:
			return nil, err
		case reason != "":
			return &flaw{position, max(next, 0), reason}, nil
		}
		next = h.LastOffset() + 1
		length := h.Length()
		if h.IsControl() && length <= headerBytes {
			b, err := w.from(position, length)
			if err != nil {
				return nil, err
			}
			h = batch.View(b[:length])
		}
		if !visit(h, position) {
			return nil, nil
		}
		position += length
	}
	return nil, nil
}
