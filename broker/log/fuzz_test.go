package log

import (
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

// Whatever is in the files after a crash: recovery keeps a prefix of sound batches, and the log
// goes on from there as if nothing had been.
func FuzzRecovery(f *testing.F) {
	sound := mem.New()
	l, _ := mustOpen(f, sound, Config{IndexIntervalBytes: 100})
	fill(f, l, 3)
	story(f, l, "1 2 1a 2c 1")
	text := content(f, sound, name(0, logSuffix))
	f.Add(text, []byte{}, []byte{})
	f.Add(text[:len(text)-3], []byte("12345678"), []byte("123456789012"))
	f.Add(append(text[:len(text):len(text)], make([]byte, 100)...), []byte{}, make([]byte, 24))
	f.Fuzz(func(t *testing.T, log, index, times []byte) {
		log = slices.Clone(log)
		for rest := log; len(rest) > 0; { // let the fuzzer reach what checksums hide
			v, after, err := batch.Next(rest)
			if err != nil {
				break
			}
			v.Stamp()
			rest = after
		}
		files := restore(t, map[string]string{
			name(0, logSuffix): string(log), name(0, offsetSuffix): string(index), name(0, timeSuffix): string(times),
		})
		l, r := mustOpen(t, files, small)
		if l.Size()+r.TruncatedBytes != int64(len(log)) {
			t.Fatalf("%d bytes became %d and %d that were cut", len(log), l.Size(), r.TruncatedBytes)
		}
		for hw := int64(0); hw <= min(l.EndOffset(), 1000); hw++ {
			if stable := l.LastStableOffset(hw); stable > max(hw, l.StartOffset()) {
				t.Fatalf("%d is stable under %d", stable, hw)
			}
		}
		for offset := l.StartOffset(); offset < l.EndOffset(); {
			b := readAt(t, l, offset, l.EndOffset(), 1)
			offset = batch.View(b).LastOffset() + 1
		}
		mustAppend(t, l, made(1, 0, 2, 5, 10))
		syncLog(t, l)
		again, r := mustOpen(t, files.Crash(nil), small)
		if r.TruncatedBytes != 0 || again.EndOffset() != l.EndOffset() {
			t.Fatalf("after one more batch: %+v", r)
		}
	})
}
