package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	clusterNodes = 3
	startWithin  = 60 * time.Second
	stopWithin   = 20 * time.Second
)

// cluster is a running `logproof cluster up`.
type cluster struct {
	binary, dir string
	// servers are the addresses of the brokers, comma-separated.
	servers string
	cmd     *exec.Cmd
	exited  chan struct{}
	// doors stand before the brokers, or nil.
	doors *doors
}

// startCluster returns once clients can use it. It must be called on the main thread: the kernel ends the
// cluster when the thread that started it ends.
func startCluster(ctx context.Context, binary, dir, log string, behind *doors) (*cluster, error) {
	c := &cluster{binary: binary, dir: dir, exited: make(chan struct{}), doors: behind}
	c.cmd = exec.Command(binary, "cluster", "up", "-n", strconv.Itoa(clusterNodes), "--dir", dir)
	if behind != nil {
		c.cmd.Args = append(c.cmd.Args, "--port", strconv.Itoa(behind.firstPort), "--advertise-shift", strconv.Itoa(doorShift), "--session-timeout", "2s")
	}
	c.cmd.Args = append(c.cmd.Args, "--", "--group-initial-delay", "0s")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	// Its notes of what it started are its own: other clusters of this user may be of other versions of logproof.
	c.cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+dir+"-cache")
	errors, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer errors.Close()
	c.cmd.Stderr = errors
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if servers, ok := strings.CutPrefix(lines.Text(), "bootstrap servers: "); ok {
				found <- servers
			}
		}
		_, _ = io.Copy(io.Discard, out) // a line too long: let the process go on
		_ = c.cmd.Wait()                // how it ended is in ProcessState
		close(c.exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	select {
	case c.servers = <-found:
		if behind != nil {
			c.servers = behind.servers()
		}
		return c, nil
	case <-c.exited:
		said, _ := os.ReadFile(log)
		return nil, fmt.Errorf("the cluster ended before it served: %s\n%s", c.cmd.ProcessState, tail(string(said)))
	case <-ctx.Done():
		c.stop()
		return nil, fmt.Errorf("the cluster does not serve: %w", ctx.Err())
	}
}

// stop ends the cluster in order, or by force if that does not help.
func (c *cluster) stop() {
	if c.doors != nil {
		defer c.doors.close()
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error says that it is gone already
	select {
	case <-c.exited:
	case <-time.After(stopWithin):
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
}

// alive is an error if the cluster has ended.
func (c *cluster) alive() error {
	select {
	case <-c.exited:
		return errors.New("the cluster has ended")
	default:
		return nil
	}
}

// act does what a person does with `logproof cluster kill 1`.
func (c *cluster) act(ctx context.Context, verb string, node int) error {
	said, err := exec.CommandContext(ctx, c.binary, "cluster", verb, strconv.Itoa(node), "--dir", c.dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cluster %s %d: %w: %s", verb, node, err, strings.TrimSpace(string(said)))
	}
	return nil
}

// segments are the log files of a partition on all nodes.
func (c *cluster) segments(topic string, partition int) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(c.dir, "nodes", "*", "data", fmt.Sprintf("%s-%d", topic, partition), "*.log"))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("no node has a file of %s-%d", topic, partition)
	}
	return found, err
}

// tail is the end of a text, for a message.
func tail(text string) string {
	const most = 2000
	return text[max(0, len(text)-most):]
}
