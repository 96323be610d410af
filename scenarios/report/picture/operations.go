package picture

import (
	"slices"
	"strconv"
	"time"

	"github.com/logproof/logproof/scenarios/report/chart"
)

// Operation of a client.
type Operation struct {
	// Number that it has in the table beside the picture.
	Number int
	// Lane is the client.
	Lane string
	// Read tells reads from writes.
	Read     bool
	From, To time.Duration
	// Outcome is ok, fail or unknown.
	Outcome string
	// Label is short: the offsets.
	Label, Tip string
	// Touches says that it is about the records in question; the others are around it.
	Touches bool
}

// Operations around an anomaly, with the faults of that time.
type Operations struct {
	Operations []Operation
	Faults     []Span
}

const (
	laneRow = 19
	barRise = 11
	barMin  = 4
	// timesApart is the least room between two times on the folded axis.
	timesApart = 84
)

// Draw draws a lane for each client; within it operations that overlap stand below one another.
func (o Operations) Draw(id, class string, width float64) string {
	gutter := 92.0
	if width < narrowBelow {
		gutter = 6
	}
	f := newFrame(width, gutter)
	if len(o.Operations) == 0 {
		return ""
	}
	x := o.axis(f)
	first, last := o.ends()
	faults := o.during(first, last)
	lanes := o.lanes(f, x)
	title := "Operations around the anomaly, " + strconv.Itoa(len(o.Operations)) + " of them"
	for range 2 {
		f.Drawing = chart.New(id, class, width, f.y+4, title,
			"A lane for each client, a bar from call to answer. The order is exact, long waits are shortened. The table below lists the same operations.")
		f.y = 4
		f.spans("faults", "fault", faults, x)
		f.y += 4
		top, bottom := f.y, f.y
		for _, l := range lanes {
			bottom += l.height(f.narrow, f.size)
		}
		for _, s := range faults {
			from := x.At(s.From.Seconds())
			f.Rect("band", from, top, x.At(s.To.Seconds())-from, bottom-top, "")
		}
		f.columns(x, top, bottom)
		for _, l := range lanes {
			f.lane(l)
		}
		f.axis(x, "time since the start of the run; long waits are shortened")
	}
	return f.String()
}

// ends are the first call and the last answer.
func (o Operations) ends() (first, last time.Duration) {
	first, last = o.Operations[0].From, o.Operations[0].To
	for _, op := range o.Operations {
		first, last = min(first, op.From), max(last, op.To)
	}
	return first, last
}

// axis is the time in which every call and answer has a place of its own.
func (o Operations) axis(f frame) chart.Scale {
	var moments []float64
	for _, op := range o.Operations {
		moments = append(moments, op.From.Seconds(), op.To.Seconds())
	}
	for _, s := range o.during(o.ends()) {
		moments = append(moments, s.From.Seconds(), s.To.Seconds())
	}
	return chart.Folded(moments, f.left+4, f.right-4, timesApart)
}

// during are the faults of that time, cut down to it.
func (o Operations) during(first, last time.Duration) (faults []Span) {
	for _, s := range o.Faults {
		if s.From <= last && s.To >= first {
			s.From, s.To = max(s.From, first), min(s.To, last)
			faults = append(faults, s)
		}
	}
	return faults
}

// lane is one client with its bars.
type lane struct {
	name string
	bars []bar
	rows int
}

type bar struct {
	op       *Operation
	x, width float64
	label    string
	before   bool // the label stands before the bar: behind it there is no room
	row      int
}

func (l lane) height(narrow bool, size float64) float64 {
	h := float64(l.rows*laneRow) + 6
	if narrow {
		h += size + 4
	}
	return h
}

// lanes puts the operations into rows in which neither bars nor labels overlap. Writers come first.
func (o Operations) lanes(f frame, x chart.Scale) []lane {
	var lanes []lane
	for _, reads := range []bool{false, true} {
		begin := len(lanes)
		packers := map[string]*packer{}
		for i := range o.Operations {
			op := &o.Operations[i]
			if op.Read != reads {
				continue
			}
			at := slices.IndexFunc(lanes, func(l lane) bool { return l.name == op.Lane })
			if at < 0 {
				at = len(lanes)
				lanes = append(lanes, lane{name: op.Lane})
				packers[op.Lane] = &packer{}
			}
			b := place(f, x, op)
			from, to := b.extent(f.size)
			if packers[op.Lane] == nil {
				packers[op.Lane] = &packer{}
			}
			b.row = packers[op.Lane].row(from, to)
			lanes[at].bars = append(lanes[at].bars, b)
			lanes[at].rows = max(lanes[at].rows, len(packers[op.Lane].ends))
		}
		slices.SortStableFunc(lanes[begin:], func(a, b lane) int { return compareNames(a.name, b.name) })
	}
	return lanes
}

// compareNames orders producer-2 before producer-10.
func compareNames(a, b string) int {
	if len(a) != len(b) && len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		return len(a) - len(b)
	}
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

func place(f frame, x chart.Scale, op *Operation) bar {
	b := bar{op: op, x: x.At(op.From.Seconds()), label: "#" + strconv.Itoa(op.Number)}
	if op.Label != "" {
		b.label += " · " + op.Label
	}
	b.width = max(x.At(op.To.Seconds())-b.x, barMin)
	b.x = min(b.x, f.right-barMin)
	b.label = chart.Fit(b.label, f.size-1, 150)
	wide := chart.Width(b.label, f.size-1)
	b.before = b.x+b.width+4+wide > f.width && b.x-4-wide >= 0
	return b
}

// extent is the room that bar and label take.
func (b bar) extent(size float64) (from, to float64) {
	wide := chart.Width(b.label, size-1) + 4
	if b.before {
		return b.x - wide, b.x + b.width + 8
	}
	return b.x, b.x + b.width + wide + 8
}

// lane draws one client.
func (f *frame) lane(l lane) {
	f.Line("lane", 0, f.y, f.width, f.y)
	f.y += 3
	if f.narrow {
		f.y += f.size + 4
		f.Text("t strong", 0, f.y-4, chart.Start, chart.Fit(l.name, f.size, f.width))
	} else {
		f.Text("t strong", 0, f.y+laneRow-6, chart.Start, chart.Fit(l.name, f.size, f.left-6))
	}
	for _, b := range l.bars {
		y := f.y + float64(b.row*laneRow)
		class := "op write"
		if b.op.Read {
			class = "op read-op"
		}
		text := "t small dim"
		if b.op.Touches {
			class, text = class+" touches", "t small strong"
		}
		f.Round(class+" "+b.op.Outcome, b.x, y+4, b.width, barRise, 2, f.tip(b.op.Tip))
		if b.before {
			f.Text(text, b.x-4, y+laneRow-6, chart.End, b.label)
		} else {
			f.Text(text, b.x+b.width+4, y+laneRow-6, chart.Start, b.label)
		}
	}
	f.y += float64(l.rows*laneRow) + 3
}
