package chart

import (
	"math"
	"strings"
)

// Point in pixels. A Y that is not a number is a gap.
type Point struct{ X, Y float64 }

// Gap is a point at which there is nothing.
func Gap(x float64) Point { return Point{x, math.NaN()} }

func (p Point) gap() bool { return math.IsNaN(p.Y) }

// runs cuts points at their gaps.
func runs(points []Point) (parts [][]Point) {
	begin := -1
	for i, p := range points {
		switch {
		case p.gap() && begin >= 0:
			parts, begin = append(parts, points[begin:i]), -1
		case !p.gap() && begin < 0:
			begin = i
		}
	}
	if begin >= 0 {
		parts = append(parts, points[begin:])
	}
	return parts
}

// Polyline joins points by straight lines. A point between two gaps becomes a dot, with round line ends.
func Polyline(points []Point) string {
	var path strings.Builder
	for _, run := range runs(points) {
		path.WriteString("M" + number(run[0].X) + " " + number(run[0].Y))
		rest := run[1:]
		if len(run) == 1 {
			rest = run
		}
		for _, p := range rest {
			path.WriteString("L" + number(p.X) + " " + number(p.Y))
		}
	}
	return path.String()
}

// Steps holds each point's height from its X to that of the next, the last one to the end.
func Steps(points []Point, end float64) string {
	var path strings.Builder
	for _, run := range corners(points, end) {
		path.WriteString("M" + number(run[0].X) + " " + number(run[0].Y))
		last := run[0]
		for _, p := range run[1:] {
			switch {
			case p.X == last.X:
				path.WriteString("V" + number(p.Y))
			default:
				path.WriteString("H" + number(p.X))
			}
			last = p
		}
	}
	return path.String()
}

// StepsArea is what lies between Steps and a base line.
func StepsArea(points []Point, end, base float64) string {
	var path strings.Builder
	for _, run := range corners(points, end) {
		path.WriteString("M" + number(run[0].X) + " " + number(base))
		for _, p := range run {
			path.WriteString("L" + number(p.X) + " " + number(p.Y))
		}
		path.WriteString("V" + number(base) + "Z")
	}
	return path.String()
}

// corners of the steps, of each part between two gaps. Steps of one height are one.
func corners(points []Point, end float64) (parts [][]Point) {
	var part []Point
	for i, p := range points {
		if p.gap() {
			if part != nil {
				parts, part = append(parts, part), nil
			}
			continue
		}
		next := end
		if i+1 < len(points) {
			next = points[i+1].X
		}
		if n := len(part); n > 0 && number(part[n-1].Y) == number(p.Y) {
			part[n-1].X = next
			continue
		}
		part = append(part, p, Point{next, p.Y})
	}
	if part != nil {
		parts = append(parts, part)
	}
	return parts
}

// Band is what lies between two lines over the same X; where either has a gap, so has it.
func Band(upper, lower []Point) string {
	var path strings.Builder
	for begin := 0; begin < len(upper); begin++ {
		end := begin
		for end < len(upper) && !upper[end].gap() && !lower[end].gap() {
			end++
		}
		if end-begin > 1 {
			path.WriteString("M")
			for i := begin; i < end; i++ {
				path.WriteString(number(upper[i].X) + " " + number(upper[i].Y) + "L")
			}
			for i := end - 1; i >= begin; i-- {
				path.WriteString(number(lower[i].X) + " " + number(lower[i].Y))
				if i > begin {
					path.WriteString("L")
				}
			}
			path.WriteString("Z")
		}
		begin = end
	}
	return path.String()
}
