package mem

import (
	"io/fs"
	"sync/atomic"
	"syscall"
)

// file is one handle. The data lives on until the last handle and the last name are gone.
type file struct {
	fs     *FS
	name   string // as it was opened, for errors
	data   *data
	closed atomic.Bool
}

// usable is called with fs.mu held.
func (f *file) usable(op string, number int64) error {
	switch {
	case f.fs.after != nil:
		return fail(op, f.name, ErrCrashed)
	case f.closed.Load():
		return fail(op, f.name, fs.ErrClosed)
	case number < 0:
		return fail(op, f.name, syscall.EINVAL)
	}
	return nil
}

// ReadAt reads as io.ReaderAt says; holes read as zeros.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	if err := f.usable("read", off); err != nil {
		return 0, err
	}
	return f.data.readAt(p, off)
}

// WriteAt writes all of p; past the end it leaves a hole.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("write", off); err != nil {
		return 0, err
	}
	f.data.writeAt(p, off)
	return len(p), nil
}

// Size in bytes.
func (f *file) Size() (int64, error) {
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	if err := f.usable("size", 0); err != nil {
		return 0, err
	}
	return f.data.size, nil
}

// Truncate sets the size; new bytes are zeros.
func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("truncate", size); err != nil {
		return err
	}
	f.data.truncate(size)
	return nil
}

// Sync makes bytes and size durable, not the entry of the file in its directory.
func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("sync", 0); err != nil {
		return err
	}
	f.data.sync()
	return nil
}

// Close ends the handle and syncs nothing.
func (f *file) Close() error {
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	if f.closed.Swap(true) {
		return fail("close", f.name, fs.ErrClosed)
	}
	return nil
}
