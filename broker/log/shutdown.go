package log

import (
	"encoding/binary"
	"errors"
	"io/fs"

	"github.com/logproof/logproof/broker/batch"
)

// cleanFile says that the log was closed in order: the sizes of its files, the largest timestamps,
// the checksum of the leader epochs and the idempotent producers. It is a list of 8-byte numbers with a checksum of 4 bytes after it.
const cleanFile = "clean-shutdown"

const (
	cleanVersion = 4
	// cleanMax bytes bound what is read of a file that may be damaged.
	cleanMax = 1 << 30
)

// numbers is a list of 64-bit numbers, written at the end and read from the front.
type numbers struct {
	bytes []byte
	bad   bool
}

func (n *numbers) put(values ...int64) {
	for _, v := range values {
		n.bytes = binary.BigEndian.AppendUint64(n.bytes, uint64(v))
	}
}

// next number; once they have run out, bad is set and all are 0.
func (n *numbers) next() int64 {
	if len(n.bytes) < 8 {
		n.bad = true
		return 0
	}
	v := int64(binary.BigEndian.Uint64(n.bytes))
	n.bytes = n.bytes[8:]
	return v
}

// writeClean writes the clean-shutdown file, after everything that it speaks of is durable.
func (l *Log) writeClean() error {
	var n numbers
	n.put(cleanVersion, int64(len(l.segments)))
	for _, s := range l.segments {
		n.put(s.base, s.end, s.size, s.offsets.size(), s.times.size(), s.maxTimestamp, s.maxTimestampOffset, s.youngest, s.aborts.size(), s.aborts.sum())
	}
	n.put(epochsSum(l.epochs.starts))
	l.producers.write(&n)
	content := binary.BigEndian.AppendUint32(n.bytes, batch.AddChecksum(0, n.bytes))
	f, err := createEmpty(l.fs, l.dir+"/"+cleanFile)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}

// readClean reads the file back; ok is false if it is not whole.
func (l *Log) readClean() (n numbers, ok bool, err error) {
	f, err := l.fs.Open(l.dir + "/" + cleanFile)
	if err != nil {
		return n, false, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil || size < 4 || size > cleanMax {
		return n, false, err
	}
	b := make([]byte, size)
	if err := readFull(f, b, 0); err != nil {
		return n, false, err
	}
	n.bytes = b[:size-4]
	return n, batch.AddChecksum(0, n.bytes) == binary.BigEndian.Uint32(b[size-4:]), nil
}

// trust opens the files that the clean-shutdown file speaks of. It reports false, and leaves the
// log empty, if they are not what it says: the log must be recovered then.
func (l *Log) trust(found inventory) (ok bool, err error) {
	n, ok, err := l.readClean()
	if err != nil || !ok || n.next() != cleanVersion || n.next() != int64(len(found.bases)) {
		return false, err
	}
	for _, base := range found.bases {
		if ok, err = l.trustSegment(base, &n); err != nil || !ok {
			break
		}
	}
	if ok && err == nil {
		ok, err = l.trustEpochs(n.next())
	}
	if ok && err == nil {
		l.producers, ok = readProducers(&n, l.cfg.MaxProducers)
	}
	if ok && err == nil {
		return len(found.bases) > 0, nil
	}
	for _, s := range l.segments {
		s.release()
	}
	l.segments, l.producers, l.epochs = nil, newProducers(l.cfg.MaxProducers), epochs{}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return false, err
}

func (l *Log) trustSegment(base int64, n *numbers) (ok bool, err error) {
	first, end, size, offsets, times := n.next(), n.next(), n.next(), n.next(), n.next()
	timestamp, timestampOffset, youngest, aborts, abortsSum := n.next(), n.next(), n.next(), n.next(), n.next()
	if n.bad || first != base || len(l.segments) > 0 && l.active().end != base {
		return false, nil
	}
	s, have, err := openSegment(l.fs, l.dir, base)
	if err != nil {
		return false, err
	}
	if len(l.segments) > 0 {
		before := l.active()
		before.seal()
		before.closeIndexes()
	}
	l.segments = append(l.segments, s)
	s.end, s.size, s.maxTimestamp, s.maxTimestampOffset, s.youngest = end, size, timestamp, timestampOffset, youngest
	haveOffsets, err := s.offsets.file.Size()
	if err != nil {
		return false, err
	}
	haveTimes, err := s.times.file.Size()
	if err != nil || have != size || haveOffsets != offsets || haveTimes != times {
		return false, err
	}
	if ok, err := s.aborts.load(aborts, abortsSum); err != nil || !ok {
		return false, err
	}
	if err := s.times.load(times); err != nil {
		return false, err
	}
	return s.offsets.load(offsets)
}
