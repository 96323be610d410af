package quorum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/logproof/logproof/broker/actor"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
)

// errCut is what every call on a fuse returns once it has burnt.
var errCut = errors.New("the power went in the middle of it")

// fuse is an FS that fails for good after some changes: a crash in the middle of a call.
type fuse struct {
	env.FS
	left int // changes that still succeed; negative is no limit
}

func (f *fuse) burn() error {
	if f.left == 0 {
		return errCut
	}
	f.left = max(f.left-1, -1)
	return nil
}

func (f *fuse) Create(name string) (env.File, error) {
	if err := f.burn(); err != nil {
		return nil, err
	}
	return f.wrap(f.FS.Create(name))
}

func (f *fuse) Open(name string) (env.File, error) { return f.wrap(f.FS.Open(name)) }

func (f *fuse) wrap(file env.File, err error) (env.File, error) {
	if err != nil {
		return nil, err
	}
	return &fuseFile{file, f}, nil
}

func (f *fuse) Remove(name string) error {
	if err := f.burn(); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *fuse) Rename(old, name string) error {
	if err := f.burn(); err != nil {
		return err
	}
	return f.FS.Rename(old, name)
}

func (f *fuse) MkdirAll(dir string) error {
	if err := f.burn(); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir)
}

func (f *fuse) SyncDir(dir string) error {
	if err := f.burn(); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
}

type fuseFile struct {
	env.File
	fuse *fuse
}

func (f *fuseFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.fuse.burn(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, at)
}

func (f *fuseFile) Sync() error {
	if err := f.fuse.burn(); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *fuseFile) Truncate(size int64) error {
	if err := f.fuse.burn(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// member is one voter with its disk and the state machine of its owner: a chain of hashes.
type member struct {
	id   int32
	disk *mem.FS
	fuse *fuse
	// q is nil while the voter is down.
	q *Quorum
	// sync is the one under way; ran is set when it was run and its completion is outstanding.
	sync    *actor.Sync
	ran     bool
	ranErr  error
	applied uint64
	state   uint64
	due     bool
}

const memberDir = "meta"

// open starts the voter; the state machine begins with the image.
func (m *member) open(cfg Config) error {
	m.fuse = &fuse{m.disk, -1}
	return m.reopen(cfg)
}

func (m *member) reopen(cfg Config) error {
	cfg.ID = m.id
	q, err := Open(m.fuse, memberDir, cfg)
	if err != nil {
		return err
	}
	m.q, m.sync, m.ran, m.applied, m.state = q, nil, false, 0, 0
	if s, ok := q.Snapshot(); ok {
		m.applied, m.state = s.Index, binary.BigEndian.Uint64(s.Image)
	}
	return nil
}

// crash cuts the power: what draw keeps of the unsynced stays.
func (m *member) crash(draw func() uint64) {
	m.disk = m.disk.Crash(draw)
	m.q, m.sync, m.ran = nil, nil, false
}

// chain gives the state after an entry.
func chain(state uint64, e Entry) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %d %d %d %d %q", state, e.Index, e.Term, e.Offset, e.End, e.Values)
	return h.Sum64()
}

// image of the state machine.
func (m *member) image() []byte { return binary.BigEndian.AppendUint64(nil, m.state) }
