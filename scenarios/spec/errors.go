package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position in a file: line and column count from 1, the column in characters.
type Position struct{ Line, Column int }

// Error is one thing that is wrong with a scenario file.
type Error struct {
	File string
	Position
	// Path of the value: "topics[0].partitions"; "" is the whole file.
	Path string
	// Text says what is wrong and what to write.
	Text string
	// Source is the line of the file, without its end.
	Source string
}

// Error is "file:line:column: text" and below it the source line with a mark under the place.
func (e *Error) Error() string {
	head := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
	if strings.TrimSpace(e.Source) == "" {
		return head
	}
	// Tabs stay tabs, so that the mark stands under its character in any terminal.
	pad := strings.Builder{}
	for i, r := range []rune(e.Source) {
		if i >= e.Column-1 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		pad.WriteRune(r)
	}
	return fmt.Sprintf("%s\n%5d | %s\n      | %s^", head, e.Line, e.Source, pad.String())
}

// Errors is everything that is wrong with one file, in the order of the file. It is never empty.
type Errors []*Error

// Error is all of them, one below the other.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "\n")
}

// Sorted is the same errors in the order of the file.
func (e Errors) Sorted() Errors {
	return slices.SortedStableFunc(slices.Values(e), func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Unwrap gives the single errors to errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// source is a file that was read: its lines, and where each value stands.
type source struct {
	file  string
	lines []string
	// places maps the path of a value to where it stands, keys those of mappings to their key.
	places map[string]Position
	keys   map[string]Position
}

func newSource(file string, data []byte) *source {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	return &source{
		file: file, lines: strings.Split(text, "\n"),
		places: map[string]Position{}, keys: map[string]Position{},
	}
}

// at makes an error at a position.
func (s *source) at(p Position, path, text string) *Error {
	if p.Line < 1 {
		p = Position{1, 1}
	}
	line := ""
	if p.Line <= len(s.lines) {
		line = s.lines[p.Line-1]
	}
	return &Error{File: s.file, Position: p, Path: path, Text: text, Source: line}
}

// about makes an error about a value: at its place, or at that of the nearest thing around it that
// the file has. What is missing from the file as a whole has no line to show.
func (s *source) about(path, text string) *Error {
	for around := path; around != ""; around = parent(around) {
		if p, ok := s.places[around]; ok {
			return s.at(p, path, text)
		}
	}
	return &Error{File: s.file, Position: Position{1, 1}, Path: path, Text: text}
}

// parent of a path: "a.b[0].c" -> "a.b[0]" -> "a.b" -> "a" -> "".
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

// Errorf makes an error that points at a value of the scenario, for whoever finds out later that it
// cannot work. path is the value's place in the Spec in YAML's words: "timeline[0].target".
func (s Spec) Errorf(path, format string, args ...any) *Error {
	src := s.source
	if src == nil { // a Spec that was built and not read
		src = newSource(s.Name, nil)
	}
	return src.about(path, fmt.Sprintf(format, args...))
}
