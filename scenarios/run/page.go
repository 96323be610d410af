package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/logproof/logproof/scenarios"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/report/picture"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// newPage is what report.html shows of a plan, of a history and of what nodes noted.
func newPage(dir, program string, p plan.Plan, recorded recording) report.Page {
	page := report.Page{
		Description: p.Description, Plan: p.String(), Again: again(program, p),
		Course: recorded.course, Excerpts: recorded.excerpts,
	}
	if p.Load.Readers > 0 { // so many at any time: one that crashed has a successor of another name
		page.Course.Readers = p.Load.Readers
	}
	var err error
	if page.Leaders, err = leaders(dir); err != nil {
		page.LeadersUnknown = err.Error()
	}
	return page
}

// again is the command that runs a plan once more.
func again(program string, p plan.Plan) string {
	if !strings.Contains(program, " ") {
		program = filepath.Base(program)
	}
	scenario := p.Scenario
	if !slices.Contains(scenarios.Names(), scenario) {
		scenario += ".yaml"
	}
	text := fmt.Sprintf("%s run %s --seed %d --placement %s", program, scenario, p.Seed, p.Placement)
	for _, n := range p.Nodes {
		if len(n.Bugs) > 0 {
			return text + " --bug " + strings.Join(n.Bugs, ",")
		}
	}
	return text
}

// leaders reads from the nodes' events who led which partition from when on. A node says that it leads, the
// controller that nobody does.
func leaders(dir string) ([]picture.Leadership, error) {
	events, err := readEvents(dir)
	if err != nil {
		return nil, err
	}
	var all []picture.Leadership
	for _, e := range events {
		l := picture.Leadership{
			Partition: history.Partition{Topic: e.Topic, Index: e.Partition}.String(), At: time.Duration(e.at), Node: e.Node, Epoch: e.LeaderEpoch,
		}
		switch {
		case e.Name == becameLeader:
		case e.Name == leaderElected && e.Leader < 0:
			l.Node = -1
		default:
			continue
		}
		all = append(all, l)
	}
	return all, nil
}

// histogramFiles are the distributions that the load generator leaves, by the names that reports use.
var histogramFiles = []struct{ name, file string }{
	{"response", "response.hlog"}, {"service", "service.hlog"}, {"slip", "slip.hlog"}, {"end to end", "end_to_end.hlog"},
}

// addFiles adds what is in other files of the run directory: the spectra, and which files there are. Where no
// latency was measured, the history has that of the produces.
func addFiles(dir string, r *report.Run) error {
	var errs []error
	for _, f := range histogramFiles {
		h, err := readHistogram(filepath.Join(dir, f.file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if h.TotalCount() > 0 {
			r.Page.Spectrum = append(r.Page.Spectrum, spectrum(f.name, h.TotalCount(), time.Duration(h.Max()), func(percent float64) time.Duration {
				return time.Duration(h.ValueAtPercentile(percent))
			}))
		}
	}
	if d := r.Page.Course.Produce; len(r.Page.Spectrum) == 0 && d != nil {
		r.Page.Spectrum = picture.Spectrum{spectrum("service", d.Count(), d.Max(), d.Percentile)}
	}
	r.Page.Files = files(dir)
	return errors.Join(errs...)
}

// files of the run directory that a person may want to open, beside the page.
func files(dir string) (names []string) {
	for _, pattern := range []string{"*.json", "*.jsonl", "*.xml", "*.md", "*.html", "*.hlog", historyFile} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are good
		for _, name := range found {
			if name = filepath.Base(name); name != report.PageFile {
				names = append(names, name)
			}
		}
	}
	return names
}

// readHistogram reads what loadgen's WriteHistograms wrote: one interval.
func readHistogram(name string) (*hdrhistogram.Histogram, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	h, err := hdrhistogram.NewHistogramLogReader(file).NextIntervalHistogram()
	if err == nil && h == nil {
		err = errors.New("it holds no histogram")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return h, nil
}

// spectrumPoints is how many points a line has for each nine.
const spectrumPoints = 24

// spectrum samples a distribution, as far into its tail as it has samples.
func spectrum(name string, n int64, longest time.Duration, at func(percent float64) time.Duration) picture.Distribution {
	d := picture.Distribution{Name: name, Count: n, Max: longest}
	nines := math.Log10(float64(n))
	for i := range int(nines*spectrumPoints) + 1 {
		percent := 100 * (1 - math.Pow(10, -float64(i)/spectrumPoints))
		d.Points = append(d.Points, picture.Percentile{Percent: percent, Value: at(percent)})
	}
	return d
}

// Report makes report.html of a run again, with the pictures that it links to, from its directory alone, and tells what it says: the history is
// judged again, and what only the run could measure is read from the files of its first report.
func Report(dir, program string) (report.Run, error) {
	r, err := judgeAgain(dir, program, true)
	if err != nil {
		return report.Run{}, err
	}
	if err := addMeasured(dir, &r); err != nil {
		return report.Run{}, err
	}
	if err := addFiles(dir, &r); err != nil {
		return report.Run{}, err
	}
	if err := report.WritePage(dir, r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrNotWritten, err)
	}
	return r, nil
}

// ErrNotWritten is the error of a page that could be made, and not be put into its place.
var ErrNotWritten = errors.New("the page was not written")

// addMeasured reads what is not in the history from verdict.json and result.json: the run's own assumptions, what
// the load generator measured, and rules that look at more than the history. A run that did not get as far as
// that has no such files.
func addMeasured(dir string, r *report.Run) error {
	var result struct {
		DurationNS     time.Duration       `json:"duration_ns"`
		Throughput     report.Throughput   `json:"throughput"`
		Latency        []report.Latency    `json:"latency"`
		Accounting     []report.Identity   `json:"accounting"`
		RunAssumptions []verify.Assumption `json:"run_assumptions"`
		Environment    []report.Fact       `json:"environment"`
		NodeLogs       []report.NodeLog    `json:"node_logs"`
	}
	var verdict struct {
		History struct {
			Rules []verify.RuleResult `json:"rules"`
		} `json:"history"`
	}
	for name, into := range map[string]any{report.ResultFile: &result, report.VerdictFile: &verdict} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			r.Assumptions = append(r.Assumptions, verify.Assumption{
				Name: "report", Verdict: verify.Inconclusive, Detail: name + " is missing: the run did not end in order, or the file was removed",
			})
			continue
		}
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return fmt.Errorf("read what the run measured: %s: %w", filepath.Join(dir, name), err)
		}
	}
	r.Duration, r.Throughput, r.Latency, r.Accounting = result.DurationNS, result.Throughput, result.Latency, result.Accounting
	r.Environment, r.NodeLogs = result.Environment, result.NodeLogs
	r.Assumptions = append(result.RunAssumptions, r.Assumptions...)
	for _, rule := range verdict.History.Rules {
		if !slices.ContainsFunc(r.Report.Rules, func(known verify.RuleResult) bool { return known.Rule == rule.Rule }) {
			r.Report.Rules = append(r.Report.Rules, rule)
			if rule.Asked {
				r.Report.Verdict = verify.Worst(r.Report.Verdict, rule.Verdict)
			}
		}
	}
	return nil
}
