//go:build !linux

package real

import "os"

// syncData is the full sync of the platform; on darwin the os package asks the drive itself to flush.
func syncData(f *os.File) error { return f.Sync() }
