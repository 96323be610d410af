package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Count labels a number: "1,500", "20k", "1.5M".
func Count(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if v >= unit.size {
			if unit.size == 1e4 {
				unit.size = 1e3
			}
			return plain(v/unit.size) + unit.name
		}
	}
	if v >= 1000 && v == math.Trunc(v) {
		return fmt.Sprintf("%d,%03d", int(v)/1000, int(v)%1000)
	}
	return plain(v)
}

// Nanoseconds labels a duration: "100 µs", "2 s".
func Nanoseconds(v float64) string {
	if v == 0 {
		return "0"
	}
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, " s"}, {1e6, " ms"}, {1e3, " µs"}} {
		if v >= unit.size*(1-1e-9) {
			return plain(v/unit.size) + unit.name
		}
	}
	return plain(v) + " ns"
}

// Moment labels seconds since the start of a run on an axis whose marks are step apart: "2.5 s", "1:30".
func Moment(seconds, step float64) string {
	seconds = max(seconds, 0) // nor -0
	if seconds < 60 || step < 1 {
		digits := 0
		if step < 1 {
			digits = int(math.Ceil(-math.Log10(step) - 1e-9))
		}
		return strconv.FormatFloat(seconds, 'f', digits, 64) + " s"
	}
	whole := int(math.Round(seconds))
	if whole >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
	}
	return fmt.Sprintf("%d:%02d", whole/60, whole%60)
}

// plain writes a number with at most four significant digits and no zeros at its end.
func plain(v float64) string {
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// widthOfRune is the mean width of a character in a font of size 1: digits and small letters are a little
// narrower in the usual fonts, capitals a little wider.
const widthOfRune = 0.58

// Width estimates how many pixels a text takes: there is no font here to ask.
func Width(text string, size float64) float64 {
	return float64(utf8.RuneCountInString(text)) * size * widthOfRune
}

// Fit shortens a text to a width, with an ellipsis; it is "" where not even two characters fit.
func Fit(text string, size, width float64) string {
	if Width(text, size) <= width {
		return text
	}
	n := int(width / (size * widthOfRune))
	if n < 3 {
		return ""
	}
	return strings.TrimSpace(string([]rune(text)[:n-1])) + "…"
}

// Clean makes text from outside harmless to look at: characters that no one can see, or that turn around what
// follows them, become a visible mark.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
