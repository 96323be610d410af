package jepsen

import (
	"fmt"
	"strconv"
	"strings"
)

// Write is a value as EDN, on one line.
func Write(v any) string {
	var out strings.Builder
	write(&out, v)
	return out.String()
}

func write(out *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		out.WriteString("nil")
	case Keyword:
		out.WriteString(":" + string(v))
	case Symbol:
		out.WriteString(string(v))
	case string:
		quote(out, v)
	case List:
		writeAll(out, "[", v, "]")
	case Set:
		writeAll(out, "#{", v, "}")
	case Map:
		out.WriteByte('{')
		for i, p := range v {
			if i > 0 {
				out.WriteString(", ")
			}
			write(out, p.Key)
			out.WriteByte(' ')
			write(out, p.Value)
		}
		out.WriteByte('}')
	case Tagged:
		out.WriteString("#" + v.Tag + " ")
		write(out, v.Value)
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".eIN") {
			text += ".0"
		}
		out.WriteString(text)
	default:
		fmt.Fprint(out, v)
	}
}

func writeAll(out *strings.Builder, begin string, list []any, end string) {
	out.WriteString(begin)
	for i, v := range list {
		if i > 0 {
			out.WriteByte(' ')
		}
		write(out, v)
	}
	out.WriteString(end)
}

// quote writes a string with the escapes that the Reader knows.
func quote(out *strings.Builder, s string) {
	out.WriteByte('"')
	for _, c := range s {
		switch c {
		case '"', '\\':
			out.WriteByte('\\')
			out.WriteRune(c)
		case '\n':
			out.WriteString(`\n`)
		case '\r':
			out.WriteString(`\r`)
		case '\t':
			out.WriteString(`\t`)
		default:
			out.WriteRune(c)
		}
	}
	out.WriteByte('"')
}
