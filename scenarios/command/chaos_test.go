package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/logproof/logproof/chaos/doctor"
	"github.com/logproof/logproof/chaos/timeline"
)

func TestChaosList(t *testing.T) {
	out := want(t, ExitPass, "", "chaos", "list")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(timeline.Kinds()) {
		t.Fatalf("%d lines of %d kinds", len(lines), len(timeline.Kinds()))
	}
	for i, info := range timeline.Kinds() {
		if !strings.HasPrefix(lines[i], string(info.Kind)+" ") || !strings.Contains(lines[i], "target") {
			t.Errorf("line %d is %q; want %s", i, lines[i], info.Kind)
		}
	}
	var kinds []kindJSON
	if err := json.Unmarshal([]byte(want(t, ExitPass, "", "chaos", "list", "--json")), &kinds); err != nil || len(kinds) != len(lines) {
		t.Errorf("as JSON %d kinds, %v", len(kinds), err)
	}
}

func TestChaosExplain(t *testing.T) {
	for _, info := range timeline.Kinds() {
		out := want(t, ExitPass, "timeline:\n  - {fault: "+string(info.Kind), "chaos", "explain", string(info.Kind))
		for _, part := range []string{"does ", "effect ", "healed ", "you see ", "placements "} {
			if !strings.Contains(out, "\n"+part) {
				t.Errorf("%s: no line begins with %q", info.Kind, part)
			}
		}
		for line := range strings.SplitSeq(out, "\n") {
			if len(line) > lineLength && strings.HasPrefix(line, " ") && !strings.Contains(line, "fault:") {
				t.Errorf("%s: a line of %d: %q", info.Kind, len(line), line)
			}
		}
	}
	want(t, ExitUsage, "", "chaos", "explain", "explode")
	want(t, ExitUsage, "", "chaos", "explain")
	want(t, ExitUsage, "", "chaos")
}

func TestChaosDoctor(t *testing.T) {
	out := want(t, ExitPass, "process table", "chaos", "doctor")
	if !strings.Contains(out, "kill ") || strings.Contains(out, "MISSING") {
		t.Errorf("the doctor says\n%s", out)
	}
	m := doctor.This()
	m.Proc = t.TempDir()
	var printed bytes.Buffer
	err := examine(&printed, m, false)
	var e *exit
	if !errors.As(err, &e) || e.code != ExitInconclusive || !strings.Contains(printed.String(), "MISSING") || !strings.Contains(printed.String(), "no: process table") {
		t.Errorf("without /proc: %v\n%s", err, printed.String())
	}
}

// A power loss without a disk that forgets would be a kill: it is refused before anything is started.
func TestPowerLossNeedsADiskThatForgets(t *testing.T) {
	path := scenario(t, ",lose-unsynced", "", "fault: kill, target: node(0)", "fault: power-loss, target: node(0)")
	_, err := makePlan(path, runFlags{})
	var e *exit
	if !errors.As(err, &e) || e.code != ExitUsage || !strings.Contains(err.Error(), "write disk: lose-unsynced") {
		t.Errorf("makePlan = %v", err)
	}
}
