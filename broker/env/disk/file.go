package disk

import (
	"errors"
	"io/fs"
	"math"
	"sync/atomic"
	"syscall"
)

// file is one handle; everything it knows is shared in its node.
type file struct {
	name   string // as it was opened, for errors
	node   *node
	closed atomic.Bool
}

// check refuses a closed handle and a range that is no range of a file.
func (f *file) check(off int64, length int) error {
	switch {
	case f.closed.Load():
		return fs.ErrClosed
	case off < 0:
		return syscall.EINVAL
	case off > math.MaxInt64-int64(length):
		return syscall.EFBIG
	}
	return nil
}

// named puts the call and the name around an error of this package; those from below have theirs.
func (f *file) named(op string, err error) error {
	var number syscall.Errno
	var located *fs.PathError
	if errors.As(err, &located) || !errors.As(err, &number) && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// ReadAt sees everything that was written, synced or not.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.check(off, len(p)); err != nil {
		return 0, f.named("read", err)
	}
	n, err := f.node.readAt(p, off)
	return n, f.named("read", err)
}

// WriteAt stops short with ENOSPC when the disk is full: n bytes of p are written, as by a real disk.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.check(off, len(p)); err != nil {
		return 0, f.named("write", err)
	}
	n, err := f.node.writeAt(p, off)
	return n, f.named("write", err)
}

// Size in bytes, with what is not synced.
func (f *file) Size() (int64, error) {
	if err := f.check(0, 0); err != nil {
		return 0, f.named("size", err)
	}
	size, err := f.node.length()
	return size, f.named("size", err)
}

// Truncate is lost like a write if it is not synced. Making a file longer takes space.
func (f *file) Truncate(size int64) error {
	if err := f.check(size, 0); err != nil {
		return f.named("truncate", err)
	}
	return f.named("truncate", f.node.truncate(size))
}

// Sync covers what was written before the call through any handle of the file.
func (f *file) Sync() error {
	if err := f.check(0, 0); err != nil {
		return f.named("sync", err)
	}
	return f.named("sync", f.node.sync())
}

// Close ends the handle and syncs nothing: unsynced data stays with the file until the process ends.
func (f *file) Close() error {
	if f.closed.Swap(true) {
		return f.named("close", fs.ErrClosed)
	}
	return f.node.disk.release(f.node)
}
