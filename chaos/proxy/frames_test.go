package proxy

import (
	"encoding/binary"
)

// frame is a request of a key and version, of client "test", with a body.
func frame(key, version int16, correlation int32, body []byte) []byte {
	b := make([]byte, sizeLength)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(correlation))
	b = binary.BigEndian.AppendUint16(b, 4)
	b = append(append(b, "test"...), body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-sizeLength))
	return b
}
