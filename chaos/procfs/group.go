package procfs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Stopped is a process that a signal stopped (SIGSTOP): it computes nothing until SIGCONT.
const Stopped State = 'T'

// Member is one process of a process group.
type Member struct {
	Identity
	// State of the process: Stopped only if each of its threads is.
	State State
}

// Group lists the processes of a process group, those that have ended left out. It reads the stat
// line of every process of the machine.
func Group(group int) ([]Member, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list process group %d: %w", group, err)
	}
	var members []Member
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		in, err := inGroup(pid, group)
		var m Member
		if err == nil && in {
			m, err = member(pid)
		}
		if ended(err) {
			continue // between the listing and here
		}
		if err != nil {
			return nil, fmt.Errorf("list process group %d: %w", group, err)
		}
		if in && m.State != Zombie && m.State != dead {
			members = append(members, m)
		}
	}
	return members, nil
}

// inGroup reads field 5 of /proc/PID/stat, the process group.
func inGroup(pid, group int) (bool, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false, err
	}
	// The command before the last parenthesis may hold blanks; state, parent and group follow it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 3 {
		return false, fmt.Errorf("the stat line %q is too short", stat)
	}
	return fields[2] == strconv.Itoa(group), nil
}

// member looks at every thread of a process: a signal stops them one after the other.
func member(pid int) (Member, error) {
	id, state, err := Identify(pid)
	if err != nil || state != Stopped {
		return Member{id, state}, err
	}
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return Member{}, err
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(filepath.Join(tasks, thread.Name(), "stat"))
		if ended(err) {
			continue // a thread that has ended computes nothing
		}
		if err != nil {
			return Member{}, err
		}
		state, _, err := parseStat(stat)
		if err != nil {
			return Member{}, err
		}
		if state != Stopped && state != Zombie && state != dead {
			return Member{id, state}, nil
		}
	}
	return Member{id, Stopped}, nil
}
