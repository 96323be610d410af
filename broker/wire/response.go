package wire

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Body is the part of kmsg.Response that a frame needs; its version must be set.
type Body interface {
	Key() int16
	IsFlexible() bool
	AppendTo([]byte) []byte
}

// AppendResponse appends the whole frame of a response to buf. The header of ApiVersions has no
// tags even in flexible versions: a client must be able to read it before it knows the broker.
func AppendResponse(buf []byte, correlation int32, body Body) []byte {
	start := len(buf)
	buf = append(buf, 0, 0, 0, 0)
	buf = binary.BigEndian.AppendUint32(buf, uint32(correlation))
	if body.IsFlexible() && body.Key() != kmsg.ApiVersions.Int16() {
		buf = append(buf, 0)
	}
	buf = body.AppendTo(buf)
	binary.BigEndian.PutUint32(buf[start:], uint32(len(buf)-start-4))
	return buf
}
