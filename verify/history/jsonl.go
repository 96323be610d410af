package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// line is one line of the JSONL form: exactly one field is set. The first line is the meta, the
// last is the end, and a file without an end is torn.
type line struct {
	Meta *Meta `json:"meta,omitempty"`
	Entry
	End bool `json:"end,omitempty"`
}

// check says what is wrong with an entry that another program may have written.
func (l *line) check() error {
	set := 0
	for _, is := range []bool{l.Meta != nil, l.Operation != nil, l.Attempt != nil, l.End} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return fmt.Errorf("it has %d of meta, operation, attempt and end: want exactly one", set)
	case l.Operation != nil:
		return l.Operation.check()
	}
	return nil
}

// WriteJSONL writes a history as one JSON object per line, for people and other tools. Field names
// and their order are stable. A torn history is written as far as it goes, without the end line, and
// its TornError is returned.
func WriteJSONL(w io.Writer, src Source) error {
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	meta := src.Meta()
	if err := enc.Encode(line{Meta: &meta}); err != nil {
		return fmt.Errorf("export history: %w", err)
	}
	for {
		entry, err := src.Next()
		var encoded error
		switch {
		case err == io.EOF:
			encoded = enc.Encode(line{End: true})
		case err == nil:
			encoded = enc.Encode(line{Entry: entry})
		}
		if encoded != nil {
			return fmt.Errorf("export history: %w", encoded)
		}
		if err == nil {
			continue
		}
		if err == io.EOF {
			err = nil
		}
		return errors.Join(err, out.Flush())
	}
}

// JSONLReader reads what WriteJSONL writes. Not for concurrent use.
type JSONLReader struct {
	lines   *bufio.Scanner
	number  int   // of the current line, from 1
	offset  int64 // of the next line
	entries int64
	meta    Meta
	err     error
}

// ReadJSONL reads the first line, which must be the meta. Errors name the line.
func ReadJSONL(r io.Reader) (*JSONLReader, error) {
	j := &JSONLReader{lines: bufio.NewScanner(r)}
	j.lines.Buffer(nil, blockMax)
	first, err := j.line()
	var torn *TornError
	switch {
	case errors.As(err, &torn):
		return nil, errors.New("history is empty: want a first line with its meta")
	case err != nil:
		return nil, err
	case first.Meta == nil:
		return nil, fmt.Errorf("line %d is not the meta: want a first line like {\"meta\":{...}}", j.number)
	}
	j.meta = *first.Meta
	return j, nil
}

// Meta of the run.
func (j *JSONLReader) Meta() Meta { return j.meta }

// Next returns the next entry; io.EOF at the end line, *TornError if there is none, or an error that
// names a line that does not parse. The error stays.
func (j *JSONLReader) Next() (Entry, error) {
	if j.err != nil {
		return Entry{}, j.err
	}
	l, err := j.line()
	switch {
	case err != nil:
		j.err = err
	case l.Meta != nil:
		j.err = fmt.Errorf("line %d is a second meta: are two histories in one file?", j.number)
	case l.End:
		j.err = io.EOF
		if more, err := j.line(); !isTorn(err) {
			j.err = fmt.Errorf("line %d comes after the end line (%s)", j.number, more.kind())
		}
	}
	if j.err != nil {
		return Entry{}, j.err
	}
	j.entries++
	return l.Entry, nil
}

// kind names what a line holds.
func (l *line) kind() string {
	switch {
	case l == nil:
		return "it does not parse"
	case l.Meta != nil:
		return "a meta"
	case l.Operation != nil:
		return "an operation"
	case l.Attempt != nil:
		return "an attempt"
	}
	return "another end"
}

func isTorn(err error) bool {
	var torn *TornError
	return errors.As(err, &torn)
}

// line reads the next line that is not empty; a TornError if there is none.
func (j *JSONLReader) line() (*line, error) {
	for j.lines.Scan() {
		j.number++
		text := bytes.TrimSpace(j.lines.Bytes())
		j.offset += int64(len(j.lines.Bytes())) + 1
		if len(text) == 0 {
			continue
		}
		l := &line{}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		err := dec.Decode(l)
		if err == nil && dec.More() {
			err = errors.New("it has more than one JSON value")
		}
		if err == nil {
			err = l.check()
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the history: %w", j.number, err)
		}
		return l, nil
	}
	if err := j.lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d of the history: %w", j.number+1, err)
	}
	return nil, &TornError{Entries: j.entries, Offset: j.offset, Reason: "there is no end line"}
}
