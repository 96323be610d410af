package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/logproof/logproof/scenarios/report/picture"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/excerpt"
	"github.com/logproof/logproof/verify/figure"
	"github.com/logproof/logproof/verify/history"
)

const (
	// illustratedMax is how many anomalies get a picture, illustratedOfClass how many of one class.
	illustratedMax, illustratedOfClass = 8, 3
	// listedMax is how many anomalies without a picture are listed.
	listedMax = 40
)

// Illustrated are the anomalies that a page shows with a picture: of each class the first ones.
func Illustrated(r verify.Report) []verify.Anomaly {
	var shown []verify.Anomaly
	for round := range illustratedOfClass {
		for _, rule := range r.Rules {
			ofClass := map[verify.Class]int{}
			for _, a := range rule.Anomalies {
				if len(a.Evidence) == 0 {
					continue
				}
				if ofClass[a.Class]++; ofClass[a.Class] == round+1 && len(shown) < illustratedMax {
					shown = append(shown, a)
				}
			}
		}
	}
	return shown
}

// violations are the anomalies in the order of the rules: those with a picture, and the others as text.
func (r Run) violations(excerpts int) (shown []violation, more []string) {
	pictures := r.Page.Excerpts[:min(excerpts, len(r.Page.Excerpts))]
	for _, rule := range r.Report.Rules {
		if rule.Rule == verify.Availability {
			continue // its budgets stand with the outages
		}
		for _, a := range rule.Anomalies {
			text := string(a.Class) + ": " + a.Text
			if a.Cause != "" {
				text += " (why: " + a.Cause + ")"
			}
			found := false
			for _, e := range pictures {
				if e.Anomaly.Rule == a.Rule && e.Anomaly.Class == a.Class && e.Anomaly.Text == a.Text && len(e.Operations) > 0 {
					shown = append(shown, r.violation(fmt.Sprintf("anomaly-%d", len(shown)+1), e))
					found = true
					break
				}
			}
			if !found && len(more) < listedMax {
				more = append(more, text)
			}
		}
		if left := rule.Total - int64(len(rule.Anomalies)); left > 0 {
			more = append(more, fmt.Sprintf("and %s more of %s that are only counted", count(left), rule.Rule))
		}
	}
	return shown, more
}

// violation is one anomaly with its excerpt of the history.
func (r Run) violation(id string, e excerpt.Excerpt) violation {
	v := violation{ID: id, Class: string(e.Anomaly.Class), Rule: string(e.Anomaly.Rule), Text: e.Anomaly.Text, Cause: e.Anomaly.Cause}
	p := picture.Operations{Faults: r.faultSpans()}
	v.Table = sheet{ID: id + "-table", Caption: fmt.Sprintf("The %d operations of the picture, on %s", len(e.Operations), e.Anomaly.Partition), Head: []column{
		{"#", true}, {"client", false}, {"operation", false}, {"outcome", false}, {"call", true}, {"took", true}, {"what it carried or was told", false},
	}}
	touching := 0
	for i, op := range e.Operations {
		carried := carriedText(op.Operation)
		client := shorten(op.Process, 60)
		tip := shorten(fmt.Sprintf("%s %s, %s to %s: %s", op.Kind, op.Outcome, figure.Moment(time.Duration(op.Invoke)), figure.Moment(time.Duration(op.Return)), carried), 200)
		p.Operations = append(p.Operations, picture.Operation{
			Number: i + 1, Lane: client, Read: op.Kind == history.Fetch || op.Kind == history.Scan,
			From: time.Duration(op.Invoke), To: time.Duration(op.Return), Outcome: op.Outcome.String(),
			Label: offsetsText(op.Operation), Tip: tip, Touches: op.Touches,
		})
		row := texts(fmt.Sprint(i+1), client, op.Kind.String(), op.Outcome.String(), fmt.Sprintf("%.6f s", time.Duration(op.Invoke).Seconds()),
			figure.Span(time.Duration(op.Return-op.Invoke)), carried)
		if op.Touches {
			touching++
			for j := range row {
				row[j].Class = "strong"
			}
		}
		v.Table.add(excerpt.OperationsMax, row)
	}
	v.Note = fmt.Sprintf("%d of these operations are about the records in question and stand out; the others happened around them.", touching)
	if e.Touching > touching {
		v.Note = fmt.Sprintf("%s operations are about the records in question: %d of them are shown and stand out; the others happened around them.", count(int64(e.Touching)), touching)
	}
	v.Picture = draw(id+"-picture", p.Draw)
	return v
}

// offsetsText is the shortest text that says what an operation was about.
func offsetsText(op history.Operation) (text string) {
	switch {
	case len(op.Runs) > 0:
		if run := op.Runs[0]; run.FirstOffset != history.Unset {
			text = fromTo(run.FirstOffset, int64(run.Count))
		}
		if len(op.Runs) > 1 {
			text += " …"
		}
	case len(op.Watermarks) > 0:
		text = fmt.Sprintf("HW %d", op.Watermarks[0].HighWatermark)
	case len(op.Corrupt) > 0:
		text = fmt.Sprint(op.Corrupt[0].Offset)
	case len(op.Markers) > 0:
		text = markerText(op.Markers[0].Commit)
	case op.Transaction != nil:
		text = op.Transaction.Decision.String()
	case op.Group != nil && op.Kind == history.Own:
		text = fmt.Sprintf("gen. %d", op.Group.Generation)
	case op.Group != nil && len(op.Group.Positions) > 0:
		text = fmt.Sprintf("%s %s", op.Kind, positionText(op.Group.Positions[0].Offset))
	}
	return text
}

func fromTo(first, n int64) string {
	if n == 1 {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d–%d", first, first+n-1)
}

// positionText is a group's position for people.
func positionText(offset int64) string {
	if offset == history.Unset {
		return "none"
	}
	return fmt.Sprint(offset)
}

// groupText says what a member of a group asked or was told.
func groupText(op history.Operation) string {
	g := op.Group
	verb := map[history.Kind]string{history.Commit: "commits", history.Resume: "is given", history.Own: "holds"}[op.Kind]
	text := fmt.Sprintf("group %s, generation %s: %s", g.Group, positionText(int64(g.Generation)), verb)
	for i, at := range g.Positions {
		if i == 4 {
			return text + fmt.Sprintf(" and %d more", len(g.Positions)-i)
		}
		text += " " + at.Partition.String()
		if op.Kind != history.Own {
			text += " at " + positionText(at.Offset)
		}
	}
	return text
}

// markerText is which marker it is.
func markerText(commit bool) string {
	if commit {
		return "commit"
	}
	return "abort"
}

// transactionText says which transaction an operation is, or belongs to, and how it ended.
func transactionText(op history.Operation) string {
	t := op.Transaction
	text := fmt.Sprintf("transaction %d of %s", t.Number, t.ID)
	switch {
	case op.Kind != history.Transact:
		return "in " + text
	case t.Ending == history.Never:
		return text + ", which nobody ended"
	}
	text += fmt.Sprintf(": %s asked for at %s", t.Decision, figure.Moment(time.Duration(t.Ending)))
	for i, at := range t.Positions {
		if i == 2 {
			return text + fmt.Sprintf(" and %d more", len(t.Positions)-i)
		}
		text += fmt.Sprintf(", with group %s at %d of %s", t.Group, at.Offset, at.Partition)
	}
	return text
}

// carriedText says what an operation carried, or was told.
func carriedText(op history.Operation) string {
	var parts []string
	for _, run := range op.Runs {
		text := "offset not told"
		if run.FirstOffset != history.Unset {
			text = "offsets " + fromTo(run.FirstOffset, int64(run.Count))
		}
		if run.Producer == history.BarrierProducer {
			text += ": the barrier"
		} else {
			text += fmt.Sprintf(": producer %d, sequences %s", run.Producer, fromTo(run.FirstSequence, int64(run.Count)))
		}
		parts = append(parts, text)
	}
	for _, w := range op.Watermarks {
		parts = append(parts, fmt.Sprintf("high watermark %d in leader epoch %d", w.HighWatermark, w.LeaderEpoch))
	}
	for _, c := range op.Corrupt {
		parts = append(parts, fmt.Sprintf("offset %d is corrupt: %s", c.Offset, c.Reason))
	}
	for _, m := range op.Markers {
		parts = append(parts, fmt.Sprintf("offset %d: the marker of producer id %d, %s", m.Offset, m.ProducerID, markerText(m.Commit)))
	}
	if op.Group != nil {
		parts = append(parts, groupText(op))
	}
	if op.Transaction != nil {
		parts = append([]string{transactionText(op)}, parts...)
	}
	if len(parts) > 4 {
		parts = append(parts[:4], fmt.Sprintf("and %d more", len(parts)-4))
	}
	if op.Error != "" {
		parts = append(parts, op.Error)
	}
	return shorten(strings.Join(parts, "; "), 300)
}

// shorten cuts a text that somebody else made as long as they liked.
func shorten(text string, runes int) string {
	all := []rune(text)
	if len(all) <= runes {
		return text
	}
	return string(all[:runes-1]) + "…"
}

// faultSpans are the faults as pictures take them.
func (r Run) faultSpans() []picture.Span {
	var spans []picture.Span
	for _, f := range r.Faults {
		s := picture.Span{From: f.From, To: f.To, Name: f.Text, Tip: fmt.Sprintf("%s, %s to %s", f.Text, figure.Moment(f.From), figure.Moment(f.To))}
		if f.To == 0 {
			s.Open, s.To, s.Tip = true, max(time.Duration(r.Page.Course.End), f.From), f.Text+", from "+figure.Moment(f.From)+", not healed"
		}
		spans = append(spans, s)
	}
	return spans
}

// course is the picture over time.
func (r Run) course() picture.Course {
	c := picture.Course{Course: r.Page.Course, Faults: r.faultSpans(), Leaders: r.Page.Leaders}
	c.End = time.Duration(c.Course.End)
	for _, f := range c.Faults {
		c.End = max(c.End, f.To)
	}
	for _, o := range worst(r.Outages) {
		s := picture.Span{From: time.Duration(o.From), To: time.Duration(o.To), Open: o.Open, Name: anyOf(o.Partition) + " " + figure.Span(o.Duration()), Tip: outageText(o)}
		if o.Kind == history.Fetch {
			c.Unread = append(c.Unread, s)
		} else {
			c.Unwritten = append(c.Unwritten, s)
		}
	}
	return c
}

// splits are the outages whose parts are known.
func (r Run) splits() picture.Splits {
	var splits picture.Splits
	for _, o := range worst(r.Outages) {
		s := picture.Split{Name: placeOf(o) + " at " + figure.Moment(time.Duration(o.From))}
		for _, part := range o.Split {
			s.Parts = append(s.Parts, picture.Part{Name: part.Name, Took: part.Took, Known: part.OK})
		}
		splits = append(splits, s)
	}
	return splits
}
