package file_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/env/file"
)

func TestFailureOf(t *testing.T) {
	wrapped := func(op, path string, err error) error {
		return fmt.Errorf("sync orders-0: %w", &fs.PathError{Op: op, Path: path, Err: err})
	}
	for _, c := range []struct {
		err    error
		want   file.Failure
		advice string
	}{
		{wrapped("write", "orders-0/1.log", syscall.ENOSPC), file.Failure{"write", "orders-0/1.log", "ENOSPC"}, "make room"},
		{wrapped("fdatasync", "/data/orders-0/1.log", syscall.EIO), file.Failure{"sync", "orders-0/1.log", "EIO"}, "disk fails"},
		{wrapped("create", "meta", syscall.EROFS), file.Failure{"create", "meta", "EROFS"}, "writable"},
		{wrapped("open", "a/b", syscall.EMFILE), file.Failure{"open", "a/b", "EMFILE"}, "ulimit"},
		{wrapped("read", "a/b", syscall.ETIMEDOUT), file.Failure{"read", "a/b", fmt.Sprintf("errno %d", int(syscall.ETIMEDOUT))}, "disk fails"},
		{wrapped("read", "a/b", errors.New("other")), file.Failure{"read", "a/b", ""}, "disk fails"},
	} {
		got, ok := file.FailureOf(c.err)
		if !ok || got != c.want || !strings.Contains(got.Advice(), c.advice) {
			t.Errorf("%v: %+v, %v, %q", c.err, got, ok, got.Advice())
		}
	}
	for _, err := range []error{nil, errors.New("corrupt"), wrapped("write", "a", fs.ErrClosed)} {
		if got, ok := file.FailureOf(err); ok {
			t.Errorf("%v: %+v", err, got)
		}
	}
}
