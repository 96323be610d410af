package disk_test

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/mem"
)

// change replaces the rules of a disk.
func change(t *testing.T, d *disk.Disk, text string) {
	t.Helper()
	must(t, d.SetRules(parse(t, text)))
	if got := d.Rules().String(); got != text {
		t.Fatalf("the rules in force are %q, want %q", got, text)
	}
}

func wantEIO(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, syscall.EIO) {
		t.Fatalf("%s: %v, want EIO", what, err)
	}
}

// A disk that is not full becomes so at once, with what is there, and has room again when the rule goes.
func TestSpaceChanges(t *testing.T) {
	for _, layers := range []string{"", ",lose-unsynced"} {
		memory := mem.New()
		before := create(t, memory, "before")
		write(t, before, "1234567890", 0)
		sound := strings.TrimPrefix(layers, ",")
		under := disk.New(memory, parse(t, sound), awake)
		f := create(t, under, "f")
		write(t, f, "abcde", 0)
		gone := create(t, under, "gone")
		write(t, gone, "xxx", 0)
		must(t, under.Remove("gone")) // open, and without a name: it takes up nothing that can be had back
		change(t, under, joined("space=1B", layers))
		_, err := f.WriteAt([]byte("f"), 5)
		wantFull(t, "a write on a disk that became full", err)
		write(t, f, "ABCDE", 0) // no new bytes
		must(t, gone.Close())
		change(t, under, joined("space=16B", layers))
		write(t, f, "f", 5)
		_, err = f.WriteAt([]byte("g"), 6)
		wantFull(t, "a write past 16 bytes", err)
		must(t, under.Remove("before"))
		write(t, f, "0123456789", 6)
		_, err = f.WriteAt([]byte("g"), 16)
		wantFull(t, "a write past 16 bytes, after 10 were freed", err)
		change(t, under, sound)
		write(t, f, "g", 16)
		wantContent(t, f, "ABCDEf0123456789g")
		change(t, under, joined("space=18B", layers)) // it has been counted all the time
		write(t, f, "h", 17)
		_, err = f.WriteAt([]byte("i"), 18)
		wantFull(t, "a write past 18 bytes", err)
	}
}

func joined(rule, layers string) string {
	if layers == "" {
		return rule
	}
	return "lose-unsynced," + rule
}

// A failed Sync gives up what it was to cover, as Linux does: it is still read, it is never on disk, and the
// next Sync says that all is well. What is written after that is synced, with the pages it touches.
func TestSyncFails(t *testing.T) {
	memory := mem.New()
	under := disk.New(memory, parse(t, "lose-unsynced"), awake)
	f := create(t, under, "f")
	write(t, f, "synced", 0)
	must(t, f.Sync())
	change(t, under, "lose-unsynced,sync-error=now")
	must(t, f.Sync()) // nothing to lose
	write(t, f, "LOST", 0)
	write(t, f, "lost", 5000)
	wantEIO(t, "the first Sync", f.Sync())
	must(t, f.Sync()) // the lie
	wantEIO(t, "SyncDir", under.SyncDir("."))
	wantBelow(t, memory, "f", "synced")
	write(t, f, "again", 5000)
	wantEIO(t, "the first Sync after another write", f.Sync())
	change(t, under, "lose-unsynced")
	must(t, f.Sync())
	wantBelow(t, memory, "f", "synced")
	write(t, f, "!", 4)
	must(t, f.Sync())
	if got := contentOf(t, memory, "f"); got[:6] != "LOST!d" || strings.Trim(got[6:], "\x00") != "" || len(got) != 5005 {
		t.Errorf("the file below is %q... of %d bytes", got[:6], len(got))
	}
	if got := contentOf(t, under, "f"); got[:6] != "LOST!d" || got[5000:] != "again" {
		t.Errorf("the file is %q...%q", got[:6], got[5000:])
	}
	must(t, f.Truncate(2))
	must(t, f.Sync())
	wantBelow(t, memory, "f", "LO")
	wantContent(t, f, "LO")
}

// A cut that a failed Sync was to cover is made up for by the next: the size of a file is no page.
func TestSyncFailsAfterACut(t *testing.T) {
	memory := mem.New()
	under := disk.New(memory, parse(t, "lose-unsynced"), awake)
	f := create(t, under, "f")
	write(t, f, "0123456789", 0)
	must(t, f.Sync())
	must(t, f.Truncate(4))
	change(t, under, "lose-unsynced,sync-error=now")
	wantEIO(t, "Sync", f.Sync())
	wantBelow(t, memory, "f", "0123456789")
	change(t, under, "lose-unsynced")
	write(t, f, "abc", 4)
	must(t, f.Sync())
	wantBelow(t, memory, "f", "0123abc")
	wantContent(t, f, "0123abc")
}

// Without layers nothing can be given up, but a Sync fails and the next one lies all the same.
func TestSyncFailsWithoutLayers(t *testing.T) {
	under := disk.New(mem.New(), disk.Rules{}, awake)
	f := create(t, under, "f")
	write(t, f, "x", 0)
	change(t, under, "sync-error=now")
	wantEIO(t, "the first Sync", f.Sync())
	must(t, f.Sync())
	must(t, f.Truncate(0))
	wantEIO(t, "a Sync after a cut", f.Sync())
	change(t, under, "")
	write(t, f, "y", 0)
	must(t, f.Sync())
}

func TestWriteFails(t *testing.T) {
	full(t, "space=1KiB", func(t *testing.T, _ *mem.FS, under env.FS) {
		d := under.(*disk.Disk)
		f := create(t, under, "f")
		write(t, f, "x", 0)
		rules := d.Rules()
		rules.WriteFails = true
		must(t, d.SetRules(rules))
		_, err := f.WriteAt([]byte("y"), 0)
		wantEIO(t, "WriteAt", err)
		wantEIO(t, "Truncate", f.Truncate(0))
		_, err = under.Create("g")
		wantEIO(t, "Create", err)
		wantContent(t, f, "x")
		rules.WriteFails = false
		must(t, d.SetRules(rules))
		write(t, f, "y", 0)
		wantContent(t, f, "y")
	})
}

func TestWriteDelay(t *testing.T) {
	var slept []time.Duration
	under := disk.New(mem.New(), disk.Rules{}, func(d time.Duration) { slept = append(slept, d) })
	f := create(t, under, "f")
	write(t, f, "x", 0)
	change(t, under, "sync-delay=5ms,write-delay=7ms")
	write(t, f, "x", 0)
	must(t, f.Truncate(0))
	must(t, f.Sync())
	change(t, under, "")
	write(t, f, "x", 0)
	must(t, f.Sync())
	want := []time.Duration{7 * time.Millisecond, 7 * time.Millisecond, 5 * time.Millisecond}
	if len(slept) != len(want) {
		t.Fatalf("slept %v, want %v", slept, want)
	}
	for i := range want {
		if slept[i] != want[i] {
			t.Errorf("slept %v, want %v", slept, want)
		}
	}
}

func TestLoseUnsyncedIsFixed(t *testing.T) {
	for _, text := range []string{"", "lose-unsynced"} {
		under := disk.New(mem.New(), parse(t, text), awake)
		other := under.Rules()
		other.LoseUnsynced = !other.LoseUnsynced
		if err := under.SetRules(other); err == nil || !strings.Contains(err.Error(), "chosen when the disk is made") {
			t.Errorf("from %q to %q: %v", text, other, err)
		}
		if got := under.Rules().String(); got != text {
			t.Errorf("the rules are %q, want %q", got, text)
		}
	}
}

// Rules change while files are written, cut and synced by others; the bytes in use are right at the end.
func TestChangesUnderLoad(t *testing.T) {
	for _, layers := range []string{"", "lose-unsynced"} {
		memory := mem.New()
		under := disk.New(memory, parse(t, layers), awake)
		var work sync.WaitGroup
		for i := range 4 {
			f := create(t, under, string(rune('a'+i)))
			work.Go(func() {
				for n := range 400 {
					_, _ = f.WriteAt(pattern('x', 1000), int64(n%7)*500)
					if n%5 == 0 {
						_ = f.Truncate(int64(n % 900))
					}
					_ = f.Sync()
				}
				_ = f.Truncate(0)
				_, _ = f.WriteAt(pattern('y', 100), 0)
			})
		}
		work.Go(func() {
			for i := range 300 {
				rules := under.Rules()
				rules.Space, rules.SyncFails, rules.WriteFails = []int64{0, 1, 3000, 1 << 20}[i%4], i%5 == 0, i%7 == 0
				if err := under.SetRules(rules); err != nil {
					t.Error(err)
				}
			}
			rules := under.Rules()
			rules.Space, rules.SyncFails, rules.WriteFails = 1<<20, false, false
			must(t, under.SetRules(rules))
		})
		work.Wait()
		used := 0
		for i := range 4 {
			used += len(contentOf(t, under, string(rune('a'+i))))
		}
		rules := under.Rules()
		rules.Space = int64(used) + 10
		must(t, under.SetRules(rules))
		f := create(t, under, "last")
		write(t, f, "0123456789", 0)
		_, err := f.WriteAt([]byte("x"), 10)
		wantFull(t, "one byte more than there is space for", err)
	}
}
