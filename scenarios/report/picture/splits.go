package picture

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/scenarios/report/chart"
	"github.com/logproof/logproof/verify/figure"
)

// Split is an outage in parts.
type Split struct {
	Name  string
	Parts []Part
}

// Part of an outage; one that is not known ends the bar.
type Part struct {
	Name  string
	Took  time.Duration
	Known bool
}

// Splits are outages beside one another.
type Splits []Split

// splitsMax is how many bars are drawn.
const splitsMax = 12

// Draw draws a bar for each outage from its fault on: part by part, as far as they are known. It is "" if none
// has a part that is known.
func (s Splits) Draw(id, class string, width float64) string {
	longest, names, shown := s.measure()
	if longest == 0 {
		return ""
	}
	gutter := 8.0
	if width >= narrowBelow {
		for _, o := range shown {
			gutter = max(gutter, min(chart.Width(o.Name, 12)+12, 270))
		}
	}
	f := newFrame(width, gutter)
	desc := "From the injection of the fault."
	for _, o := range shown {
		desc += " " + o.Name + ":"
		for _, p := range o.Parts {
			desc += " " + p.text()
		}
		desc += "."
	}
	for range 2 {
		f.Drawing = chart.New(id, class, width, f.y+4, "What each outage was spent on", desc)
		f.y = 4 + f.size
		var legend []entry
		for i, name := range names {
			legend = append(legend, entry{class: fmt.Sprintf("part-%d", i), name: name, area: true})
		}
		f.legend(legend)
		x := chart.FromZero(float64(longest), f.left, f.right, int(max((f.right-f.left)/110, 2)), chart.Nanoseconds)
		top := f.y
		rows := float64(len(shown)) * splitRow
		if f.narrow {
			rows += float64(len(shown)) * (f.size + 4)
		}
		f.columns(x, top, top+rows)
		for _, o := range shown {
			f.split(o, x, names)
		}
		f.y = top + rows
		f.axis(x, "time since the fault")
	}
	return f.String()
}

const splitRow = 22

// measure finds the longest bar, the names of the parts, and the outages that have a bar.
func (s Splits) measure() (longest time.Duration, names []string, shown Splits) {
	for _, o := range s {
		var sum time.Duration
		for i, p := range o.Parts {
			if i == len(names) {
				names = append(names, p.Name)
			}
			if !p.Known {
				break
			}
			sum += p.Took
		}
		if longest = max(longest, sum); sum > 0 && len(shown) < splitsMax {
			shown = append(shown, o)
		}
	}
	return longest, names, shown
}

// split draws one bar.
func (f *frame) split(o Split, x chart.Scale, names []string) {
	if f.narrow {
		f.y += f.size + 4
		f.Text("t", f.left, f.y-4, chart.Start, chart.Fit(o.Name, f.size, f.width-f.left))
	} else {
		f.Text("t", f.left-8, f.y+splitRow-7, chart.End, fitEnd(o.Name, f.size, f.left-10))
	}
	var sum time.Duration
	for i, p := range o.Parts {
		if !p.Known {
			at := x.At(float64(sum)) + 4
			f.Text("t dim", at, f.y+splitRow-7, chart.Start, chart.Fit("the rest is not known", f.size, f.width-at))
			break
		}
		from, to := x.At(float64(sum)), x.At(float64(sum+p.Took))
		f.Rect(fmt.Sprintf("part part-%d", i%len(names)), from, f.y+4, max(to-from, 1), splitRow-8, f.tip(o.Name+": "+p.text()))
		sum += p.Took
	}
	f.y += splitRow
}

func (p Part) text() string {
	if !p.Known {
		return p.Name + " not known,"
	}
	return fmt.Sprintf("%s %s,", p.Name, figure.Span(p.Took))
}
