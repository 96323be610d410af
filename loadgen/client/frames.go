package client

import (
	"encoding/binary"
	"fmt"
)

// maxFrame is a length that no Kafka broker accepts (socket.request.max.bytes is 100 MiB): beyond it
// the stream is not what the tap believes it to be.
const maxFrame = 1 << 30

// frames cuts a byte stream into Kafka frames: a 4-byte length, then that many bytes. The stream comes
// in pieces of any size; a frame that lies within one piece is handed on without a copy.
type frames struct {
	// headSize is how many bytes of a frame begin needs to see.
	headSize int
	// begin says what is wanted of the frame.
	begin func(head []byte) interest
	// pass is given the pieces of a frame that is watched, from its first byte on.
	pass func(piece []byte) error
	// end is told that the last byte of a frame passed; frame is nil unless it was wanted, and valid
	// only during the call.
	end func(frame []byte) error

	// length and head collect the start of a frame that arrives in pieces.
	length  [4]byte
	gotLen  int
	size    int // of the current frame, valid when gotLen is 4
	passed  int // bytes of the current frame seen so far
	began   bool
	wanted  interest
	partial []byte // the frame so far, while it is wanted whole or its head is incomplete
}

// interest is what is wanted of a frame.
type interest uint8

const (
	ignore  interest = iota
	collect          // the whole frame, at its end
	watch            // its pieces, as they pass
)

// feed passes the next piece of the stream. After an error the stream is lost and feed must not be
// called again.
func (f *frames) feed(piece []byte) error {
	for len(piece) > 0 {
		if f.gotLen < len(f.length) {
			n := copy(f.length[f.gotLen:], piece)
			f.gotLen += n
			piece = piece[n:]
			if f.gotLen < len(f.length) {
				return nil
			}
			f.size = int(int32(binary.BigEndian.Uint32(f.length[:])))
			if f.size < f.headSize || f.size > maxFrame {
				return fmt.Errorf("frame of %d bytes: the stream is not Kafka's protocol", f.size)
			}
		}
		var err error
		if f.passed == 0 && len(piece) >= f.size {
			piece, err = f.whole(piece)
		} else {
			piece, err = f.part(piece)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// whole hands on a frame that lies in the piece from its first byte to its last.
func (f *frames) whole(piece []byte) (rest []byte, err error) {
	frame := piece[:f.size]
	var wanted []byte
	switch f.begin(frame[:f.headSize]) {
	case collect:
		wanted = frame
	case watch:
		if err := f.pass(frame); err != nil {
			return nil, err
		}
	}
	f.reset()
	return piece[len(frame):], f.end(wanted)
}

// part takes what the piece has of the current frame.
func (f *frames) part(piece []byte) (rest []byte, err error) {
	n := min(len(piece), f.size-f.passed)
	switch {
	case !f.began:
		n = min(n, f.headSize-f.passed)
		f.partial = append(f.partial, piece[:n]...)
	case f.wanted == collect:
		f.partial = append(f.partial, piece[:n]...)
	case f.wanted == watch:
		err = f.pass(piece[:n])
	}
	f.passed += n
	if !f.began && f.passed == f.headSize {
		f.began, f.wanted = true, f.begin(f.partial)
		if f.wanted == watch {
			err = f.pass(f.partial)
		}
	}
	if err != nil {
		return nil, err
	}
	if f.passed < f.size {
		return piece[n:], nil
	}
	var frame []byte
	if f.wanted == collect {
		frame = f.partial
	}
	err = f.end(frame)
	f.reset()
	return piece[n:], err
}

// reset prepares for the next frame; a buffer that grew beyond a batch is not kept.
func (f *frames) reset() {
	f.gotLen, f.size, f.passed, f.began, f.wanted = 0, 0, 0, false, ignore
	if cap(f.partial) > 1<<20 {
		f.partial = nil
	}
	f.partial = f.partial[:0]
}
