package command

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/run"
	"github.com/logproof/logproof/verify"
)

// A cluster that does not converge proves nothing; the run says what is pending and what every node said last.
func TestClusterThatNeverConverges(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	s := start(t, "run", scenario(t, "converge: 10s", "converge: 4s"), "--dir", dir)
	s.await(t, `pid (\d+)`)
	pid, err := strconv.Atoi(s.await(t, `heal ok: started as pid (\d+)`)[1])
	if err != nil {
		t.Fatal(err)
	}
	s.await(t, "phase +cool-down")
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.await(t, "trouble +converge")
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil { // so that it stops when it is asked to
		t.Fatal(err)
	}
	if code := s.end(); code != ExitInconclusive {
		t.Errorf("exit code %d, want %d", code, ExitInconclusive)
	}
	for _, says := range []string{"INCONCLUSIVE", "converge: node 0: ", "last words    node 0: "} {
		if !strings.Contains(s.stdout.String(), says) {
			t.Errorf("it does not say %q:\n%s", says, s.stdout.String())
		}
	}
	result, err := os.ReadFile(filepath.Join(dir, report.ResultFile))
	if err != nil || !strings.Contains(string(result), `"node_logs"`) {
		t.Errorf("result.json has no logs of nodes: %v", err)
	}
	want(t, ExitInconclusive, "converge: node 0: ", "verify", dir) // it is no better when it is judged again
	if err := os.WriteFile(filepath.Join(dir, "result.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	want(t, ExitUsage, "result.json", "verify", dir)
}

// So does one that never answers: there is a report all the same.
func TestClusterThatNeverStarts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	out := want(t, ExitInconclusive, "INCONCLUSIVE", "run", scenario(t, "converge: 10s", "converge: 1ns"), "--dir", dir)
	if !strings.Contains(out, "start: node 0: ") {
		t.Errorf("it does not say what is pending:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, report.JUnitFile)); err != nil {
		t.Error(err)
	}
}

func TestRunDirectoryThatExists(t *testing.T) {
	t.Parallel()
	want(t, ExitInconclusive, "exists: a run keeps its files apart from those of others, choose another one", "run", scenario(t), "--dir", t.TempDir())
}

// filling is a file on a disk that has room for so many bytes.
type filling struct {
	file *os.File
	room int
}

func (f *filling) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, &os.PathError{Op: "write", Path: f.file.Name(), Err: syscall.ENOSPC}
	}
	return f.file.Write(p)
}

func (f *filling) Close() error { return f.file.Close() }

// config of a run by the program itself, with a ledger of its own.
func config(t *testing.T) run.Config {
	t.Helper()
	p, err := makePlan(scenario(t), runFlags{seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return run.Config{Plan: p, Binary: binary, Dir: filepath.Join(t.TempDir(), "run"), Ledger: t.TempDir(), Progress: newProgress(io.Discard)}
}

// A disk that fills up while the history is written ends the run: what is missing cannot be judged.
func TestDiskThatFillsUpWithTheHistory(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Create = func(name string) (io.WriteCloser, error) {
		f, err := os.Create(name)
		return &filling{f, 4 << 10}, err
	}
	r, err := run.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, a := range r.AllAssumptions() {
		if a.Verdict != verify.Pass {
			said = append(said, a.Name+": "+a.Detail)
		}
	}
	if text := strings.Join(said, "\n"); r.Verdict() != verify.Inconclusive || !strings.Contains(text, "history.bin: no space left on device") {
		t.Errorf("verdict %s:\n%s", r.Verdict(), text)
	}
}

// A ledger that cannot be read may name processes that still run: nothing is started before somebody looked.
func TestDamagedLedger(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	path := filepath.Join(cfg.Ledger, "4711-98765-1.json")
	if err := os.WriteFile(path, []byte(`{"version":1,"chil`), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := run.Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "damaged entry") {
		t.Errorf("Run = %v; want the damaged entry by its name", err)
	}
	if _, err := os.Stat(cfg.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a run directory was made: %v", err)
	}
}

// A port in use is told with who holds it.
func TestPortInUseNamesItsHolder(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want(t, ExitInconclusive, "it is held by pid "+strconv.Itoa(os.Getpid()), "broker", "--data", t.TempDir(), "--listen", l.Addr().String())
}
