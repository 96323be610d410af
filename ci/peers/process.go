package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// system is a broker that can be started: its name and its command line.
type system struct {
	name    string
	command func(dir, address, pprof string) []string
}

// ours is the reference broker; flush is its --flush.
func ours(binary, flush string) system {
	return system{"logproof", func(dir, address, pprof string) []string {
		args := []string{binary, "broker", "--node-id", "0", "--listen", address, "--metrics", "127.0.0.1:0",
			"--data", dir, "--flush", flush}
		if pprof != "" {
			args = append(args, "--pprof", pprof)
		}
		return args
	}}
}

// kfakeChild is this program again, as a kfake server.
func kfakeChild(self string) system {
	return system{"kfake", func(dir, address, _ string) []string {
		return []string{self, "kfake", "--dir", dir, "--listen", address}
	}}
}

// process is a running broker with its own data directory.
type process struct {
	cmd     *exec.Cmd
	dir     string
	address string
	// pprof is the address of its profiles, "" for none.
	pprof string
	// answered is how long it took from the start of the process to its first answer.
	answered time.Duration
	// log is what the process says; it may be read after exited is closed.
	log    *bytes.Buffer
	exited chan struct{}
}

// start runs the system on a fresh directory below parent and waits for its first answer.
// It must be called on the main thread: the kernel ends the child when the thread that forked ends.
func start(ctx context.Context, s system, parent string, profile bool) (*process, error) {
	dir, err := os.MkdirTemp(parent, s.name+"-")
	if err != nil {
		return nil, fmt.Errorf("data directory of %s: %w", s.name, err)
	}
	p := &process{dir: dir, log: &bytes.Buffer{}, exited: make(chan struct{})}
	if p.address, err = freeAddress(); err == nil && profile {
		p.pprof, err = freeAddress()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	args := s.command(dir, p.address, p.pprof)
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", s.name, err), os.RemoveAll(dir))
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.exited)
	}()
	if err := p.waitAnswer(ctx); err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
		return nil, errors.Join(err, p.stop())
	}
	p.answered = time.Since(began)
	return p, nil
}

// stop kills the process, with no time for a last sync of files that nobody will read, and removes them.
func (p *process) stop() error {
	_ = p.cmd.Process.Kill() // an error says that it is gone already
	<-p.exited
	if err := os.RemoveAll(p.dir); err != nil {
		return fmt.Errorf("remove data: %w", err)
	}
	return nil
}

// waitAnswer asks for ApiVersions until there is an answer.
func (p *process) waitAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := askVersions(p.address)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("it ended before it answered (%s); it said:\n%s", p.cmd.ProcessState, tail(p.log.String()))
		case <-ctx.Done():
			return fmt.Errorf("no answer at %s: %w (%w)", p.address, err, ctx.Err())
		}
	}
}

// askVersions does one ApiVersions request on a new connection.
func askVersions(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	request := kmsg.NewPtrApiVersionsRequest()
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("peers")).AppendRequest(nil, request, 1)); err != nil {
		return err
	}
	header := make([]byte, 8) // length and correlation id
	if _, err := io.ReadFull(conn, header); err != nil {
		return fmt.Errorf("read the answer to ApiVersions: %w", err)
	}
	return nil
}

// residentBytes is what the process holds in memory now.
func (p *process) residentBytes() (float64, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		return 0, err
	}
	return residentOf(string(status))
}

// residentOf reads VmRSS, in kB, out of /proc/PID/status.
func residentOf(status string) (float64, error) {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kilobytes * 1024, err
		}
	}
	return 0, errors.New("no VmRSS in /proc/PID/status: the process is gone, or this is not Linux")
}

// machineLine describes the machine before anything is measured: on a busy one, ratios mislead too.
func machineLine() (string, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "", fmt.Errorf("read the load of the machine: %w", err)
	}
	return loadLine(string(text), runtime.NumCPU())
}

// loadLine reads the first number of /proc/loadavg: how many tasks ran or waited to, over a minute.
func loadLine(loadavg string, cpus int) (string, error) {
	first, _, _ := strings.Cut(loadavg, " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return "", fmt.Errorf("/proc/loadavg has %q: %w", loadavg, err)
	}
	line := fmt.Sprintf("%d CPUs, load average %.2f before the start", cpus, load)
	if load > float64(cpus)/2 {
		line += ": BUSY with something else, repeat it on a quiet machine before you believe a ratio"
	}
	return line, nil
}

// freeAddress finds a port on loopback that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// tail is the end of a log, for a message.
func tail(log string) string {
	const most = 2000
	return log[max(0, len(log)-most):]
}
