package proxy

import "encoding/binary"

// Lengths of the heads of frames: size, then API key, version and correlation id of a request, or the
// correlation id of a response.
const (
	sizeLength     = 4
	requestHead    = sizeLength + 2 + 2 + 4
	responseHead   = sizeLength + 4
	longestHead    = requestHead
	clientIDLength = 2
)

// frames counts the frames of one direction of a Kafka connection while its bytes go by. It keeps
// nothing but the head of the current one.
type frames struct {
	// head is collected up to headLength, which is requestHead or responseHead.
	head       [longestHead]byte
	headLength int
	collected  int
	// left is how many bytes of the frame come after the head.
	left int64
	// raw says that these are no frames of Kafka: nothing is known of what follows.
	raw bool
}

// collect takes bytes of b into the head, and says how many, and whether the head is complete now.
func (f *frames) collect(b []byte) (n int, complete bool) {
	n = copy(f.head[f.collected:f.headLength], b)
	f.collected += n
	if f.collected < f.headLength {
		return n, false
	}
	size := int64(int32(binary.BigEndian.Uint32(f.head[:])))
	f.left = size - int64(f.headLength-sizeLength)
	if f.left < 0 {
		f.raw = true
		return n, false
	}
	return n, true
}

// inBody says that the head of the current frame is complete and its body is not.
func (f *frames) inBody() bool { return f.collected == f.headLength && f.left > 0 }

// skip takes n bytes of the body.
func (f *frames) skip(n int64) {
	f.left -= n
	if f.left == 0 {
		f.collected = 0
	}
}

// observe counts the frames in b and calls begin at each head that is complete.
func (f *frames) observe(b []byte, begin func()) {
	for len(b) > 0 && !f.raw {
		if f.inBody() {
			n := min(f.left, int64(len(b)))
			f.skip(n)
			b = b[n:]
			continue
		}
		n, complete := f.collect(b)
		b = b[n:]
		if complete {
			if begin != nil {
				begin()
			}
			f.skip(0)
		}
	}
}

// ahead is how many bytes can be passed on without a look at them.
func (f *frames) ahead() int64 {
	if f.raw {
		return 1 << 40
	}
	if f.inBody() {
		return f.left
	}
	return 0
}

// passed counts bytes that were passed on without a look, at most ahead.
func (f *frames) passed(n int64) {
	if !f.raw {
		f.skip(n)
	}
}

// request reads the head of a request: its API key, version and correlation id.
func (f *frames) request() (key, version int16, correlation int32) {
	return int16(binary.BigEndian.Uint16(f.head[4:])), int16(binary.BigEndian.Uint16(f.head[6:])), int32(binary.BigEndian.Uint32(f.head[8:]))
}

// response reads the correlation id out of the head of a response, and the size of the frame.
func (f *frames) response() (correlation int32, size int64) {
	return int32(binary.BigEndian.Uint32(f.head[4:])), f.left + responseHead - sizeLength
}

// readClientID takes the client id out of the first bytes of a connection. done is false while more of
// them are needed; ok is false if they are no Kafka request.
func readClientID(b []byte) (id string, ok, done bool) {
	if len(b) < requestHead+clientIDLength {
		return "", false, false
	}
	size := int64(int32(binary.BigEndian.Uint32(b)))
	length := int64(int16(binary.BigEndian.Uint16(b[requestHead:])))
	if length < 0 || size < requestHead-sizeLength+clientIDLength+length {
		return "", false, true // no client id, or no request
	}
	if int64(len(b)) < requestHead+clientIDLength+length {
		return "", false, false
	}
	return string(b[requestHead+clientIDLength:][:length]), true, true
}
