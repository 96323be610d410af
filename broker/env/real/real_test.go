package real_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/envtest"
	"github.com/logproof/logproof/broker/env/real"
)

func TestConformance(t *testing.T) {
	envtest.Run(t, func(t *testing.T) env.FS {
		under, err := real.New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return under
	})
}

func TestNewMakesTheRoot(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a", "b")
	under, err := real.New(root)
	if err != nil {
		t.Fatal(err)
	}
	f, err := under.Create("f")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "f")); err != nil {
		t.Error(err)
	}
}

func TestNewRefusesAFile(t *testing.T) {
	root := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := real.New(root); err == nil {
		t.Error("New over a file went well")
	}
}
