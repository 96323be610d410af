package tally

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/logproof/logproof/verify"
)

// File is the name of the tally in a directory of runs.
const File = "tally.jsonl"

// Line is how one run ended.
type Line struct {
	At time.Time `json:"at"`
	// Scenario that was run, or "simulator" for seeds of it; Profile that it was a part of, "" for none.
	Scenario string `json:"scenario"`
	Profile  string `json:"profile,omitempty"`
	Seed     int64  `json:"seed"`
	// Bugs that were planted: such a run is not counted among those without.
	Bugs    string         `json:"bugs,omitempty"`
	Verdict verify.Verdict `json:"verdict"`
	// Headline says in one line what came out.
	Headline string  `json:"headline"`
	Seconds  float64 `json:"seconds"`
	Version  string  `json:"version"`
	// Load is the average number of runnable processes in the minute before the end, -1 where that is not
	// known; Cores is how many can run at once.
	Load  float64 `json:"load"`
	Cores int     `json:"cores"`
	// Placement of the nodes: "sim" or "process"; "" where several were.
	Placement string `json:"placement,omitempty"`
	// Records that were checked in the final scan, Operations of the history and Faults that were injected.
	Records    int64 `json:"records,omitempty"`
	Operations int64 `json:"operations,omitempty"`
	Faults     int64 `json:"faults,omitempty"`
	// Dir is the run directory.
	Dir string `json:"dir"`
}

// Append adds a line to the tally of a directory of runs.
func Append(dir string, l Line) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("note the run in the tally: %w", err)
		}
	}()
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, File), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	torn, err := tornEnd(f)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if torn {
		data = append([]byte{'\n'}, data...)
	}
	_, err = f.Write(data)
	return err
}

// tornEnd reports whether the last line of a file does not end.
func tornEnd(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// Read returns the lines of a tally, and a warning for each that is no line of one.
func Read(from io.Reader) (lines []Line, warnings []string, err error) {
	r := bufio.NewReader(from)
	for number := 1; ; number++ {
		text, err := r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return lines, warnings, fmt.Errorf("read the tally: %w", err)
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			var l Line
			switch damage := json.Unmarshal(text, &l); {
			case damage != nil:
				warnings = append(warnings, fmt.Sprintf("line %d is damaged and skipped: %v", number, damage))
			case l.Scenario == "":
				warnings = append(warnings, fmt.Sprintf("line %d names no scenario and is skipped", number))
			default:
				lines = append(lines, l)
			}
		}
		if err == io.EOF {
			return lines, warnings, nil
		}
	}
}
