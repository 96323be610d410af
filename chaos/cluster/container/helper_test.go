package container

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/cluster/process"
	"github.com/logproof/logproof/chaos/ledger"
)

// startEnv makes the test binary start a cluster in the directory in it, with the program in programEnv, and say
// what came of that: testcontainers looks for an engine once in the life of a process.
const (
	startEnv   = "LOGPROOF_TEST_START"
	programEnv = "LOGPROOF_TEST_PROGRAM"
)

// containersEnv names a static logproof program for the tests that need an engine.
const containersEnv = "LOGPROOF_TEST_CONTAINERS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(startEnv); dir != "" {
		c, err := startIn(context.Background(), dir, os.Getenv(programEnv))
		if err == nil {
			err = c.Stop(context.Background())
		}
		fmt.Println(err)
		return
	}
	os.Exit(m.Run())
}

// startIn starts a broker that is its own controller, and another.
func startIn(ctx context.Context, dir, program string, change ...func(*process.Config)) (*Cluster, error) {
	book, err := ledger.Open(filepath.Join(dir, "ledger"), dir)
	if err != nil {
		return nil, err
	}
	nodes := process.Broker{Flush: "commit", Timing: process.Timing{
		SessionTimeout: time.Second, Heartbeat: 200 * time.Millisecond, ReplicaLagMax: time.Second, QuorumTick: 30 * time.Millisecond,
	}}
	cfg := process.Config{Binary: program, Dir: dir, Ledger: book, Brokers: []int32{0, 1}, Controllers: []int32{0}, Args: nodes.Args}
	for _, f := range change {
		f(&cfg)
	}
	return Start(ctx, cfg)
}

// program that the engine tests run, or a loud skip.
func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv(containersEnv)
	if path == "" {
		t.Skipf("SKIPPED: it needs a Docker engine: set %s to a logproof that was built with CGO_ENABLED=0", containersEnv)
	}
	return path
}

// soon is the time any condition of these tests may take on a busy machine.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 60*time.Second) // when the test ends too
	t.Cleanup(cancel)
	return ctx
}

// tiny is a file that is a static program for Linux by its header, and nothing else.
func tiny(t *testing.T, segments ...elf.ProgType) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const header, segment = 64, 56
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Ehsize: header, Phoff: header, Phentsize: segment, Phnum: uint16(len(segments)),
	}
	copy(h.Ident[:], []byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)})
	if err := binary.Write(f, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		if err := binary.Write(f, binary.LittleEndian, elf.Prog64{Type: uint32(s)}); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// fake is an engine that says what it is told to, on a socket of its own.
type fake struct {
	host string
	mu   sync.Mutex
	// asked are the requests, without the version of the API.
	asked []string
}

func (f *fake) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "\n")
}

// serve answers a request that begins with a key of answers with its value, and others as an engine that is
// empty does.
func serve(t *testing.T, answers map[string]string) *fake {
	t.Helper()
	dir, err := os.MkdirTemp("", "lp-engine-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ln, err := net.Listen("unix", filepath.Join(dir, "engine.sock"))
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{host: "unix://" + ln.Addr().String()}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		path := r.URL.Path
		if rest, ok := strings.CutPrefix(path, "/v"); ok {
			_, path, _ = strings.Cut(rest, "/")
			path = "/" + path
		}
		what := r.Method + " " + path
		f.mu.Lock()
		f.asked = append(f.asked, what)
		f.mu.Unlock()
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		for key, answer := range answers {
			if strings.HasPrefix(what, key) {
				io.WriteString(w, answer)
				return
			}
		}
		switch what {
		case "GET /info":
			io.WriteString(w, `{"OSType":"linux","ServerVersion":"0.1"}`)
		case "GET /containers/json", "GET /images/json", "GET /networks":
			io.WriteString(w, "[]")
		}
	})}
	go server.Serve(ln)
	t.Cleanup(func() { server.Close() })
	return f
}

// told is what a process says that starts a cluster with this engine and program; as another user if asked to.
func told(t *testing.T, host, program string, as ...func(*exec.Cmd)) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(soon(t), self)
	dir := t.TempDir()
	cmd.Env = append(os.Environ(), startEnv+"="+dir, programEnv+"="+program, "DOCKER_HOST="+host, "HOME="+dir)
	for _, change := range as {
		change(cmd)
	}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "nodes", "*", "broker.log")); err != nil || len(files) > 0 {
		t.Errorf("nodes were started: %v, %v", files, err)
	}
	return string(said)
}
