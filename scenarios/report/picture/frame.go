package picture

import (
	"slices"
	"time"

	"github.com/logproof/logproof/scenarios/report/chart"
)

// Span is a time with a name: a fault, or an outage.
type Span struct {
	From, To time.Duration
	// Open says that it had not ended when the run did.
	Open bool
	Name string
	// Tip says more.
	Tip string
}

// narrowBelow is the width of a drawing below which gutters shrink.
const narrowBelow = 600

// frame is a drawing with its margins and its pen: everything is drawn from top to bottom.
type frame struct {
	*chart.Drawing
	width       float64
	left, right float64 // the ends of every axis of x
	y           float64 // where the next part begins
	size        float64 // of texts
	narrow      bool
}

// newFrame begins the layout of a drawing of that width. Its height is known at the end: see finish.
func newFrame(width, gutter float64) frame {
	f := frame{width: width, left: gutter, right: width - 14, size: 12, narrow: width < narrowBelow}
	if f.narrow {
		f.size = 11
	}
	return f
}

// tip is what a pointer is shown; narrow pictures are for windows without one, and stay small.
func (f *frame) tip(text string) string {
	if f.narrow {
		return ""
	}
	return text
}

// legend writes names with their samples in one line, and begins another where they do not fit.
func (f *frame) legend(entries []entry) {
	x := f.left
	for _, e := range entries {
		wide := 22 + chart.Width(e.name, f.size) + 14
		if x > f.left && x+wide > f.width {
			x = f.left
			f.y += f.size + 6
		}
		if e.area {
			f.Rect("area "+e.class, x, f.y-f.size+3, 16, f.size-3, "")
		}
		f.Line("line "+e.class, x, f.y-4, x+16, f.y-4)
		f.Text("t", x+21, f.y, chart.Start, e.name)
		x += wide
	}
	f.y += 8
}

// entry of a legend.
type entry struct {
	class, name string
	area        bool
}

// grid draws the marks of an axis of y across the plot, with their labels.
func (f *frame) grid(y chart.Scale) {
	for _, tick := range y.Ticks() {
		f.Line("grid", f.left, tick.At, f.right, tick.At)
		f.Text("t dim", f.left-6, tick.At+4, chart.End, tick.Label)
	}
}

// columns draws the marks of an axis of x over a height.
func (f *frame) columns(x chart.Scale, top, bottom float64) {
	for _, tick := range x.Ticks() {
		f.Line("grid", tick.At, top, tick.At, bottom)
	}
}

// axis writes the labels of an axis of x; one that would run into its neighbour is left out.
func (f *frame) axis(x chart.Scale, name string) {
	f.Line("axis", f.left, f.y, f.right, f.y)
	free := 0.0
	for _, tick := range x.Ticks() {
		wide := chart.Width(tick.Label, f.size)
		at := min(max(tick.At, wide/2), f.width-wide/2)
		f.Line("axis", tick.At, f.y, tick.At, f.y+4)
		if at-wide/2 < free {
			continue
		}
		f.Text("t dim", at, f.y+f.size+6, chart.Middle, tick.Label)
		free = at + wide/2 + 6
	}
	f.y += f.size + 6
	if name != "" {
		f.y += f.size + 5
		f.Text("t dim", (f.left+f.right)/2, f.y, chart.Middle, name)
	}
	f.y += 6
}

// packer finds rows for what must not overlap.
type packer struct{ ends []float64 }

// row is the first one that is free from x on; it is taken up to end.
func (p *packer) row(x, end float64) int {
	i := slices.IndexFunc(p.ends, func(e float64) bool { return e <= x })
	if i < 0 {
		i = len(p.ends)
		p.ends = append(p.ends, 0)
	}
	p.ends[i] = end
	return i
}

// fitEnd shortens a text to a width and keeps its end: of "a-long-topic/7" the 7 matters.
func fitEnd(text string, size, width float64) string {
	runes := []rune(text)
	for i := range runes {
		short := string(runes[i:])
		if i > 0 {
			short = "…" + short
		}
		if chart.Width(short, size) <= width {
			return short
		}
	}
	return ""
}
