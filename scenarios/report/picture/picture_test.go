package picture

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/scenarios/report/chart"
	"github.com/logproof/logproof/verify/course"
	"github.com/logproof/logproof/verify/history"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares a picture with a file of testdata, which a browser shows.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".svg")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range gotLines {
		if i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("%s:%d: got  %s\nif that is meant, run go test ./scenarios/report/picture -update", file, i+1, gotLines[i])
		}
	}
	if len(gotLines) < len(wantLines) {
		t.Fatalf("%s: got only %d lines of %d", file, len(gotLines), len(wantLines))
	}
}

// small is a run of two seconds with a fault, an outage and a new leader.
func small() Course {
	var m course.Meter
	produce := func(from, to time.Duration, outcome history.Outcome) {
		m.Observe(&history.Operation{
			Process: "producer-0", Kind: history.Produce, Outcome: outcome, Invoke: history.Time(from), Return: history.Time(to), Runs: []history.Run{{Count: 100}},
		})
	}
	for i := range 20 {
		at := time.Duration(i) * 100 * time.Millisecond
		if i >= 10 && i < 14 {
			continue
		}
		produce(at, at+5*time.Millisecond, history.OK)
		m.Observe(&history.Operation{Process: "reader-0", Kind: history.Fetch, Return: history.Time(at + 6e6), Runs: []history.Run{{Count: 100}}})
	}
	produce(1e9, 1410e6, history.OK)
	produce(1050e6, 1420e6, history.Unknown)
	produce(1060e6, 1430e6, history.Fail)
	c := Course{Course: m.Course(), Faults: []Span{{From: 990e6, To: 1700e6, Name: "kill node 0"}}, Unwritten: []Span{{From: 905e6, To: 1405e6, Name: "orders/0 500 ms"}}}
	c.End = time.Duration(c.Course.End)
	c.Leaders = []Leadership{
		{Partition: "orders/0", Node: 0, At: 10e6}, {Partition: "orders/1", Node: 1, At: 10e6},
		{Partition: "orders/0", Node: -1, At: 1100e6, Epoch: 1}, {Partition: "orders/0", Node: 2, At: 1400e6, Epoch: 2},
		{Partition: "orders/1", Node: 0, At: 99e9, Epoch: 3}, // after the last client had gone
	}
	return c
}

func operations() Operations {
	op := func(n int, lane string, read bool, from, to time.Duration, outcome string, touches bool) Operation {
		return Operation{Number: n, Lane: lane, Read: read, From: from, To: to, Outcome: outcome, Label: fmt.Sprintf("%d–%d", n, n+2), Tip: "tip", Touches: touches}
	}
	return Operations{
		Operations: []Operation{
			op(1, "producer-10", false, 1e9, 1002e6, "ok", true), op(2, "producer-2", false, 1001e6, 1003e6, "unknown", false),
			op(3, "producer-10", false, 1001e6, 1900e6, "fail", false), op(4, "reader-0", true, 1002e6, 1004e6, "ok", true), op(5, "scan", true, 60e9, 60100e6, "ok", true),
		},
		Faults: []Span{{From: 1001e6, To: 2e9, Name: "kill node 0"}, {From: 90e9, To: 91e9, Name: "long after"}},
	}
}

func TestGolden(t *testing.T) {
	golden(t, "course", small().Draw("course", "chart", 900))
	golden(t, "course-narrow", small().Draw("course", "chart", 360))
	golden(t, "operations", operations().Draw("operations", "chart", 900))
	golden(t, "operations-narrow", operations().Draw("operations", "chart", 360))
	golden(t, "spectrum", Spectrum{
		{Name: "response", Count: 1000, Max: 500e6, Points: []Percentile{{0, 1e6}, {50, 2e6}, {90, 4e6}, {99, 80e6}, {99.9, 500e6}}},
		{Name: "service", Count: 100, Max: 40e6, Points: []Percentile{{0, 1e6}, {99, 40e6}}},
	}.Draw("spectrum", "chart", 900))
	golden(t, "splits", Splits{
		{Name: "writes to orders/0 at 3.2 s", Parts: []Part{{"detect", 400e6, true}, {"elect", 3e6, true}, {"client recovery", 20e6, true}, {"catch-up", 900e6, true}}},
		{Name: "writes to any partition at 3.2 s", Parts: []Part{{"detect", 500e6, true}, {"elect", 0, false}, {"client recovery", 20e6, true}}},
		{Name: "nothing known", Parts: []Part{{"detect", 0, false}}},
	}.Draw("splits", "chart", 900))
}

// What has no data is no picture, or says so; nothing divides by zero.
func TestEmpty(t *testing.T) {
	if svg := (Operations{}).Draw("a", "chart", 900); svg != "" {
		t.Errorf("operations: %s", svg)
	}
	if svg := (Splits{{Name: "a"}}).Draw("a", "chart", 900); svg != "" {
		t.Errorf("splits: %s", svg)
	}
	c := Course{Course: course.Course{Width: 100 * time.Millisecond, Buckets: make([]course.Bucket, 3)}, End: 300 * time.Millisecond}
	if svg := c.Draw("a", "chart", 900); !strings.Contains(svg, "no produce was acknowledged") || strings.Contains(svg, "NaN") {
		t.Errorf("course: %s", svg)
	}
	if svg := (Spectrum{{Name: "a"}}).Draw("a", "chart", 360); strings.Contains(svg, "NaN") || !strings.Contains(svg, "<svg") {
		t.Errorf("spectrum: %s", svg)
	}
}

// Many faults, outages and partitions take bounded room and do not write over one another.
func TestCrowd(t *testing.T) {
	c := small()
	c.Faults, c.Unwritten, c.Leaders = nil, nil, nil
	for i := range 500 {
		at := time.Duration(i) * time.Millisecond
		c.Faults = append(c.Faults, Span{From: at, To: at + time.Second, Name: "kill a node with a name that is long"})
		c.Leaders = append(c.Leaders, Leadership{Partition: fmt.Sprintf("orders/%d", i%50), Node: int32(i % 3), At: at})
	}
	svg := c.Draw("a", "chart", 900)
	if strings.Contains(svg, ">kill a node") {
		t.Error("500 names of faults are written")
	}
	if !strings.Contains(svg, "one of 50 partitions") || len(svg) > 60_000 {
		t.Errorf("%d bytes", len(svg))
	}
	var height float64
	if _, err := fmt.Sscanf(svg[strings.Index(svg, "viewBox"):], `viewBox="0 0 900 %f"`, &height); err != nil || height > 800 {
		t.Errorf("it is %v high, %v", height, err)
	}
}

// Of many bars those get their names that have room for it, and no two texts of a strip lie over one another.
func TestStripsNameWhatHasRoom(t *testing.T) {
	f := newFrame(1040, 76)
	x := chart.Clock(0, 100, f.left, f.right, 10)
	var spans []Span
	for i := range 12 {
		from := time.Duration(i) * 300 * time.Millisecond
		spans = append(spans, Span{From: from, To: from + 100*time.Millisecond, Name: fmt.Sprintf("writes to any partition %d", i)})
	}
	spans = append(spans, Span{From: 50e9, To: 51e9, Name: "alone"}, Span{From: 60e9, To: 90e9, Name: "long enough for its name"})
	if _, rows := f.pack(spans, x, true); rows <= namedRowsMax {
		t.Fatalf("%d rows with names: the test wants more than %d", rows, namedRowsMax)
	}
	bars, _ := f.pack(spans, x, false)
	f.nameWhereFree(bars, spans)
	named := 0
	for i, b := range bars {
		if b.label != "" {
			named++
		}
		for j, other := range bars {
			if i != j && b.row == other.row && b.label != "" && !b.inside && other.from > b.from && b.from+b.width+4+chart.Width(b.label, f.size) > other.from {
				t.Errorf("%q lies over bar %d", b.label, j)
			}
		}
	}
	if named < 3 || named > 6 || bars[12].label == "" || !bars[13].inside {
		t.Errorf("%d of %d bars have names: %+v", named, len(bars), bars)
	}
}

// Bars and labels of one lane never overlap, however many there are.
func TestLanesDoNotOverlap(t *testing.T) {
	var o Operations
	for i := range 40 {
		from := time.Duration(i*i%17) * time.Millisecond
		o.Operations = append(o.Operations, Operation{Number: i, Lane: "reader-0", Read: true, From: from, To: from + time.Duration(i%5)*time.Millisecond, Label: "1000–1999"})
	}
	for _, width := range []float64{360, 1040} {
		f := newFrame(width, 6)
		for _, l := range o.lanes(f, o.axis(f)) {
			ends := map[int][][2]float64{}
			for _, b := range l.bars {
				from, to := b.extent(f.size)
				for _, taken := range ends[b.row] {
					if from < taken[1] && taken[0] < to {
						t.Errorf("width %v: %v..%v overlaps %v in row %d", width, from, to, taken, b.row)
					}
				}
				ends[b.row] = append(ends[b.row], [2]float64{from, to})
			}
		}
	}
}
