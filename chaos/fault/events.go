package fault

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// noted is an event as a node wrote it into its file of events; only what proofs look for.
type noted struct {
	Event string `json:"event"`
	// Errno that a call of the disk failed with, and File it was about.
	Errno string `json:"errno"`
	File  string `json:"file"`
	// Topic and Partition of events that have any.
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// mark is how long a file of events is now: what is noted later begins there.
func mark(file string) (int64, error) {
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// notedSince finds the first event after a mark that fits.
func notedSince(file string, from int64, fits func(noted) bool) (found noted, ok bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return noted{}, false, err
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return noted{}, false, err
	}
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return noted{}, false, nil // a line that is being written counts when it is whole
		}
		if err != nil {
			return noted{}, false, err
		}
		var e noted
		if err := json.Unmarshal(line, &e); err != nil {
			return noted{}, false, fmt.Errorf("the line %q of %s is no event: %w", line, file, err)
		}
		if fits(e) {
			return e, true, nil
		}
	}
}
