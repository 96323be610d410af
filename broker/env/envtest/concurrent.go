package envtest

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/logproof/logproof/broker/env"
)

// together appends on one goroutine while others read, sync and ask for the size. What was appended
// before a read began must be there, whole.
func together(t *testing.T, under env.FS) {
	const (
		appends = 200
		length  = 3000 // bytes of one append: not a multiple of any page
	)
	f := create(t, under, "f")
	var end atomic.Int64
	var group sync.WaitGroup
	worker := func(work func() error) {
		group.Go(func() {
			for end.Load() < appends*length {
				if err := work(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	check := func() error { return patternUpTo(f, end.Load(), length) }
	worker(check)
	worker(check)
	worker(f.Sync)
	worker(f.Sync)
	worker(func() error {
		least := end.Load()
		size, err := f.Size()
		if err == nil && size < least {
			err = fmt.Errorf("size %d after %d bytes were appended", size, least)
		}
		return err
	})
	for i := range appends {
		if _, err := f.WriteAt(bytes.Repeat([]byte{byte(i)}, length), int64(i*length)); err != nil {
			t.Error(err)
			break
		}
		end.Add(length)
	}
	end.Store(appends * length)
	group.Wait()
	if err := check(); err != nil {
		t.Error(err)
	}
	must(t, f.Sync())
	shut(t, f)
}

// patternUpTo reads the last ten appends below end and compares them with what they wrote.
func patternUpTo(f env.File, end int64, length int) error {
	from := max(0, end-int64(10*length))
	got := make([]byte, end-from)
	if n, err := f.ReadAt(got, from); n < len(got) || err != nil && err != io.EOF {
		return fmt.Errorf("read of %d bytes at %d: %d, %w", len(got), from, n, err)
	}
	for i, b := range got {
		if want := byte((from + int64(i)) / int64(length)); b != want {
			return fmt.Errorf("byte %d is %d, want %d: an append that returned is not there", from+int64(i), b, want)
		}
	}
	return nil
}

// manyFiles gives each goroutine a directory and files of its own.
func manyFiles(t *testing.T, under env.FS) {
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			if err := oneLife(under, fmt.Sprintf("dir-%d", worker)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	wantList(t, under, ".", "dir-0", "dir-1", "dir-2", "dir-3", "dir-4", "dir-5", "dir-6", "dir-7")
}

// oneLife takes files through everything that can happen to a file.
func oneLife(under env.FS, dir string) error {
	if err := under.MkdirAll(dir); err != nil {
		return err
	}
	for i := range 10 {
		content := fmt.Sprintf("%s file %d", dir, i)
		f, err := under.Create(dir + "/new")
		if err != nil {
			return err
		}
		if _, err := f.WriteAt([]byte(content), 0); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if err := under.Rename(dir+"/new", dir+"/current"); err != nil {
			return err
		}
		if err := under.SyncDir(dir); err != nil {
			return err
		}
		got := make([]byte, len(content))
		if _, err := f.ReadAt(got, 0); err != nil && err != io.EOF || string(got) != content {
			return fmt.Errorf("%s: read %q, %w", content, got, err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	if names, err := under.List(dir); err != nil || len(names) != 1 {
		return fmt.Errorf("%s: files %q, %w", dir, names, err)
	}
	return under.Remove(dir + "/current")
}
