package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/logproof/logproof/loadgen"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/course"
	"github.com/logproof/logproof/verify/excerpt"
	"github.com/logproof/logproof/verify/history"
	"github.com/logproof/logproof/verify/linearize"
)

// Names of the files that a run makes beside those of its report.
const (
	planFile     = "plan.json"
	scheduleFile = "schedule.json"
	historyFile  = "history.bin"
)

// writePlan keeps what was to be done: the whole plan, and the schedule of its faults.
func writePlan(dir string, p plan.Plan) error {
	text, err := p.JSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, planFile), text, 0o644); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	if text, err = p.Schedule(); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, scheduleFile), text, 0o644); err != nil {
		return fmt.Errorf("write the schedule: %w", err)
	}
	return nil
}

func readPlan(dir string) (p plan.Plan, err error) {
	text, err := os.ReadFile(filepath.Join(dir, planFile))
	if err != nil {
		return p, fmt.Errorf("%s is not a run directory: %w", dir, err)
	}
	if p, err = plan.Parse(text); err != nil {
		return p, fmt.Errorf("%s: %w", filepath.Join(dir, planFile), err)
	}
	return p, nil
}

// recording is what a history says beside its judgement.
type recording struct {
	judged  verify.Report
	opinion linearize.Result
	meta    history.Meta
	faults  faults
	course  course.Course
	// excerpts around the anomalies that the page illustrates.
	excerpts []excerpt.Excerpt
}

// judgeHistory reads the recorded history back and judges it, and draws what is wrong with it if it may write.
func judgeHistory(dir string, p plan.Plan, write bool) (r recording, err error) {
	path := filepath.Join(dir, historyFile)
	expect, err := budgeted(expectation(p), dir, p)
	if err != nil {
		return r, err
	}
	if r.judged, err = verify.CheckFile(path, expect); err != nil {
		return r, fmt.Errorf("judge the history: %w", err)
	}
	if r.opinion, err = secondOpinion(dir, p, r.judged); err != nil {
		return r, err
	}
	if write {
		if err := draw(dir, &r.opinion); err != nil {
			return r, err
		}
	}
	r.judged = withSecondOpinion(r.judged, &r.opinion, p)
	reader, err := history.Open(path)
	if err != nil {
		return r, fmt.Errorf("read the history again: %w", err)
	}
	defer reader.Close()
	r.meta = reader.Meta()
	var meter course.Meter
	told := newNarrator(&r.judged)
	around := excerpt.New(report.Illustrated(r.judged))
	for {
		entry, err := reader.Next()
		var torn *history.TornError
		if errors.Is(err, io.EOF) || errors.As(err, &torn) { // torn: the report says so
			r.course, r.excerpts = meter.Course(), around.Excerpts()
			told.tell(dir, r.faults)
			withCauses(r.excerpts, r.judged)
			return r, nil
		}
		if err != nil {
			return r, fmt.Errorf("read the history again: %w", err)
		}
		if op := entry.Operation; op != nil {
			meter.Observe(op)
			around.Observe(op)
			told.observe(op)
			if op.Kind == history.Fault {
				r.faults.observe(op)
			}
		}
	}
}

// expectation is what verify needs to know of a plan.
func expectation(p plan.Plan) verify.Expect {
	expect := verify.Expect{
		Idempotent: p.Load.Idempotent, MinAcked: p.Floor.Acked, MinRead: p.Floor.Read,
		Faults: len(p.Timeline), RequireScan: true, RequireAttempts: p.Load.Acks != spec.AcksNone,
		UncommittedAcks: p.Load.Acks != spec.AcksAll,
		Partitions:      p.Partitions(), Rules: []verify.Rule{}, Groups: p.GroupNames(), Claim: claim(p),
	}
	expect.Keys, expect.Compacted = keys(p)
	transactions(&expect, p)
	for _, rule := range p.Checks {
		expect.Rules = append(expect.Rules, verify.Rule(rule))
	}
	return expect
}

// transactions adds what the plan says of transactions.
func transactions(expect *verify.Expect, p plan.Plan) {
	expect.Transactions = p.Transactional()
	if t := p.Load.Transactions; t != nil {
		expect.TransactionTimeout = time.Duration(t.Timeout)
		if t.AbortRate > 0 {
			expect.MinAborted = 1
		}
	}
	of := func(topic string) (list []history.Partition) {
		for _, at := range p.Partitions() {
			if at.Topic == topic {
				list = append(list, at)
			}
		}
		return list
	}
	for _, g := range p.Groups {
		if g.Transforms() {
			expect.TransactionTimeout = max(expect.TransactionTimeout, time.Duration(g.TransactionTimeout))
			expect.ExactlyOnce = append(expect.ExactlyOnce, verify.Transform{Group: g.Name, Inputs: of(g.From), Outputs: of(g.To)})
		}
	}
}

// budgeted adds the budgets of the plan, and what its nodes noted that is needed to judge them.
func budgeted(expect verify.Expect, dir string, p plan.Plan) (verify.Expect, error) {
	var err error
	if expect.Budgets, err = budgets(p); err != nil {
		return expect, fmt.Errorf("%s: %w", filepath.Join(dir, planFile), err)
	}
	if len(expect.Budgets) > 0 {
		expect.ISR = inSync(dir, p)
	}
	return expect, nil
}

// judge makes the report of a run that has ended, and writes it.
func (c *conductor) judge(ctx context.Context, result *loadgen.Result) (report.Run, error) {
	c.cfg.Progress.Event("phase", "verify")
	p := c.cfg.Plan
	recorded, err := judgeHistory(c.cfg.Dir, p, true)
	if err != nil {
		return report.Run{}, err
	}
	r := newReport(c.cfg.Dir, c.cfg.Program, p, recorded)
	r.Duration = time.Since(c.began)
	r.Assumptions = c.incidents
	r.NodeLogs = c.tails
	if ctx.Err() != nil {
		r.Assumptions = append(r.Assumptions, verify.Assumption{Name: "interrupted", Verdict: verify.Inconclusive, Detail: "the run was interrupted"})
	}
	if result.Tap != nil {
		r.Assumptions = append(r.Assumptions, verify.Assumption{Name: "tap", Verdict: verify.Inconclusive, Detail: result.Tap.Error()})
	}
	addNumbers(&r, p, result)
	err = result.WriteHistograms(c.cfg.Dir) // before the page, which shows them
	return r, errors.Join(err, c.write(&r))
}

// write writes the report. Its page links to what is in the directory, so it comes last.
func (c *conductor) write(r *report.Run) error {
	r.Environment = environment()
	err := report.Write(c.cfg.Dir, *r)
	return errors.Join(err, addFiles(c.cfg.Dir, r), report.WritePage(c.cfg.Dir, *r))
}

// Verify judges a recorded run again, from its directory alone, and leaves the directory as it is;
// program is how a person types this program.
// What the load generator measured is not in the history: it is in the files of the first report.
// What went wrong with the run itself is not there either and still counts: a run that proved nothing does not
// pass when it is judged again.
func Verify(dir, program string) (report.Run, error) {
	if r, is, err := verifyImported(dir, program); is {
		return r, err
	}
	r, err := judgeAgain(dir, program, false)
	if err != nil {
		return r, err
	}
	var result struct {
		RunAssumptions []verify.Assumption `json:"run_assumptions"`
	}
	text, err := os.ReadFile(filepath.Join(dir, report.ResultFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil // it did not get so far, which its history says
	}
	if err == nil {
		err = json.Unmarshal(text, &result)
	}
	if err != nil {
		return r, fmt.Errorf("read what went wrong with the run: %s: %w", filepath.Join(dir, report.ResultFile), err)
	}
	r.Assumptions = result.RunAssumptions
	return r, nil
}

// judgeAgain judges a recorded run, and draws what is wrong with it if it may write.
func judgeAgain(dir, program string, write bool) (report.Run, error) {
	p, err := readPlan(dir)
	if err != nil {
		return report.Run{}, err
	}
	recorded, err := judgeHistory(dir, p, write)
	if err != nil {
		return report.Run{}, err
	}
	return newReport(dir, program, p, recorded), nil
}
