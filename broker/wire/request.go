package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Request is one parsed request. Byte fields of Body alias Frame.
type Request struct {
	Key, Version int16
	Correlation  int32
	ClientID     string
	// Body is nil for an ApiVersions request of a version above those served: it is answered with
	// the served range (KIP-511).
	Body  kmsg.Request
	Frame []byte
}

// Size in bytes, for limits and metrics.
func (r *Request) Size() int { return len(r.Frame) + 4 }

// ParseRequest reads the header (KIP-482 for flexible versions) and the body of a request that came to
// a listener. An error means that the connection cannot go on: what follows has no known meaning.
func ParseRequest(l Listener, frame []byte) (*Request, error) {
	if len(frame) < 8 {
		return nil, errors.New("request header is cut short")
	}
	r := &Request{
		Key:         int16(binary.BigEndian.Uint16(frame)),
		Version:     int16(binary.BigEndian.Uint16(frame[2:])),
		Correlation: int32(binary.BigEndian.Uint32(frame[4:])),
		Frame:       frame,
	}
	versions, ok := Served(l, r.Key)
	if !ok {
		return nil, fmt.Errorf("api key %d is not served", r.Key)
	}
	if r.Version < versions.Accepted || r.Version > versions.Max {
		if r.Key == kmsg.ApiVersions.Int16() {
			return r, nil
		}
		return nil, fmt.Errorf("%s version %d is not served: want %d to %d", Name(r.Key), r.Version, versions.Accepted, versions.Max)
	}
	r.Body = newRequest(r.Key)
	r.Body.SetVersion(r.Version)
	rest, err := r.clientID(frame[8:])
	if err != nil {
		return nil, err
	}
	if r.Body.IsFlexible() {
		if rest, err = skipTags(rest); err != nil {
			return nil, err
		}
	}
	if _, err := checkShape(r.Body, rest); err != nil {
		return nil, fmt.Errorf("%s version %d: body: %w", Name(r.Key), r.Version, err)
	}
	if err := r.Body.ReadFrom(rest); err != nil {
		return nil, fmt.Errorf("%s version %d: body: %w", Name(r.Key), r.Version, err)
	}
	return r, nil
}

// clientID reads the nullable string that stays non-compact even in flexible headers.
func (r *Request) clientID(b []byte) ([]byte, error) {
	if len(b) < 2 {
		return nil, errors.New("request header is cut short in the client id")
	}
	n := int(int16(binary.BigEndian.Uint16(b)))
	b = b[2:]
	if n == -1 {
		return b, nil
	}
	if n < 0 || n > len(b) {
		return nil, fmt.Errorf("request header has a client id of %d bytes", n)
	}
	r.ClientID = string(b[:n])
	return b[n:], nil
}

// skipTags passes the tagged fields of a header: none is known.
func skipTags(b []byte) ([]byte, error) {
	count, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, errors.New("header is cut short in its tags")
	}
	b = b[n:]
	for ; count > 0; count-- {
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("header is cut short in a tag")
		}
		b = b[n:]
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, errors.New("header is cut short in a tag's bytes")
		}
		b = b[n+int(size):]
	}
	return b, nil
}
