package history

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// TornError is a history that does not end with its end mark: its recorder was killed or its disk
// was full, or the file was damaged. Everything before was read.
type TornError struct {
	// Blocks and Entries that were read whole.
	Blocks, Entries int64
	// Offset in the file of the first byte that is not part of them.
	Offset int64
	Reason string
}

// Error says where the history ends and why.
func (e *TornError) Error() string {
	return fmt.Sprintf("history is torn at byte %d, after %d whole blocks (%d entries): %s", e.Offset, e.Blocks, e.Entries, e.Reason)
}

// Source is anything that gives the entries of a history in order: a Reader, a JSONLReader, a Text.
type Source interface {
	// Meta of the run.
	Meta() Meta
	// Next entry; io.EOF at the clean end of the history, *TornError after the last whole entry of
	// one that was cut short.
	Next() (Entry, error)
}

// Reader reads the binary form. Not for concurrent use.
type Reader struct {
	r       *bufio.Reader
	closer  io.Closer
	meta    Meta
	offset  int64 // of the next block
	blocks  int64
	entries int64
	left    uint32 // entries of the current block not yet read
	dec     *decoder
	buf     []byte
	err     error // what Next returns from now on
}

// Open reads a history file; the caller closes the Reader.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	r, err := NewReader(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	r.closer = f
	return r, nil
}

// NewReader reads and checks the header. A file that is no history, a newer format version and a
// damaged header are errors here; damage further on is a TornError of Next.
func NewReader(r io.Reader) (*Reader, error) {
	br := bufio.NewReaderSize(r, 256<<10)
	head := make([]byte, headerHead)
	if n, err := io.ReadFull(br, head); err != nil {
		if n == 0 && err == io.EOF {
			return nil, errors.New("history is empty: its recorder was never started, or the file is another one")
		}
		return nil, shortHeader(err)
	}
	if string(head[:len(magic)]) != magic {
		return nil, fmt.Errorf("not a history: it begins with %q, not %q; is it another file of the run?", head[:len(magic)], magic)
	}
	if v := binary.LittleEndian.Uint16(head[len(magic):]); v < oldestVersion || v > formatVersion {
		return nil, fmt.Errorf("history has format version %d, this program reads versions %d to %d: use the version of the program that recorded it", v, oldestVersion, formatVersion)
	}
	length := binary.LittleEndian.Uint32(head[len(magic)+2:])
	if length > metaMax {
		return nil, fmt.Errorf("history header is damaged: it claims %d bytes of meta, the limit is %d", length, metaMax)
	}
	rest := make([]byte, int(length)+4)
	if _, err := io.ReadFull(br, rest); err != nil {
		return nil, shortHeader(err)
	}
	data, sum := rest[:length], binary.LittleEndian.Uint32(rest[length:])
	if crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, data) != sum {
		return nil, errors.New("history header is damaged: its checksum does not hold; nothing of the file can be trusted")
	}
	reader := &Reader{r: br, offset: int64(len(head) + len(rest))}
	if err := json.Unmarshal(data, &reader.meta); err != nil {
		return nil, fmt.Errorf("history header is damaged: %w", err)
	}
	return reader, nil
}

// shortHeader wraps an error of reading the header.
func shortHeader(err error) error {
	return fmt.Errorf("history header is cut short: the recorder was killed while it started, or the file was truncated: %w", err)
}

// Meta of the run.
func (r *Reader) Meta() Meta { return r.meta }

// Close closes the file that Open opened; for other readers it does nothing.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// Next returns the next entry, which the caller owns. At the end it returns io.EOF, or a *TornError
// that says how much was read; both stay.
func (r *Reader) Next() (Entry, error) {
	for r.err == nil && r.left == 0 {
		r.err = r.block()
	}
	if r.err != nil {
		return Entry{}, r.err
	}
	entry, err := r.dec.next()
	if err != nil {
		r.err = r.torn(err.Error())
		return Entry{}, r.err
	}
	r.left--
	r.entries++
	if r.left == 0 {
		r.blocks++
		r.offset += int64(len(r.buf))
		if len(r.dec.buf) > 0 {
			r.err = r.torn("a block has bytes after its last entry")
		}
	}
	return entry, nil
}

// torn is the error for what stands at the current block.
func (r *Reader) torn(reason string) error {
	return &TornError{Blocks: r.blocks, Entries: r.entries, Offset: r.offset, Reason: reason}
}

// block reads the next block, or gives the reason why there is none.
func (r *Reader) block() error {
	head := make([]byte, blockHead)
	switch n, err := io.ReadFull(r.r, head); {
	case n == 0 && err == io.EOF:
		return r.torn("there is no end mark: the recorder was not closed")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.torn("the last block is cut short")
	case err != nil:
		return fmt.Errorf("read history at byte %d: %w", r.offset, err)
	}
	length := binary.LittleEndian.Uint32(head)
	entries := binary.LittleEndian.Uint32(head[4:])
	if length > blockMax {
		return r.torn(fmt.Sprintf("a block claims %d bytes, the limit is %d", length, blockMax))
	}
	if cap(r.buf) < blockHead+int(length) {
		r.buf = make([]byte, blockHead+int(length))
	}
	r.buf = r.buf[:blockHead+int(length)]
	copy(r.buf, head)
	switch _, err := io.ReadFull(r.r, r.buf[blockHead:]); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.torn("the last block is cut short")
	case err != nil:
		return fmt.Errorf("read history at byte %d: %w", r.offset, err)
	}
	if blockSum(r.buf) != binary.LittleEndian.Uint32(head[8:]) {
		return r.torn("a block's checksum does not hold")
	}
	if length == 0 {
		return r.end(entries)
	}
	if entries == 0 || entries > length {
		return r.torn(fmt.Sprintf("a block of %d bytes claims %d entries", length, entries))
	}
	r.left, r.dec = entries, newDecoder(r.buf[blockHead:])
	return nil
}

// end judges the end mark, which tells the number of blocks.
func (r *Reader) end(blocks uint32) error {
	if blocks != uint32(r.blocks) {
		return r.torn(fmt.Sprintf("the end mark counts %d blocks", blocks))
	}
	if _, err := r.r.ReadByte(); err == nil {
		return r.torn("there are bytes after the end mark")
	} else if err != io.EOF {
		return fmt.Errorf("read history after its end mark: %w", err)
	}
	return io.EOF
}
