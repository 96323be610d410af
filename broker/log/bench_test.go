package log

import (
	"fmt"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/env/real"
)

// sized is a batch of 1 KB records of about n bytes.
func sized(n int) batch.View {
	var b batch.Builder
	b.Producer(1, 0, 0)
	for range max(1, n/1024) {
		b.Add(nil, make([]byte, 1000), 0)
	}
	return b.Build()
}

// In steady state an append allocates nothing.
func TestAppendAllocatesNothing(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{IndexIntervalBytes: 1 << 20})
	v := made(7, 0, 3, 5, 10)
	for range 2 * recentMax {
		mustAppend(t, l, v)
	}
	// The page in memory that a write reaches now and then is the file system's.
	if n := testing.AllocsPerRun(200, func() { mustAppend(t, l, v) }); n >= 1 {
		t.Errorf("%v allocations for an append", n)
	}
	if n := testing.AllocsPerRun(200, func() {
		s, err := l.Read(l.EndOffset()-3, l.EndOffset(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	}); n != 0 {
		t.Errorf("%v allocations to plan a read", n)
	}
}

// BenchmarkAppend is to be compared with BenchmarkBareWrite, which is all the work that must be done.
// The page cache is measured, not the disk, so the file starts again now and then.
func BenchmarkAppend(b *testing.B) {
	repeatedly(b, func(files env.FS) (write func(v batch.View) error, restart func() error) {
		l, _ := mustOpen(b, files, Config{})
		return func(v batch.View) error { _, err := l.Append(v, 1); return err }, func() error { return l.TruncateTo(0) }
	})
}

func BenchmarkBareWrite(b *testing.B) {
	repeatedly(b, func(files env.FS) (write func(v batch.View) error, restart func() error) {
		f, err := files.Create("bare")
		if err != nil {
			b.Fatal(err)
		}
		at := int64(0)
		return func(v batch.View) error {
			_, err := f.WriteAt(v, at)
			at += int64(len(v))
			return err
		}, func() error { at = 0; return f.Truncate(0) }
	})
}

func repeatedly(b *testing.B, prepare func(files env.FS) (write func(v batch.View) error, restart func() error)) {
	for _, size := range []int{16 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			files, err := real.New(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			write, restart := prepare(files)
			v := sized(size)
			b.SetBytes(int64(len(v)))
			b.ReportAllocs()
			written := int64(0)
			for b.Loop() {
				if err := write(v); err != nil {
					b.Fatal(err)
				}
				if written += int64(len(v)); written > 256<<20 {
					b.StopTimer()
					if err := restart(); err != nil {
						b.Fatal(err)
					}
					written = 0
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkRead reads from the active segment, as those do who keep up, BenchmarkReadSealed from sealed ones,
// where checksums are checked.
func BenchmarkRead(b *testing.B) { benchmarkRead(b, Config{}) }

func BenchmarkReadSealed(b *testing.B) { benchmarkRead(b, Config{SegmentBytes: 4 << 20}) }

func benchmarkRead(b *testing.B, cfg Config) {
	files, err := real.New(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l, _ := mustOpen(b, files, cfg)
	v := sized(16 << 10)
	for range 2000 {
		mustAppend(b, l, v)
	}
	buf := make([]byte, 0, 2<<20)
	count := int64(v.Count())
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	offset := int64(0)
	for b.Loop() {
		s, err := l.Read(offset, l.EndOffset(), 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.AppendTo(buf); err != nil {
			b.Fatal(err)
		}
		s.Release()
		offset = (offset + 60*count) % (1900 * count)
	}
}

func BenchmarkRecovery(b *testing.B) {
	files, err := real.New(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l, _ := mustOpen(b, files, Config{})
	v := sized(64 << 10)
	for range 2000 {
		mustAppend(b, l, v)
	}
	syncLog(b, l)
	b.SetBytes(l.Size())
	for b.Loop() {
		_, r, err := Open(files, dir, Config{})
		if err != nil || r.Batches != 2000 {
			b.Fatal(r, err)
		}
	}
}
