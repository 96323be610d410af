package command

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/linearize"
)

// Where porcupine and the rules disagree the program is wrong, whatever the verdict: exit code 4, and what to
// report.
func TestContradictionIsAnInternalError(t *testing.T) {
	for _, v := range []verify.Verdict{verify.Pass, verify.Fail, verify.Inconclusive} {
		r := report.Run{Scenario: "demo", Dir: "runs/demo-1", Report: verify.Report{Verdict: v}}
		r.Linearizable = linearize.Result{Asked: true, Contradictions: []string{"no rule found what porcupine finds"}}
		var out bytes.Buffer
		var e *exit
		if err := show(r, false, &out); !errors.As(err, &e) || e.code != ExitInternal {
			t.Fatalf("verdict %s: %v; want exit code %d", v, err, ExitInternal)
		}
		for _, says := range []string{"contradicts itself", "no rule found what porcupine finds", "report this with the run directory runs/demo-1"} {
			if !strings.Contains(e.Error(), says) {
				t.Errorf("verdict %s: it does not say %q: %v", v, says, e)
			}
		}
	}
}
