package client

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/logproof/logproof/verify/history"
)

// skimPiece is how many bytes of a response are copied at once while its header fields are looked for,
// and skimMax bounds the fields of one partition, whose list of aborted transactions has no other bound.
const (
	skimPiece = 256
	skimMax   = 4 << 20
)

// Offsets in the header of a record batch v2, beside those that the tap needs of a Produce request.
const batchLastDelta = 23

// skim reads the header fields of one Fetch response while it passes, in pieces of any size. Records
// are skipped: of each batch it sees the 61 bytes that say where it ends.
type skim struct {
	version int16
	names   topicNames
	// told is called for every partition that was answered without an error.
	told func(history.Watermark)

	buf  []byte // what was copied and is not yet understood
	skip int    // bytes that pass unseen before the next field
	step func(*skim, *fields) error

	topics, partitions int // still to come: topics, and partitions of the current topic
	topic              string
	records            int // bytes of the current partition's records still to come
	code               int16
	mark               history.Watermark
}

var errSkimmed = errors.New("the fields of one partition do not end")

func newSkim(version int16, names topicNames, told func(history.Watermark)) *skim {
	return &skim{version: version, names: names, told: told, step: (*skim).head, skip: responseHead}
}

func (s *skim) flexible() bool { return s.version >= 12 }

// feed passes the next piece of the response.
func (s *skim) feed(piece []byte) error {
	for len(piece) > 0 && s.step != nil {
		skipped := min(s.skip, len(piece))
		s.skip, piece = s.skip-skipped, piece[skipped:]
		if s.skip > 0 {
			return nil
		}
		n := min(max(skimPiece, len(s.buf)), len(piece)) // a list that goes on is not looked at byte by byte
		s.buf = append(s.buf, piece[:n]...)
		piece = piece[n:]
		if err := s.understand(); err != nil {
			return fmt.Errorf("fetch response v%d: %w", s.version, err)
		}
	}
	return nil
}

// understand takes as many steps as the buffer has bytes for. A step that wants more is taken again
// from its start when they are there: steps change nothing before they have all their fields.
func (s *skim) understand() error {
	for s.step != nil {
		f := fields{rest: s.buf}
		if err := s.step(s, &f); err != nil {
			return err
		}
		if f.short {
			if len(s.buf) > skimMax {
				return errSkimmed
			}
			return nil
		}
		rest := f.rest
		n := min(s.skip, len(rest))
		s.skip -= n
		s.buf = append(s.buf[:0], rest[n:]...)
		if s.skip > 0 {
			return nil
		}
	}
	return nil
}

// end says that the response is over.
func (s *skim) end() error {
	if s.step != nil {
		return fmt.Errorf("fetch response v%d: %w", s.version, errCut)
	}
	return nil
}

// head reads the header's tags, the response's own fields and the number of topics.
func (s *skim) head(f *fields) error {
	f.tags(s.flexible())
	f.take(4) // throttle time
	if s.version >= 7 {
		f.take(2 + 4) // the session's error, which comes without topics, and its id
	}
	topics := f.length(s.flexible())
	if !f.short {
		s.topics, s.step = topics, (*skim).nextTopic
	}
	return nil
}

// nextTopic reads a topic's name or id (KIP-516) and the number of its partitions.
func (s *skim) nextTopic(f *fields) error {
	if s.topics <= 0 {
		s.step = nil // what follows are tags about the cluster
		return nil
	}
	var name string
	var err error
	if s.version >= 13 {
		if id := f.take(16); id != nil {
			known := false
			if name, known = s.names.topicName([16]byte(id)); !known {
				err = fmt.Errorf("topic id %x, which no Metadata response named", id)
			}
		}
	} else {
		name = string(f.take(f.size(s.flexible())))
	}
	partitions := f.length(s.flexible())
	if f.short {
		return nil
	}
	s.topics--
	s.topic, s.partitions, s.step = name, partitions, (*skim).nextPartition
	return err
}

// nextPartition reads what stands before the records of a partition.
func (s *skim) nextPartition(f *fields) error {
	if s.partitions <= 0 {
		return s.tail(f, (*skim).nextTopic)
	}
	m := history.Watermark{LogStart: history.Unset, Next: history.Unset}
	m.Partition = history.Partition{Topic: s.topic, Index: int32(f.int(4))}
	code := int16(f.int(2))
	m.HighWatermark, m.LastStable = f.int(8), f.int(8)
	if s.version >= 5 {
		m.LogStart = f.int(8)
	}
	for n := f.length(s.flexible()); n > 0 && !f.short; n-- {
		f.take(8 + 8) // an aborted transaction
		f.tags(s.flexible())
	}
	if s.version >= 11 {
		f.take(4) // the preferred replica (KIP-392)
	}
	var records int
	if s.flexible() {
		records = f.length(true)
	} else {
		records = int(int32(f.int(4)))
	}
	if !f.short {
		s.mark, s.code, s.records, s.step = m, code, max(records, 0), (*skim).nextBatch
	}
	return nil
}

// nextBatch looks at the header of the next batch. The last one may be cut short, and then no client
// sees it.
func (s *skim) nextBatch(f *fields) error {
	if s.records < batchHeader {
		s.skip, s.records, s.step = s.records, 0, (*skim).endPartition
		return nil
	}
	h := f.take(batchHeader)
	if h == nil {
		return nil
	}
	size := int(int32(binary.BigEndian.Uint32(h[batchLength:]))) + batchLength + 4
	if size < batchHeader || size > s.records || h[batchMagic] != 2 {
		s.skip, s.records, s.step = s.records-batchHeader, 0, (*skim).endPartition
		return nil
	}
	s.mark.Next = int64(binary.BigEndian.Uint64(h)) + int64(int32(binary.BigEndian.Uint32(h[batchLastDelta:]))) + 1
	s.skip, s.records = size-batchHeader, s.records-size
	return nil
}

func (s *skim) endPartition(f *fields) error {
	if err := s.tail(f, (*skim).nextPartition); err != nil || f.short {
		return err
	}
	s.partitions--
	if s.code == 0 && s.mark.HighWatermark >= 0 {
		s.told(s.mark)
	}
	return nil
}

// tail passes the tags after a topic or partition.
func (s *skim) tail(f *fields, next func(*skim, *fields) error) error {
	f.tags(s.flexible())
	if !f.short {
		s.step = next
	}
	return nil
}

// fields reads a message's fields one after the other; it is short once one of them is not there whole.
type fields struct {
	rest  []byte
	short bool
}

// take returns the next n bytes, nil if they are not there.
func (f *fields) take(n int) []byte {
	if f.short || n < 0 || n > len(f.rest) {
		f.short = true
		return nil
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

// int reads a big-endian number of 2, 4 or 8 bytes, with its sign.
func (f *fields) int(size int) int64 {
	b := f.take(size)
	switch {
	case b == nil:
		return 0
	case size == 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case size == 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	}
	return int64(binary.BigEndian.Uint64(b))
}

// length reads the number of items of an array or bytes of records; null is none (KIP-482: in flexible
// versions it is an unsigned varint of one more).
func (f *fields) length(flexible bool) int {
	if !flexible {
		return max(0, int(f.int(4)))
	}
	return max(0, int(f.varint())-1)
}

// size reads the length of a string.
func (f *fields) size(flexible bool) int {
	if !flexible {
		return max(0, int(f.int(2)))
	}
	return f.length(true)
}

func (f *fields) varint() uint64 {
	v, n := binary.Uvarint(f.rest)
	if f.short || n <= 0 {
		f.short = true
		return 0
	}
	f.rest = f.rest[n:]
	return v & (1<<31 - 1)
}

// tags passes a section of tagged fields.
func (f *fields) tags(flexible bool) {
	if !flexible {
		return
	}
	for n := f.varint(); n > 0 && !f.short; n-- {
		f.varint()
		f.take(int(f.varint()))
	}
}
