package jepsen

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The values of EDN that are not Go's own: nil, bool, int64, float64 and string stand for themselves.
type (
	// Keyword is :send, without its colon.
	Keyword string
	// Symbol is a word that is none of the others.
	Symbol string
	// List is a vector or a list.
	List []any
	// Map keeps its entries in their order.
	Map []Pair
	// Set keeps its members in their order.
	Set []any
	// Tagged is #tag value.
	Tagged struct {
		Tag   string
		Value any
	}
)

// Pair is an entry of a Map.
type Pair struct{ Key, Value any }

// Get is the value of a keyword; nil if there is none.
func (m Map) Get(key Keyword) any {
	for _, p := range m {
		if p.Key == key {
			return p.Value
		}
	}
	return nil
}

// Limits of what is read: a file that goes beyond them is no history.
const (
	depthMax = 64
	tokenMax = 1 << 20
)

// Reader reads EDN values one after the other. It keeps one value at a time. Not for concurrent use.
type Reader struct {
	in    *bufio.Reader
	line  int
	begun int      // the line on which the last value began
	notes []string // comments since the last call of Comments
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, 64<<10), line: 1} }

// Line is the one on which the last value began, from 1.
func (r *Reader) Line() int { return r.begun }

// Comments are those that were read since the last call, without their semicolons.
func (r *Reader) Comments() []string {
	notes := r.notes
	r.notes = nil
	return notes
}

// errClosed is a closing bracket where a value should be.
var errClosed = errors.New("a closing bracket")

// Next is the next value, or io.EOF at the end. Errors name the line.
func (r *Reader) Next() (any, error) {
	for {
		c, err := r.skip()
		if err != nil {
			return nil, err
		}
		r.begun = r.line
		v, err := r.value(c, 0)
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("it ends within a value that began on line %d: %w", r.begun, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line, err)
		}
		if _, discarded := v.(discard); !discarded {
			return v, nil
		}
	}
}

// get is the next byte.
func (r *Reader) get() (byte, error) {
	c, err := r.in.ReadByte()
	if c == '\n' {
		r.line++
	}
	return c, err
}

// unget takes the last byte back.
func (r *Reader) unget(c byte) {
	if err := r.in.UnreadByte(); err == nil && c == '\n' {
		r.line--
	}
}

// skip passes spaces, commas and comments.
func (r *Reader) skip() (byte, error) {
	for {
		c, err := r.get()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', ',', '\t', '\r', '\n', '\f':
		case ';':
			var note strings.Builder
			for c, err = r.get(); err == nil && c != '\n'; c, err = r.get() {
				if note.Len() < tokenMax {
					note.WriteByte(c)
				}
			}
			r.notes = append(r.notes, strings.TrimLeft(note.String(), "; "))
		default:
			return c, nil
		}
	}
}

// value reads the value that begins with c.
func (r *Reader) value(c byte, depth int) (any, error) {
	switch {
	case depth > depthMax:
		return nil, fmt.Errorf("values are nested more than %d deep", depthMax)
	case c == '{':
		return r.mapping(depth)
	case c == '[':
		list, err := r.sequence(']', depth)
		return List(list), err
	case c == '(':
		list, err := r.sequence(')', depth)
		return List(list), err
	case c == '"':
		return r.text()
	case c == '#':
		return r.dispatch(depth)
	case c == '\\':
		return r.token(c)
	case c == ']' || c == ')' || c == '}':
		return nil, fmt.Errorf("%q closes nothing: %w", c, errClosed)
	}
	return r.token(c)
}

// sequence reads values up to a closing bracket.
func (r *Reader) sequence(end byte, depth int) ([]any, error) {
	list := []any{}
	for {
		c, err := r.skip()
		if err != nil {
			return nil, err
		}
		if c == end {
			return list, nil
		}
		v, err := r.value(c, depth+1)
		if err != nil {
			return nil, err
		}
		if _, discarded := v.(discard); !discarded {
			list = append(list, v)
		}
	}
}

// discard stands for #_ and the value after it.
type discard struct{}

func (r *Reader) mapping(depth int) (any, error) {
	list, err := r.sequence('}', depth)
	if err != nil {
		return nil, err
	}
	if len(list)%2 != 0 {
		return nil, fmt.Errorf("a map has %d values: want as many keys as values", len(list))
	}
	m := make(Map, len(list)/2)
	for i := range m {
		m[i] = Pair{list[2*i], list[2*i+1]}
	}
	return m, nil
}

// dispatch reads what comes after #: a set, a discarded value, or a tag and its value.
func (r *Reader) dispatch(depth int) (any, error) {
	c, err := r.get()
	switch {
	case err != nil:
		return nil, err
	case c == '{':
		list, err := r.sequence('}', depth)
		return Set(list), err
	}
	tag := ""
	if c != '_' {
		name, err := r.word(c)
		if err != nil {
			return nil, err
		}
		tag = name
	}
	next, err := r.skip()
	if err != nil {
		return nil, err
	}
	v, err := r.value(next, depth+1)
	if tag == "" {
		return discard{}, err
	}
	return Tagged{tag, v}, err
}

// text reads a string after its quote.
func (r *Reader) text() (any, error) {
	var out strings.Builder
	for {
		c, err := r.get()
		switch {
		case err != nil:
			return nil, err
		case c == '"':
			return out.String(), nil
		case out.Len() > tokenMax:
			return nil, fmt.Errorf("a string of more than %d bytes", tokenMax)
		case c != '\\':
			out.WriteByte(c)
			continue
		}
		if c, err = r.get(); err != nil {
			return nil, err
		}
		if err := r.escape(&out, c); err != nil {
			return nil, err
		}
	}
}

// escape writes what stands for an escaped character of a string.
func (r *Reader) escape(out *strings.Builder, c byte) error {
	switch c {
	case 'n':
		out.WriteByte('\n')
	case 't':
		out.WriteByte('\t')
	case 'r':
		out.WriteByte('\r')
	case '"', '\\':
		out.WriteByte(c)
	case 'u':
		var digits [4]byte
		for i := range digits {
			var err error
			if digits[i], err = r.get(); err != nil {
				return err
			}
		}
		n, err := strconv.ParseUint(string(digits[:]), 16, 16)
		if err != nil {
			return fmt.Errorf(`\u%s is no character`, digits)
		}
		out.WriteRune(rune(n))
	default:
		return fmt.Errorf(`\%c is no escape of a string`, c)
	}
	return nil
}

// word reads up to a space or a bracket.
func (r *Reader) word(c byte) (string, error) {
	var out strings.Builder
	out.WriteByte(c)
	for {
		c, err := r.get()
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil {
			return "", err
		}
		if strings.IndexByte(" ,\t\r\n\f;\"()[]{}", c) >= 0 {
			r.unget(c)
			return out.String(), nil
		}
		if out.Len() > tokenMax {
			return "", fmt.Errorf("a word of more than %d bytes", tokenMax)
		}
		out.WriteByte(c)
	}
}

// token reads a keyword, a number, a character, nil, true, false or a symbol.
func (r *Reader) token(c byte) (any, error) {
	word, err := r.word(c)
	switch {
	case err != nil:
		return nil, err
	case !utf8.ValidString(word):
		return nil, fmt.Errorf("%q is not UTF-8", word)
	case word == "nil":
		return nil, nil
	case word == "true" || word == "false":
		return word == "true", nil
	case word[0] == ':' && len(word) > 1:
		return Keyword(word[1:]), nil
	case word[0] == '\\':
		return word[1:], nil
	}
	if c := strings.TrimLeft(word, "+-"); c != "" && c[0] >= '0' && c[0] <= '9' {
		if n, err := strconv.ParseInt(strings.TrimSuffix(word, "N"), 10, 64); err == nil {
			return n, nil
		}
		if f, err := strconv.ParseFloat(strings.TrimSuffix(word, "M"), 64); err == nil {
			return f, nil
		}
		return nil, fmt.Errorf("%q is no number", word)
	}
	return Symbol(word), nil
}
