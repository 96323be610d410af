package command

import (
	"encoding/binary"
	"fmt"

	"github.com/logproof/logproof/broker/batch"
)

// abortedEntry is the size of an entry in bytes: version, producer, first and last offset, last stable offset.
const abortedEntry = 34

// ending says what a marker of a transaction does.
func ending(m batch.Marker) string {
	what := "abort"
	if m.Commit {
		what = "commit"
	}
	return fmt.Sprintf("%s, coordinator epoch %d", what, m.CoordinatorEpoch)
}

// aborted prints the entries of a .txnindex file: each is a transaction that was aborted by a marker in the segment.
func (d *dumper) aborted(path string, _ int64) error {
	entries, err := d.entries(path, abortedEntry)
	if err != nil {
		return err
	}
	list, compare, err := d.indexed(path, abortedIndexSuffix)
	if err != nil {
		return err
	}
	endings := map[int64]found{}
	for _, b := range list {
		if b.IsControl() {
			endings[b.LastOffset()] = b
		}
	}
	before := int64(-1)
	for _, e := range entries {
		field := func(i int) int64 { return int64(binary.BigEndian.Uint64(e[2+8*i:])) }
		producer, first, last, stable := field(0), field(1), field(2), field(3)
		fmt.Fprintf(d.out, "  producer %d offsets %d to %d, last stable offset %d\n", producer, first, last, stable)
		switch version := binary.BigEndian.Uint16(e); {
		case version != 0:
			d.damage("the entry of offset %d has version %d, and there is none but 0", last, version)
		case last <= before:
			d.damage("the entry of offset %d does not come after the one of %d", last, before)
		case first >= last || stable > last+1:
			d.damage("the entry of offset %d is of offsets %d to %d, stable to %d", last, first, last, stable)
		}
		if before = last; compare {
			d.compareEnding(endings[last], producer, last)
		}
	}
	fmt.Fprintf(d.out, "  %d entries\n", len(entries))
	return nil
}

// compareEnding looks at the marker that an entry speaks of.
func (d *dumper) compareEnding(b found, producer, last int64) {
	if b.View == nil {
		d.damage("no marker has offset %d", last)
		return
	}
	m, err := batch.ReadMarker(b.View)
	if err != nil || m.Commit || b.ProducerID() != producer {
		d.damage("at offset %d is no marker that aborts a transaction of producer %d: %s", last, producer, writer(b.View))
	}
}
