package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/logproof/logproof/broker/env"
)

// temporary is appended to the name of a file that is being written. What a crash leaves of it is
// overwritten by the next Replace.
const temporary = ".tmp"

// Read gives a whole file. One of more than most bytes is an error: it is not what it should be. The error
// wraps fs.ErrNotExist if there is none.
func Read(files env.FS, name string, most int64) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fmt.Errorf("%s has %d bytes: at most %d can be right", name, size, most)
	}
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return content, nil
}

// Replace gives a file new content, durably.
func Replace(files env.FS, name string, content []byte) error {
	temp := name + temporary
	if err := files.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := files.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", temp, err)
	}
	if err := files.Rename(temp, name); err != nil {
		return err
	}
	return files.SyncDir(path.Dir(name))
}
