package picture

import (
	"fmt"
	"math"
	"time"

	"github.com/logproof/logproof/scenarios/report/chart"
	"github.com/logproof/logproof/verify/figure"
)

// Distribution of latencies, as a line of points with rising percents.
type Distribution struct {
	Name   string
	Count  int64
	Points []Percentile
	Max    time.Duration
}

// Percentile is what that percentage of the samples do not exceed.
type Percentile struct {
	Percent float64
	Value   time.Duration
}

// Spectrum is latencies by percentile.
type Spectrum []Distribution

const spectrumHeight = 260

// spectrumLines is how many lines can be told apart.
const spectrumLines = 4

// Draw draws up to four distributions. The greatest sample of each is a dot at its end.
func (s Spectrum) Draw(id, class string, width float64) string {
	gutter := 76.0
	if width < narrowBelow {
		gutter = 52
	}
	f := newFrame(width, gutter)
	if len(s) > spectrumLines {
		s = s[:spectrumLines]
	}
	low, high, last := math.Inf(1), 0.0, 90.0
	desc := "Each further nine of the percentile takes as much room as the one before."
	for _, d := range s {
		for _, p := range d.Points {
			low, last = min(low, float64(p.Value)), max(last, p.Percent)
		}
		high = max(high, float64(d.Max))
		desc += fmt.Sprintf(" %s: %d samples, longest %s.", d.Name, d.Count, figure.Span(d.Max))
	}
	for range 2 {
		f.Drawing = chart.New(id, class, width, f.y+4, "Latency by percentile", desc+" The table below has the usual percentiles.")
		f.y = 4 + f.size
		var legend []entry
		for i, d := range s {
			legend = append(legend, entry{class: fmt.Sprintf("spectrum-%d", i), name: d.Name})
		}
		f.legend(legend)
		x := chart.Nines(last, f.left, f.right-4)
		y := chart.Log(low, high, f.y+spectrumHeight, f.y, chart.Nanoseconds)
		f.grid(y)
		f.columns(x, f.y, f.y+spectrumHeight)
		for i, d := range s {
			points := make([]chart.Point, len(d.Points))
			for j, p := range d.Points {
				points[j] = chart.Point{X: x.At(p.Percent), Y: y.At(float64(p.Value))}
			}
			kind := fmt.Sprintf("spectrum-%d", i)
			f.Path("line "+kind, chart.Polyline(points), "")
			if n := len(points); n > 0 {
				f.Circle("dot "+kind, points[n-1].X, y.At(float64(d.Max)), 3.5, fmt.Sprintf("%s: longest %s", d.Name, figure.Span(d.Max)))
			}
		}
		f.y += spectrumHeight
		f.axis(x, "percentile")
	}
	return f.String()
}
