package envtest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/logproof/logproof/broker/env"
)

// bytesLikeSlice does the same random calls on a file, through several handles, and on a slice.
func bytesLikeSlice(t *testing.T, under env.FS) {
	const (
		steps = 800
		limit = 40_000 // bytes: some ten pages, so that calls meet
	)
	random := rand.New(rand.NewPCG(1, 2))
	handles := []env.File{create(t, under, "f"), open(t, under, "f")}
	var model []byte
	for step := range steps {
		f := handles[random.IntN(len(handles))]
		off := random.IntN(limit)
		switch random.IntN(12) {
		case 0:
			must(t, f.Truncate(int64(off)))
			model = resized(model, off)
		case 1, 2:
			must(t, f.Sync())
		case 3:
			at := random.IntN(len(handles))
			shut(t, handles[at])
			handles[at] = open(t, under, "f")
		case 4, 5, 6, 7:
			chunk := bytes.Repeat([]byte{byte(step), byte(step >> 8), byte(off)}, random.IntN(3000))
			if n, err := f.WriteAt(chunk, int64(off)); n != len(chunk) || err != nil {
				t.Fatalf("step %d: WriteAt: %d, %v", step, n, err)
			}
			if end := off + len(chunk); len(chunk) > 0 && end > len(model) {
				model = resized(model, end)
			}
			copy(model[min(off, len(model)):], chunk)
		default:
			sameBytes(t, step, f, model, off, random.IntN(limit))
		}
		wantSize(t, handles[0], int64(len(model)))
	}
	for _, f := range handles {
		sameBytes(t, steps, f, model, 0, limit)
		shut(t, f)
	}
}

func resized(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-len(b))...)
}

func sameBytes(t *testing.T, step int, f env.File, model []byte, off, length int) {
	t.Helper()
	got := bytes.Repeat([]byte{0xff}, length) // so that a hole must be read as zeros, not left out
	n, err := f.ReadAt(got, int64(off))
	want := model[min(off, len(model)):min(off+length, len(model))]
	if n < length && err != io.EOF || n == length && err != nil && err != io.EOF {
		t.Fatalf("step %d: ReadAt(%d bytes, %d): %d, %v", step, length, off, n, err)
	}
	if !bytes.Equal(got[:n], want) {
		t.Fatalf("step %d: ReadAt(%d bytes, %d) of %d: other bytes than were written (%d of %d)",
			step, length, off, len(model), n, len(want))
	}
}
