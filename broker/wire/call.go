package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// AppendRequest appends the whole frame of a request to buf, as a node sends it to another; its
// version must be set. A client id is never compact, also in flexible headers.
func AppendRequest(buf []byte, clientID string, correlation int32, r kmsg.Request) []byte {
	start := len(buf)
	buf = append(buf, 0, 0, 0, 0)
	buf = binary.BigEndian.AppendUint16(buf, uint16(r.Key()))
	buf = binary.BigEndian.AppendUint16(buf, uint16(r.GetVersion()))
	buf = binary.BigEndian.AppendUint32(buf, uint32(correlation))
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(clientID)))
	buf = append(buf, clientID...)
	if r.IsFlexible() {
		buf = append(buf, 0)
	}
	buf = r.AppendTo(buf)
	binary.BigEndian.PutUint32(buf[start:], uint32(len(buf)-start-4))
	return buf
}

// ReadResponse reads one length-prefixed frame of a response into memory of its own: what is decoded
// from it may alias it for as long as it likes. It returns io.EOF when the peer closed between frames.
func ReadResponse(r io.Reader) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(prefix[:])
	if n < 4 || n > MaxFrame {
		return nil, fmt.Errorf("response of %d bytes: want 4 to %d", n, MaxFrame)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, fmt.Errorf("response of %d bytes ends early: %w", n, err)
	}
	return frame, nil
}

// ParseResponse reads the response to a request that was sent with the correlation id. Byte fields of
// the response alias frame. An error means that the connection cannot go on.
func ParseResponse(frame []byte, correlation int32, request kmsg.Request) (kmsg.Response, error) {
	if len(frame) < 4 {
		return nil, errors.New("response header is cut short")
	}
	name := Name(request.Key())
	if got := int32(binary.BigEndian.Uint32(frame)); got != correlation {
		return nil, fmt.Errorf("response has correlation id %d: want %d, of the oldest request (%s)", got, correlation, name)
	}
	resp := request.ResponseKind()
	resp.SetVersion(request.GetVersion())
	rest := frame[4:]
	if resp.IsFlexible() && resp.Key() != kmsg.ApiVersions.Int16() {
		var err error
		if rest, err = skipTags(rest); err != nil {
			return nil, fmt.Errorf("response of %s: %w", name, err)
		}
	}
	if err := resp.ReadFrom(rest); err != nil {
		return nil, fmt.Errorf("response of %s version %d: body: %w", name, request.GetVersion(), err)
	}
	return resp, nil
}
