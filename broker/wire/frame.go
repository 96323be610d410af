package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxFrame is the largest request that is read unless configured otherwise, in bytes: Kafka's
// socket.request.max.bytes.
const MaxFrame = 100 << 20

// FrameChunk is how much of a frame is read at once. Nothing more is allocated for a frame before so much
// of it has come.
const FrameChunk = 64 << 10

// ErrMalformed is what no client of Kafka sends.
var ErrMalformed = errors.New("malformed request")

// Frames reads length-prefixed frames from a connection. What a client announces costs nothing: memory is
// taken as its bytes come.
type Frames struct {
	// Max is the largest frame that is read.
	Max int
	// Memory is where frames are put.
	Memory Memory
	// Progress is called before each FrameChunk; it may set a deadline.
	Progress func() error
}

// Memory gives and takes back.
type Memory interface {
	// Get gives n bytes of any content.
	Get(n int) []byte
	// Put takes back what Get gave.
	Put([]byte)
	// Room is how much may be taken for a frame of n bytes of which have are here: more than have, at
	// most n.
	Room(have, n int) int
}

// Read reads one frame. The length is checked before anything is taken. It returns io.EOF when the peer
// closed between frames.
func (f Frames) Read(r io.Reader) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	n := int(int32(binary.BigEndian.Uint32(prefix[:])))
	if n < 8 || n > f.Max {
		return nil, fmt.Errorf("%w: frame of %d bytes: want 8 to %d; this is not a Kafka client, or one that speaks TLS", ErrMalformed, n, f.Max)
	}
	frame := f.Memory.Get(min(n, FrameChunk))
	for have := 0; have < n; {
		if have == len(frame) {
			larger := f.Memory.Get(f.Memory.Room(have, n))
			copy(larger, frame)
			f.Memory.Put(frame)
			frame = larger
		}
		if err := f.Progress(); err != nil {
			f.Memory.Put(frame)
			return nil, err
		}
		more, err := io.ReadFull(r, frame[have:min(len(frame), have+FrameChunk)])
		if have += more; err != nil {
			f.Memory.Put(frame)
			if err == io.EOF { // on the border of a chunk
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("frame of %d bytes ends early, after %d: %w", n, have, err)
		}
	}
	return frame, nil
}
