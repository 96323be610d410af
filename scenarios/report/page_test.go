package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/scenarios/report/picture"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/course"
	"github.com/logproof/logproof/verify/excerpt"
	"github.com/logproof/logproof/verify/history"
)

// htmlOf writes the page of a run.
func htmlOf(t *testing.T, r Run) string {
	t.Helper()
	var out bytes.Buffer
	if err := HTML(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// courseOf is a run that long, with every outcome in it, a produce of a record each tenth of a second.
func courseOf(span time.Duration) course.Course {
	var m course.Meter
	for at := time.Duration(0); at < span; at += 50 * time.Millisecond {
		outcome := []history.Outcome{history.OK, history.OK, history.Unknown, history.Fail}[at/50e6%4]
		took := time.Duration(1+at/50e6*7919%97) * time.Millisecond
		runs := []history.Run{{Count: int32(1 + at/50e6*104729%53)}}
		m.Observe(&history.Operation{Process: "producer-0", Kind: history.Produce, Outcome: outcome, Invoke: history.Time(at), Return: history.Time(at + took), Runs: runs})
		m.Observe(&history.Operation{Process: "reader-0", Kind: history.Fetch, Return: history.Time(at + took), Runs: runs})
	}
	return m.Course()
}

// excerptOf is forty operations around an anomaly whose client has that name.
func excerptOf(a verify.Anomaly, client string) excerpt.Excerpt {
	e := excerpt.Excerpt{Anomaly: a, Touching: 400}
	for i := range excerpt.OperationsMax {
		kind, outcome := history.Produce, history.Outcome(i%3)
		if i%2 == 1 {
			kind = history.Fetch
		}
		e.Operations = append(e.Operations, excerpt.Operation{Touches: i%4 == 0, Operation: history.Operation{
			Process: fmt.Sprintf("%s-%d", client, i%5), Kind: kind, Outcome: outcome, Invoke: history.Time(i * i * 1e6), Return: history.Time(i*i*1e6 + i*9e5),
			Error: strings.Repeat("it went wrong ", 100),
			Runs:  []history.Run{{Partition: a.Partition, FirstOffset: int64(i * 1e9), Count: 1e6}, {Partition: a.Partition, FirstOffset: -1, Producer: history.BarrierProducer, Count: 1}},
		}})
	}
	return e
}

// illustrated is a failing run with a picture of its first anomaly.
func illustrated() Run {
	r := failing()
	r.Page = Page{Course: courseOf(12 * time.Second), Description: "A leader is killed.", Plan: "scenario demo, seed 7\n", Again: "logproof run demo --seed 7", Files: []string{"verdict.json", "linearizable-orders-3.html"}}
	r.Page.Excerpts = []excerpt.Excerpt{excerptOf(r.Report.Rules[2].Anomalies[0], "client")}
	return r
}

var (
	inline  = regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`)
	policyT = regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`)
	ids     = regexp.MustCompile(` id="([^"]*)"`)
	labels  = regexp.MustCompile(` (?:aria-labelledby|href)="(#?[^"]*)"`)
	outside = regexp.MustCompile(`(?i)(https?:|//[a-z]|src=|@import|url\()`)
	handler = regexp.MustCompile(`(?i)<[^>]* (on[a-z]+|style)=`)
)

// The policy names the hashes of just the style and the script that are there, and the page asks for nothing else.
func TestPageIsSelfContained(t *testing.T) {
	for name, run := range map[string]Run{"pass": passing(), "fail": illustrated(), "inconclusive": inconclusive()} {
		page := htmlOf(t, run)
		policy := policyT.FindStringSubmatch(page)
		if policy == nil || !strings.HasPrefix(policy[1], "default-src &#39;none&#39;; ") || strings.Contains(policy[1], "unsafe") {
			t.Fatalf("%s: policy %q", name, policy)
		}
		inlined := inline.FindAllStringSubmatch(page, -1)
		if len(inlined) != 2 {
			t.Fatalf("%s: %d inline texts, want a style and a script", name, len(inlined))
		}
		for _, text := range inlined {
			sum := sha256.Sum256([]byte(text[2]))
			if want := text[1] + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(html.UnescapeString(policy[1]), want) {
				t.Errorf("%s: the policy %s lacks %s", name, policy[1], want)
			}
		}
		body := strings.ReplaceAll(page, "http-equiv", "")
		if found := outside.FindString(strings.ReplaceAll(body, "http://www.w3.org/2000/svg", "")); found != "" {
			t.Errorf("%s: it refers to something outside: %q", name, found)
		}
		if found := handler.FindString(inline.ReplaceAllString(page, "")); found != "" {
			t.Errorf("%s: the policy would refuse %q", name, found)
		}
	}
}

// Every id is there once, and what is referred to is there.
func TestPageReferences(t *testing.T) {
	page := htmlOf(t, illustrated())
	known := map[string]bool{}
	for _, id := range ids.FindAllStringSubmatch(page, -1) {
		if known[id[1]] {
			t.Errorf("id %q is there twice", id[1])
		}
		known[id[1]] = true
	}
	for _, reference := range labels.FindAllStringSubmatch(page, -1) {
		for _, id := range strings.Fields(reference[1]) {
			if id == "verdict.json" || id == "linearizable-orders-3.html" {
				continue
			}
			if !known[strings.TrimPrefix(id, "#")] {
				t.Errorf("%q refers to nothing", id)
			}
		}
	}
}

// Names and errors come from outside, and are text in the page, wherever they stand.
func TestPageEscapes(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{.}}` + "\u202e\x00"
	r := illustrated()
	a := &r.Report.Rules[2].Anomalies[0]
	a.Partition.Topic, a.Text, a.Class = evil, evil, evil
	r.Report.Rules[0].Skipped, r.Report.Rules[0].Detail, r.Report.Rules[0].Unit = evil, evil, evil
	r.Scenario, r.RunID, r.System, r.Placement, r.Dir = evil, evil, evil, evil, evil
	r.Faults[0].Text, r.Outages[0].Partition, r.Outages[0].Fault = evil, evil, evil
	r.Outages[0].Split[0].Name, r.Outages[1].Split[0].Reason = evil, evil
	r.Assumptions = []verify.Assumption{{Name: evil, Detail: evil}}
	r.Accounting[0].Left.Name, r.Next, r.Environment = evil, []string{evil}, []Fact{{evil, evil}}
	r.Latency[0].Name = evil
	r.NodeLogs = []NodeLog{{File: evil, Lines: []string{evil, strings.Repeat("long ", 1000)}}}
	r.Report.Budgets = []verify.BudgetResult{{Detail: evil}}
	r.Page.Description, r.Page.Plan, r.Page.Again, r.Page.LeadersUnknown, r.Page.Files = evil, evil, evil, evil, []string{"javascript:alert(1)", evil}
	r.Page.Leaders = []picture.Leadership{{Partition: evil, Node: 1}}
	r.Page.Excerpts = []excerpt.Excerpt{excerptOf(*a, evil)}
	r.Page.Excerpts[0].Operations[3].Error = evil
	page := htmlOf(t, r)
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts", n)
	}
	for _, bad := range []string{"<img", `href="javascript:`, "\x00"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q: ...%s", bad, page[strings.Index(page, bad):][:200])
		}
	}
	r = passing() // the one with latencies
	r.Latency[0].Name, r.Page.Spectrum = evil, picture.Spectrum{{Name: evil, Count: 1, Max: 1}}
	if page := htmlOf(t, r); strings.Count(page, "<script") != 1 {
		t.Error("a latency's name runs")
	}
}

// An hour with everything in it, and as many pictures as there may be, fits; what still does not is left out.
func TestPageSize(t *testing.T) {
	r := illustrated()
	r.Page.Course = courseOf(time.Hour)
	for i := range 300 {
		at := time.Duration(i) * 12 * time.Second
		r.Faults = append(r.Faults, Fault{Text: fmt.Sprintf("kill nodes 0, 1, %d", i), From: at, To: at + 5*time.Second})
		r.Outages = append(r.Outages, Outage{Outage: verify.Outage{Partition: "orders/0", Kind: history.Produce, From: history.Time(at), To: history.Time(at + time.Second), Fault: "kill"}, Split: r.Outages[0].Split})
		for p := range 30 {
			r.Page.Leaders = append(r.Page.Leaders, picture.Leadership{Partition: fmt.Sprintf("orders/%d", p), Node: int32(i % 3), At: at})
		}
	}
	anomaly := r.Report.Rules[2].Anomalies[0]
	r.Page.Excerpts, r.Report.Rules[2].Anomalies = nil, nil
	for i := range verify.AnomaliesMax {
		a := anomaly
		a.Text = fmt.Sprint(i, strings.Repeat(" one record and another", 40))
		r.Report.Rules[2].Anomalies = append(r.Report.Rules[2].Anomalies, a)
		if len(r.Page.Excerpts) < illustratedMax {
			r.Page.Excerpts = append(r.Page.Excerpts, excerptOf(a, strings.Repeat("client", 30)))
		}
	}
	page := htmlOf(t, r)
	if len(page) > pageBytesMax {
		t.Errorf("%d bytes, at most %d", len(page), pageBytesMax)
	}
	if n := strings.Count(page, `class="violation"`); n != illustratedMax {
		t.Errorf("%d anomalies have a picture, want %d in %d bytes", n, illustratedMax, len(page))
	}
	t.Logf("%d bytes", len(page))

	for len(r.Page.Excerpts) < 48 { // more than a run gives
		e := r.Page.Excerpts[len(r.Page.Excerpts)%illustratedMax]
		e.Anomaly.Text += fmt.Sprint(len(r.Page.Excerpts))
		r.Report.Rules[2].Anomalies = append(r.Report.Rules[2].Anomalies, e.Anomaly)
		r.Page.Excerpts = append(r.Page.Excerpts, e)
	}
	page = htmlOf(t, r)
	if n := strings.Count(page, `class="violation"`); n == 0 || n >= 48 || len(page) > pageBytesMax {
		t.Errorf("%d pictures in %d bytes", n, len(page))
	}
}

// The verdict is the first thing in the page; a run that broke the log has no figures of speed, and shows what it broke.
func TestPageVerdictFirst(t *testing.T) {
	for word, run := range map[string]Run{"pass": passing(), "fail": illustrated(), "inconclusive": inconclusive()} {
		page := htmlOf(t, run)
		body := page[strings.Index(page, "<body"):]
		if !strings.HasPrefix(body, `<body class="`+word+`">`) || strings.Index(body, run.Headline()) > strings.Index(body, "<dl") {
			t.Errorf("%s: the verdict does not come first", word)
		}
		if figures := strings.Contains(page, "records/s") || strings.Contains(page, "p99.9"); figures == (word == "fail") {
			t.Errorf("%s: figures of speed: %v", word, figures)
		}
	}
	page := htmlOf(t, illustrated())
	for _, want := range []string{"41 acknowledged records", "400 operations are about the records in question: 10 of them are shown", "The same operations as a table", `A second opinion`, "reader-1 &lt;had&gt; read", "7 more of loss"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a failure lacks %q", want)
		}
	}
	r := inconclusive()
	r.NodeLogs = []NodeLog{{Node: 2, File: r.Dir + "/nodes/2/broker.log", Lines: []string{"first", "waits for the quorum"}}, {Node: 3, File: "x"}}
	page = htmlOf(t, r)
	for _, want := range []string{"pid 4711 is alive", "does not add up", "Measured, but not proved", "Node 2: nodes/2/broker.log", "first\nwaits for the quorum</pre>", ">nothing</pre>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of an inconclusive run lacks %q", want)
		}
	}
}

// A budget that was missed stands in why, in its own table, and does not take the figures away.
func TestPageOfMissedBudgets(t *testing.T) {
	page := htmlOf(t, missing())
	for _, want := range []string{"records/s", `id="budget-table"`, `id="distribution-table"`, "budgets missed", "max_outage of produce", "An outage is a wait without any success"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// One anomaly of each class gets a picture before a second of any does.
func TestIllustrated(t *testing.T) {
	evidence := make([]history.Operation, 1)
	var r verify.Report
	for _, class := range []verify.Class{"a", "b", "c"} {
		rule := verify.RuleResult{}
		for i := range 6 {
			rule.Anomalies = append(rule.Anomalies, verify.Anomaly{Class: class, Count: int64(i), Evidence: evidence})
		}
		rule.Anomalies = append(rule.Anomalies, verify.Anomaly{Class: class + "-alone", Evidence: evidence}, verify.Anomaly{Class: class + "-blind"})
		r.Rules = append(r.Rules, rule)
	}
	var got []string
	for _, a := range Illustrated(r) {
		got = append(got, fmt.Sprint(a.Class, a.Count))
	}
	if text := strings.Join(got, " "); text != "a0 a-alone0 b0 b-alone0 c0 c-alone0 a1 b1" {
		t.Errorf("got %s", text)
	}
}

// Doubts with one reason share a line, and the head of the page names a few of many.
func TestManyDoubts(t *testing.T) {
	r := inconclusive()
	r.Assumptions = nil
	for _, name := range []string{"one", "two", "three"} {
		r.Assumptions = append(r.Assumptions, verify.Assumption{Name: name, Detail: "the run was interrupted"})
	}
	page := htmlOf(t, r)
	for _, want := range []string{"in doubt: faults, one, two and 3 more", "one and 2 more", "the run was interrupted; the same of two, three"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
