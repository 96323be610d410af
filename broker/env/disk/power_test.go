package disk_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/mem"
)

const sector = 512

// pattern is bytes that tell which write they are of.
func pattern(mark byte, size int) []byte { return bytes.Repeat([]byte{mark}, size) }

// After a power loss every sector of a file is as it was synced, or as it was written after that, and
// never anything else; over many seeds all of it happens: everything lost, everything kept, pages kept
// out of order, pages torn.
func TestPowerLossIsLegal(t *testing.T) {
	const synced, more = 3 * 4096, 5 * 4096
	seen := map[string]bool{}
	for seed := range uint64(300) {
		memory := mem.New()
		under := disk.New(memory, parse(t, "lose-unsynced"), awake)
		f := create(t, under, "f")
		write(t, f, string(pattern('a', synced)), 0)
		must(t, f.Sync())
		write(t, f, string(pattern('b', synced-1000+more)), 1000)
		must(t, under.PowerLoss(seed))
		got := contentOf(t, memory, "f")
		if len(got) < synced || len(got) > synced+more || len(got) != synced+more && len(got) != synced && len(got)%4096 != 0 {
			t.Fatalf("seed %d: the file has %d bytes", seed, len(got))
		}
		if got[:1000] != string(pattern('a', 1000)) {
			t.Fatalf("seed %d: what was synced and not written again is %.20q...", seed, got[:1000])
		}
		seen[fmt.Sprint("size ", min(1, len(got)-synced), len(got) == synced+more)] = true
		for at := 0; at < len(got); at += sector {
			s := got[at:min(at+sector, len(got))]
			kind := strings.Trim(s, s[len(s)-1:])
			if at == 512 { // the write begins inside this one: whole, or not at all
				kind = strings.Trim(s, "ab")
			}
			switch old := at < synced; {
			case kind != "", old && !strings.ContainsAny(s[len(s)-1:], "ab"), !old && !strings.ContainsAny(s[len(s)-1:], "b\x00"):
				t.Fatalf("seed %d: the sector at %d is %.40q...", seed, at, s)
			}
		}
		for at := 0; at+4096 <= len(got); at += 4096 {
			p := got[at : at+4096]
			seen[fmt.Sprintf("page %d torn %v new %v", at/4096, strings.Contains(p, "b") && strings.ContainsAny(p[1024:], "a\x00"), p[4095] == 'b')] = true
		}
	}
	for _, want := range []string{"size 0 false", "size 1 true", "size 1 false", "page 1 torn true new true", "page 1 torn false new false", "page 1 torn false new true", "page 2 torn false new false"} {
		if !seen[want] {
			t.Errorf("over 300 seeds there was never: %s", want)
		}
	}
}

// Equal seeds after equal calls leave equal files.
func TestPowerLossIsDrawn(t *testing.T) {
	var contents []string
	for _, seed := range []uint64{7, 7, 8} {
		memory := mem.New()
		under := disk.New(memory, parse(t, "lose-unsynced"), awake)
		for i := range 8 {
			write(t, create(t, under, fmt.Sprint(i)), string(pattern('x', 40_000)), 0)
		}
		must(t, under.PowerLoss(seed))
		all := ""
		for i := range 8 {
			all += contentOf(t, memory, fmt.Sprint(i)) + "|"
		}
		contents = append(contents, all)
	}
	if contents[0] != contents[1] {
		t.Error("one seed, two outcomes")
	}
	if contents[0] == contents[2] {
		t.Error("two seeds, one outcome")
	}
}

// A file of random writes, cuts, syncs and failed syncs, closed and renamed now and then, is after a power
// loss made of nothing but bytes that it once had where they are, and has all that was synced last and
// not touched since.
func TestPowerLossRandom(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 9))
		memory := mem.New()
		under := disk.New(memory, parse(t, "lose-unsynced"), awake)
		f := create(t, under, "f")
		var now []byte
		// The lowest byte that was changed since it was synced, and the lowest that a failed Sync may have lost.
		synced, touched, lost := []byte(nil), int64(0), int64(1<<40)
		had := map[int]map[byte]bool{}
		note := func() {
			for i, b := range now {
				if had[i] == nil {
					had[i] = map[byte]bool{0: true}
				}
				had[i][b] = true
			}
		}
		for range 12 {
			switch rng.IntN(6) {
			case 0:
				to := rng.Int64N(int64(len(now)) + 1)
				must(t, f.Truncate(to))
				now = append([]byte(nil), now[:to]...)
				touched = min(touched, to)
			case 1:
				must(t, under.SetRules(disk.Rules{LoseUnsynced: true}))
				must(t, f.Sync())
				synced, touched = append([]byte(nil), now...), 1<<40
			case 2:
				must(t, under.SetRules(disk.Rules{LoseUnsynced: true, SyncFails: true}))
				if f.Sync() != nil {
					lost = min(lost, touched)
				}
				must(t, f.Sync()) // it says that all is well
				must(t, under.SetRules(disk.Rules{LoseUnsynced: true}))
			default:
				at, size := rng.Int64N(int64(len(now))+1), 1+rng.IntN(9000)
				part := pattern(byte(1+rng.IntN(255)), size)
				write(t, f, string(part), at)
				if grow := int(at) + size - len(now); grow > 0 {
					now = append(now, make([]byte, grow)...)
				}
				copy(now[at:], part)
				touched = min(touched, at)
			}
			note()
			wantContent(t, f, string(now))
		}
		must(t, under.PowerLoss(seed))
		got := contentOf(t, memory, "f")
		for i := range min(len(synced), int(min(touched, lost))) {
			if i >= len(got) || got[i] != synced[i] {
				t.Fatalf("seed %d: byte %d of %d was synced and is gone", seed, i, len(got))
			}
		}
		for i := range len(got) {
			if had[i] == nil || !had[i][got[i]] {
				t.Fatalf("seed %d: byte %d is %d, it never was", seed, i, got[i])
			}
		}
	}
}

func TestPowerLossNeedsLayers(t *testing.T) {
	under := disk.New(mem.New(), disk.Rules{}, awake)
	if err := under.PowerLoss(1); err == nil || !strings.Contains(err.Error(), "lose-unsynced") {
		t.Errorf("%v", err)
	}
	write(t, create(t, under, "f"), "the power is still on", 0)
}

func TestRot(t *testing.T) {
	memory := mem.New()
	under := disk.New(memory, parse(t, "lose-unsynced"), awake)
	f := create(t, under, "f")
	before := string(pattern('a', 10_000))
	write(t, f, before, 0)
	if _, err := under.Rot("f", 1); err == nil {
		t.Error("bytes that are not on disk rot")
	}
	must(t, f.Sync())
	write(t, f, "b", 5000) // its page is in memory
	for seed := range uint64(50) {
		position, err := under.Rot("f", seed)
		must(t, err)
		if position/4096 == 1 {
			t.Fatalf("seed %d: byte %d rots, its page is in memory", seed, position)
		}
		var b [1]byte
		if _, err := f.ReadAt(b[:], position); err != nil || b[0] == 'a' {
			t.Fatalf("seed %d: byte %d is as before, %v", seed, position, err)
		}
		must(t, f.Truncate(10_000))
		if _, err := f.WriteAt([]byte("a"), position); err != nil { // and it is written again
			t.Fatal(err)
		}
		must(t, f.Sync())
		write(t, f, "b", 5000)
	}
	if _, err := under.Rot("missing", 1); err == nil {
		t.Error("a file that is not there rots")
	}
}
