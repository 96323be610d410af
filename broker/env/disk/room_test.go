package disk_test

import (
	"testing"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/env/real"
)

// The space rule is a small volume; without it the room is that of the machine, and memory has no bounds.
func TestRoom(t *testing.T) {
	rules, err := disk.Parse("space=4KiB")
	if err != nil {
		t.Fatal(err)
	}
	small := disk.New(mem.New(), rules, awake)
	f := create(t, small, "a")
	if _, err := f.WriteAt(make([]byte, 1000), 0); err != nil {
		t.Fatal(err)
	}
	if total, usable, err := small.Room(); total != 4096 || usable != 3096 || err != nil {
		t.Errorf("a small disk: %d of %d left, %v", usable, total, err)
	}
	if total, usable, err := disk.New(mem.New(), disk.Rules{}, awake).Room(); total != -1 || usable != -1 || err != nil {
		t.Errorf("memory: %d of %d left, %v", usable, total, err)
	}
	below, err := real.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, volume := range map[string]env.Volume{"real": below.(env.Volume), "a disk without rules": disk.New(below, disk.Rules{}, awake)} {
		if total, usable, err := volume.Room(); total <= 0 || usable < 0 || usable > total || err != nil {
			t.Errorf("%s: %d of %d left, %v", name, usable, total, err)
		}
	}
}
