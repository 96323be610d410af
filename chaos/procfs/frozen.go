package procfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Frozen reports whether the freezer of control groups holds a process: it computes nothing, as under SIGSTOP,
// and no state in /proc/PID/stat says so. That is how a container is paused.
func Frozen(pid int) (bool, error) {
	return frozen(fmt.Sprintf("/proc/%d/cgroup", pid), "/sys/fs/cgroup")
}

// frozen reads the groups of a process, a line "hierarchy:controllers:path" each, and asks the group of the
// freezer: its freezer.state says FROZEN in the first version of control groups, where it is a hierarchy
// of its own, and its cgroup.events say "frozen 1" in the second, which has one hierarchy.
func frozen(groups, root string) (bool, error) {
	text, err := os.ReadFile(groups)
	if err != nil {
		return false, fmt.Errorf("look for a frozen process: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		file, says := "", ""
		switch {
		case strings.Contains(","+parts[1]+",", ",freezer,"):
			file, says = filepath.Join(root, "freezer", parts[2], "freezer.state"), "FROZEN"
		case parts[0] == "0" && parts[1] == "":
			file, says = filepath.Join(root, parts[2], "cgroup.events"), "frozen 1"
		default:
			continue
		}
		state, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // a machine that has both versions has the freezer in one of them
		}
		if err != nil {
			return false, fmt.Errorf("look for a frozen process: %w", err)
		}
		for line := range strings.Lines(string(state)) {
			if strings.TrimSpace(line) == says {
				return true, nil
			}
		}
	}
	return false, nil
}
