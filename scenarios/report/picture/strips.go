package picture

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/scenarios/report/chart"
)

// Leadership is who led a partition from a moment on, until the next of the same partition.
type Leadership struct {
	Partition string
	At        time.Duration
	// Node that leads; below 0 nobody does.
	Node  int32
	Epoch int32
}

const (
	rowHeight = 18
	// rowsMax is how many rows of bars are drawn; namedRowsMax how many with names, unless they are faults:
	// those have to be known to understand what is below. lanesMax is how many partitions have a lane.
	rowsMax, namedRowsMax, lanesMax = 8, 4, 12
	// changesMax is how many changes of leaders are drawn as lines: more would hide what they cross.
	changesMax = 60
)

// changes are the moments at which a partition got another leader than its first.
func (c Course) changes() []time.Duration {
	seen := map[string]bool{}
	var all []time.Duration
	for _, l := range c.Leaders {
		if seen[l.Partition] && l.Node >= 0 && l.At <= c.End {
			all = append(all, l.At)
		}
		seen[l.Partition] = true
	}
	if len(all) > changesMax {
		return nil
	}
	return all
}

// strips draws faults, outages and leaders as bars over the axis.
func (c Course) strips(f *frame, x chart.Scale) {
	f.spans("faults", "fault", c.Faults, x)
	f.spans("no writes", "outage", c.Unwritten, x)
	f.spans("no reads", "outage", c.Unread, x)
	c.leaders(f, x)
	f.y += 6
}

// gutterName writes the name of a strip beside it or, where there is no room, above it.
func (f *frame) gutterName(name string) {
	if f.narrow {
		f.y += f.size + 2
		f.Text("t dim", 0, f.y-3, chart.Start, name)
		return
	}
	f.Text("t dim", f.left-6, f.y+rowHeight-6, chart.End, name)
}

// barsMax is how many bars of a strip are drawn one by one.
const barsMax = 200

// stretches are the ends, in pixels, of the times in which there is any of the spans: as few as one can tell apart.
func stretches(spans []Span, x chart.Scale) [][2]float64 {
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	var all [][2]float64
	for _, s := range sorted {
		from, to := x.At(s.From.Seconds()), x.At(s.To.Seconds())
		if n := len(all); n > 0 && from <= all[n-1][1]+1 {
			all[n-1][1] = max(all[n-1][1], to)
		} else {
			all = append(all, [2]float64{from, max(to, from+1)})
		}
	}
	return all
}

// spans draws bars in as few rows as they need. The name stands in its bar or beside it, where that is free.
func (f *frame) spans(name, class string, spans []Span, x chart.Scale) {
	if len(spans) == 0 {
		return
	}
	f.gutterName(name)
	if len(spans) > barsMax {
		for _, s := range stretches(spans, x) {
			f.Rect(class, s[0], f.y+2, s[1]-s[0], rowHeight-4, "")
		}
		f.y += rowHeight + 3
		return
	}
	bars, rows := f.pack(spans, x, true)
	if most := map[bool]int{true: rowsMax, false: namedRowsMax}[class == "fault"]; rows > most { // then the names would take more room than what they name
		bars, rows = f.pack(spans, x, false)
		f.nameWhereFree(bars, spans)
	}
	for _, b := range bars {
		row := min(b.row, rowsMax-1) // what comes below shares the last row
		y := f.y + float64(row*rowHeight)
		f.Round(class, b.from, y+2, b.width, rowHeight-4, 2, f.tip(b.tip))
		switch {
		case b.label == "" || b.row > row:
		case b.inside:
			f.Text("t on-"+class, b.from+4, y+rowHeight-5, chart.Start, b.label)
		case b.before:
			f.Text("t", b.from-4, y+rowHeight-5, chart.End, b.label)
		default:
			f.Text("t", b.from+b.width+4, y+rowHeight-5, chart.Start, b.label)
		}
	}
	f.y += float64(min(rows, rowsMax)*rowHeight) + 3
}

// strip is one bar of a strip, with its label inside, before or behind it.
type strip struct {
	from, width    float64
	label, tip     string
	inside, before bool
	row            int
}

// nameWhereFree gives names to bars that have room for them before the next bar of their row.
func (f *frame) nameWhereFree(bars []strip, spans []Span) {
	for i := range bars {
		b := &bars[i]
		end := b.from + b.width
		free := f.width - end
		for j := range bars {
			if bars[j].row == b.row && j != i && bars[j].from >= end {
				free = min(free, bars[j].from-end)
			}
		}
		wide := chart.Width(spans[i].Name, f.size) + 8
		b.inside = wide <= b.width
		if b.inside || wide <= free {
			b.label = spans[i].Name
		}
	}
}

// pack finds a row for each span, and room for its name.
func (f *frame) pack(spans []Span, x chart.Scale, named bool) (strips []strip, rows int) {
	var taken packer
	for _, s := range spans {
		b := strip{from: x.At(s.From.Seconds()), tip: s.Tip}
		b.width = max(x.At(s.To.Seconds())-b.from, 2)
		begin, end := b.from, b.from+b.width
		if named {
			b.label = s.Name
			wide := chart.Width(b.label, f.size) + 10
			b.inside = wide-2 <= b.width
			b.before = !b.inside && end+wide > f.width && begin-wide >= f.left
			switch {
			case b.inside:
			case b.before:
				begin -= wide
			default:
				b.label = chart.Fit(b.label, f.size, f.width-end-6)
				end += chart.Width(b.label, f.size) + 10
			}
		}
		b.row = taken.row(begin, end)
		strips = append(strips, b)
	}
	return strips, len(taken.ends)
}

// leaders draws a lane for each partition, in the colours of its leaders; of many partitions only their changes.
func (c Course) leaders(f *frame, x chart.Scale) {
	lanes := map[string][]Leadership{}
	var names []string
	var nodes []int32
	for _, l := range c.Leaders {
		if lanes[l.Partition] == nil {
			names = append(names, l.Partition)
		}
		lanes[l.Partition] = append(lanes[l.Partition], l)
		if l.Node >= 0 && !slices.Contains(nodes, l.Node) {
			nodes = append(nodes, l.Node)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(nodes)
	if len(names) > lanesMax {
		c.markers(f, x, len(names))
		return
	}
	if f.narrow {
		f.gutterName("leaders")
	}
	slices.Sort(names)
	for _, name := range names {
		f.Text("t dim", f.left-6, f.y+rowHeight-6, chart.End, fitEnd(name, f.size, f.left-6))
		for i, l := range lanes[name] {
			until := c.End
			if i+1 < len(lanes[name]) {
				until = lanes[name][i+1].At
			}
			c.lead(f, x, l, until, slices.Index(nodes, l.Node))
		}
		f.y += rowHeight
	}
	f.y += 3
}

// lead draws one leadership.
func (c Course) lead(f *frame, x chart.Scale, l Leadership, until time.Duration, place int) {
	if l.At > c.End {
		return
	}
	from, to := x.At(l.At.Seconds()), x.At(until.Seconds())
	tip := fmt.Sprintf("%s: node %d leads in epoch %d from %.3f s", l.Partition, l.Node, l.Epoch, l.At.Seconds())
	class := fmt.Sprintf("node node-%d", place%6)
	if l.Node < 0 {
		tip, class = fmt.Sprintf("%s: nobody leads from %.3f s", l.Partition, l.At.Seconds()), "nobody"
	}
	f.Rect(class, from, f.y+2, max(to-from-1, 1), rowHeight-4, f.tip(tip))
	if l.Node < 0 {
		return
	}
	label := fmt.Sprintf("node %d", l.Node)
	if chart.Width(label, f.size)+8 > to-from {
		label = fmt.Sprint(l.Node)
	}
	if chart.Width(label, f.size)+6 <= to-from {
		f.Text("t on-node", from+4, f.y+rowHeight-5, chart.Start, label)
	}
}

// markers draws a mark for each change of a leader.
func (c Course) markers(f *frame, x chart.Scale, partitions int) {
	f.gutterName("leaders")
	seen, drawn := map[string]bool{}, map[int]bool{}
	for _, l := range c.Leaders {
		if px := int(x.At(l.At.Seconds())); seen[l.Partition] && l.Node >= 0 && l.At <= c.End && !drawn[px] {
			drawn[px] = true
			f.Rect("mark", x.At(l.At.Seconds())-1, f.y+3, 2, rowHeight-6, f.tip(fmt.Sprintf("%s: node %d leads in epoch %d from %.3f s", l.Partition, l.Node, l.Epoch, l.At.Seconds())))
		}
		seen[l.Partition] = true
	}
	f.y += rowHeight
	f.Text("t dim", f.left, f.y+f.size-2, chart.Start, fmt.Sprintf("each mark is a new leader of one of %d partitions", partitions))
	f.y += f.size + 5
}
