// Package real is env.FS over the files of the machine.
//
//	node ── env.FS ──▶ real ──▶ root/
//	                             ├── orders-0/00000000000000000000.log     File.Sync: fdatasync
//	                             └── orders-0/                             SyncDir:   fsync
//
// Every name is relative to the root given to New and cannot leave it. Files are opened without any
// buffer of their own: a WriteAt that returned is in the kernel and outlives the process; only after
// Sync (and, for a new or renamed file, SyncDir) does it outlive a power cut.
package real
