package catalog

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// text collects lines of a width.
type text struct {
	width int
	out   strings.Builder
}

// labelWidth is the column of names.
const labelWidth = 24

// String is what was collected.
func (t *text) String() string { return t.out.String() }

func (t *text) blank() { t.out.WriteByte('\n') }

// raw writes a line as it is.
func (t *text) raw(line string) { t.out.WriteString(line + "\n") }

func (t *text) head(title string) {
	for _, line := range wrap(title, t.width) {
		t.raw(line)
	}
}

func (t *text) paragraph(s string) {
	for _, line := range wrap(s, t.width-2) {
		t.raw("  " + line)
	}
}

// item is a name and what it is.
func (t *text) item(name, what string) { t.beside("  "+name, labelWidth, what) }

// field is a property of what is explained.
func (t *text) field(name, value string) { t.beside("  "+name, 16, value) }

// list is a property with several values, each on lines of its own.
func (t *text) list(name string, values []string) {
	for _, v := range values {
		t.field(name, v)
		name = ""
	}
}

// beside writes a text in lines beside a label.
func (t *text) beside(label string, column int, s string) {
	if utf8.RuneCountInString(label) >= column {
		t.raw(label)
		label = ""
	}
	for _, line := range wrap(s, max(t.width-column, 20)) {
		t.raw(fmt.Sprintf("%-*s%s", column, label, line))
		label = ""
	}
}

// wrap cuts a text into lines of so many characters, between words. A word that is longer has a line of its own.
func wrap(s string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
