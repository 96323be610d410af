package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/logproof/logproof/chaos/procfs"
)

// healWithin is how long a killed process may take to go. SIGKILL needs no longer unless the kernel
// itself is stuck (a process in uninterruptible sleep), and then waiting does not help.
const healWithin = 5 * time.Second

// Healed is a harness that died before it cleaned up, and what was done about it.
type Healed struct {
	Harness procfs.Identity
	RunDir  string
	// Killed are the children that were still running; their groups are gone now.
	Killed []Child
	// Removed is what was left of it outside, by name.
	Removed []string
	// Left says what could not be looked for now, "" if nothing: the entry stays for a later call.
	Left string
}

// Healer removes what a harness left outside.
type Healer struct {
	// Kind of Outside that it knows.
	Kind string
	// Heal removes all that has the label and returns what that was, by name. The error wraps ErrAway if the
	// system does not answer at all.
	Heal func(Outside) (removed []string, err error)
}

// ErrAway is wrapped by the error of a Healer whose system does not answer.
var ErrAway = errors.New("it does not answer")

// String is for people: "harness pid 4711 died: killed node 0 (pid 4712); its run is in runs/x".
func (h Healed) String() string {
	what := "none of its processes was left"
	if len(h.Killed) > 0 {
		names := make([]string, len(h.Killed))
		for i, c := range h.Killed {
			names[i] = fmt.Sprintf("%s (pid %d)", c.Name, c.Pid)
		}
		what = "killed " + strings.Join(names, ", ")
	}
	if len(h.Removed) > 0 {
		what += ", removed " + strings.Join(h.Removed, ", ")
	}
	if h.Left != "" {
		what += "; left for later: " + h.Left
	}
	return fmt.Sprintf("harness pid %d died before it cleaned up: %s; its run is in %s", h.Harness.Pid, what, h.RunDir)
}

// Heal looks through dir for entries whose harness is dead, kills the process groups that are still
// those it started, waits until they are gone, lets healers remove what was made outside, and removes the entries. Entries of living harnesses
// and of other pid namespaces are not touched. It returns what it healed even with an error, which
// joins every entry that could not be healed; those stay for the next call. A missing dir is empty.
func Heal(dir string, healers ...Healer) ([]Healed, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("heal: %w", err)
	}
	boot, namespace, err := procfs.Scope()
	if err != nil {
		return nil, fmt.Errorf("heal: %w", err)
	}
	var all []Healed
	var errs []error
	for _, file := range files {
		path := filepath.Join(dir, file.Name())
		var healed *Healed
		var err error
		switch {
		case strings.HasSuffix(path, unfinished):
			err = removeUnfinished(path)
		case strings.HasSuffix(path, finished):
			healed, err = healEntry(path, boot, namespace, healers)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("heal %s: %w", path, err))
		}
		if healed != nil {
			all = append(all, *healed)
		}
	}
	return all, errors.Join(errs...)
}

// removeUnfinished deletes a half-written entry once its writer is dead. It describes nothing that
// was acted on: the harness acts only after the rename.
func removeUnfinished(path string) error {
	var writer procfs.Identity
	if _, err := fmt.Sscanf(filepath.Base(path), "%d-%d-", &writer.Pid, &writer.Start); err != nil || writer.Alive() {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// healEntry heals one file; nil when there was nothing to heal.
func healEntry(path, boot, namespace string, healers []Healer) (*Healed, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // its harness, or another one that heals, was faster
	}
	if err != nil {
		return nil, err
	}
	var e entry
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("damaged entry: %w: see which processes it names, end them, and delete it", err)
	}
	if e.Version < versionPlain || e.Version > versionOutside {
		return nil, fmt.Errorf("entry of version %d, this program knows %d to %d: use the one that wrote it", e.Version, versionPlain, versionOutside)
	}
	sameBoot := e.Boot == boot
	if sameBoot && (e.Namespace != namespace || e.Harness.Alive()) {
		return nil, nil
	}
	healed := &Healed{Harness: e.Harness, RunDir: e.RunDir}
	if sameBoot { // nothing survives a reboot
		for _, c := range e.Children {
			killed, err := end(c)
			if err != nil {
				return healed, err
			}
			if killed {
				healed.Killed = append(healed.Killed, c)
			}
		}
	}
	if err := healed.outside(e.Outside, healers); err != nil || healed.Left != "" {
		return healed, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return healed, err
	}
	return healed, nil
}

// outside has everything removed that was made outside: that survives the harness, and a reboot too.
func (h *Healed) outside(all []Outside, healers []Healer) error {
	for _, o := range all {
		i := slices.IndexFunc(healers, func(healer Healer) bool { return healer.Kind == o.Kind })
		if i < 0 {
			return fmt.Errorf("%s %s at %s: this command knows nothing of the kind: run a scenario, or remove it there", o.Kind, o.Label, o.Where)
		}
		removed, err := healers[i].Heal(o)
		h.Removed = append(h.Removed, removed...)
		if errors.Is(err, ErrAway) {
			h.Left = fmt.Sprintf("what has the label %s in %s at %s: %v", o.Label, o.Kind, o.Where, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("remove what has the label %s in %s at %s: %w", o.Label, o.Kind, o.Where, err)
		}
	}
	return nil
}

// end kills the group of a child that is still the same process, and waits until it is gone.
func end(c Child) (bool, error) {
	if c.Pid <= 1 || c.Group != c.Pid {
		return false, fmt.Errorf("%s: %v does not lead group %d: nothing was killed", c.Name, c.Identity, c.Group)
	}
	if !c.Alive() {
		return false, nil
	}
	if err := syscall.Kill(-c.Group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return false, fmt.Errorf("kill %s, %v: %w", c.Name, c.Identity, err)
	}
	// It is no child of this process, so there is nothing to wait on but its state.
	for deadline := time.Now().Add(healWithin); c.Alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return true, fmt.Errorf("%s, %v still runs %v after SIGKILL: look at its state in /proc/%d/stat",
				c.Name, c.Identity, healWithin, c.Pid)
		}
	}
	return true, nil
}
