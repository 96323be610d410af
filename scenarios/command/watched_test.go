package command

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// watched is an output that tells when something has been printed.
type watched struct {
	mu    sync.Mutex
	b     strings.Builder
	until string
	seen  chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if w.seen != nil && strings.Contains(w.b.String(), w.until) {
		close(w.seen)
		w.seen = nil
	}
	return len(p), nil
}

func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// actOn runs logproof as a process of its own, on an input.
func actOn(t *testing.T, stdin string, args ...string) (code int, output string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Stdin = strings.NewReader(stdin)
	said, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(said)
}
