package command

import (
	"bytes"

	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/scenarios/run"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
	"github.com/logproof/logproof/verify/linearize"
)

// seedOutcome is what one seed gave.
type seedOutcome struct {
	result  sim.Result
	report  verify.Report
	opinion linearize.Result
	verdict verify.Verdict
	// file is the recorded history, which was judged with expect.
	file   []byte
	expect verify.Expect
}

// findings says when each class was first found in the history, to the operation.
func (s seedOutcome) findings() ([]verify.Finding, error) {
	src, err := history.NewReader(bytes.NewReader(s.file))
	if err != nil {
		return nil, err
	}
	return run.Watched(src, s.expect, 1)
}

// windowsMax is in how many windows of a seed porcupine looks.
const windowsMax = 8

// simulate runs one seed with its history in memory, and judges that.
func simulate(cfg sim.Config) (s seedOutcome, err error) {
	var file bytes.Buffer
	never := func() history.Time { return 1 } // the simulation stamps what it records
	rec, err := history.NewRecorder(&file, history.Meta{Scenario: "sim", Seed: cfg.Seed}, never)
	if err != nil {
		return s, err
	}
	s.result, err = sim.Run(cfg, rec)
	if closed := rec.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return s, err
	}
	open := func() (linearize.Source, error) { return history.NewReader(bytes.NewReader(file.Bytes())) }
	expect := verify.Expect{
		Partitions: s.result.Partitions(), Groups: s.result.Groups, Idempotent: true, MinAcked: 1, MinRead: 1,
		Faults: s.result.Faults, RequireScan: true, RequireAttempts: true,
		Transactions: s.result.TransactionTimeout > 0, TransactionTimeout: s.result.TransactionTimeout, ExactlyOnce: transforms(s.result),
	}
	src, err := open()
	if err != nil {
		return s, err
	}
	if s.report, err = verify.Check(src, expect); err != nil {
		return s, err
	}
	if s.report.Verdict == verify.Fail { // porcupine looks at the evidence
		if src, err = open(); err == nil {
			err = verify.Explain(src, &s.report)
		}
		if err != nil {
			return s, err
		}
	}
	s.file, s.expect = file.Bytes(), expect
	if s.opinion, err = linearize.Check(open, s.report, linearize.Config{Expect: expect, Seed: cfg.Seed, Windows: windowsMax}); err != nil {
		return s, err
	}
	line := s.opinion.RuleResult()
	s.report.Rules = append(s.report.Rules, line)
	s.report.Verdict = verify.Worst(s.report.Verdict, line.Verdict)
	s.verdict = s.report.Verdict
	if len(s.result.Violations) > 0 || len(s.result.Pending) > 0 {
		s.verdict = verify.Fail
	}
	return s, nil
}

// transforms of a run as verify names them.
func transforms(result sim.Result) (all []verify.Transform) {
	for _, t := range result.Transforms {
		all = append(all, verify.Transform{Group: t.Group, Inputs: t.Inputs, Outputs: t.Outputs})
	}
	return all
}
