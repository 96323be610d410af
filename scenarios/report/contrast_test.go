package report

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var colourVariable = regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-fA-F]{6});`)

// luminance is relative luminance as WCAG 2 defines it.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(c uint64) float64 {
		v := float64(c&255) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}

// Every colour of the page can be told from what it lies upon: WCAG AA asks for 4.5 to 1 of text and 3 to 1 of
// lines and bars, in light and in dark.
func TestContrast(t *testing.T) {
	light, dark, ok := strings.Cut(pageStyle, "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("there is no dark scheme")
	}
	for name, style := range map[string]string{"light": light, "dark": dark} {
		colours := map[string]string{}
		for _, m := range colourVariable.FindAllStringSubmatch(style, -1) {
			colours[m[1]] = m[2]
		}
		ratio := func(a, b string) float64 {
			if colours[a] == "" || colours[b] == "" {
				t.Fatalf("%s: no colour --%s or --%s", name, a, b)
			}
			la, lb := luminance(t, colours[a]), luminance(t, colours[b])
			return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
		}
		check := func(least float64, on string, of ...string) {
			for _, colour := range of {
				if got := ratio(colour, on); got < least {
					t.Errorf("%s: --%s on --%s has contrast %.2f, want %v", name, colour, on, got, least)
				}
			}
		}
		check(4.5, "bg", "fg", "dim", "link", "pass", "fail", "inconclusive")
		check(4.5, "card", "fg", "dim", "link")
		for _, verdict := range []string{"pass", "fail", "inconclusive"} {
			check(4.5, verdict+"-bg", "fg")
			check(4.5, verdict, "bg") // the badge
		}
		check(4.5, "fault", "on-fault")
		check(4.5, "outage", "on-outage")
		check(3, "bg", "acked", "read", "unknown", "failed", "p50", "p99", "max", "s0", "s1", "s2", "s3", "fault", "outage", "change", "part0", "part1", "part2", "part3")
		for i := range 6 {
			check(4.5, fmt.Sprintf("n%d", i), "on-node")
		}
	}
}
