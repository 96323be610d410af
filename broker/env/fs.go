package env

import "io"

// FS is a directory tree of files. Names are slash-separated and relative to its root.
// Errors satisfy errors.Is with fs.ErrNotExist and fs.ErrExist where they mean that.
type FS interface {
	// Create makes a new file, open for reading and writing. It is an error if it exists.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// Rename replaces newName by oldName, atomically.
	Rename(oldName, newName string) error
	// List returns the names (not paths) in a directory, sorted.
	List(dir string) ([]string, error)
	// MkdirAll makes a directory and its parents; no error if it is there.
	MkdirAll(dir string) error
	// SyncDir makes the creation, removal and renaming of the entries of dir durable.
	SyncDir(dir string) error
}

// File is an open file. ReadAt and WriteAt may run at the same time as Sync.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size in bytes.
	Size() (int64, error)
	// Truncate sets the size in bytes.
	Truncate(size int64) error
	// Sync returns when everything written before the call is on stable storage.
	Sync() error
}
