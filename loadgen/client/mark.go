package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/logproof/logproof/verify/history"
)

// Mark is the barrier record of a partition as its writer knows it.
type Mark struct {
	// Offset of the barrier record; Unset where the broker did not tell.
	Offset int64
	// Sequence of the barrier record among the barriers of its partition, from 0.
	Sequence int64
}

// unreadableAfter is how often in a row the client must fail to read the same data before the
// partition counts as unreadable.
const unreadableAfter = 3

// place is where a reader is in one partition.
type place struct {
	topic uint16
	// position is the offset after the last record; Unset before the first.
	position int64
	// barrier is one more than the highest sequence of a barrier record that was read; 0 is none.
	barrier int64
	// failures in a row to read the data at position, and the last error as it was recorded.
	failures  int
	lastError string
	// unreadable is why reading was given up, or "".
	unreadable string
}

// reached reports whether there is nothing left to read up to the mark.
func (p *place) reached(m Mark) bool {
	return p.barrier > m.Sequence || p.unreadable != "" || m.Offset != history.Unset && p.position > m.Offset
}

// pending names the partitions that are not read up to their mark, sorted.
func pending(marks map[history.Partition]Mark, places map[history.Partition]*place) []string {
	var names []string
	for partition, mark := range marks {
		at := places[partition]
		if at == nil || at.reached(mark) {
			continue
		}
		to := "its barrier"
		if mark.Offset != history.Unset {
			to = fmt.Sprintf("its barrier at offset %d", mark.Offset)
		}
		name := fmt.Sprintf("%s/%d is read to offset %d, not to %s", partition.Topic, partition.Index, max(at.position, 0), to)
		if at.lastError != "" {
			name += " (last error: " + at.lastError + ")"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unread says what a reader did not read up to its marks, or nil.
func unread(process string, marks map[history.Partition]Mark, places map[history.Partition]*place) error {
	problems := pending(marks, places)
	for partition, mark := range marks {
		at := places[partition]
		switch {
		case at == nil:
		case at.unreadable != "":
			problems = append(problems, fmt.Sprintf("%s/%d is unreadable from offset %d on: %s", partition.Topic, partition.Index, max(at.position, 0), at.unreadable))
		case at.reached(mark) && at.barrier <= mark.Sequence:
			problems = append(problems, fmt.Sprintf("%s/%d has no barrier record at or before offset %d, where its write was acknowledged", partition.Topic, partition.Index, mark.Offset))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return fmt.Errorf("%s did not read every partition to its barrier: %s", process, strings.Join(problems, "; "))
}

// isConnection reports whether an error is about a connection and not about data.
func isConnection(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
