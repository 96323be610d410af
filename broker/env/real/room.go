package real

import (
	"os"

	"github.com/logproof/logproof/broker/env"
	"golang.org/x/sys/unix"
)

var _ env.Volume = tree{}

// Room is that of the file system which has the root. What only the superuser may still take counts as used.
func (t tree) Room() (total, usable int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(t.root, &s); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: t.root, Err: err}
	}
	return int64(s.Blocks) * int64(s.Bsize), int64(s.Bavail) * int64(s.Bsize), nil
}
