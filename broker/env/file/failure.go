package file

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
)

// Failure is a call to the disk that failed.
type Failure struct {
	// Op is the call: "write", "sync", "create".
	Op string
	// File is its name from the directory of its replica on: "orders-0/00000000000000000000.log".
	File string
	// Errno as C names it, such as "EIO" and "ENOSPC"; "" if the disk gave none.
	Errno string
}

// errnos that a disk gives.
var errnos = map[syscall.Errno]string{
	syscall.EIO: "EIO", syscall.ENOSPC: "ENOSPC", syscall.EDQUOT: "EDQUOT", syscall.EROFS: "EROFS", syscall.EFBIG: "EFBIG",
	syscall.ENODEV: "ENODEV", syscall.ENXIO: "ENXIO", syscall.ENOENT: "ENOENT", syscall.ENOTDIR: "ENOTDIR",
	syscall.EACCES: "EACCES", syscall.EPERM: "EPERM", syscall.EMFILE: "EMFILE", syscall.ENFILE: "ENFILE", syscall.ENOMEM: "ENOMEM",
}

// FailureOf finds the call to the disk that an error comes from; false if it comes from elsewhere, as from the
// content of a file.
func FailureOf(err error) (Failure, bool) {
	var located *fs.PathError
	if !errors.As(err, &located) || errors.Is(err, fs.ErrClosed) {
		return Failure{}, false
	}
	f := Failure{Op: strings.TrimPrefix(located.Op, "fdata"), File: path.Join(path.Base(path.Dir(located.Path)), path.Base(located.Path))}
	if path.Dir(located.Path) == "." {
		f.File = located.Path
	}
	var number syscall.Errno
	if errors.As(located.Err, &number) {
		if f.Errno = errnos[number]; f.Errno == "" {
			f.Errno = fmt.Sprintf("errno %d", int(number))
		}
	}
	return f, true
}

// Advice is what to do about it.
func (f Failure) Advice() string {
	switch f.Errno {
	case "ENOSPC", "EDQUOT":
		return "the disk is full: make room on it, then start the node again; nothing that was acknowledged is lost"
	case "EROFS", "EACCES", "EPERM":
		return "the disk cannot be written: make it writable, then start the node again"
	case "EMFILE", "ENFILE":
		return "too many files are open: raise the limit (ulimit -n), then start the node again"
	}
	return "the disk fails: look at the machine's log; where the disk is sound again, start the node again, and it recovers what it had synced"
}
