package log

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Close makes everything durable and marks the log as closed in order. If it fails, the next Open
// recovers. No call may follow, but slices can still be read and released.
func (l *Log) Close() error {
	if errors.Is(l.failed, ErrClosed) {
		return l.failed
	}
	l.stopCleaning()
	err := l.failed
	if err == nil {
		err = l.closeClean()
	}
	l.failed = ErrClosed
	l.releaseAll()
	if err != nil {
		return fmt.Errorf("close log %s: %w", l.dir, err)
	}
	return nil
}

func (l *Log) closeClean() error {
	s := l.active()
	if err := s.finish(l.fs); err != nil {
		return err
	}
	l.sync.entries = l.sync.entries || s.aborts.file != nil
	if l.Dirty() {
		if err := l.BeginSync().Run(); err != nil {
			return err
		}
	}
	if err := s.syncIndexes(); err != nil {
		return err
	}
	return l.writeClean()
}

// Delete closes the log and removes its directory with everything in it. Slices stay readable. The
// files of others in the directory go last, after the log's have gone for good.
func (l *Log) Delete() error {
	l.sync.deleted.Store(true)
	if !errors.Is(l.failed, ErrClosed) {
		l.stopCleaning()
		l.failed = ErrClosed
		l.releaseAll()
	}
	if err := l.removeFiles(); err != nil {
		return fmt.Errorf("delete log %s: %w", l.dir, err)
	}
	return nil
}

func (l *Log) removeFiles() error {
	for _, s := range slices.Backward(l.segments) {
		if err := s.remove(l.fs); err != nil {
			return err
		}
	}
	for _, name := range []string{recoveryPointFile, cleanFile, epochsTemp, epochsFile, startFile} {
		if err := l.fs.Remove(l.dir + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	names, err := l.fs.List(l.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := l.fs.Remove(l.dir + "/" + name); err != nil {
			return err
		}
	}
	if err := l.fs.Remove(l.dir); err != nil {
		return err
	}
	return syncParent(l.fs, l.dir)
}
