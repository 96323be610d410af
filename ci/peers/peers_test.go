package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the kfake child, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "kfake" {
		exit(serveKfake(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func TestMedianAndRatios(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 10}, 3}} {
		given := slices.Clone(c.values)
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
		if !slices.Equal(given, c.values) {
			t.Errorf("median reordered its argument to %v", c.values)
		}
	}
	// The pairs say 2, 2, 2, while the medians of each side say otherwise: neighbours are compared.
	a := []rate{{200, 2}, {20, 1}, {2000, 4}}
	b := []rate{{100, 1}, {10, 1}, {1000, 2}}
	if got := ratios(a, b); !slices.Equal(got, []float64{2, 2, 2}) {
		t.Errorf("ratios are %v", got)
	}
	if got := medianRate(a); got != (rate{200, 2}) {
		t.Errorf("median rate is %v", got)
	}
}

func TestTableMarksWhatMissed(t *testing.T) {
	at := func(r ...float64) line { return line{name: "case", what: "produce", ratios: r, floor: 0.8} }
	for _, c := range []struct {
		lines  []line
		limits []limit
		missed int
	}{
		{[]line{at(0.8)}, []limit{{"memory", 30, 30, "MB"}}, 0},
		{[]line{at(0.1, 0.9, 0.9)}, nil, 0},
		{[]line{at(0.79, 0.79, 0.9)}, nil, 1},
		{[]line{at()}, []limit{{"memory", 30.1, 30, "MB"}}, 2},
	} {
		var out strings.Builder
		missed, err := write(&out, c.lines, c.limits)
		if err != nil || missed != c.missed || strings.Count(out.String(), "MISSED") != c.missed {
			t.Errorf("missed %d (%v), want %d:\n%s", missed, err, c.missed, &out)
		}
	}
}

func TestResidentOf(t *testing.T) {
	if got, err := residentOf("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t  2048 kB\n"); err != nil || got != 2048*1024 {
		t.Errorf("resident bytes are %v, %v", got, err)
	}
	if _, err := residentOf("Name:\tx\n"); err == nil {
		t.Error("no error without VmRSS")
	}
}

func TestLoadLine(t *testing.T) {
	for loadavg, busy := range map[string]bool{"0.98 1.00 1.00 1/100 7\n": false, "1.02 0.00 0.00 1/100 7\n": true} {
		line, err := loadLine(loadavg, 2)
		if err != nil || strings.Contains(line, "BUSY") != busy {
			t.Errorf("%q: %q, %v", loadavg, line, err)
		}
	}
	if _, err := loadLine("nonsense", 2); err == nil {
		t.Error("no error for nonsense")
	}
}

func TestParse(t *testing.T) {
	opt, err := parse([]string{"--repeats", "3", "--bytes", "1000000", "--case", "100 B"})
	if err != nil || opt.repeats != 3 || opt.limits != (limits{3 * time.Second, 1000000}) || opt.only != "100 B" {
		t.Errorf("options are %+v, %v", opt, err)
	}
	for _, args := range [][]string{{"--repeats", "0"}, {"--bytes", "-1"}, {"surplus"}, {"--unknown"}} {
		if _, err := parse(args); !errors.Is(err, errUsage) {
			t.Errorf("%v: error is %v, want usage", args, err)
		}
	}
}

// TestMeasure runs a whole small measurement of kfake in its own process. Its bytes are more than one
// fetch may carry, so there is always a second one to measure.
func TestMeasure(t *testing.T) {
	runtime.LockOSThread() // the child is tied to the thread that starts it
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := bench{options: options{limits: limits{time.Minute, 64 << 20}}, dir: dir, peer: kfakeChild(self)}
	var got samples
	for _, l := range loads {
		if err := b.measure(context.Background(), turn{b.peer, &got, ""}, l); err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
	}
	for i, l := range loads {
		for what, r := range map[string]rate{"produce": got.produce[i], "consume": got.consume[i]} {
			if r.recordsPerSecond <= 0 || r.bytesPerSecond != r.recordsPerSecond*float64(l.recordBytes) {
				t.Errorf("%s: %s rate is %+v", l.name, what, r)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestStartSaysWhatTheBrokerSaid starts a program that ends at once.
func TestStartSaysWhatTheBrokerSaid(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dir := t.TempDir()
	broken := system{"broken", 1, func(int, []place) []string {
		return []string{"sh", "-c", "echo no disk here >&2; exit 3"}
	}}
	_, err := start(context.Background(), broken, dir, false)
	if err == nil || !strings.Contains(err.Error(), "no disk here") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("error is %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFetchProfile(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/good" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("samples")) // a failure shows as a short file below
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "cpu.pprof")
	if err := fetchProfile(context.Background(), server.URL+"/good", file); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "samples" {
		t.Errorf("file has %q, %v", text, err)
	}
	if err := fetchProfile(context.Background(), server.URL+"/bad", file); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error is %v", err)
	}
}
