package container

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/logproof/logproof/chaos/procfs"
)

const (
	// askWithin bounds what the engine is asked to do to one container.
	askWithin = 30 * time.Second
	// askAgain is how long an engine that did not answer is left alone.
	askAgain = 200 * time.Millisecond
	// endedWithin is how long an engine may take to hear that a container has ended.
	endedWithin = 5 * time.Second
	// logWithin is how long the end of the log may take after that of the container.
	logWithin = 2 * time.Second
)

// inspectName is the file in a node's directory in which the engine's last word about its container stands.
const inspectName = "container.json"

// running is the process of a node in its container.
type running struct {
	engine *engine
	id     string
	dir    string
	// process of the container; zero if it ended before anybody could look.
	process procfs.Identity
	logged  <-chan struct{} // closed when all that it wrote is in its log

	mu     sync.Mutex
	status string
	code   int
}

func (r *running) Pid() int { return r.process.Pid }

// Signal has the engine act on the container: the freezer stands for SIGSTOP and SIGCONT.
func (r *running) Signal(sig syscall.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	c := r.engine.client
	var err error
	switch sig {
	case syscall.SIGSTOP:
		_, err = c.ContainerPause(ctx, r.id, client.ContainerPauseOptions{})
	case syscall.SIGCONT:
		_, err = c.ContainerUnpause(ctx, r.id, client.ContainerUnpauseOptions{})
		if err != nil && strings.Contains(err.Error(), "is not paused") {
			err = nil // it goes on as it did
		}
	default:
		_, err = c.ContainerKill(ctx, r.id, client.ContainerKillOptions{Signal: fmt.Sprint(int(sig))})
		if err != nil && sig == syscall.SIGKILL && r.process.Pid > 0 && r.process.Alive() {
			// An engine that does not answer, or one that has died over its containers, keeps nobody from ending.
			if direct := syscall.Kill(r.process.Pid, sig); direct == nil {
				err = nil
			}
		}
	}
	if err != nil {
		return fmt.Errorf("%v to its container %.12s: %w", sig, r.id, err)
	}
	return nil
}

// AwaitEnd returns when the container has ended, all that it said is in its log, and it is removed.
func (r *running) AwaitEnd() {
	status, code := r.await()
	select {
	case <-r.logged:
	case <-time.After(logWithin):
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.code = r.last(status), code
}

// await asks the engine until it says that the container has ended. An engine that does not answer is asked
// again as long as the process lives.
func (r *running) await() (status string, code int) {
	for {
		wait := r.engine.client.ContainerWait(context.Background(), r.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
		select {
		case said := <-wait.Result:
			return ended(int(said.StatusCode)), int(said.StatusCode)
		case err := <-wait.Error:
			if errdefs.IsNotFound(err) {
				return "its container was removed by somebody", -1
			}
			if !r.process.Alive() {
				return fmt.Sprintf("it ended, and the engine cannot say how: %v", err), -1
			}
		}
		time.Sleep(askAgain)
	}
}

// ended is how a container ended, in the words in which a process ends.
func ended(code int) string {
	if sig := code - 128; sig > 0 && sig < 65 {
		return fmt.Sprintf("exit status %d, as after the signal: %v", code, syscall.Signal(sig))
	}
	return fmt.Sprintf("exit status %d", code)
}

// last keeps the engine's last word about the container in the node's directory, and removes it.
func (r *running) last(status string) string {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	now, err := r.engine.client.ContainerInspect(ctx, r.id, client.ContainerInspectOptions{})
	if err == nil {
		os.WriteFile(filepath.Join(r.dir, inspectName), now.Raw, 0o644) // for people: its lack is no fault of the node
		if s := now.Container.State; s != nil && s.OOMKilled {
			status += ", out of memory"
		} else if s != nil && s.Error != "" {
			status += ": " + s.Error
		}
	}
	// What cannot be removed now is when the cluster stops, by its label.
	r.engine.client.ContainerRemove(ctx, r.id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return status
}

func (r *running) Reap() (status string, code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status, r.code
}

// follow copies what a container writes, both streams, into the node's log until it ends.
func follow(from client.HijackedResponse, to io.WriteCloser) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer from.Close()
		defer to.Close()
		stdcopy.StdCopy(to, to, from.Reader) // it ends with the container, in whatever way
	}()
	return done
}
