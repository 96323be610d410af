package shape

import (
	"fmt"
	"strings"
	"testing"
)

// Every word of the language, on bodies that fit to the last byte, and on what does not.
func TestPass(t *testing.T) {
	for _, c := range []struct {
		shape    string
		version  int16
		flexible bool
		body     string
		want     string // what is left, or the error
	}{
		{"2 4", 0, false, "\x00\x01\x00\x00\x00\x02more", "more"},
		{"2 4", 0, false, "\x00\x01\x00\x00\x00", "a field of 4 bytes, 3 are left at byte 2 of 5"},
		{"s b", 0, false, "\x00\x01a\x00\x00\x00\x02bc.", "."},
		{"s b", 0, false, "\xff\xff\xff\xff\xff\xff.", "."}, // null
		{"s", 0, false, "\x00", "the end is missing"},
		{"v1:1 v2+:2 v3-4:4", 1, false, "a.", "."},
		{"v1-1:1 v2+:2 v3-4:4", 4, false, "bbcccc.", "."},
		{"v1-1:1 v2+:2 v3-4:4", 5, false, "bb.", "."},
		{"*2", 0, false, "\x00\x00\x00\x02aabb.", "."},
		{"*s", 0, true, "\x03\x02a\x01\x00.", "."},
		{"[ 1 s ]", 0, true, "\x02a\x02b\x00\x00.", "."},
		{"[ 1 s ]", 0, true, "\x7fa", "an array of 126 elements in 1 bytes"},
		{"{ 1 } 2", 0, true, "a\x00bb\x00.", "."},
		{"?{ 1 }", 0, true, "\xff\x00.", "."},
		{"?{ 1 }", 0, true, "\x01a\x00\x00.", "."},
		{"1 #0=2 #1{ 1 } #2[ 1 ]", 0, true, "a\x03\x00\x02bb\x01\x02c\x00\x02\x03\x02d\x00.", "."},
		{"1 #0=2", 0, true, "a\x01\x00\x01bb", "a field of 2 bytes, 1 are left"},
		{"1", 0, true, "a\x01\x09\x02bb.", "."}, // a tagged field that is not known
		{"1", 0, true, "a\x01\x09\x04bb.", "tagged field 9 has 4 bytes, 3 are left"},
		{"1", 0, true, "a\xff\xff\xff\xff\x0f", "more than 262144 elements"},
		{"1", 0, true, "a\xff\xff\xff\xff\xff\xff", "a length is cut short, or too long"},
	} {
		rest, err := Compile(c.shape).Pass(c.version, c.flexible, []byte(c.body))
		if got := fmt.Sprintf("%s %v", rest, err); !strings.Contains(got, c.want) || (err == nil) != (string(rest) == c.want) {
			t.Errorf("%s, version %d, %q: %q left, %v; want %q", c.shape, c.version, c.body, rest, err, c.want)
		}
	}
}

// A shape that nobody can read is a mistake in the program, which its first test finds.
func TestCompilePanics(t *testing.T) {
	for _, text := range []string{"x", "4x", "vx:4", "*y"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is a shape", text)
				}
			}()
			Compile(text)
		}()
	}
}
