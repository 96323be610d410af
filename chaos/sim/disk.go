package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/env/file"
	nodeevent "github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/chaos/timeline"
)

// Faults of disks. A node whose disk is full or cannot sync stops itself; a bit that rots in a segment is found,
// and the segment fetched again.
const (
	DiskFull  = timeline.DiskFull
	SyncError = timeline.SyncError
	BitRot    = timeline.BitRot
)

// diskKinds in the order in which they are drawn.
var diskKinds = []timeline.Kind{BitRot, DiskFull, SyncError}

func diskFaults() map[timeline.Kind]*effect {
	return map[timeline.Kind]*effect{
		DiskFull:  {process: true, inject: breaks(disk.Rules{Space: 1}), prove: stopsItself, heal: mendDisk, healed: serves},
		SyncError: {process: true, inject: breaks(disk.Rules{SyncFails: true}), prove: stopsItself, heal: mendDisk, healed: serves},
		BitRot: {
			inject: rot,
			prove: func(f *firing) string {
				switch w := f.replica(); {
				case !w.rotten:
					return "the replica is not there any more"
				case w.found:
					return "the node has found the damage"
				}
				return ""
			},
			heal: func(*firing) {},
			healed: func(f *firing) string {
				if w := f.replica(); w.rotten || w.refilling {
					return ""
				}
				return "the replica has everything again"
			},
		},
	}
}

// drawDisks adds faults of disks to the swarm of one seed in four, from a generator of its own: the other seeds
// draw what they drew before there were any.
func (w *swarm) drawDisks(seed int64) {
	rng := rand.New(rand.NewPCG(uint64(seed), 4))
	if rng.IntN(4) > 0 {
		return
	}
	for _, k := range diskKinds {
		if use, every := rng.IntN(2) == 0, between(rng, 3*time.Second, 15*time.Second); use {
			w.kinds, w.every = append(w.kinds, k), append(w.every, every)
		}
	}
}

// breaks gives the disk of a node other rules. size is when that was.
func breaks(rules disk.Rules) func(*firing) {
	return func(f *firing) {
		f.host.disk.SetRules(rules) //nolint:errcheck // files in memory can be counted
		f.host.failure, f.size = nil, f.sim.now
	}
}

// idleAfter is how long a node may have nothing to write.
const idleAfter = 3 * time.Second

// stopsItself proves that the disk of a node fails: by that the node stops or, where it writes nothing, by
// writing to the disk.
func stopsItself(f *firing) string {
	h := f.host
	switch {
	case h.node == nil && h.failure != nil:
		return fmt.Sprintf("the node has stopped itself, as it found %s of %s: %s", h.failure.Op, h.failure.File, h.failure.Errno)
	case h.node != nil && f.sim.now-f.size > idleAfter:
		if err := file.Replace(h.disk, "probe", []byte("x")); err != nil {
			return fmt.Sprintf("the node has nothing to write, and who writes to its disk finds: %v", err)
		}
	}
	return ""
}

func mendDisk(f *firing) {
	f.host.disk.SetRules(disk.Rules{}) //nolint:errcheck // see breaks
	if f.host.node == nil {
		boot(f)
		return
	}
	f.asking, f.answered = false, false
}

// diskFailed ends a node that stopped itself because of its disk; false if nothing ailed that. What a disk could
// not sync it gives up.
func (h *host) diskFailed(err error) bool {
	failure, ok := file.FailureOf(err)
	rules := h.disk.Rules()
	if !ok || rules == (disk.Rules{}) {
		return false
	}
	h.failure = &failure
	h.sim.marks[DiskStopped]++
	h.sim.story.crashing(h, "stops itself: its disk fails")
	h.disconnect()
	leaves := written
	if rules.SyncFails {
		leaves = synced
	}
	cutting, to := h.cutting(err)
	h.end(func(w *watched) int64 {
		if w == cutting {
			return min(leaves(w), to) // the cut may have come to be, or not
		}
		return leaves(w)
	})
	if rules.SyncFails {
		h.fs = h.fs.Crash(h.sim.rng.Uint64)
	}
	return true
}

// cutting is the replica whose truncation or quarantine it was that failed, and the offset to which it was cut; nil
// if it was something else.
func (h *host) cutting(err error) (w *watched, to int64) {
	var cut *log.TruncateError
	if !errors.As(err, &cut) {
		return nil, 0
	}
	for i := range h.sim.checker.parts {
		if at := h.sim.checker.place(i); cut.Dir == fmt.Sprintf("%s-%d", at.Topic, at.Index) {
			return &h.sim.checker.replicas[h.slot][i], cut.Offset
		}
	}
	return nil, 0
}

// replica that a fault has drawn.
func (f *firing) replica() *watched { return &f.sim.checker.replicas[f.host.slot][f.partition] }

// rot changes a bit of a segment of the node that is sealed and committed, if there is one: see mayRot.
func rot(f *firing) {
	places := f.host.rottable()
	chosen := places[f.sim.rng.IntN(len(places))]
	if _, err := f.host.disk.Rot(chosen.file, f.sim.rng.Uint64()); err != nil {
		panic(fmt.Sprintf("sim: %v", err)) // the file was listed, and is in memory
	}
	// What rots has been on the disk for long: a power loss does not undo it.
	if opened, err := f.host.fs.Open(chosen.file); err == nil {
		opened.Sync() //nolint:errcheck // in memory
	}
	f.partition = chosen.partition
	w := f.replica()
	w.rotten, w.refilling, w.found, w.rottenFrom = true, true, false, baseOf(chosen.file)
	f.sim.tell("nemesis", "rot", chosen.file)
}

// rottable is a segment whose records are committed, so that no leader takes them back.
type rottable struct {
	partition int
	file      string
}

func (h *host) rottable() (all []rottable) {
	for i := range h.sim.checker.parts {
		w := &h.sim.checker.replicas[h.slot][i]
		if w.log == nil {
			continue
		}
		at := h.sim.checker.place(i)
		sealed, err := log.Sealed(h.disk, fmt.Sprintf("%s-%d", at.Topic, at.Index))
		if err != nil {
			continue
		}
		for j := range len(sealed) - 1 {
			if baseOf(sealed[j+1]) <= w.highWatermark {
				all = append(all, rottable{i, sealed[j]})
			}
		}
	}
	return all
}

// baseOf gives the offset that a segment's file begins with.
func baseOf(name string) int64 {
	base, err := strconv.ParseInt(strings.TrimSuffix(path.Base(name), ".log"), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("sim: %s is no segment", name))
	}
	return base
}

// mayRot keeps to what is promised: what rots is like a disk that is lost, others must have it.
func (n *nemesis) mayRot(h *host) bool {
	return h.up && !h.paused && n.sim.terrain.cluster.MinISR >= 2 && !n.sim.checker.refilling() && len(h.rottable()) > 0
}

// scrubEvery is how often nodes look at their sealed segments, where some rot.
const scrubEvery = 100 * time.Millisecond

// scrub is that, 0 in other runs. A load that says how long its segments are may write more than a node looks through
// at that pace before a proof is due.
func (s *simulation) scrub() time.Duration {
	if !slices.Contains(s.nemesis.swarm.kinds, BitRot) {
		return 0
	}
	l := s.cfg.Load
	if l.SegmentBytes == 0 {
		return scrubEvery
	}
	written := int64(l.Rate.RecordsPerSecond()*s.cfg.Duration.Seconds()) * int64(l.Producers) * int64(l.RecordSize+recordRoom)
	looks := 1 + written/min(l.SegmentBytes, log.ScrubBytes)
	return min(scrubEvery, proveWithin/2/time.Duration(looks))
}

// recordRoom is what a record takes in a log beside its value, at most.
const recordRoom = 32

// damaged looks at damage that a node has found: nothing is damaged but by the nemesis.
func (c *checker) damaged(h *host, e nodeevent.SegmentDamaged) {
	index, ok := c.index(e.Topic, e.Partition)
	if !ok || !c.replicas[h.slot][index].rotten {
		c.violated("rot", "%v: %v; nothing of it has rotted", h, e)
		return
	}
	c.replicas[h.slot][index].found = true
}

// quarantined looks at a segment that was set aside: whoever may lead must not do that to what is committed.
func (c *checker) quarantined(h *host, e nodeevent.SegmentQuarantined) {
	index, ok := c.index(e.Topic, e.Partition)
	if !ok {
		return
	}
	w := &c.replicas[h.slot][index]
	w.rotten, w.truncated = false, true
	w.end, w.synced = min(w.end, e.From), min(w.synced, e.From)
	w.matched, w.highWatermark = min(w.matched, e.From), min(w.highWatermark, e.From)
	w.stable = w.logStart
	c.complete(int(index), "the quarantine on "+h.String())
	c.held(int(index), "the quarantine on "+h.String())
}
