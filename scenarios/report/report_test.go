package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// passing is a run in which everything held.
func passing() Run {
	rule := func(name verify.Rule, checked int64, unit string) verify.RuleResult {
		return verify.RuleResult{Rule: name, Asked: true, Verdict: verify.Pass, Checked: checked, Unit: unit}
	}
	latency := func(name string, samples int64, unit time.Duration) Latency {
		return Latency{Name: name, Count: samples, Percentiles: []Percentile{
			{50, 812 * unit, true}, {99, 2140 * unit, true}, {99.9, 9995 * unit, true}, {99.99, 0, false}, {100, 731200 * unit, true},
		}}
	}
	return Run{
		Scenario: "demo", Seed: 7, RunID: "20260102-030405-demo", Dir: "runs/20260102-030405-demo",
		System: "reference", Placement: "process",
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Duration: 12*time.Second + 345*time.Millisecond,
		Report: verify.Report{
			Verdict: verify.Pass,
			Rules: []verify.RuleResult{
				rule("append-order", 4102, "acknowledged record"),
				rule("producer-order", 61246, "record read"),
				rule("loss", 61234, "acknowledged or read record"),
				{Rule: "corruption"},
			},
			Assumptions: []verify.Assumption{
				{Name: "clock", Verdict: verify.Pass, Detail: "no return before its invocation"},
				{Name: "faults", Verdict: verify.Pass, Detail: "1 of 1 proved in and out"},
			},
			Counters: verify.Counters{
				Operations: 18204, Attempts: 4310, RecordsAcked: 61234, RecordsUnknown: 12, RecordsRead: 122492, RecordsScanned: 61246,
			},
		},
		Accounting: []Identity{
			{Amount{"intended", 61246}, []Amount{{"sent", 61246}, {"dropped", 0}}},
			{Amount{"sent", 61246}, []Amount{{"acked", 61234}, {"failed", 0}, {"unknown", 12}}},
		},
		Throughput: Throughput{Intended: 61246, Acked: 61234, Received: 122492, AckedBytes: 15675904, Over: 12250 * time.Millisecond, AckedOver: 12400 * time.Millisecond},
		Latency:    []Latency{latency("response", 61234, time.Microsecond), latency("service", 61234, time.Microsecond/2)},
		Outages: []Outage{
			{Outage: verify.Outage{Partition: "all", Kind: history.Produce, From: 3214e6, To: 4026e6, Fault: "kill node 0"}, Split: []Part{
				{Name: Detect, Took: 571e6, OK: true}, {Name: Elect, Took: 31e6, OK: true},
				{Name: Recovery, Took: 214e6, OK: true}, {Name: CatchUp, Took: 1930e6, OK: true},
			}},
			{Outage: verify.Outage{Partition: "orders/2", Kind: history.Produce, From: 3215e6, To: 3400e6, Fault: "kill node 0"}, Split: []Part{
				{Name: Detect, Reason: "no election of orders/2"}, {Name: Elect, Reason: "no election of orders/2"},
				{Name: Recovery, Reason: "no election of orders/2"}, {Name: CatchUp, OK: true, Reason: "the ISR was full all the time"},
			}},
		},
		Faults: []Fault{{Text: "kill node 0", From: 3210 * time.Millisecond, To: 4105 * time.Millisecond, Nodes: []int32{0}}},
		Next:   []string{"logproof demo --bug ack-before-write", "logproof verify runs/20260102-030405-demo"},
	}
}

// failing is the same run with lost records; one rule found more than it kept.
func failing() Run {
	r := passing()
	r.Report.Verdict = verify.Fail
	lost := verify.Anomaly{
		Rule: "loss", Class: "lost-write", Partition: history.Partition{Topic: "orders", Index: 3}, Count: 41,
		FirstSequence: 1200, Offset: 1200,
		Text: "orders/3: 41 acknowledged records of producer 0 (sequences 1200..1240, offsets 1200..1240) are not in the log below its barrier at 5321",
	}
	gone := lost
	gone.Class, gone.Text = "read-then-gone", "orders/4: 2 records of producer 0 that reader-1 <had> read | are gone"
	lost.Cause = "acknowledged at high watermark 1200 in epoch 5; epoch 6 elected broker 2, whose log ended at 1190"
	r.Report.Rules[2].Verdict, r.Report.Rules[2].Anomalies, r.Report.Rules[2].Total = verify.Fail, []verify.Anomaly{lost, gone}, 9
	return r
}

// inconclusive is the same run with a fault that was not proved, a rule without work, and books that do not add up.
func inconclusive() Run {
	r := passing()
	r.Report.Verdict = verify.Inconclusive
	r.Report.Rules[1] = verify.RuleResult{Rule: "producer-order", Asked: true, Unit: "record read", Skipped: "the history has no record read to judge"}
	r.Report.Assumptions[1] = verify.Assumption{Name: "faults", Verdict: verify.Inconclusive, Detail: "kill node 0 was injected, but its effect was not proved: pid 4711 is alive"}
	r.Accounting[1].Right[1].Records = 3
	r.Outages = []Outage{{Outage: verify.Outage{Partition: "orders/2", Kind: history.Produce, From: 9e9, To: 12e9, Open: true}}}
	return r
}

// allowing is the passing run with less promised: a loss and repeats that its settings allow.
func allowing() Run {
	r := passing()
	r.Report.Rules[2].Allowed = []verify.Allowance{{
		Class: verify.LostWrite, Total: 1200, Records: 5000, Forbid: "acks=all", Because: "with acks=1 the leader answers alone",
		Anomalies: []verify.Anomaly{{Class: verify.LostWrite, Text: "orders/3: 1 <record> is gone | lost"}},
	}}
	r.Report.Rules[1].Allowed = []verify.Allowance{{Class: verify.Duplicate, Total: 3, Forbid: "enable.idempotence=true", Because: "a request is sent again"}}
	return r
}

// What the claim allows passes, and is told everywhere with the setting that would forbid it.
func TestAllowedIsTold(t *testing.T) {
	run := allowing()
	var text, summary, junit, result, page bytes.Buffer
	if err := errors.Join(Text(&text, run, Style{Width: 400}), Markdown(&summary, run), JUnit(&junit, run), ResultJSON(&result, run), HTML(&page, run)); err != nil {
		t.Fatal(err)
	}
	if run.Verdict() != verify.Pass || strings.Contains(junit.String(), "<failure") {
		t.Errorf("what is allowed made the run %s:\n%s", run.Verdict(), &junit)
	}
	for _, c := range []struct {
		name, got string
		want      []string
	}{
		{"text", text.String(), []string{"kept; allowed: 3 duplicate, 1,200 lost-write, which", "1200 lost-write (5000 records), allowed: with acks=1 the leader answers alone; acks=all would forbid it. One of them: orders/3"}},
		{"summary", summary.String(), []string{"- allowed, but worth knowing: 1200 lost-write", "acks=all would forbid it", "1 &lt;record> is gone \\| lost"}},
		{"junit", junit.String(), []string{"allowed: 1,200 lost-write"}},
		{"result.json", result.String(), []string{"\"allowed\": 1200"}},
		{"page", page.String(), []string{"Allowed, but worth knowing", "enable.idempotence=true would forbid it", "1 &lt;record&gt; is gone"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.got, want) {
				t.Errorf("the %s does not say %q", c.name, want)
			}
		}
	}
}

// TestGolden compares everything that is written with files under testdata.
func TestGolden(t *testing.T) {
	for name, run := range map[string]Run{"pass": passing(), "fail": failing(), "inconclusive": inconclusive(), "missed": missing()} {
		for suffix, write := range map[string]func(io.Writer, Run) error{
			"txt":          func(w io.Writer, r Run) error { return Text(w, r, Style{}) },
			"narrow.txt":   func(w io.Writer, r Run) error { return Text(w, r, Style{Width: 60}) },
			"colour.txt":   func(w io.Writer, r Run) error { return Text(w, r, Style{Colour: true}) },
			"verdict.json": VerdictJSON,
			"result.json":  ResultJSON,
			"junit.xml":    JUnit,
			"md":           Markdown,
		} {
			var got bytes.Buffer
			if err := write(&got, run); err != nil {
				t.Fatal(err)
			}
			golden(t, name+"."+suffix, got.Bytes())
		}
	}
}

// golden compares with a file of testdata, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if gotLine, wantLine := at(gotLines, i), at(wantLines, i); gotLine != wantLine {
			t.Errorf("%s:%d: got  %q\nwant %q\nif that is meant, run go test ./scenarios/report -update", file, i+1, gotLine, wantLine)
			return
		}
	}
}

// at is the i-th line, or a mark that the text ended before it.
func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}

// TestVerdictFirst is principle 6: the verdict leads, and a run that broke a promise shows no rate.
func TestVerdictFirst(t *testing.T) {
	for word, run := range map[string]Run{"PASS": passing(), "FAIL": failing(), "INCONCLUSIVE": inconclusive()} {
		var text, summary bytes.Buffer
		if err := errors.Join(Text(&text, run, Style{}), Markdown(&summary, run)); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(text.String(), word+" ") {
			t.Errorf("the text does not start with %s:\n%s", word, &text)
		}
		broken := word == "FAIL"
		for name, out := range map[string]string{"text": text.String(), "summary": summary.String()} {
			if strings.Contains(out, "records/s") == broken || strings.Contains(out, "p99.9") == broken {
				t.Errorf("%s: rates in the %s of a broken run, or none in another:\n%s", word, name, out)
			}
		}
	}
}

// TestNarrowFits checks every line but those that are meant to be copied.
// Many faults and outages are summed up; none is left out of the sum.
func TestManyFaults(t *testing.T) {
	run := passing()
	run.Faults, run.Outages = nil, nil
	for i := range 10 {
		at := time.Duration(i) * time.Second
		run.Faults = append(run.Faults, Fault{Text: "kill node 0", From: at, To: at + time.Second})
		run.Outages = append(run.Outages, Outage{Outage: verify.Outage{
			Partition: "all", Kind: history.Produce, From: history.Time(at), To: history.Time(at + time.Duration(i+1)*time.Millisecond),
		}})
	}
	var out bytes.Buffer
	if err := Text(&out, run, Style{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"and 7 more", "no fault: writes to any partition     10  5.50 ms  9.00 ms  10.0 ms   55.0 ms", "10.0 ms without", "8.00 ms without"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "7.00 ms without") {
		t.Error("more than the three longest outages are listed")
	}
}

// What a rule permitted but does not want to go unseen stands beside what it judged.
func TestDetailIsShown(t *testing.T) {
	run := passing()
	run.Report.Rules[0].Detail = "a new leader lagged for 40 ms"
	var out bytes.Buffer
	if err := Text(&out, run, Style{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "a new leader lagged for 40 ms") {
		t.Errorf("the detail is not shown:\n%s", out.String())
	}
}

// A run that is judged again has no measurements, and does not show zeros for them.
func TestJudgedAgain(t *testing.T) {
	run := passing()
	run.Throughput, run.Latency, run.Duration = Throughput{}, nil, 0
	var out bytes.Buffer
	if err := Text(&out, run, Style{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "0 records/s") || strings.Contains(out.String(), "0 ns") {
		t.Errorf("zeros stand for what was not measured:\n%s", out.String())
	}
}

func TestNarrowFits(t *testing.T) {
	for _, run := range []Run{passing(), failing(), inconclusive()} {
		for _, width := range []int{10, 40, 60, 200} {
			var out bytes.Buffer
			if err := Text(&out, run, Style{Width: width}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				if utf8.RuneCountInString(line) > max(width, 40) && !strings.Contains(line, "logproof ") && !strings.Contains(line, PageFile) && !(width < 60 && isRule(line)) {
					t.Errorf("width %d: %d characters: %q", width, utf8.RuneCountInString(line), line)
				}
				if strings.HasSuffix(line, " ") {
					t.Errorf("space at the end of %q", line)
				}
			}
		}
	}
}

// isRule recognises a line of the rules, which needs 60 characters.
func isRule(line string) bool {
	rest := strings.TrimPrefix(line, strings.Repeat(" ", labelWidth))
	for _, rule := range passing().Report.Rules {
		if strings.HasPrefix(rest, string(rule.Rule)+" ") {
			return true
		}
	}
	return strings.HasPrefix(rest, "   ")
}

// TestVerdictOfTheRun shows that the run's own assumptions can take a pass away, and nothing else.
func TestVerdictOfTheRun(t *testing.T) {
	doubt := verify.Assumption{Name: "generator", Verdict: verify.Inconclusive, Detail: "the client was the bottleneck"}
	for _, c := range []struct {
		name   string
		change func(*Run)
		want   verify.Verdict
	}{
		{"pass", func(*Run) {}, verify.Pass},
		{"zero run", func(r *Run) { *r = Run{} }, verify.Inconclusive},
		{"own assumption", func(r *Run) { r.Assumptions = append(r.Assumptions, doubt) }, verify.Inconclusive},
		{"zero assumption", func(r *Run) { r.Assumptions = []verify.Assumption{{Name: "never checked"}} }, verify.Inconclusive},
		{"books", func(r *Run) { r.Accounting[0].Left.Records++ }, verify.Inconclusive},
		{"fail outranks", func(r *Run) { *r = failing(); r.Assumptions = append(r.Assumptions, doubt) }, verify.Fail},
	} {
		r := passing()
		c.change(&r)
		if got := r.Verdict(); got != c.want {
			t.Errorf("%s: verdict is %s, want %s", c.name, got, c.want)
		}
	}
}

// A phase that failed and the assumption that fell with it have one name: the headline says it once.
func TestHeadlineNamesADoubtOnce(t *testing.T) {
	r := passing()
	for _, why := range []string{"0 of 1 planned fault happened", "interrupted"} {
		r.Assumptions = append(r.Assumptions, verify.Assumption{Name: "faults", Detail: why})
	}
	if got, want := r.Headline(), "nothing is proved, in doubt: faults"; got != want {
		t.Errorf("the headline is %q, want %q", got, want)
	}
}

func TestJUnitCounts(t *testing.T) {
	for name, c := range map[string]struct {
		run                       Run
		failures, errors, skipped int
	}{"pass": {passing(), 0, 0, 1}, "fail": {failing(), 1, 0, 1}, "inconclusive": {inconclusive(), 0, 3, 1}} {
		var out bytes.Buffer
		if err := JUnit(&out, c.run); err != nil {
			t.Fatal(err)
		}
		var file junitFile
		if err := xml.Unmarshal(out.Bytes(), &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := file.Suites[0]
		if s.Tests != len(s.Cases) || s.Tests != 7 || s.Failures != c.failures || s.Errors != c.errors || s.Skipped != c.skipped {
			t.Errorf("%s: %d tests, %d failures, %d errors, %d skipped of %d cases", name, s.Tests, s.Failures, s.Errors, s.Skipped, len(s.Cases))
		}
	}
}

// TestEmptyLists checks that programs find arrays, never null.
func TestEmptyLists(t *testing.T) {
	var out bytes.Buffer
	if err := ResultJSON(&out, Run{}); err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(out.Bytes(), &file); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"rules", "assumptions", "faults", "outages", "latency", "accounting", "next"} {
		if _, ok := file[key].([]any); !ok {
			t.Errorf("%s is %v, not an array", key, file[key])
		}
	}
}

func TestFormats(t *testing.T) {
	for want, got := range map[string]string{
		"0": count(0), "999": count(999), "1,000": count(1000), "-1,234,567": count(-1234567),
		"1.28 MB/s": bytesPerSecond(1280000), "12.0 B/s": bytesPerSecond(12), "2.50 GB/s": bytesPerSecond(2.5e9),
		"1 record read": "1 " + units(1, "record read"), "0 records read": "0 " + units(0, "record read"), "2 acknowledged records": "2 " + units(2, "acknowledged records"),
		"p50": percentName(50), "p99.99": percentName(99.99), "max": percentName(100),
		"intended 1,000 = sent 998 + dropped 2": Identity{Amount{"intended", 1000}, []Amount{{"sent", 998}, {"dropped", 2}}}.String(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestColours(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		env      map[string]string
		want     bool
	}{
		{true, nil, true}, {false, nil, false},
		{true, map[string]string{"NO_COLOR": "0"}, false},
		{true, map[string]string{"TERM": "dumb"}, false},
		{true, map[string]string{"NO_COLOR": "", "TERM": "xterm"}, true},
	} {
		if got := Colours(c.terminal, func(key string) string { return c.env[key] }); got != c.want {
			t.Errorf("terminal %t, environment %v: %t", c.terminal, c.env, got)
		}
	}
}

func TestWriteMakesAllFiles(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, passing()); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, failing()); err != nil { // again, over the first
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Fatalf("directory has %v, %v: want four files and nothing temporary", entries, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, VerdictFile))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Schema, Verdict string }
	if err := json.Unmarshal(text, &file); err != nil || file.Schema != VerdictSchema || file.Verdict != "fail" {
		t.Errorf("verdict.json says %+v, %v", file, err)
	}
}

func TestWriteNamesEveryMissingFile(t *testing.T) {
	err := Write(filepath.Join(t.TempDir(), "absent"), passing())
	if err == nil {
		t.Fatal("no error for a directory that is not there")
	}
	for _, name := range []string{VerdictFile, ResultFile, JUnitFile, MarkdownFile} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}

// TestFullDiskKeepsTheOldFile lets the content fail half way, as a full disk does.
func TestFullDiskKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, VerdictFile)
	if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	err := writeFile(name, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("error is %v", err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "old" {
		t.Errorf("the file has %q, %v", text, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := Text(failingWriter{full}, passing(), Style{}); !errors.Is(err, full) {
		t.Errorf("text: error is %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
