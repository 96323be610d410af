package log

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
)

// txnSuffix is the ending of the index of aborted transactions, which is there only if there are any.
const txnSuffix = ".txnindex"

const (
	abortedEntryBytes   = 34
	abortedEntryVersion = 0
)

// Aborted is a transaction that was aborted, as an index has it.
type Aborted struct {
	ProducerID int64
	// First offset of its records, and Last, which is its marker's.
	First, Last int64
	// LastStable offset after it had ended, were all of it committed: below it every transaction has ended.
	LastStable int64
}

// abortIndex lists the aborted transactions whose markers are in a segment, in the order of the markers. All entries
// are in memory; the file is for the next Open after a clean stop, and for Kafka's tools.
type abortIndex struct {
	entryFile
	entries []Aborted
}

func (x *abortIndex) add(a Aborted) {
	x.entries = append(x.entries, a)
	x.pending = appendAborted(x.pending, a)
}

func appendAborted(to []byte, a Aborted) []byte {
	to = binary.BigEndian.AppendUint16(to, abortedEntryVersion)
	for _, n := range []int64{a.ProducerID, a.First, a.Last, a.LastStable} {
		to = binary.BigEndian.AppendUint64(to, uint64(n))
	}
	return to
}

// write is flush, and makes the file when the first entry comes.
func (x *abortIndex) write(files env.FS) (err error) {
	if len(x.pending) > 0 && x.file == nil {
		if x.file, err = createEmpty(files, x.name); err != nil {
			return err
		}
	}
	return x.flush()
}

// open opens the file if it is there.
func (x *abortIndex) open(files env.FS) (err error) {
	if x.file, err = files.Open(x.name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// settleFile makes the file hold the entries that were added, or be gone if there are none.
func (x *abortIndex) settleFile(files env.FS) (err error) {
	switch {
	case len(x.entries) == 0 && x.file != nil:
		x.close()
		if err := files.Remove(x.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	case len(x.entries) == 0:
		return nil
	case x.file == nil:
		if x.file, err = createEmpty(files, x.name); err != nil {
			return err
		}
	}
	return x.settle()
}

// syncFile is sync, of a file that may not be there.
func (x *abortIndex) syncFile() error {
	if x.file == nil {
		return nil
	}
	return x.sync()
}

// sum is the checksum that the clean-shutdown file has of all entries.
func (x *abortIndex) sum() int64 {
	sum := uint32(0)
	var b []byte
	for _, a := range x.entries {
		b = appendAborted(b[:0], a)
		sum = batch.AddChecksum(sum, b)
	}
	return int64(sum)
}

// load reads the entries from a file that a clean shutdown left; ok is false if it is not the one that was left.
func (x *abortIndex) load(size, sum int64) (ok bool, err error) {
	if x.file == nil {
		return size == 0, nil
	}
	have, err := x.file.Size()
	if err != nil || have != size || size%abortedEntryBytes != 0 {
		return false, err
	}
	b := make([]byte, size)
	if err := readFull(x.file, b, 0); err != nil {
		return false, fmt.Errorf("%s: %w", x.name, err)
	}
	x.written, x.synced, x.entries = size, true, make([]Aborted, 0, size/abortedEntryBytes)
	for ; len(b) > 0; b = b[abortedEntryBytes:] {
		field := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[2+8*i:])) }
		x.entries = append(x.entries, Aborted{field(0), field(1), field(2), field(3)})
	}
	return x.sum() == sum, nil
}

// Aborted gives the aborted transactions that have records in what a slice that was just made can give, by first offset:
// what a reader of committed records must leave out. Some may begin after the last batch that is given, by at most two
// index entries' distance.
func (l *Log) Aborted(s Slice) []Aborted {
	if s.segment == nil {
		return nil
	}
	return l.aborted(s.wanted, s.reach())
}

// reach is an offset that a slice gives nothing at or beyond.
func (s Slice) reach() int64 {
	entries, from := s.segment.offsets.entries, s.position
	after := func(position int64) int {
		i, _ := slices.BinarySearchFunc(entries, position, func(e offsetEntry, position int64) int { return cmp.Compare(int64(e.position), position) })
		return i
	}
	if !s.found { // the first batch begins before the next entry
		if i := after(from + 1); i < len(entries) {
			from = int64(entries[i].position)
		} else {
			from = s.segment.size
		}
	}
	end := min(s.bound, s.segment.end)
	if i := after(from + max(int64(s.most), batch.HeaderLen)); i < len(entries) {
		end = min(end, s.segment.base+int64(entries[i].relative)+1)
	}
	return end
}

func (l *Log) aborted(from, to int64) []Aborted {
	var found []Aborted
	for i := l.find(max(from, l.start)); i < len(l.segments) && from < to; i++ {
		entries := l.segments[i].aborts.entries
		first, _ := slices.BinarySearchFunc(entries, from, func(a Aborted, from int64) int { return cmp.Compare(a.Last, from) })
		// What ends after one below whose last stable offset all of the range lies began behind the range.
		last, _ := slices.BinarySearchFunc(entries, to, func(a Aborted, to int64) int { return cmp.Compare(a.LastStable, to) })
		end := min(last+1, len(entries))
		found = slices.Grow(found, max(end-first, 0))
		for ; first < end; first++ {
			if a := entries[first]; a.First < to {
				found = append(found, a)
			}
		}
		if last < len(entries) {
			break
		}
	}
	byFirst := func(a, b Aborted) int { return cmp.Compare(a.First, b.First) }
	if !slices.IsSortedFunc(found, byFirst) {
		slices.SortFunc(found, byFirst)
	}
	return found
}
