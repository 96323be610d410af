package node

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/log"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/logproof/logproof/broker/partition"
)

// refusing fails operations on files, as a disk does.
type refusing struct {
	env.FS
	create, rename error
}

func (r *refusing) Create(name string) (env.File, error) {
	if strings.HasSuffix(name, ".cleaned") && r.create != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: r.create}
	}
	return r.FS.Create(name)
}

func (r *refusing) Rename(from, to string) error {
	if strings.HasSuffix(from, ".swap") && r.rename != nil {
		return &fs.PathError{Op: "rename", Path: to, Err: r.rename}
	}
	return r.FS.Rename(from, to)
}

// cleaningShard has two compacted replicas, of which the second is dirtier.
func cleaningShard(t *testing.T, files env.FS, change func(key int) []byte) *shard {
	t.Helper()
	s := newShard(files, Config{Timing: Timing{Clean: time.Second}, CleanMapBytes: 1 << 20, Wall: func(t time.Time) time.Time { return t }}, 0)
	settings := metadata.Defaults(map[string]string{"cleanup.policy": "compact", "internal.segment.bytes": "500", "min.cleanable.dirty.ratio": "0.1"})
	for i := range int32(2) {
		l, _, err := log.Open(files, fmt.Sprintf("tables-%d", i), log.Config{SegmentBytes: 500})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 60 + 60*int(i) {
			var b batch.Builder
			b.Add(change(n%5), fmt.Append(nil, n), 1000)
			if _, err := l.Append(b.Build(), 0); err != nil {
				t.Fatal(err)
			}
		}
		p := l.BeginSync()
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		l.Synced(p.End)
		end := l.EndOffset()
		id := api.Replica{Topic: metadata.TopicID{1}, Partition: i}
		s.replicas[id] = &replica{id: id, topic: "tables", log: l, settings: settings, position: partition.Log{End: end, Synced: end, HighWatermark: end}}
	}
	return s
}

// drive does what the shard asks for until it asks for no more work, and gives its events.
func drive(s *shard, fx *actor.Effects) (events []event.Event) {
	now := time.Unix(5000, 0)
	for len(fx.Works) > 0 {
		work := fx.Works[0]
		fx.Works = fx.Works[1:]
		s.Step(now, actor.Worked{Token: work.Token, Err: work.Run()}, fx)
	}
	return fx.Events
}

func keyOf(key int) []byte { return fmt.Append(nil, "key ", key) }

// A shard compacts its logs one after the other until none is due, and looks again after a while.
func TestAShardCompactsItsLogs(t *testing.T) {
	s := cleaningShard(t, mem.New(), keyOf)
	var fx actor.Effects
	s.Step(time.Unix(5000, 0), cleanTick{}, &fx)
	if len(fx.Timers) != 1 || fx.Timers[0].After != time.Second || len(fx.Works) != 1 {
		t.Fatalf("%+v", fx)
	}
	s.Step(time.Unix(5000, 0), cleanTick{}, &fx)
	if len(fx.Works) != 1 {
		t.Fatal("two passes at a time")
	}
	events := drive(s, &fx)
	var done []int32
	for _, e := range events {
		c, ok := e.(event.LogCleaned)
		if !ok || c.RecordsLeft >= c.Records/2 || c.To == 0 || c.Keys != 5 {
			t.Fatalf("%+v", e)
		}
		done = append(done, c.Partition)
	}
	if !slices.Contains(done, 0) || !slices.Contains(done, 1) || s.cleaner.pass != nil {
		t.Errorf("partitions %v were compacted", done)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

// What the disk refuses is tried again, with the log as it was; a batch that cannot be taken apart is left alone; where
// a segment was just taking the place of others, the node stops.
func TestCleaningFails(t *testing.T) {
	files := &refusing{FS: mem.New(), create: syscall.ENOSPC}
	s := cleaningShard(t, files, keyOf)
	var fx actor.Effects
	s.clean(time.Unix(5000, 0), &fx)
	failed, ok := drive(s, &fx)[0].(event.CleaningFailed)
	if !ok || !failed.Again || !strings.Contains(failed.Reason, "no space") || fx.Fatal != nil {
		t.Fatalf("a full disk: %+v, %v", failed, fx.Fatal)
	}
	files.create = nil
	fx.Reset()
	s.clean(time.Unix(5000, 0), &fx)
	if _, ok := drive(s, &fx)[0].(event.LogCleaned); !ok {
		t.Fatalf("with room again: %+v", fx.Events)
	}

	files = &refusing{FS: mem.New(), rename: syscall.EIO}
	s = cleaningShard(t, files, keyOf)
	fx.Reset()
	for range 3 { // segments that have become small are put together
		s.clean(time.Unix(5000, 0), &fx)
		drive(s, &fx)
		for _, r := range s.replicas {
			for n := range 100 {
				var b batch.Builder
				b.Add(keyOf(n%5), nil, 1000)
				if _, err := r.log.Append(b.Build(), 0); fx.Fatal == nil && err != nil {
					t.Fatal(err)
				}
			}
			if fx.Fatal == nil {
				p := r.log.BeginSync()
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				r.log.Synced(p.End)
				r.position.End, r.position.Synced, r.position.HighWatermark = p.End, p.End, p.End
			}
		}
	}
	if fx.Fatal == nil || !strings.Contains(fx.Fatal.Error(), "compact tables-") {
		t.Fatalf("half-way: %v", fx.Fatal)
	}
}

// A batch that says that it is compressed, and is not, cannot be taken apart.
func TestAnUncleanableLogIsLeftAlone(t *testing.T) {
	s := cleaningShard(t, mem.New(), keyOf)
	for _, r := range s.replicas {
		var b batch.Builder
		b.Add([]byte("k"), []byte(strings.Repeat("v", 600)), 1000)
		v, err := new(batch.Codecs).Recompress(b.Build(), batch.Gzip, batch.DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		v[batch.HeaderLen]++ // the magic number of gzip
		v.Stamp()
		for range 2 { // the first of them is in a sealed segment
			if _, err := r.log.Append(slices.Clone(v), 0); err != nil {
				t.Fatal(err)
			}
			for n := range 20 {
				var b batch.Builder
				b.Add(keyOf(n%5), nil, 1000)
				if _, err := r.log.Append(b.Build(), 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		p := r.log.BeginSync()
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		r.log.Synced(p.End)
		r.position.End, r.position.Synced, r.position.HighWatermark = p.End, p.End, p.End
	}
	for range s.replicas {
		var fx actor.Effects
		s.clean(time.Unix(5000, 0), &fx)
		events := drive(s, &fx)
		failed, ok := events[len(events)-1].(event.CleaningFailed)
		if !ok || failed.Again || fx.Fatal != nil {
			t.Fatalf("%+v, %v", events, fx.Fatal)
		}
	}
	var fx actor.Effects
	if s.clean(time.Unix(5000, 0), &fx); len(fx.Works) != 0 {
		t.Error("it is tried again")
	}
}
