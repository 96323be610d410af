package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
	"github.com/logproof/logproof/verify/linearize"
)

const (
	// oracleWithin is how long porcupine may look for more windows, once it has read the history; it finishes
	// the one it is at. On a machine that is busy it looks at fewer, and the report says at how many.
	oracleWithin = 700 * time.Millisecond
	// picturesMax is the number of partitions whose violation is drawn.
	picturesMax = 3
)

// secondOpinion has porcupine judge windows of the history, beside what the rules said.
func secondOpinion(dir string, p plan.Plan, judged verify.Report) (linearize.Result, error) {
	began := time.Now()
	cfg := linearize.Config{Expect: expectation(p), Seed: p.Seed}
	if p.Placement != timeline.Sim { // there the same seed gives the same report
		// The time counts from the first window on: a busy machine may need all of it to read the history, and
		// an opinion on nothing would be none.
		var search time.Time
		cfg.Enough = func() bool {
			if search.IsZero() {
				search = time.Now()
			}
			return time.Since(search) > oracleWithin
		}
	}
	open := func() (linearize.Source, error) { return history.Open(filepath.Join(dir, historyFile)) }
	result, err := linearize.Check(open, judged, cfg)
	if p.Placement != timeline.Sim {
		result.Took = time.Since(began)
	}
	if err != nil {
		return result, fmt.Errorf("judge windows of the history: %w", err)
	}
	return result, nil
}

// withSecondOpinion adds its line to those of the rules.
func withSecondOpinion(judged verify.Report, opinion *linearize.Result, p plan.Plan) verify.Report {
	line := opinion.RuleResult()
	if delivery(p.Load) == verify.NoAcks {
		line.Asked = false // without acknowledgements there are no appends to order
	}
	judged.Rules = append(judged.Rules[:len(judged.Rules):len(judged.Rules)], line)
	if line.Asked {
		judged.Verdict = verify.Worst(judged.Verdict, line.Verdict)
	}
	return judged
}

// draw writes the pictures of violations into the run directory.
func draw(dir string, opinion *linearize.Result) error {
	var failed error
	for _, w := range opinion.Pictures(picturesMax) {
		if err := drawOne(dir, opinion, w); err != nil {
			failed = errors.Join(failed, fmt.Errorf("write the picture of a violation: %w", err))
		}
	}
	return failed
}

func drawOne(dir string, opinion *linearize.Result, w *linearize.Window) error {
	f, err := os.Create(filepath.Join(dir, w.PictureFile()))
	if err != nil {
		return err
	}
	if err := errors.Join(opinion.Draw(f, w), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	w.Picture = w.PictureFile()
	return nil
}
