package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Whatever a connection sends, a frame takes no more memory than a few times what came, and gives it back.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8}, 0)
	f.Add([]byte{6, 0x40, 0, 0, 1, 2, 3}, 0)
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff}, 0)
	f.Add([]byte{0, 3, 0, 17}, 3*FrameChunk)
	f.Fuzz(func(t *testing.T, sent []byte, more int) {
		sent = append(sent, make([]byte, max(0, min(more, 4*FrameChunk)))...)
		r := bytes.NewReader(sent)
		for {
			before, h := r.Len(), heap{}
			frame, err := readFrame(r, &h)
			if h.most > 4*max(before, FrameChunk) {
				t.Fatalf("%d bytes are taken for %d that came", h.most, before)
			}
			if err != nil {
				if h.held != 0 {
					t.Fatalf("%d bytes are not given back: %v", h.held, err)
				}
				return
			}
			if n := before - r.Len(); len(frame) != n-4 || int(binary.BigEndian.Uint32(sent[len(sent)-before:])) != n-4 {
				t.Fatalf("a frame of %d bytes took %d", len(frame), n)
			}
		}
	})
}

// parsedWithin is far more than a request of some kilobytes takes on a busy machine; one without an end
// takes for ever.
const parsedWithin = 20 * time.Second

// A frame of any content is refused or parsed, soon, and what is parsed can be written again.
func FuzzParseRequest(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	everyVersion(func(key, version int16) {
		frame := AppendRequest(nil, "client", 7, drawn(key, version, rng))[4:]
		f.Add(frame, false)
		f.Add(frame[:len(frame)/2], true)
	})
	f.Fuzz(func(t *testing.T, frame []byte, peers bool) {
		l := Clients
		if peers {
			l = Peers
		}
		stuck := time.AfterFunc(parsedWithin, func() { panic("a request is parsed for ever") })
		defer stuck.Stop()
		r, err := ParseRequest(l, frame)
		if err != nil {
			return
		}
		if r.Body == nil {
			if r.Key != kmsg.ApiVersions.Int16() {
				t.Fatalf("no body and no error: %+v", r)
			}
			return
		}
		if r.Body.Key() != r.Key || r.Body.GetVersion() != r.Version && privateNames[r.Key] == "" {
			t.Fatalf("key %d version %d is parsed as key %d version %d", r.Key, r.Version, r.Body.Key(), r.Body.GetVersion())
		}
		again, err := ParseRequest(l, AppendRequest(nil, "client", 7, r.Body)[4:])
		if err != nil {
			t.Fatalf("%s version %d cannot be parsed again: %v", Name(r.Key), r.Version, err)
		}
		if a, b := r.Body.AppendTo(nil), again.Body.AppendTo(nil); !bytes.Equal(a, b) {
			t.Fatalf("%s version %d is not the same again:\n%x\n%x", Name(r.Key), r.Version, a, b)
		}
	})
}
