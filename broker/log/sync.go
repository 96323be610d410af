package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync/atomic"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env"
)

// syncState is what the log knows about stable storage.
type syncState struct {
	// offset below which everything is there.
	offset int64
	// sealed segments whose files, or the recovery point beyond them, may not be there.
	sealed []*segment
	// entries is set while the directory has entries that may not be there.
	entries bool
	// epochs is the checkpoint of the leader epochs if it may not be there, else nil.
	epochs *checkpoint
	point  recoveryPoint
	// deleted is set before the first file goes. A sync that is under way reads it on another goroutine.
	deleted *atomic.Bool
	// begun is what the last BeginSync covers; valid until Synced, or until a truncation has made
	// it a statement about other records.
	begun struct {
		valid  bool
		end    int64
		sealed int
		// point is the recovery point that is written, -1 if it stays.
		point   int64
		entries bool
		epochs  *checkpoint
	}
}

// checkpointed notes a new checkpoint of the leader epochs, and the entry that it took over.
func (y *syncState) checkpointed(f env.File) {
	if y.epochs != nil {
		y.epochs.release()
	}
	y.epochs = newCheckpoint(f)
	y.entries = true
	y.begun.entries = false
}

// rolled notes a sealed segment and the new files after it.
func (y *syncState) rolled(sealed *segment) {
	y.sealed = append(y.sealed, sealed)
	y.entries = true
	y.begun.entries = false
}

// Dirty reports whether something is not known to be on stable storage.
func (l *Log) Dirty() bool { return l.sync.offset < l.EndOffset() || l.sync.entries || l.SealedDirty() }

// SealedDirty reports whether a sealed segment is not known to be on stable storage. An owner that
// otherwise leaves syncing to the operating system should still sync then, as Kafka does: only what
// lies below the recovery point can be told from a torn write when it is damaged.
func (l *Log) SealedDirty() bool { return len(l.sync.sealed) > 0 }

// SyncedOffset is the offset below which everything is on stable storage.
func (l *Log) SyncedOffset() int64 { return l.sync.offset }

// SyncPoint is a sync to be run, covering the log up to End. Run must be called exactly once, on
// any goroutine.
type SyncPoint struct {
	// End is the offset that Synced is told when Run returned nil.
	End     int64
	fs      env.FS
	dir     string
	entries bool
	sealed  []*segment
	active  *segment
	epochs  *checkpoint
	point   *recoveryPoint
	deleted *atomic.Bool
	bugs    bug.Set
}

// BeginSync says what to sync for everything appended so far. One sync of a log is under way at a
// time: the next begins after Synced, or not at all if Run failed.
func (l *Log) BeginSync() SyncPoint {
	y := &l.sync
	p := SyncPoint{
		End: l.EndOffset(), fs: l.fs, dir: l.dir, entries: y.entries,
		sealed: slices.Clone(y.sealed), active: l.active(), epochs: y.epochs, point: &y.point, deleted: y.deleted, bugs: l.cfg.Bugs,
	}
	y.begun.valid, y.begun.end, y.begun.sealed, y.begun.entries, y.begun.epochs = true, p.End, len(p.sealed), p.entries, p.epochs
	y.begun.point = -1
	for _, s := range p.sealed {
		s.retain()
	}
	p.active.retain()
	if p.epochs != nil {
		p.epochs.retain()
	}
	if len(p.sealed) > 0 {
		y.begun.point = p.active.base
		p.point.retain()
	}
	return p
}

// Run makes it durable. It may run while the owner appends, and after the log was closed or deleted: then
// there is nothing to make durable, and what is missing is no error.
func (p SyncPoint) Run() error {
	defer p.release()
	if err := p.run(); err != nil && !(p.deleted.Load() && errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	return nil
}

func (p SyncPoint) run() error {
	for _, s := range p.sealed {
		if p.bugs.Has(bug.SealedUnsynced) {
			break
		}
		for _, f := range []env.File{s.file, s.offsets.file, s.times.file, s.aborts.file} {
			if f == nil {
				continue // nothing in it was aborted
			}
			if err := f.Sync(); err != nil {
				return fmt.Errorf("sync %s or an index of it: %w", s.name, err)
			}
		}
	}
	if err := p.active.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", p.active.name, err)
	}
	if p.epochs != nil {
		if err := p.epochs.file.Sync(); err != nil {
			return fmt.Errorf("sync %s/%s: %w", p.dir, epochsFile, err)
		}
	}
	if p.entries && !p.bugs.Has(bug.EntriesUnsynced) {
		// The directory's own entry has been there since Open.
		if err := p.fs.SyncDir(p.dir); err != nil {
			return fmt.Errorf("sync directory %s: %w", p.dir, err)
		}
	}
	if len(p.sealed) > 0 {
		return p.point.write(p.active.base)
	}
	return nil
}

func (p SyncPoint) release() {
	for _, s := range p.sealed {
		s.release()
	}
	if len(p.sealed) > 0 {
		p.point.release()
	}
	if p.epochs != nil {
		p.epochs.release()
	}
	p.active.release()
}

// syncEntries makes the entries of a directory durable, and that of the directory itself.
func syncEntries(files env.FS, dir string) error {
	if err := files.SyncDir(dir); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return syncParent(files, dir)
}

func syncParent(files env.FS, dir string) error {
	if err := files.SyncDir(path.Dir(dir)); err != nil {
		return fmt.Errorf("sync the directory of %s: %w", dir, err)
	}
	return nil
}

// Synced is told that the Run of the last BeginSync, whose End this is, returned nil. What it says
// about records that have been truncated since does not count.
func (l *Log) Synced(end int64) {
	y := &l.sync
	if !y.begun.valid || y.begun.end != end {
		return
	}
	y.begun.valid = false
	y.offset = max(y.offset, end)
	if y.begun.entries {
		y.entries = false
	}
	if y.epochs != nil && y.begun.epochs == y.epochs {
		y.epochs.release()
		y.epochs = nil
	}
	for _, s := range y.sealed[:y.begun.sealed] {
		s.closeIndexes()
	}
	if y.begun.point >= 0 {
		y.point.base = y.begun.point
		y.sealed = slices.Delete(y.sealed, 0, y.begun.sealed)
	}
}

// recoveryPointFile holds the base offset of the first segment that may not be whole on stable
// storage, with a checksum: 8 + 4 bytes.
const recoveryPointFile = "recovery-point"

// recoveryPoint is that file. It is made when the first segment is sealed.
type recoveryPoint struct {
	users
	file env.File
	// base is what the file says as far as the owner knows; 0 if there is none.
	base int64
}

// create opens the file, or makes it; the directory must be synced after that.
func (p *recoveryPoint) create(files env.FS, dir string) (err error) {
	if p.file != nil {
		return nil
	}
	name := dir + "/" + recoveryPointFile
	f, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = files.Create(name)
	}
	if err != nil {
		return err
	}
	p.file = f
	p.users.init(func() { _ = f.Close() }) // every write to it was synced
	return nil
}

// load reads the file if there is one. A file that makes no sense is what a crash leaves of the
// first write: nothing was sealed for certain.
func (p *recoveryPoint) load(files env.FS, dir string) error {
	f, err := files.Open(dir + "/" + recoveryPointFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	p.file = f
	p.users.init(func() { _ = f.Close() })
	size, err := f.Size()
	if err != nil || size < 12 {
		return err
	}
	var b [12]byte
	if err := readFull(f, b[:], 0); err != nil {
		return fmt.Errorf("%s/%s: %w", dir, recoveryPointFile, err)
	}
	if batch.AddChecksum(0, b[:8]) == binary.BigEndian.Uint32(b[8:]) {
		p.base = int64(binary.BigEndian.Uint64(b[:]))
	}
	return nil
}

func (p *recoveryPoint) write(base int64) error {
	b := binary.BigEndian.AppendUint64(nil, uint64(base))
	b = binary.BigEndian.AppendUint32(b, batch.AddChecksum(0, b))
	_, err := p.file.WriteAt(b, 0)
	if err == nil {
		err = p.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", recoveryPointFile, err)
	}
	return nil
}
