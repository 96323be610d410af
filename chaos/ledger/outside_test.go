package ledger

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What was made outside is removed by whoever knows the kind; a system that does not answer, or that nobody
// knows, keeps the entry.
func TestWhatWasMadeOutsideIsRemoved(t *testing.T) {
	made := Outside{Kind: "engine", Where: "unix:///engine.sock", Label: "run=7"}
	var asked []Outside
	with := func(removed []string, err error) Healer {
		return Healer{Kind: "engine", Heal: func(o Outside) ([]string, error) {
			asked = append(asked, o)
			return removed, err
		}}
	}
	for name, test := range map[string]struct {
		healers []Healer
		boot    string
		says    string
		stays   bool
		fails   bool
	}{
		"removed":            {healers: []Healer{{Kind: "other"}, with([]string{"container a", "network b"}, nil)}, says: "removed container a, network b"},
		"nothing was left":   {healers: []Healer{with(nil, nil)}, says: "none of its processes was left"},
		"after a reboot":     {healers: []Healer{with([]string{"container a"}, nil)}, boot: "another", says: "removed container a"},
		"it does not answer": {healers: []Healer{with(nil, fmt.Errorf("dial: %w", ErrAway))}, says: "left for later", stays: true},
		"it refuses":         {healers: []Healer{with([]string{"container a"}, errors.New("b is in use"))}, says: "removed container a", stays: true, fails: true},
		"nobody knows it":    {healers: []Healer{{Kind: "other"}}, says: "none of its processes", stays: true, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			asked = nil
			deadEntry(t, dir, func(e *entry) {
				e.Version, e.Outside = versionOutside, []Outside{made}
				if test.boot != "" {
					e.Boot = test.boot
				}
			})
			healed, err := Heal(dir, test.healers...)
			if (err != nil) != test.fails || len(healed) != 1 || !strings.Contains(healed[0].String(), test.says) {
				t.Errorf("Heal = %v, %v; want that it says %q", healed, err, test.says)
			}
			if name != "nobody knows it" && !slices.Equal(asked, []Outside{made}) {
				t.Errorf("asked for %v", asked)
			}
			if stays := len(entries(t, dir)) == 1; stays != test.stays {
				t.Errorf("the entry stays: %v; want %v", stays, test.stays)
			}
		})
	}
}

// A note of what is outside makes the entry one that programs which know processes only refuse.
func TestOutsideIsNotedBeforeItIsMade(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, "runs/x")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := Outside{Kind: "engine", Where: "unix:///engine.sock", Label: "run=7"}
	if err := l.AddOutside(o); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	e := l.mu.entry
	l.mu.Unlock()
	if e.Version != versionOutside || !slices.Equal(e.Outside, []Outside{o}) {
		t.Errorf("the entry is %+v", e)
	}
	if healed, err := Heal(dir); err != nil || len(healed) != 0 {
		t.Errorf("Heal = %v, %v; want that the entry of a living harness is left alone", healed, err)
	}
	// What could not be removed is left to the next harness, what was is not.
	if err := l.Close(); err != nil || len(entries(t, dir)) != 1 {
		t.Errorf("Close = %v with %v left; want that it keeps the entry", err, entries(t, dir))
	}
	other, err := Open(t.TempDir(), "runs/y")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.AddOutside(o), other.Removed(o), other.Close()); err != nil || len(entries(t, filepath.Dir(other.path))) != 0 {
		t.Errorf("after it was removed Close leaves %v, %v", entries(t, filepath.Dir(other.path)), err)
	}
}
