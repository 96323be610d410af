package real

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// file is an *os.File with the two methods env.File asks for in another form. What a server knows
// about *os.File (sendfile, for one) stays reachable through a type assertion on its methods.
type file struct{ *os.File }

// Size in bytes, by fstat.
func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Sync makes the data and the size durable, not the times. It may run at the same time as Close:
// the descriptor is held for the length of the call and cannot come to mean another file.
func (f file) Sync() error {
	return syncData(f.File)
}

// syncDirectory makes the entries of a directory durable.
func syncDirectory(where string) error {
	dir, err := os.Open(where)
	if err != nil {
		return err
	}
	info, err := dir.Stat()
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "syncdir", Path: where, Err: syscall.ENOTDIR}
	}
	if err == nil {
		err = dir.Sync()
	}
	return errors.Join(err, dir.Close())
}
