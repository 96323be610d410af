package quorum

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/file"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/log"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// single is a quorum of one voter, whose syncs are done at once.
type single struct {
	*testing.T
	disk    *mem.FS
	q       *Quorum
	applied []Entry
}

func newSingle(t *testing.T, cfg Config) *single {
	s := &single{T: t, disk: mem.New()}
	s.open(cfg)
	s.settle(s.q.Campaign())
	return s
}

func (s *single) open(cfg Config) {
	s.Helper()
	q, err := Open(s.disk, memberDir, cfg)
	if err != nil {
		s.Fatal(err)
	}
	s.q, s.applied = q, nil
}

// settle performs effects until there are none.
func (s *single) settle(fx Effects) {
	s.Helper()
	for {
		if fx.Fatal != nil {
			s.Fatal(fx.Fatal)
		}
		s.applied = append(s.applied, fx.Committed...)
		if fx.Sync == nil {
			return
		}
		fx = s.q.SyncDone(actor.SyncDone{Token: fx.Sync.Token, Err: fx.Sync.Syncer.Run()})
	}
}

func (s *single) propose(values ...string) (index uint64) {
	s.Helper()
	var b [][]byte
	for _, v := range values {
		b = append(b, []byte(v))
	}
	index, fx, err := s.q.Propose(1000, b)
	if err != nil {
		s.Fatal(err)
	}
	s.settle(fx)
	return index
}

var alone = Config{ID: 7, Voters: []int32{7}}

// The metadata log is an ordinary log: batches with offsets, epochs, and a control record per term.
func TestLogIsKafkas(t *testing.T) {
	s := newSingle(t, alone)
	s.propose("a", "b")
	s.propose("c")
	slice, err := s.q.Read(0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b, err := slice.AppendTo(nil)
	slice.Release()
	if err != nil {
		t.Fatal(err)
	}
	var offsets []int64
	for len(b) > 0 {
		v, rest, err := batch.Next(b)
		if err != nil {
			t.Fatal(err)
		}
		records, err := batch.Records(v)
		if err != nil || v.LeaderEpoch() != 1 || v.IsControl() != (v.BaseOffset() == 0) {
			t.Errorf("batch at offset %d: epoch %d, control %v, %v", v.BaseOffset(), v.LeaderEpoch(), v.IsControl(), err)
		}
		if v.IsControl() {
			var key kmsg.ControlRecordKey
			var change kmsg.LeaderChangeMessage
			if err := errors.Join(key.ReadFrom(records[0].Key), change.ReadFrom(records[0].Value)); err != nil || key.Type != leaderChangeType {
				t.Errorf("control record %x %x: type %d, %v", records[0].Key, records[0].Value, key.Type, err)
			}
		}
		offsets, b = append(offsets, v.BaseOffset()), rest
	}
	if !slices.Equal(offsets, []int64{0, 1, 3}) {
		t.Errorf("batches at offsets %v: want 0, 1, 3", offsets)
	}
	if st := s.q.Status(); st.HighWatermark != 4 || !st.Active || len(st.Voters) != 1 || st.Voters[0] != (VoterStatus{7, 3, 4, true}) {
		t.Errorf("status %+v: want a high watermark of 4 and a voter that has all of it", st)
	}
}

// What was committed is there after a restart, in order and once, whether it was clean or not.
func TestRestart(t *testing.T) {
	for _, clean := range []bool{true, false} {
		s := newSingle(t, alone)
		s.propose("a", "b")
		index := s.propose("c")
		before := s.applied
		if clean {
			if err := s.q.Close(); err != nil {
				t.Fatal(err)
			}
		}
		s.disk = s.disk.Crash(nil)
		s.open(alone)
		s.settle(s.q.Tick()) // the commit index is known at once, but only if it was closed
		if clean != (len(s.applied) == len(before)) {
			t.Errorf("clean %v: %d entries applied before an election, of %d", clean, len(s.applied), len(before))
		}
		s.settle(s.q.Campaign())
		if len(s.applied) != len(before)+1 || s.applied[index].Term != 2 {
			t.Fatalf("clean %v: applied %+v after %+v", clean, s.applied, before)
		}
		for i, e := range before {
			if s.applied[i].Index != e.Index || !slices.EqualFunc(s.applied[i].Values, e.Values, bytes.Equal) {
				t.Errorf("clean %v: entry %+v is now %+v", clean, e, s.applied[i])
			}
		}
	}
}

// An image trims the log; a log that is trimmed is told apart from one that was lost.
func TestCompact(t *testing.T) {
	cfg := alone
	cfg.SnapshotEvery, cfg.KeepEntries = 4, 1
	s := newSingle(t, cfg)
	s.propose("a", "b")
	at := s.propose("c")
	last := s.propose("d")
	if fx := s.q.Tick(); !fx.SnapshotDue {
		t.Error("5 records, and no snapshot is due")
	}
	for _, index := range []uint64{0, last + 1} {
		if _, err := s.q.Compact(index, nil); !errors.Is(err, ErrStale) {
			t.Errorf("compact to %d: %v, want ErrStale", index, err)
		}
	}
	if _, err := s.q.Compact(at, make([]byte, MaxImageBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an image that is too large: %v", err)
	}
	fx, err := s.q.Compact(at, []byte("image"))
	if err != nil {
		t.Fatal(err)
	}
	s.settle(fx)
	if fx := s.q.Tick(); fx.SnapshotDue {
		t.Error("a snapshot is due after it was made")
	}
	check := func() {
		t.Helper()
		snap, ok := s.q.Snapshot()
		if !ok || snap.Index != at || snap.Offset != 4 || string(snap.Image) != "image" {
			t.Errorf("snapshot %+v, %v", snap, ok)
		}
		if st := s.q.Status(); st.First != at || st.Start != 3 || st.Last != last {
			t.Errorf("status %+v: the log should keep one entry before the image", st)
		}
		if _, err := s.q.Read(2, 100); !errors.Is(err, log.ErrOffsetOutOfRange) {
			t.Errorf("a read before the log's start: %v", err)
		}
	}
	check()
	s.disk = s.disk.Crash(nil)
	s.open(cfg)
	check()
	if names, err := s.disk.List(memberDir); err != nil || len(names) != 3 {
		t.Errorf("files %q, %v: want the log, the snapshot and the state", names, err)
	}
	s.settle(s.q.Campaign())
	if len(s.applied) != 2 || s.applied[0].Index != last || s.applied[0].Offset != 4 {
		t.Errorf("applied after the image: %+v", s.applied)
	}
}

// A proposal that cannot be taken says why, and leaves nothing behind.
func TestProposeRefused(t *testing.T) {
	s := &single{T: t, disk: mem.New()}
	s.open(alone)
	if _, _, err := s.q.Propose(0, [][]byte{{1}}); !errors.Is(err, ErrNotLeader) {
		t.Errorf("before an election: %v", err)
	}
	if _, err := s.q.TransferLeader(7); !errors.Is(err, ErrNotLeader) {
		t.Errorf("transfer before an election: %v", err)
	}
	s.settle(s.q.Campaign())
	if _, _, err := s.q.Propose(0, [][]byte{make([]byte, MaxEntryBytes)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a batch that is too large: %v", err)
	}
	// The first sync never ends, so nothing is committed; the limit is met before the memory ends.
	large := make([]byte, MaxEntryBytes-1000)
	for range uncommittedBytes / MaxEntryBytes {
		if _, fx, err := s.q.Propose(0, [][]byte{large}); err != nil || fx.Fatal != nil {
			t.Fatal(err, fx.Fatal)
		}
	}
	if _, _, err := s.q.Propose(0, [][]byte{large}); !errors.Is(err, ErrBusy) {
		t.Errorf("a proposal beyond %d uncommitted bytes: %v", uncommittedBytes, err)
	}
}

// A voter that cannot sync promises nothing more.
func TestFailedSync(t *testing.T) {
	s := newSingle(t, alone)
	_, fx, err := s.q.Propose(0, [][]byte{[]byte("a")})
	if err != nil || fx.Sync == nil {
		t.Fatal(err, fx)
	}
	broken := errors.New("no such luck")
	for _, fx := range []Effects{s.q.SyncDone(actor.SyncDone{Token: fx.Sync.Token, Err: broken}), s.q.Tick(), s.q.Campaign()} {
		if !errors.Is(fx.Fatal, broken) || fx.Committed != nil || fx.Sends != nil || fx.Sync != nil {
			t.Errorf("effects after a failed sync: %+v", fx)
		}
	}
}

// What is damaged is said, and not taken for a new voter.
func TestDamage(t *testing.T) {
	cfg := alone
	cfg.SnapshotEvery = 2
	damaged := func(name string, change func(b []byte) []byte) error {
		s := newSingle(t, cfg)
		at := s.propose("a", "b")
		fx, err := s.q.Compact(at, []byte("image"))
		if err != nil {
			t.Fatal(err)
		}
		s.settle(fx)
		s.propose("c")
		if err := s.q.Close(); err != nil {
			t.Fatal(err)
		}
		old, err := file.Read(s.disk, memberDir+"/"+name, 1<<20)
		if err != nil || old == nil {
			t.Fatal(name, err)
		}
		if err := file.Replace(s.disk, memberDir+"/"+name, change(old)); err != nil {
			t.Fatal(err)
		}
		_, err = Open(s.disk, memberDir, cfg)
		return err
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 4; return b }
	shorten := func(b []byte) []byte { return b[:len(b)/2] }
	for name, want := range map[string]string{stateFile: "is damaged", snapshotFile: "is damaged"} {
		for _, change := range []func([]byte) []byte{flip, shorten} {
			if err := damaged(name, change); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
	segment := "00000000000000000003/00000000000000000003.log"
	if err := damaged(segment, shorten); err == nil {
		t.Error("a log without its last entry was taken")
	}
	if err := damaged(segment, func(b []byte) []byte { return b }); err != nil {
		t.Errorf("files that are as they were: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for want, cfg := range map[string]Config{
		"not one of the voters": {ID: 1, Voters: []int32{2, 3}},
		"named twice":           {ID: 2, Voters: []int32{2, 3, 2}},
		"ids are 0 or more":     {ID: 2, Voters: []int32{-1, 2}},
		"elections after 3":     {ID: 1, Voters: []int32{1}, ElectionTicks: 3, HeartbeatTicks: 3},
		"keeps -1 entries":      {ID: 1, Voters: []int32{1}, KeepEntries: -1},
	} {
		if _, err := Open(mem.New(), memberDir, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}
