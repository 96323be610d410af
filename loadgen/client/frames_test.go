package client

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func framed(bodies ...string) []byte {
	var stream []byte
	for _, body := range bodies {
		stream = binary.BigEndian.AppendUint32(stream, uint32(len(body)))
		stream = append(stream, body...)
	}
	return stream
}

// cut feeds the stream in the given pieces and returns what came out: heads, and frames or "-".
func cut(t *testing.T, stream []byte, pieces func(rest int) int) (heads, frames_ []string) {
	t.Helper()
	var watched []byte
	f := frames{
		headSize: 4,
		begin: func(head []byte) interest {
			heads = append(heads, string(head))
			switch head[0] {
			case 'x':
				return ignore
			case 'w':
				return watch
			}
			return collect
		},
		pass: func(piece []byte) error {
			watched = append(watched, piece...)
			return nil
		},
		end: func(frame []byte) error {
			switch {
			case len(watched) > 0:
				frame = append([]byte("watched:"), watched...)
				watched = nil
			case frame == nil:
				frame = []byte("-")
			}
			frames_ = append(frames_, string(frame))
			return nil
		},
	}
	for len(stream) > 0 {
		n := pieces(len(stream))
		piece := bytes.Clone(stream[:n])
		if err := f.feed(piece); err != nil {
			t.Fatal(err)
		}
		clear(piece) // the caller uses its buffer again
		stream = stream[n:]
	}
	return heads, frames_
}

func TestFramesInAnyPieces(t *testing.T) {
	stream := framed("head-one", "four", "xkip this one", "watch this", "w234", "a longer frame than the others", "x234", "last")
	wantHeads := []string{"head", "four", "xkip", "watc", "w234", "a lo", "x234", "last"}
	wantFrames := []string{"head-one", "four", "-", "watched:watch this", "watched:w234", "a longer frame than the others", "-", "last"}
	check := func(name string, pieces func(rest int) int) {
		heads, got := cut(t, stream, pieces)
		if !slices.Equal(heads, wantHeads) || !slices.Equal(got, wantFrames) {
			t.Errorf("%s: heads %q, frames %q", name, heads, got)
		}
	}
	check("at once", func(rest int) int { return rest })
	for size := 1; size < len(stream); size++ {
		check(fmt.Sprint("pieces of ", size), func(rest int) int { return min(size, rest) })
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		check("random pieces", func(rest int) int { return random.IntN(rest) + 1 })
	}
}

func TestFramesRefuseWhatIsNotKafka(t *testing.T) {
	for _, length := range []uint32{0, 3, maxFrame + 1, 1 << 31} {
		f := frames{headSize: 4, begin: func([]byte) interest { return collect }, end: func([]byte) error { return nil }}
		if err := f.feed(binary.BigEndian.AppendUint32(nil, length)); err == nil {
			t.Errorf("a frame of %d bytes was taken", length)
		}
	}
}

func TestFramesDoNotKeepSkippedBytes(t *testing.T) {
	f := frames{headSize: 4, begin: func([]byte) interest { return ignore }, end: func([]byte) error { return nil }}
	stream := framed("skip" + string(make([]byte, 1<<16)))
	for i := 0; i < len(stream); i += 1000 {
		if err := f.feed(stream[i:min(i+1000, len(stream))]); err != nil {
			t.Fatal(err)
		}
	}
	if cap(f.partial) > 64 {
		t.Errorf("a skipped frame left a buffer of %d bytes", cap(f.partial))
	}
}
