package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Identity of a process on one boot of one machine: pids come back, pids with the same start do not.
type Identity struct {
	Pid int `json:"pid"`
	// Start is when the process began, in clock ticks since boot (field 22 of /proc/PID/stat).
	Start uint64 `json:"start"`
}

// String is "pid 4711 (started at tick 123)".
func (i Identity) String() string { return fmt.Sprintf("pid %d (started at tick %d)", i.Pid, i.Start) }

// State of a process as field 3 of /proc/PID/stat: 'R', 'S', 'D', 'Z', 'T', ...
type State byte

// Zombie has ended and waits for its parent to notice: it holds no files and serves nothing.
const Zombie State = 'Z'

// dead is what the kernel shows for an instant while it removes a process.
const dead State = 'X'

// Identify returns the identity and the state of the process that has the pid now. The error wraps
// fs.ErrNotExist when there is none.
func Identify(pid int) (Identity, State, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, syscall.ESRCH) {
		// The process ended between open and read.
		err = &os.PathError{Op: "read", Path: fmt.Sprintf("/proc/%d/stat", pid), Err: os.ErrNotExist}
	}
	if err != nil {
		return Identity{}, 0, fmt.Errorf("identify pid %d: %w", pid, err)
	}
	state, start, err := parseStat(stat)
	if err != nil {
		return Identity{}, 0, fmt.Errorf("identify pid %d: %w", pid, err)
	}
	return Identity{Pid: pid, Start: start}, state, nil
}

// ended reports whether err says that a process or thread is no more: its files are gone, or it
// ended between open and read.
func ended(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// parseStat takes state and start time out of /proc/PID/stat. The command, the second field, is in
// parentheses and may itself hold blanks and parentheses: what counts begins after the last one.
func parseStat(stat []byte) (State, uint64, error) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, 0, fmt.Errorf("no command in the stat line %q", stat)
	}
	fields := strings.Fields(string(stat[end+1:]))
	// fields[0] is field 3 of the line, so field 22 is fields[19].
	if len(fields) < 20 || len(fields[0]) != 1 {
		return 0, 0, fmt.Errorf("the stat line %q is too short", stat)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("start time in the stat line: %w", err)
	}
	return State(fields[0][0]), start, nil
}

// Alive reports whether this very process still runs: the pid exists, started at the same tick and
// is no zombie whose threads have all ended. An unreadable /proc counts as alive: who asks must not conclude that it is gone.
func (i Identity) Alive() bool {
	now, state, err := Identify(i.Pid)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	if now == i && state == Zombie {
		// The first thread shows as a zombie while others still end: until the last of them has, the
		// process holds its files, locks and ports.
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", i.Pid))
		return err == nil && len(threads) > 1
	}
	return now == i && state != dead
}

// Scope names the space in which identities are unique: the boot and the pid namespace. An identity
// of another scope says nothing about the processes here.
func Scope() (boot, namespace string, err error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", "", fmt.Errorf("read the id of this boot: %w", err)
	}
	namespace, err = os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", "", fmt.Errorf("read the pid namespace: %w", err)
	}
	return strings.TrimSpace(string(id)), namespace, nil
}
