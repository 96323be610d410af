package jepsen

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestReader(t *testing.T) {
	for text, want := range map[string]string{
		"nil true false":                      "<nil> true false",
		"12 -3 +4 5N 1.5 2.5M -0.25e2":        "12 -3 4 5 1.5 2.5 -25",
		`"a\n\"\\\u0041" \a \newline`:         "a\n\"\\A a newline",
		":send :a/b sym":                      "jepsen.Keyword:send jepsen.Keyword:a/b jepsen.Symbol:sym",
		"[1 [2, 3] (4)]":                      "[1 [2 3] [4]]",
		"{:a 1, :b [2]}":                      "[{jepsen.Keyword:a 1} {jepsen.Keyword:b [2]}]",
		"#{1 2} #jepsen.history.Op{:index 0}": "[1 2] {jepsen.history.Op [{jepsen.Keyword:index 0}]}",
		"[1 #_ [2 3] 4] ; a comment\n5":       "[1 4] 5",
	} {
		r, got := NewReader(strings.NewReader(text)), []string{}
		for {
			v, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%q: %v", text, err)
				break
			}
			got = append(got, show(v))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is %q, want %q", text, strings.Join(got, " "), want)
		}
	}
}

// show is a value with the types of words.
func show(v any) string {
	switch v := v.(type) {
	case Keyword, Symbol:
		return fmt.Sprintf("%T:%v", v, v)
	case List:
		return fmt.Sprint(shows(v))
	case Set:
		return fmt.Sprint(shows(v))
	case Map:
		var parts []string
		for _, p := range v {
			parts = append(parts, "{"+show(p.Key)+" "+show(p.Value)+"}")
		}
		return fmt.Sprint(parts)
	case Tagged:
		return "{" + v.Tag + " " + show(v.Value) + "}"
	}
	return fmt.Sprint(v)
}

func shows(list []any) (parts []string) {
	for _, v := range list {
		parts = append(parts, show(v))
	}
	return parts
}

// Errors name the line on which it went wrong.
func TestBadEDN(t *testing.T) {
	for text, want := range map[string]string{
		"1\n{:a}":               "line 2: a map has 1 values",
		"\n[1 2":                "began on line 2",
		"1\n2\n]":               "line 3: ']' closes nothing",
		`"abc`:                  "ends within a value",
		`"\q"`:                  `\q is no escape`,
		`"\uZZZZ"`:              `is no character`,
		"12abc":                 `"12abc" is no number`,
		strings.Repeat("[", 99): "nested more than 64 deep",
	} {
		r := NewReader(strings.NewReader(text))
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if err == io.EOF || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %q", text, err, want)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"{:a [1 2.5 \"x\"] #{nil}}", "#tag #_ 1 2", "\\a ;c\n(", "\"\\u0041\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := NewReader(strings.NewReader(text))
		for range len(text) + 1 {
			if _, err := r.Next(); err != nil {
				return
			}
		}
		t.Errorf("%q has more values than bytes", text)
	})
}
