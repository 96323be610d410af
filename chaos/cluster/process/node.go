package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// logName is the file in a node's directory that collects its standard output and error.
const logName = "broker.log"

// node is one node of the cluster: at most one running process at a time.
type node struct {
	// endpoint is where it was placed first; place tells where it is.
	endpoint Endpoint
	args     func(Endpoint) []string
	starter  Starter
	// moves says that its process may listen elsewhere when it is started again: others know only the
	// ports of the link proxy, which is told by moved.
	moves bool
	moved func(Endpoint) error

	// starting keeps two starts from racing; mu is never held while one waits.
	starting sync.Mutex

	mu struct {
		sync.Mutex
		process *process // the newest; nil before the first start
		ended   bool     // by end: it must not start again
		unasked []string // how processes ended that nobody asked to
		// expected says that its process may end by itself: a fault makes it.
		expected bool
		// direct and peers are where the newest process listens, "" for where it was placed first.
		direct, peers string
	}
}

// process is one process of a node. Its fields except done are guarded by the node's mu.
type process struct {
	pid     int
	running Running
	// done is closed when the process has been reaped.
	done chan struct{}
	// reaped is set under the same lock that reaps: while it is false, pid is this process or its
	// zombie and nobody else, and a signal to its group cannot reach a stranger.
	reaped bool
	// asked is set before the harness kills or stops it.
	asked bool
	// status is how it ended: "exit status 2", "signal: killed".
	status string
	code   int
}

// start starts a process, after the last one has ended.
func (n *node) start(ctx context.Context) error {
	n.starting.Lock()
	defer n.starting.Unlock()
	if err := n.awaitLast(ctx); err != nil {
		return fmt.Errorf("start node %d: %w", n.endpoint.Node, err)
	}
	if err := n.findPorts(); err != nil {
		return fmt.Errorf("start node %d: %w", n.endpoint.Node, err)
	}
	log, err := os.OpenFile(n.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start node %d: %w", n.endpoint.Node, err)
	}
	defer log.Close()
	place := n.place()
	args := n.args(place)

	n.mu.Lock()
	over := n.mu.ended
	n.mu.Unlock()
	if over {
		return fmt.Errorf("start node %d: the cluster was stopped", n.endpoint.Node)
	}
	// Others look at the node meanwhile, so mu is not held; end waits for starting.
	running, err := n.starter.Start(ctx, place, args, log)
	if err != nil {
		return fmt.Errorf("start node %d: %w", n.endpoint.Node, err)
	}
	p := &process{pid: running.Pid(), running: running, done: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.process = p
	go n.reap(p)
	return nil
}

// place is the endpoint of the newest process.
func (n *node) place() Endpoint {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.endpoint
	e.Direct, e.DirectPeers = cmp.Or(n.mu.direct, e.Direct), cmp.Or(n.mu.peers, e.DirectPeers)
	return e
}

// findPorts checks that the ports of the node are free. Behind the link proxy a port that somebody took
// while the node was down is left to him: nobody but the proxy knows it.
func (n *node) findPorts() error {
	e := n.place()
	for _, port := range []struct {
		address string
		move    *string
	}{{e.Direct, &n.mu.direct}, {e.DirectPeers, &n.mu.peers}, {e.Metrics, nil}} {
		if port.address == "" {
			continue
		}
		err := checkFree(port.address)
		if err == nil {
			continue
		}
		if !n.moves || port.move == nil {
			return err
		}
		found, err := pickPorts(0, 1)
		if err != nil {
			return err
		}
		n.mu.Lock()
		*port.move = address(found[0])
		n.mu.Unlock()
		if err := n.moved(n.place()); err != nil {
			return err
		}
	}
	return nil
}

// expect says that the process may end by itself from now on, or no longer.
func (n *node) expect(end bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.expected = end
}

// wipe deletes what is in the data directory, and keeps a start from racing with that.
func (n *node) wipe(ctx context.Context) error {
	n.starting.Lock()
	defer n.starting.Unlock()
	err := n.awaitLast(ctx)
	var entries []os.DirEntry
	if err == nil {
		entries, err = os.ReadDir(n.endpoint.Data)
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(n.endpoint.Data, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("wipe node %d: %w", n.endpoint.Node, err)
	}
	return nil
}

// awaitLast returns when the node has no process. One that was not asked to end is an error: a node
// that runs is not started twice, and its files are its own.
func (n *node) awaitLast(ctx context.Context) error {
	n.mu.Lock()
	p := n.mu.process
	running := p != nil && !p.reaped && !p.asked && !n.mu.expected
	n.mu.Unlock()
	if p == nil {
		return nil
	}
	if running {
		return fmt.Errorf("it runs already as pid %d", p.pid)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("its last process, pid %d, has not ended yet: %w", p.pid, ctx.Err())
	}
}

// reap waits for the end of a process and keeps how it ended.
func (n *node) reap(p *process) {
	p.running.AwaitEnd()
	n.mu.Lock()
	defer n.mu.Unlock()
	p.status, p.code = p.running.Reap()
	p.reaped = true
	if n.mu.expected {
		p.asked = true // so that it may be started again
	}
	if !p.asked {
		n.mu.unasked = append(n.mu.unasked, fmt.Sprintf("node %d, pid %d, ended by itself: %s%s",
			n.endpoint.Node, p.pid, p.status, n.logTail()))
	}
	close(p.done)
}

func (n *node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.process == nil {
		return 0
	}
	return n.mu.process.pid
}

// signal sends a signal to the group of the running process; what names it in errors. SIGKILL notes
// that the end of the process was asked for.
func (n *node) signal(what string, sig syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.mu.process
	if p == nil {
		return fmt.Errorf("%s node %d: it was never started", what, n.endpoint.Node)
	}
	if p.reaped {
		return fmt.Errorf("%s node %d: pid %d has ended before: %s", what, n.endpoint.Node, p.pid, p.status)
	}
	if p.asked && sig != syscall.SIGKILL {
		return fmt.Errorf("%s node %d: pid %d was killed or stopped before, and is about to end", what, n.endpoint.Node, p.pid)
	}
	p.asked = p.asked || sig == syscall.SIGKILL
	if err := p.running.Signal(sig); err != nil {
		return fmt.Errorf("%s node %d: %w", what, n.endpoint.Node, err)
	}
	return nil
}

// end stops the node for good: see terminate.
func (n *node) end(ctx context.Context) error {
	n.mu.Lock()
	n.mu.ended = true
	n.mu.Unlock()
	n.starting.Lock() // a start that is under way is seen through
	defer n.starting.Unlock()
	return n.terminate(ctx)
}

// terminate stops the node: SIGTERM, and SIGKILL when ctx ends. When it returns the process has been
// reaped.
func (n *node) terminate(ctx context.Context) error {
	n.mu.Lock()
	p := n.mu.process
	stopped := p != nil && !p.asked && !p.reaped
	if p != nil && !p.reaped {
		p.asked = true
		p.running.Signal(syscall.SIGTERM)
		p.running.Signal(syscall.SIGCONT) // a paused process would take note of SIGTERM later
	}
	n.mu.Unlock()
	if p == nil {
		return nil
	}
	var late error
	select {
	case <-p.done:
	case <-ctx.Done():
		late = fmt.Errorf("stop node %d: pid %d still ran after SIGTERM and was killed (%w)%s",
			n.endpoint.Node, p.pid, ctx.Err(), n.logTail())
		n.mu.Lock()
		if !p.reaped {
			p.running.Signal(syscall.SIGKILL)
		}
		n.mu.Unlock()
		<-p.done
	}
	if late == nil && stopped && p.code > 0 {
		return fmt.Errorf("stop node %d: pid %d ended with %s%s", n.endpoint.Node, p.pid, p.status, n.logTail())
	}
	return late
}

// unasked lists how processes ended that nobody asked to.
func (n *node) unasked() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.mu.unasked)
}

// ended reports whether the newest process has been reaped, how it ended, and a channel that is
// closed when it is.
func (n *node) ended() (status string, over bool, done <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.mu.process
	if p == nil {
		return "it was never started", true, nil
	}
	return p.status, p.reaped, p.done
}

func (n *node) logPath() string { return filepath.Join(n.endpoint.Dir, logName) }

// signalGroup signals every process of the group that pid leads.
func signalGroup(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(-pid, sig); err != nil {
		return fmt.Errorf("%v to process group %d: %w", sig, pid, err)
	}
	return nil
}
