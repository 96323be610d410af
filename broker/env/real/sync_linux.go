package real

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// syncData is fdatasync: it writes the size with the data when the size has changed, and spares the
// second write that fsync needs for the modification time.
func syncData(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	held := conn.Control(func(fd uintptr) {
		failed = unix.Fdatasync(int(fd))
		for failed == unix.EINTR {
			failed = unix.Fdatasync(int(fd))
		}
	})
	if held != nil { // Control fails only on a closed file, and says so with an error of its own
		failed = fs.ErrClosed
	}
	if failed != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: failed}
	}
	return nil
}
