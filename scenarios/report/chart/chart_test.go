package chart

import (
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// labels joins the labels of a scale, with the pixels of the first and the last.
func labels(s Scale) string {
	var all []string
	for _, t := range s.Ticks() {
		all = append(all, t.Label)
	}
	return strings.Join(all, "|")
}

func TestRoundTicks(t *testing.T) {
	for want, s := range map[string]Scale{
		"0|5,000|10k":                FromZero(9_900, 100, 0, 3, Count),
		"0|500|1,000|1,500|2,000":    FromZero(2_000, 100, 0, 4, Count),
		"0|0.2|0.4|0.6":              FromZero(0.6, 100, 0, 4, Count),
		"0|1":                        FromZero(0, 100, 0, 1, Count), // nothing was measured
		"0|500 ms|1 s":               FromZero(1e9, 0, 100, 2, Nanoseconds),
		"1 ms|10 ms|100 ms|1 s":      Log(3e6, 2e8, 100, 0, Nanoseconds),
		"1 µs|2 µs|5 µs|10 µs":       Log(2e3, 9e3, 100, 0, Nanoseconds),
		"1 ns|2 ns|5 ns|10 ns":       Log(math.Inf(1), 0, 100, 0, Nanoseconds), // of no samples
		"0 s|2 s|4 s|6 s|8 s|10 s":   Clock(0, 10.4, 0, 100, 6),
		"0.0 s|0.5 s|1.0 s|1.5 s":    Clock(0, 1.7, 0, 100, 4),
		"0 s|30 s|1:00|1:30|2:00":    Clock(0, 130, 0, 100, 5),
		"0|p50|p90|p99|p99.9":        Nines(99.95, 0, 100),
		"0|p50|p90":                  Nines(0, 0, 100),
		"0 s|48:00:00|96:00:00":      Clock(0, 5*86400, 0, 100, 3),
		"0 s|30:00|1:00:00":          Clock(0, 3700, 0, 100, 3),
		"0|p50|p90|p99|p99.9|p99.99": Nines(99.99, 0, 100),
		"0|50 s|100 s|150 s":         FromZero(120e9, 0, 100, 3, Nanoseconds),
		"0|2M|4M":                    FromZero(4e6, 100, 0, 2, Count),
		"0|20k|40k|60k":              FromZero(55_000, 100, 0, 3, Count),
		"0|1G|2G":                    FromZero(2e9, 100, 0, 2, Count),
	} {
		if got := labels(s); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Every scale is monotonic, and stays within its pixels whatever it is asked for.
func TestScalesAreMonotonic(t *testing.T) {
	for name, s := range map[string]Scale{
		"from zero": FromZero(1234, 40, 900, 5, Count), "log": Log(10, 1e6, 40, 900, Count), "clock": Clock(0, 1234, 40, 900, 9),
		"nines": Nines(99.999, 40, 900), "folded": Folded([]float64{1, 1.001, 1.002, 700, 700.001, 1234}, 40, 900, 80),
	} {
		last := 0.0
		for v := -5.0; v <= 2000; v += 0.5 {
			at := s.At(v)
			if at < last || at < 40 || at > 900 {
				t.Fatalf("%s: %v stands at %v, after %v", name, v, at, last)
			}
			last = at
		}
	}
	down := FromZero(10, 100, 0, 5, Count)
	if down.At(0) != 100 || down.At(10) != 0 || down.At(math.Inf(1)) != 0 {
		t.Error("an axis of y grows upwards")
	}
}

// On a folded axis moments that are a hair apart can be told apart, and a wait of minutes fits beside them.
func TestFolded(t *testing.T) {
	s := Folded([]float64{600, 1, 1.001, 1.002, 1.001}, 0, 100, 20)
	if a, b := s.At(1), s.At(1.001); b-a < 3 {
		t.Errorf("a millisecond takes %.1f pixels", b-a)
	}
	if a, b := s.At(1.002), s.At(600); b-a < 50 || b != 100 {
		t.Errorf("the long wait takes %.1f pixels", b-a)
	}
	if at := s.At(300); at <= s.At(1.002) || at >= 100 {
		t.Errorf("a time between two moments stands at %v", at)
	}
	ticks := s.Ticks()
	for i := 1; i < len(ticks); i++ {
		if ticks[i].At-ticks[i-1].At < 20 {
			t.Errorf("marks %v are too close", ticks)
		}
	}
	if one := Folded([]float64{5}, 10, 100, 20); one.At(5) != 10 || labels(one) != "5.000 s" {
		t.Errorf("one moment alone: %v %s", one.At(5), labels(one))
	}
	if none := Folded(nil, 10, 100, 20); none.At(7) != 10 {
		t.Error("no moments at all")
	}
}

func TestPaths(t *testing.T) {
	points := []Point{{0, 10}, {10, 10}, {20, 5}, Gap(30), {40, 7.04}}
	for want, got := range map[string]string{
		"M0 10L10 10L20 5M40 7L40 7":                         Polyline(points),
		"M0 10H20V5H30M40 7H50":                              Steps(points, 50),
		"M0 20L0 10L20 10L20 5L30 5V20ZM40 20L40 7L50 7V20Z": StepsArea(points, 50, 20),
		"M0 1L10 2L10 12L0 11Z":                              Band([]Point{{0, 1}, {10, 2}, Gap(20)}, []Point{{0, 11}, {10, 12}, {20, 13}}),
		"":                                                   Polyline([]Point{Gap(1)}) + Steps(nil, 3) + Band([]Point{{0, 1}}, []Point{{0, 2}}),
	} {
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// Whatever a drawing is given, it is text: it ends no element and no attribute.
func TestDrawingEscapes(t *testing.T) {
	const evil = `"><script>alert(1)</script>'&` + "\x00\u202e"
	d := New(evil, evil, 10, 10, evil, evil)
	d.Rect(evil, 0, 0, math.NaN(), -1, evil)
	d.Round(evil, 0, 0, 1, 1, math.Inf(1), evil)
	d.Line(evil, 1, 2, 3, 4)
	d.Circle(evil, 1, 2, 3, evil)
	d.Path(evil, evil, evil)
	d.Path("nothing", "", evil)
	d.Text(evil, 1, 2, End, evil)
	d.Data("left", 1)
	svg := d.String()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	known := []string{"svg", "title", "desc", "rect", "line", "circle", "path", "text"}
	elements := 0
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements++
			if !slices.Contains(known, e.Name.Local) {
				t.Errorf("there is an element %s", e.Name.Local)
			}
		}
	}
	if elements != 1+2+6+4 { // svg, its texts, the shapes, their tips
		t.Errorf("%d elements:\n%s", elements, svg)
	}
	for _, bad := range []string{"\x00", "\u202e", "NaN", "Inf", "nothing", `width="-`, "style="} {
		if strings.Contains(svg, bad) {
			t.Errorf("the drawing holds %q:\n%s", bad, svg)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text  string
		width float64
		want  string
	}{{"kill node 0", 100, "kill node 0"}, {"kill node 0", 50, "kill no…"}, {"kill node 0", 10, ""}, {"äöü", 30, "äöü"}} {
		if got := Fit(c.text, 10, c.width); got != c.want {
			t.Errorf("%q in %v: got %q, want %q", c.text, c.width, got, c.want)
		}
	}
	if got := Clean("a\nb\x1b[31mc\u2066d"); got != "a b\ufffd[31mc\ufffdd" {
		t.Errorf("cleaned: %q", got)
	}
}
