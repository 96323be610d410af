package procfs

import (
	"os"
	"path/filepath"
	"testing"
)

// Both versions of control groups tell of a frozen process, each in its own file.
func TestFrozen(t *testing.T) {
	for name, test := range map[string]struct {
		groups, file, state string
		want                bool
	}{
		"first version, frozen":   {"9:memory:/docker/a\n7:freezer:/docker/a\n", "freezer/docker/a/freezer.state", "FROZEN\n", true},
		"first version, freezing": {"7:freezer:/docker/a\n", "freezer/docker/a/freezer.state", "FREEZING\n", false},
		"first version, thawed":   {"7:freezer:/docker/a\n0::/\n", "freezer/docker/a/freezer.state", "THAWED\n", false},
		"several controllers":     {"3:cpu,freezer:/x\n", "freezer/x/freezer.state", "FROZEN\n", true},
		"second version, frozen":  {"0::/system.slice/docker-a.scope\n", "system.slice/docker-a.scope/cgroup.events", "populated 1\nfrozen 1\n", true},
		"second version, running": {"0::/system.slice/docker-a.scope\n", "system.slice/docker-a.scope/cgroup.events", "populated 1\nfrozen 0\n", false},
		"no freezer":              {"9:memory:/docker/a\n0::/\n", "memory/docker/a/tasks", "1\n", false},
	} {
		root := t.TempDir()
		groups := filepath.Join(root, "cgroup")
		file := filepath.Join(root, "fs", test.file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string]string{groups: test.groups, file: test.state} {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := frozen(groups, filepath.Join(root, "fs")); err != nil || got != test.want {
			t.Errorf("%s: frozen is %v, %v", name, got, err)
		}
	}
	if now, err := Frozen(os.Getpid()); err != nil || now {
		t.Errorf("the test is frozen: %v, %v", now, err)
	}
	if _, err := Frozen(1 << 30); err == nil {
		t.Error("a process that is not there has a freezer")
	}
}
