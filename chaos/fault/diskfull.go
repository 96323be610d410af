package fault

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
)

// diskFull is the one of the faults of disks that counts: there is room for so many bytes more.
type diskFull struct {
	diskFails
	space int64
}

// Inject sets the limit to what the node has on its disk now, and the space that is left.
func (d *diskFull) Inject(ctx context.Context) (string, error) {
	if err := d.writer.open(ctx); err != nil { // what the proof needs is there before it is counted
		return "", err
	}
	used, err := bytesIn(d.disk.Data(d.node))
	if err != nil {
		return "", err
	}
	// A limit of nothing would be no limit: what is written next is more than a byte.
	d.rules = []string{"space=" + strconv.FormatInt(max(1, used+d.space), 10)}
	return d.diskRules.Inject(ctx)
}

// bytesIn is how long all files in a directory are together.
func bytesIn(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				sum += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // a file of an instant
		}
		return err
	})
	return sum, err
}
