package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	kgoModule  = "github.com/twmb/franz-go"
	kgoPackage = kgoModule + "/pkg/kgo"
	// kgoWithin bounds the suite: what hangs then is listed as failed.
	kgoWithin = 20 * time.Minute
)

// kgoSkips are tests that are not run, by name, each with its reason. Those that find out by themselves that a
// feature is not served give their own.
var kgoSkips = map[string]string{
	"TestTxnEtl": "transactions are not served yet",
}

// kgoQuick are the tests of --quick: what they do against a cluster takes seconds.
var kgoQuick = []string{"TestClient_Produce", "TestClient_ProduceLargeMessages", "TestConsumeTopicRetrieval", "TestDirectPartitionPurge", "TestAddRemovePartitions",
	"TestIssue325", "TestIssue337", "TestIssue434", "TestIssue523", "TestIssue810", "TestIssue865", "TestIssue1034", "TestIssueFetchLargerThanBrokerMaxReadBytes",
	"TestPauseIssue489", "TestGroupSimple", "TestGroupETL", "TestPing", "TestConsumeRegex"}

// kgoQuickRecords of its long tests are enough for --quick.
const kgoQuickRecords = 2000

func kgoVersion(ctx context.Context, _ options) (string, error) {
	said, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", kgoModule).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %w: %s", kgoModule, errMissing, lastLine(string(said)))
	}
	return strings.TrimSpace(string(said)), nil
}

func runKgo(ctx context.Context, f *field) ([]result, error) { return f.kgo(ctx) }

// kgo compiles the tests of the module and runs them in their own folder, where some look for files.
func (f *field) kgo(ctx context.Context) ([]result, error) {
	binary := filepath.Join(f.dir, "kgo.test")
	if said, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, kgoPackage).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the tests of %s: %w: %s", kgoPackage, errMissing, lastLine(string(said)))
	}
	home, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", kgoPackage).Output()
	if err != nil {
		return nil, err
	}
	skips := make([]string, 0, len(kgoSkips))
	for name := range kgoSkips {
		skips = append(skips, name)
	}
	records, which := f.records, "^Test"
	if f.quick {
		records, which = min(records, kgoQuickRecords), "^("+strings.Join(kgoQuick, "|")+")$"
	}
	if f.tests != "" {
		which = f.tests
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json", "-t", binary, "-test.v=test2json", "-test.run", which, "-test.skip", "^("+strings.Join(skips, "|")+")$",
		"-test.timeout", kgoWithin.String())
	cmd.Dir = strings.TrimSpace(string(home))
	cmd.Env = append(os.Environ(), "KGO_SEEDS="+f.cluster.servers, "KGO_TEST_RF="+strconv.Itoa(clusterNodes),
		"KGO_TEST_RECORDS="+strconv.Itoa(records), "KGO_LOG_LEVEL=none")
	cmd.Stderr = f.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	results, err := readTests(io.TeeReader(out, f.log))
	if err := errors.Join(err, ignoreExit(cmd.Wait())); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(slices.Values(skips)) {
		if re, err := regexp.Compile(which); err == nil && re.MatchString(name) {
			results = append(results, result{name: name, outcome: skip, reason: kgoSkips[name]})
		}
	}
	return results, f.cluster.alive()
}

// ignoreExit drops the error of a process that ended with an exit code of its own: the tests tell more.
func ignoreExit(err error) error {
	var code *exec.ExitError
	if errors.As(err, &code) {
		return nil
	}
	return err
}

// event is a line of test2json.
type event struct {
	Action  string
	Test    string
	Elapsed float64
	Output  string
}

// said is a line that a test logged: file, line, text. The lines around it are of the framework.
var said = regexp.MustCompile(`^\s+(\w+\.go:\d+: .*)$`)

// readTests reads what test2json says. Results are those of tests without tests inside, and of the others if
// they failed by themselves. A test that had begun and never ended has failed.
func readTests(in io.Reader) ([]result, error) {
	type state struct {
		result
		said  string
		ended bool
	}
	tests := map[string]*state{}
	var order []string
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Test == "" {
			continue // what the process itself prints
		}
		t := tests[e.Test]
		if t == nil {
			t = &state{result: result{name: e.Test}}
			tests[e.Test] = t
			order = append(order, e.Test)
		}
		switch e.Action {
		case "output":
			if found := said.FindStringSubmatch(strings.TrimRight(e.Output, "\n")); found != nil && !strings.Contains(found[1], "deleting ") && !strings.Contains(found[1], "NOT DELETING") && t.said == "" {
				t.said = found[1]
			}
		case "pass", "fail", "skip":
			t.ended, t.took = true, time.Duration(e.Elapsed*float64(time.Second))
			t.outcome = map[string]outcome{"pass": pass, "fail": fail, "skip": skip}[e.Action]
		}
	}
	var results []result
	for _, name := range order {
		t := tests[name]
		// Names of tests inside have slashes of their own: what has one is taken for a test by itself.
		inside, failedInside := false, false
		for _, other := range order {
			if !strings.Contains(name, "/") && strings.HasPrefix(other, name+"/") {
				inside = true
				failedInside = failedInside || tests[other].outcome == fail || !tests[other].ended
			}
		}
		if !t.ended {
			t.outcome, t.said = fail, "it did not end"
		}
		if inside && (t.outcome != fail || failedInside) {
			continue
		}
		if t.outcome != pass {
			t.reason = t.said
		}
		if t.outcome == skip {
			_, t.reason, _ = strings.Cut(t.said, ": ")
		}
		results = append(results, t.result)
	}
	return results, lines.Err()
}
