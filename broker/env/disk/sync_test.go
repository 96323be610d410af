package disk_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/mem"
)

const patience = 10 * time.Second // until a test gives a goroutine up for stuck

// gates is a sleep that a test opens: each sleeper hands over a channel and waits for its end.
type gates chan chan struct{}

func (g gates) sleep(time.Duration) {
	opened := make(chan struct{})
	g <- opened
	<-opened
}

func (g gates) next(t *testing.T) chan struct{} {
	t.Helper()
	select {
	case opened := <-g:
		return opened
	case <-time.After(patience):
		t.Fatal("no Sync reached its delay")
		return nil
	}
}

// start runs a Sync of its own goroutine.
func start(f env.File) chan error {
	done := make(chan error, 1)
	go func() { done <- f.Sync() }()
	return done
}

func wantDone(t *testing.T, what string, done chan error) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	case <-time.After(patience):
		t.Fatalf("%s does not come back", what)
	}
}

func TestSyncCoversWhatWasWrittenBefore(t *testing.T) {
	memory, gate := mem.New(), make(gates)
	under := disk.New(memory, parse(t, "sync-delay=1s,lose-unsynced"), gate.sleep)
	f := create(t, under, "f")
	write(t, f, "before", 0)
	first := start(f)
	opened := gate.next(t)
	write(t, f, "after", 0) // in the delay: visible at once, not covered
	must(t, f.Truncate(5))
	wantContent(t, f, "after")
	wantBelow(t, memory, "f", "")
	close(opened)
	wantDone(t, "Sync", first)
	wantContent(t, f, "after")
	wantBelow(t, memory, "f", "before")
	second := start(f)
	close(gate.next(t))
	wantDone(t, "Sync", second)
	wantBelow(t, memory, "f", "after")
}

func TestSyncsOfOneFile(t *testing.T) {
	memory, gate := mem.New(), make(gates)
	under := disk.New(memory, parse(t, "sync-delay=1s,lose-unsynced"), gate.sleep)
	f := create(t, under, "f")
	g := open(t, under, "f")
	write(t, f, "one", 0)
	first := start(f)
	firstGate := gate.next(t)
	// Nothing new is written: a second Sync must wait for the bytes of the first all the same.
	second := start(g)
	secondGate := gate.next(t)
	write(t, g, "two", 3)
	third := start(f)
	thirdGate := gate.next(t)
	wantBelow(t, memory, "f", "")
	close(secondGate)
	wantDone(t, "the second Sync", second)
	wantBelow(t, memory, "f", "one")
	close(thirdGate)
	wantDone(t, "the third Sync", third)
	wantBelow(t, memory, "f", "onetwo")
	close(firstGate)
	wantDone(t, "the first Sync", first)
	wantBelow(t, memory, "f", "onetwo")
	wantContent(t, f, "onetwo")
}

// TestCloseDuringSync: such a Sync fails, and what it was to cover is neither lost nor promised.
func TestCloseDuringSync(t *testing.T) {
	memory, gate := mem.New(), make(gates)
	under := disk.New(memory, parse(t, "sync-delay=1s,lose-unsynced"), gate.sleep)
	f := create(t, under, "f")
	write(t, f, "x", 0)
	done := start(f)
	opened := gate.next(t)
	must(t, f.Close())
	close(opened)
	if err := <-done; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Sync of a file closed meanwhile: %v, want %v", err, fs.ErrClosed)
	}
	wantBelow(t, memory, "f", "")
	g := open(t, under, "f")
	wantContent(t, g, "x")
	again := start(g)
	close(gate.next(t))
	wantDone(t, "Sync", again)
	wantBelow(t, memory, "f", "x")
}

// slow is an FS whose files wait in WriteAt and Sync until the test lets them go on, or fail there.
type slow struct {
	env.FS
	gate gates
	fail atomic.Bool
}

var errBelow = errors.New("the disk below fails")

func (s *slow) Create(name string) (env.File, error) {
	f, err := s.FS.Create(name)
	return slowFile{f, s}, err
}

type slowFile struct {
	env.File
	fs *slow
}

func (f slowFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.gate.sleep(0)
	return f.File.WriteAt(p, off)
}

func (f slowFile) Sync() error {
	f.fs.gate.sleep(0)
	if f.fs.fail.Load() {
		return errBelow
	}
	return f.File.Sync()
}

// TestCallsDuringSync holds a Sync up in the write and in the sync below: every other call goes on.
func TestCallsDuringSync(t *testing.T) {
	memory := mem.New()
	below := &slow{FS: memory, gate: make(gates)}
	under := disk.New(below, parse(t, "lose-unsynced,space=1MiB"), awake)
	f := create(t, under, "f")
	write(t, f, "before", 0)
	sync := start(f)
	writing := below.gate.next(t)
	write(t, f, "during", 6)
	wantContent(t, f, "beforeduring")
	must(t, f.Truncate(8))
	wantContent(t, f, "beforedu")
	close(writing)
	syncing := below.gate.next(t)
	write(t, f, "BEFORE", 0)
	wantContent(t, f, "BEFOREdu")
	must(t, under.Rename("f", "g"))
	must(t, create(t, under, "h").Close())
	close(syncing)
	wantDone(t, "Sync", sync)
	wantBelow(t, memory, "g", "before")
	wantContent(t, f, "BEFOREdu")
}

// TestSyncFailsBelow: what a failed Sync did not make durable is written again by the next.
func TestSyncFailsBelow(t *testing.T) {
	memory := mem.New()
	below := &slow{FS: memory, gate: make(gates)}
	under := disk.New(below, parse(t, "lose-unsynced"), awake)
	go func() {
		for opened := range below.gate {
			close(opened)
		}
	}()
	defer close(below.gate)
	f := create(t, under, "f")
	must(t, under.SyncDir("."))
	write(t, f, "one two", 0)
	below.fail.Store(true)
	if err := f.Sync(); !errors.Is(err, errBelow) {
		t.Fatalf("Sync over a failing one: %v", err)
	}
	must(t, f.Truncate(3))
	write(t, f, " three", 3)
	if err := f.Sync(); !errors.Is(err, errBelow) {
		t.Fatalf("Sync over a failing one: %v", err)
	}
	wantContent(t, f, "one three")
	// As a kernel may: the pages of the failed syncs are gone from below.
	g, err := memory.Open("f")
	must(t, err)
	must(t, g.Truncate(0))
	wantContent(t, f, "one three")
	below.fail.Store(false)
	must(t, f.Sync())
	if got := contentOf(t, memory.Crash(nil), "f"); got != "one three" {
		t.Errorf("after the Sync that worked, %q survives", got)
	}
}

// TestSyncUnderLoad kills a disk under writers and syncers of one file: what was written before a Sync
// that returned is below.
func TestSyncUnderLoad(t *testing.T) {
	for seed := range uint64(20) {
		memory := mem.New()
		under := disk.New(memory, parse(t, "lose-unsynced"), awake)
		f := create(t, under, "f")
		must(t, under.SyncDir("."))
		const records, length = 120, 700
		var written, promised atomic.Int64
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				for {
					before := written.Load()
					if f.Sync() != nil {
						return // the power is cut
					}
					for now := promised.Load(); now < before && !promised.CompareAndSwap(now, before); now = promised.Load() {
					}
					if before == records {
						return
					}
				}
			})
		}
		cut := rand.New(rand.NewPCG(seed, 8)).IntN(records)
		var after *mem.FS
		var kept int64
		for i := range records {
			write(t, f, string(record(i, length)), int64(i*length))
			written.Add(1)
			if i == cut {
				kept = promised.Load()
				after = memory.Crash(nil)
				break
			}
		}
		group.Wait()
		got := []byte(contentOf(t, after, "f"))
		for i := range int(kept) {
			if end := (i + 1) * length; len(got) < end || string(got[end-length:end]) != string(record(i, length)) {
				t.Fatalf("seed %d: record %d of %d promised is not below (%d bytes)", seed, i, kept, len(got))
			}
		}
	}
}

func record(number, length int) []byte {
	return fmt.Appendf(nil, "%0*d", length, number)
}

// TestVirtualTime: in a synctest bubble delays pass without waiting, also when Syncs queue for one file.
func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := disk.New(mem.New(), parse(t, "sync-delay=1s"), time.Sleep)
		under := disk.New(inner, parse(t, "lose-unsynced,sync-delay=1s"), time.Sleep)
		f := create(t, under, "f")
		begin := time.Now()
		var group sync.WaitGroup
		for i := range 3 {
			write(t, f, "x", int64(i))
			group.Go(func() {
				if err := f.Sync(); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		// The delays above run side by side, the three syncs below one after the other.
		if took := time.Since(begin); took != 4*time.Second {
			t.Errorf("three syncs took %v of virtual time, want 4s", took)
		}
	})
}
