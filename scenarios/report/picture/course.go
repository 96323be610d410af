package picture

import (
	"fmt"
	"math"
	"time"

	"github.com/logproof/logproof/scenarios/report/chart"
	"github.com/logproof/logproof/verify/course"
)

// Course is a run over time.
type Course struct {
	course.Course
	Faults []Span
	// Unwritten and Unread are the outages: times without a successful write, and read.
	Unwritten, Unread []Span
	// Leaders of each partition over time.
	Leaders []Leadership
	// End of the axis.
	End time.Duration
}

const (
	plotHeight = 150
	titleGap   = 24
)

// Draw draws it: on top what was broken and who led, below throughput and latency, all over one axis of time.
func (c Course) Draw(id, class string, width float64) string {
	gutter := 76.0
	if width < narrowBelow {
		gutter = 46
	}
	f := newFrame(width, gutter)
	end := c.End.Seconds()
	x := chart.Clock(0, end, f.left, f.right, int(max((f.right-f.left)/80, 3)))
	// The height depends on what is drawn, so it is drawn twice: the second time onto the right size.
	for range 2 {
		f.Drawing = chart.New(id, class, width, f.y+4, "Throughput, latency, faults and leaders over time", c.describe())
		f.y = 4
		c.strips(&f, x)
		top := f.y
		c.throughput(&f, x)
		c.latency(&f, x)
		f.Data("left", x.At(0))
		f.Data("step", x.At(c.Width.Seconds())-x.At(0))
		f.Data("top", top)
		f.Data("bottom", f.y)
		f.axis(x, "time since the start of the run")
	}
	return f.String()
}

// describe says in words what the picture shows.
func (c Course) describe() string {
	var acked int64
	peak := 0.0
	for _, b := range c.Buckets {
		acked += b.Acked
		peak = max(peak, c.rate(b.Acked))
	}
	text := fmt.Sprintf("%.1f seconds in buckets of %v. %d records acknowledged, at most %.0f a second.", c.End.Seconds(), c.Width, acked, peak)
	if c.Produce != nil {
		text += fmt.Sprintf(" Longest time from call to acknowledgement: %v.", c.Produce.Max().Round(100*time.Microsecond))
	}
	for i, s := range c.Faults {
		if i == 5 {
			return text + fmt.Sprintf(" %d faults in all.", len(c.Faults))
		}
		text += fmt.Sprintf(" Fault: %s, from %.3f s to %.3f s.", s.Name, s.From.Seconds(), s.To.Seconds())
	}
	return text + " The same numbers stand in the table below."
}

// rate per second of records of a bucket.
func (c Course) rate(n int64) float64 { return float64(n) / c.Width.Seconds() }

// line is one series of a plot.
type line struct {
	entry
	points []chart.Point
}

// throughput plots records per second by outcome.
func (c Course) throughput(f *frame, x chart.Scale) {
	readers := max(c.Readers, 1)
	read := "read"
	if readers > 1 {
		read = fmt.Sprintf("read, mean of %d readers", readers)
	}
	series := []struct {
		entry
		value  func(course.Bucket) float64
		always bool
	}{
		{entry{"acked", "acknowledged", true}, func(b course.Bucket) float64 { return c.rate(b.Acked) }, true},
		{entry{"read", read, false}, func(b course.Bucket) float64 { return c.rate(b.Read) / float64(readers) }, true},
		{entry{"unknown", "unknown", false}, func(b course.Bucket) float64 { return c.rate(b.Unknown) }, false},
		{entry{"failed", "failed", false}, func(b course.Bucket) float64 { return c.rate(b.Failed) }, false},
	}
	top := 0.0
	var legend []entry
	shown := series[:0]
	for _, s := range series {
		highest := 0.0
		for _, b := range c.Buckets {
			highest = max(highest, s.value(b))
		}
		if top = max(top, highest); s.always || highest > 0 {
			legend, shown = append(legend, s.entry), append(shown, s)
		}
	}
	f.title("records per second")
	f.legend(legend)
	y := chart.FromZero(top, f.y+plotHeight, f.y, 5, chart.Count)
	c.backdrop(f, x)
	f.grid(y)
	edge := x.At((time.Duration(len(c.Buckets)) * c.Width).Seconds())
	for _, s := range shown {
		points := make([]chart.Point, len(c.Buckets))
		for i, b := range c.Buckets {
			points[i] = chart.Point{X: x.At((time.Duration(i) * c.Width).Seconds()), Y: y.At(s.value(b))}
			if !s.always && s.value(b)+s.value(c.Buckets[max(i-1, 0)])+s.value(c.Buckets[min(i+1, len(c.Buckets)-1)]) == 0 {
				points[i] = chart.Gap(points[i].X) // a rare outcome is drawn where there is some
			}
		}
		if s.area {
			f.Path("area "+s.class, chart.StepsArea(points, edge, f.y+plotHeight), "")
		}
		f.Path("line "+s.class, chart.Steps(points, edge), "")
	}
	f.y += plotHeight + titleGap
}

// latency plots percentiles on a scale of decades.
func (c Course) latency(f *frame, x chart.Scale) {
	f.title("produce latency, by the time of the call")
	f.legend([]entry{{"p50", "p50", false}, {"p99", "p99", false}, {"max", "max", false}})
	low, high := math.Inf(1), 0.0
	for _, b := range c.Buckets {
		if b.Produce != nil {
			low, high = min(low, float64(b.Produce.Percentile(50))), max(high, float64(b.Produce.Max()))
		}
	}
	if high == 0 {
		f.Text("t dim", f.left, f.y+f.size, chart.Start, "no produce was acknowledged")
		f.y += plotHeight / 4
		return
	}
	y := chart.Log(low, high, f.y+plotHeight, f.y, chart.Nanoseconds)
	c.backdrop(f, x)
	f.grid(y)
	lines := []line{{entry: entry{class: "max"}}, {entry: entry{class: "p99"}}, {entry: entry{class: "p50"}}}
	for i, b := range c.Buckets {
		at := x.At((time.Duration(i)*c.Width + c.Width/2).Seconds())
		for j, percent := range []float64{100, 99, 50} {
			point := chart.Gap(at)
			if b.Produce != nil {
				point.Y = y.At(float64(b.Produce.Percentile(percent)))
			}
			lines[j].points = append(lines[j].points, point)
		}
	}
	f.Path("area p99", chart.Band(lines[1].points, lines[2].points), "")
	for _, l := range lines {
		f.Path("line "+l.class, chart.Polyline(l.points), "")
	}
	f.y += plotHeight + 2
}

// title writes what a plot shows.
func (f *frame) title(text string) {
	x := f.left
	if f.narrow {
		x = 0
	}
	f.y += f.size
	f.Text("t strong", x, f.y, chart.Start, text)
	f.y += f.size + 6
}

// backdrop draws what a plot lies upon: the faults, the seconds, and the changes of leaders.
func (c Course) backdrop(f *frame, x chart.Scale) {
	for _, b := range stretches(c.Faults, x) {
		f.Rect("band", b[0], f.y, b[1]-b[0], plotHeight, "")
	}
	f.columns(x, f.y, f.y+plotHeight)
	for _, at := range c.changes() {
		px := x.At(at.Seconds())
		f.Line("change", px, f.y, px, f.y+plotHeight)
	}
}
