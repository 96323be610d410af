package node

import (
	"errors"
	"io"
	"io/fs"
	"path"

	"github.com/logproof/logproof/broker/env"
)

// readSmall reads a file of at most a few lines.
func readSmall(files env.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	text := make([]byte, min(size, 256))
	n, err := f.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return text[:n], nil
}

// replaceSmall makes a file whole before it has its name: a crash leaves the old one or the new one.
func replaceSmall(files env.FS, name string, text []byte) error {
	temp := name + ".tmp"
	if err := ignoreMissing(files.Remove(temp)); err != nil {
		return err
	}
	f, err := files.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = files.Rename(temp, name)
	}
	if err == nil {
		err = files.SyncDir(path.Dir(name))
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
