package file

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
)

// halting fails every call from the n-th on that changes something: the process is gone.
type halting struct {
	env.FS
	left int
}

var errHalted = errors.New("halted")

func (h *halting) step() error {
	if h.left--; h.left < 0 {
		return errHalted
	}
	return nil
}

func (h *halting) Remove(name string) error {
	if err := h.step(); err != nil {
		return err
	}
	return h.FS.Remove(name)
}

func (h *halting) Create(name string) (env.File, error) {
	if err := h.step(); err != nil {
		return nil, err
	}
	return h.FS.Create(name)
}

func (h *halting) Rename(from, to string) error {
	if err := h.step(); err != nil {
		return err
	}
	return h.FS.Rename(from, to)
}

func (h *halting) SyncDir(name string) error {
	if err := h.step(); err != nil {
		return err
	}
	return h.FS.SyncDir(name)
}

// However far a replacement came before the power went, the file is whole: the old one or the new one. A
// replacement that returned is there.
func TestReplaceIsWholeOrNothing(t *testing.T) {
	for steps := range 6 {
		files := mem.New()
		if err := Replace(files, "state", []byte("old")); err != nil {
			t.Fatal(err)
		}
		failed := Replace(&halting{files, steps}, "state", []byte("the new one"))
		files = files.Crash(nil)
		got, err := Read(files, "state", 100)
		if err != nil || string(got) != "old" && string(got) != "the new one" {
			t.Errorf("halted after %d steps: %q, %v", steps, got, err)
		}
		if failed == nil && string(got) != "the new one" {
			t.Errorf("a replacement that returned is lost: %q", got)
		}
		if err := Replace(files, "state", []byte("again")); err != nil {
			t.Errorf("after a crash at step %d: %v", steps, err)
		}
	}
}

func TestRead(t *testing.T) {
	files := mem.New()
	if _, err := Read(files, "state", 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if err := Replace(files, "state", make([]byte, 101)); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(files, "state", 100); err == nil {
		t.Error("a file that is too large was read")
	}
}
