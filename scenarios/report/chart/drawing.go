package chart

import (
	"html"
	"math"
	"strconv"
	"strings"
)

// Anchor says which end of a text stands at its place.
type Anchor string

// The anchors.
const (
	Start  Anchor = "start"
	Middle Anchor = "middle"
	End    Anchor = "end"
)

// Drawing is an SVG picture that is being made. Every text that it is given may hold anything.
type Drawing struct {
	id, class, title, desc string
	width, height          float64
	data                   string // attributes for a script
	body                   strings.Builder
}

// New begins a picture. The id must be the only one of its kind in the page; the class is for the style sheet;
// title and desc are read to who cannot see it.
func New(id, class string, width, height float64, title, desc string) *Drawing {
	return &Drawing{id: id, class: class, width: width, height: height, title: title, desc: desc}
}

// Data gives the picture a number that a script can ask for: data-name.
func (d *Drawing) Data(name string, value float64) {
	d.data += ` data-` + attribute(name) + `="` + strconv.FormatFloat(value, 'g', 8, 64) + `"`
}

// Rect draws a rectangle; tip is shown when a pointer rests on it, "" for none.
func (d *Drawing) Rect(class string, x, y, width, height float64, tip string) {
	d.element("rect", class, tip, "x", x, "y", y, "width", max(width, 0), "height", max(height, 0))
}

// Round draws a rectangle with round corners.
func (d *Drawing) Round(class string, x, y, width, height, radius float64, tip string) {
	d.element("rect", class, tip, "x", x, "y", y, "width", max(width, 0), "height", max(height, 0), "rx", radius)
}

// Line draws a straight line.
func (d *Drawing) Line(class string, x1, y1, x2, y2 float64) {
	d.element("line", class, "", "x1", x1, "y1", y1, "x2", x2, "y2", y2)
}

// Circle draws a filled circle.
func (d *Drawing) Circle(class string, x, y, radius float64, tip string) {
	d.element("circle", class, tip, "cx", x, "cy", y, "r", radius)
}

// Path draws what Line, Steps or an area gave; nothing for "".
func (d *Drawing) Path(class, data, tip string) {
	if data == "" {
		return
	}
	d.body.WriteString(`<path class="` + attribute(class) + `" d="` + attribute(data) + `"`)
	d.close("path", tip)
}

// Text writes one line with its base line at y.
func (d *Drawing) Text(class string, x, y float64, anchor Anchor, text string) {
	d.body.WriteString(`<text class="` + attribute(class) + `" x="` + number(x) + `" y="` + number(y) + `"`)
	if anchor != Start {
		d.body.WriteString(` text-anchor="` + string(anchor) + `"`)
	}
	d.body.WriteString(">" + html.EscapeString(Clean(text)) + "</text>\n")
}

// element draws a shape with attributes: names and numbers in turn.
func (d *Drawing) element(name, class, tip string, attributes ...any) {
	d.body.WriteString("<" + name + ` class="` + attribute(class) + `"`)
	for i := 0; i+1 < len(attributes); i += 2 {
		d.body.WriteString(" " + attributes[i].(string) + `="` + number(attributes[i+1].(float64)) + `"`)
	}
	d.close(name, tip)
}

func (d *Drawing) close(name, tip string) {
	if tip == "" {
		d.body.WriteString("/>\n")
		return
	}
	d.body.WriteString("><title>" + html.EscapeString(Clean(tip)) + "</title></" + name + ">\n")
}

// String is the picture as an element of an HTML page.
func (d *Drawing) String() string {
	width, height := number(d.width), number(d.height)
	return `<svg id="` + attribute(d.id) + `" class="` + attribute(d.class) + `" viewBox="0 0 ` + width + " " + height +
		`" width="` + width + `" height="` + height + `" role="img" aria-labelledby="` + attribute(d.id) + `-title ` + attribute(d.id) + `-desc"` + d.data + ">" +
		"\n<title id=\"" + attribute(d.id) + `-title">` + html.EscapeString(Clean(d.title)) + "</title>\n<desc id=\"" + attribute(d.id) + `-desc">` +
		html.EscapeString(Clean(d.desc)) + "</desc>\n" + d.body.String() + "</svg>\n"
}

func attribute(text string) string { return html.EscapeString(Clean(text)) }

// number writes a length with one digit after the point: less than anyone can see.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}
