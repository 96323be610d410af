package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// MaxFrame is the largest request that is read, in bytes: Kafka's socket.request.max.bytes.
const MaxFrame = 100 << 20

// ReadFrame reads one length-prefixed frame into alloc's memory. The length is checked before
// anything is allocated. It returns io.EOF when the peer closed between frames.
func ReadFrame(r io.Reader, alloc func(n int) []byte) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	n := int32(binary.BigEndian.Uint32(prefix[:]))
	if n < 8 || n > MaxFrame {
		return nil, fmt.Errorf("frame of %d bytes: want 8 to %d; this is not a Kafka client, or one that speaks TLS", n, MaxFrame)
	}
	frame := alloc(int(n))
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, fmt.Errorf("frame of %d bytes ends early: %w", n, err)
	}
	return frame, nil
}
