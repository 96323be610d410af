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

// system is one or several brokers that can be started: their name and their command lines.
type system struct {
	name string
	// nodes are its processes, each of which has every replica.
	nodes   int
	command func(self int, all []place) []string
}

// place is what one process is given.
type place struct {
	dir, address, peers string
	// pprof is the address of its profiles, "" for none.
	pprof string
}

// ours is the reference broker, as so many processes that replicate; flush is its --flush.
func ours(binary, flush string, nodes int) system {
	return system{"logproof", nodes, func(self int, all []place) []string {
		p := all[self]
		args := []string{binary, "broker", "--node-id", strconv.Itoa(self), "--listen", p.address, "--metrics", "127.0.0.1:0",
			"--data", p.dir, "--flush", flush}
		if nodes > 1 {
			var voters []string
			for id, other := range all {
				voters = append(voters, fmt.Sprintf("%d@%s", id, other.peers))
			}
			args = append(args, "--peers", p.peers, "--voters", strings.Join(voters, ","))
		}
		if p.pprof != "" {
			args = append(args, "--pprof", p.pprof)
		}
		return args
	}}
}

// kfakeChild is this program again, as a kfake server.
func kfakeChild(self string) system {
	return system{"kfake", 1, func(_ int, all []place) []string {
		return []string{self, "kfake", "--dir", all[0].dir, "--listen", all[0].address}
	}}
}

// process is a running broker with its own data directory.
type process struct {
	// others are the further processes of the same system; they end with this one.
	others  []*process
	cmd     *exec.Cmd
	dir     string
	address string
	pprof   string
	// answered is how long it took from the start of the process, when it began, to its first answer.
	began    time.Time
	answered time.Duration
	// log is what the process says; it may be read after exited is closed.
	log    *bytes.Buffer
	exited chan struct{}
}

// start runs the system on fresh directories below parent and waits for the first answer of each process;
// the first process is given. It must be called on the main thread: the kernel ends the children when the
// thread that forked ends.
func start(ctx context.Context, s system, parent string, profile bool) (first *process, err error) {
	places := make([]place, s.nodes)
	for i := range places {
		if places[i], err = s.place(parent, profile && i == 0); err != nil {
			return nil, err
		}
	}
	var all []*process
	for i, at := range places {
		p, started := s.run(i, places)
		if err = started; err != nil {
			return nil, errors.Join(err, stopAll(all), os.RemoveAll(at.dir))
		}
		all = append(all, p)
	}
	for _, p := range all {
		if err := p.waitAnswer(ctx); err != nil {
			err = fmt.Errorf("%s: %w", s.name, err)
			return nil, errors.Join(err, stopAll(all))
		}
		p.answered = time.Since(p.began)
	}
	all[0].others = all[1:]
	return all[0], nil
}

// place makes the directory of a process and finds its addresses.
func (s system) place(parent string, profile bool) (p place, err error) {
	if p.dir, err = os.MkdirTemp(parent, s.name+"-"); err != nil {
		return p, fmt.Errorf("data directory of %s: %w", s.name, err)
	}
	if p.address, err = freeAddress(); err == nil {
		p.peers, err = freeAddress()
	}
	if err == nil && profile {
		p.pprof, err = freeAddress()
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(p.dir))
	}
	return p, err
}

// run starts one process.
func (s system) run(self int, all []place) (*process, error) {
	at := all[self]
	p := &process{dir: at.dir, address: at.address, pprof: at.pprof, log: &bytes.Buffer{}, exited: make(chan struct{})}
	args := s.command(self, all)
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.exited)
	}()
	return p, nil
}

// stop kills the processes, with no time for a last sync of files that nobody will read, and removes them.
func (p *process) stop() error {
	_ = p.cmd.Process.Kill() // an error says that it is gone already
	<-p.exited
	err := stopAll(p.others)
	if removed := os.RemoveAll(p.dir); removed != nil {
		err = errors.Join(err, fmt.Errorf("remove data: %w", removed))
	}
	return err
}

func stopAll(all []*process) (err error) {
	for _, p := range all {
		err = errors.Join(err, p.stop())
	}
	return err
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
