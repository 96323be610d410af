package real

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/logproof/logproof/broker/env"
)

// Permissions of what this package makes: the owner writes, everybody may read, less the umask.
const (
	fileMode = 0o644
	dirMode  = 0o755
)

// New gives the tree below root. A root that is missing is made, with its parents, and their entries
// are made durable at once: nobody above the seam can name those directories.
func New(root string) (env.FS, error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("data directory %q: %w", root, err)
	}
	var missing []string
	for at := absolute; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, at)
	}
	if err := os.MkdirAll(absolute, dirMode); err != nil {
		return nil, fmt.Errorf("data directory %q cannot be made: %w", root, err)
	}
	for _, made := range missing {
		if err := syncDirectory(filepath.Dir(made)); err != nil {
			return nil, fmt.Errorf("data directory %q was made but may not outlive a power cut: %w", root, err)
		}
	}
	return tree{root: absolute}, nil
}

// tree implements env.FS. It has no state, so it is safe for use by several goroutines.
type tree struct{ root string }

// locate turns a name of env.FS into a path of the machine; a name that leaves the root is refused.
func (t tree) locate(op, name string) (string, error) {
	local, err := filepath.Localize(path.Clean(name))
	if err != nil {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(t.root, local), nil
}

func (t tree) open(op, name string, flag int) (env.File, error) {
	where, err := t.locate(op, name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(where, flag, fileMode)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (t tree) Create(name string) (env.File, error) {
	return t.open("create", name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (t tree) Open(name string) (env.File, error) {
	return t.open("open", name, os.O_RDWR)
}

func (t tree) Remove(name string) error {
	where, err := t.locate("remove", name)
	if err != nil {
		return err
	}
	if where == t.root {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrInvalid}
	}
	return os.Remove(where)
}

func (t tree) Rename(oldName, newName string) error {
	from, err := t.locate("rename", oldName)
	if err != nil {
		return err
	}
	to, err := t.locate("rename", newName)
	if err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (t tree) List(dir string) ([]string, error) {
	where, err := t.locate("list", dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(where)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

func (t tree) MkdirAll(dir string) error {
	where, err := t.locate("mkdir", dir)
	if err != nil {
		return err
	}
	return os.MkdirAll(where, dirMode)
}

func (t tree) SyncDir(dir string) error {
	where, err := t.locate("syncdir", dir)
	if err != nil {
		return err
	}
	return syncDirectory(where)
}
