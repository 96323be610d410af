package command

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/logproof/logproof/broker/batch"
)

// Bytes of an entry: relative offset and position; timestamp and relative offset.
const (
	offsetIndexEntry = 8
	timeIndexEntry   = 12
)

// entries gives the entries of an index file. Apache Kafka makes the file of the active segment larger than it
// needs: zeros at the end are no entries.
func (d *dumper) entries(path string, size int) ([][]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("%w", err)
	}
	fmt.Fprintf(d.out, "%s\n", path)
	if len(content)%size != 0 {
		d.damage("%d bytes are not a whole number of entries of %d", len(content), size)
	}
	var list [][]byte
	for ; len(content) >= size; content = content[size:] {
		list = append(list, content[:size])
	}
	for n := len(list); n > 0 && bytes.Count(list[n-1], []byte{0}) == size; n = len(list) {
		list = list[:n-1]
	}
	return list, nil
}

// indexed are the batches of the segment beside an index; ok is false if it is not there.
func (d *dumper) indexed(path, suffix string) (list []found, ok bool, err error) {
	segment := strings.TrimSuffix(path, suffix) + segmentSuffix
	_, _, err = batches(segment, func(b found) {
		kept := batch.HeaderLen
		if b.IsControl() {
			kept = len(b.View) // what a marker says stands in its record
		}
		list = append(list, found{View: bytes.Clone(b.View[:kept]), position: b.position})
	})
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(d.out, "  %s is not there: entries are not compared with it\n", filepath.Base(segment))
		return nil, false, nil
	}
	return list, err == nil, err
}

// offsetIndex prints the entries of an .index file: at each position a batch begins, and ends with the offset.
func (d *dumper) offsetIndex(path string, base int64) error {
	entries, err := d.entries(path, offsetIndexEntry)
	if err != nil {
		return err
	}
	list, compare, err := d.indexed(path, offsetIndexSuffix)
	if err != nil {
		return err
	}
	lastOf := map[int64]int64{}
	for _, b := range list {
		lastOf[b.position] = b.LastOffset()
	}
	before, beforePosition := int64(-1), int64(-1)
	for _, e := range entries {
		offset, position := base+int64(binary.BigEndian.Uint32(e)), int64(binary.BigEndian.Uint32(e[4:]))
		fmt.Fprintf(d.out, "  offset %d at %d\n", offset, position)
		if offset <= before || position <= beforePosition {
			d.damage("the entry of offset %d does not come after the one of %d", offset, before)
		}
		before, beforePosition = offset, position
		if !compare {
			continue
		}
		if last, ok := lastOf[position]; !ok {
			d.damage("no batch begins at %d", position)
		} else if last != offset {
			d.damage("the batch at %d ends with offset %d, not %d", position, last, offset)
		}
	}
	fmt.Fprintf(d.out, "  %d entries\n", len(entries))
	return nil
}

// timeIndex prints the entries of a .timeindex file: each timestamp is the newest of the batch with the offset.
func (d *dumper) timeIndex(path string, base int64) error {
	entries, err := d.entries(path, timeIndexEntry)
	if err != nil {
		return err
	}
	list, compare, err := d.indexed(path, timeIndexSuffix)
	if err != nil {
		return err
	}
	before := int64(-1)
	for i, e := range entries {
		timestamp, offset := int64(binary.BigEndian.Uint64(e)), base+int64(binary.BigEndian.Uint32(e[8:]))
		fmt.Fprintf(d.out, "  %s (%d) offset %d\n", stamp(timestamp), timestamp, offset)
		if i > 0 && timestamp <= before {
			d.damage("the entry of %d does not come after the one of %d", timestamp, before)
		}
		before = timestamp
		if compare {
			d.compareTime(list, timestamp, offset)
		}
	}
	fmt.Fprintf(d.out, "  %d entries\n", len(entries))
	return nil
}

func (d *dumper) compareTime(list []found, timestamp, offset int64) {
	for _, b := range list {
		if b.BaseOffset() <= offset && offset <= b.LastOffset() {
			if b.MaxTimestamp() != timestamp {
				d.damage("the newest timestamp of the batch with offset %d is %d, not %d", offset, b.MaxTimestamp(), timestamp)
			}
			return
		}
	}
	d.damage("no batch has offset %d", offset)
}

// epochs prints the file of the leader epochs, and compares it with the segments beside it if the log was
// closed in order: only then the file counts.
func (d *dumper) epochs(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return usage("%w", err)
	}
	fmt.Fprintf(d.out, "%s\n", path)
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	var count int
	if len(lines) < 2 || lines[0] != "0" {
		d.damage("it does not begin with version 0 and the number of its entries")
		return nil
	}
	if _, err := fmt.Sscan(lines[1], &count); err != nil || count != len(lines)-2 {
		d.damage("it says that it has %s entries, and has %d", lines[1], len(lines)-2)
		return nil
	}
	var starts []epochStart
	for _, line := range lines[2:] {
		var s epochStart
		if _, err := fmt.Sscanf(line, "%d %d", &s.epoch, &s.offset); err != nil {
			d.damage("%q is not an epoch and an offset", line)
			return nil
		}
		fmt.Fprintf(d.out, "  epoch %d begins at offset %d\n", s.epoch, s.offset)
		if n := len(starts); n > 0 && (s.epoch <= starts[n-1].epoch || s.offset < starts[n-1].offset) {
			d.damage("epoch %d at %d does not come after epoch %d at %d", s.epoch, s.offset, starts[n-1].epoch, starts[n-1].offset)
		}
		starts = append(starts, s)
	}
	fmt.Fprintf(d.out, "  %d entries\n", len(starts))
	return d.compareEpochs(filepath.Dir(path), starts)
}

// epochStart is where the first record of a leader epoch is.
type epochStart struct {
	epoch  int32
	offset int64
}

func (d *dumper) compareEpochs(dir string, starts []epochStart) error {
	if _, err := os.Stat(filepath.Join(dir, cleanShutdownName)); err != nil {
		fmt.Fprintf(d.out, "  the log was not closed in order, or is in use: the batches count, not this file\n")
		return nil
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		return environment(err)
	}
	for _, segment := range segments {
		_, _, err := batches(segment, func(b found) {
			of := int32(-1)
			for _, s := range starts {
				if s.offset <= b.BaseOffset() {
					of = s.epoch
				}
			}
			if of != b.LeaderEpoch() {
				d.damage("offset %d is of leader epoch %d, and by this file of %d", b.BaseOffset(), b.LeaderEpoch(), of)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
