package main

import (
	"bufio"
	"cmp"
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

// kgoQuick are the tests of --quick: what they do against a cluster takes seconds.
var kgoQuick = []string{"TestClient_Produce", "TestClient_ProduceLargeMessages", "TestConsumeTopicRetrieval", "TestDirectPartitionPurge", "TestAddRemovePartitions",
	"TestIssue325", "TestIssue337", "TestIssue434", "TestIssue523", "TestIssue810", "TestIssue865", "TestIssue1034", "TestIssueFetchLargerThanBrokerMaxReadBytes",
	"TestPauseIssue489", "TestGroupSimple", "TestGroupETL", "TestTxnEtl", "TestPing", "TestConsumeRegex"}

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

// kgo compiles the tests of the module and runs those that reach a cluster in their own folder, where some look
// for files.
func (f *field) kgo(ctx context.Context) ([]result, error) {
	binary := filepath.Join(f.dir, "kgo.test")
	if said, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, kgoPackage).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the tests of %s: %w: %s", kgoPackage, errMissing, lastLine(string(said)))
	}
	home, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", kgoPackage).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("find %s: %w: %s", kgoPackage, err, lastLine(string(home)))
	}
	folder := strings.TrimSpace(string(home))
	tests, err := f.choose(folder)
	if err != nil {
		return nil, err
	}
	records := f.records
	if f.quick {
		records = min(records, kgoQuickRecords)
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json", "-t", binary, "-test.v=test2json", "-test.run", "^("+strings.Join(tests, "|")+")$",
		"-test.timeout", kgoWithin.String())
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "KGO_SEEDS="+f.cluster.servers, "KGO_TEST_RF="+strconv.Itoa(clusterNodes),
		"KGO_TEST_RECORDS="+strconv.Itoa(records), "KGO_LOG_LEVEL="+cmp.Or(os.Getenv("KGO_LOG_LEVEL"), "none"))
	if f.cluster.doors != nil {
		cmd.Env = append(cmd.Env, "KGO_TEST_CHAOS=1") // connections break too, and members of groups are patient, as the tests' authors mean it
	}
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
	for i, r := range results {
		if r.outcome == skip {
			results[i].reason = explain(r.reason)
		}
	}
	return results, f.cluster.alive()
}

// choose gives the tests to run.
func (f *field) choose(folder string) (tests []string, err error) {
	wanted, err := regexp.Compile(f.tests)
	if err != nil {
		return nil, fmt.Errorf("%w: --tests: %w", errUsage, err)
	}
	all, err := clusterTests(folder)
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		if wanted.MatchString(name) && (!f.quick || slices.Contains(kgoQuick, name)) {
			tests = append(tests, name)
		}
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("%w: no test of kgo matches --tests %s", errUsage, f.tests)
	}
	return tests, nil
}

// kgoReasons say in the words of this project why a test skipped itself, by a part of what it said.
var kgoReasons = map[string]string{
	"share groups":               "share groups (KIP-932) are not served",
	"KIP-848":                    "the next protocol of groups (KIP-848) is not served",
	"SCRAM":                      "SASL is not served",
	"broker still takes produce": "Produce is advertised from version 0, as by Apache Kafka (KAFKA-18659)",
}

func explain(said string) string {
	for part, reason := range kgoReasons {
		if strings.Contains(said, part) {
			return reason
		}
	}
	return said
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
