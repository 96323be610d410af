package report

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/verify/course"
	"github.com/logproof/logproof/verify/figure"
)

// groupLine is what a consumer group did, for people.
func groupLine(g course.Group) string {
	text := fmt.Sprintf("%s: members %d, generations %d; processed %s records, %s of them again; positions: %s acknowledged, %s refused, %s unknown, %s resumed at",
		g.Name, g.Members, g.Generations, count(g.Processed), count(g.Again), count(g.Acknowledged), count(g.Refused), count(g.Unknown), count(g.Resumed))
	if g.Pause > 0 {
		text += fmt.Sprintf("; the longest pause between two commits %s, from %s", figure.Span(g.Pause), figure.Moment(time.Duration(g.PauseFrom)))
	}
	return text
}

// groupTable is the same for the page.
func (r Run) groupTable() sheet {
	s := sheet{ID: "group-table", Caption: "Consumer groups, each with its longest pause", Head: []column{
		{"group", false}, {"members", true}, {"generations", true}, {"processed", true}, {"again", true}, {"committed", true},
		{"refused", true}, {"unknown", true}, {"resumed", true}, {"pause", true}, {"at", true},
	}}
	for _, g := range r.Page.Course.Groups {
		pause, from := "-", "-"
		if g.Pause > 0 {
			pause, from = figure.Span(g.Pause), figure.Moment(time.Duration(g.PauseFrom))
		}
		s.add(rowsMax, texts(g.Name, fmt.Sprint(g.Members), fmt.Sprint(g.Generations), count(g.Processed), count(g.Again), count(g.Acknowledged),
			count(g.Refused), count(g.Unknown), count(g.Resumed), pause, from))
	}
	return s
}
