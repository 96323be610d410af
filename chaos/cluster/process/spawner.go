package process

import (
	"os/exec"
	"runtime"
)

// spawner forks every process of a cluster from one OS thread.
//
// The kernel sends the death signal of PR_SET_PDEATHSIG when the THREAD that forked ends, not when
// the process does. The Go runtime moves goroutines between threads and ends threads whose locked
// goroutine returned, so a child forked from any goroutine can be killed while its harness is well.
// The spawner's goroutine is locked to its thread and ends only after the last child was reaped.
type spawner struct {
	requests chan request
	done     chan struct{}
}

type request struct {
	cmd   *exec.Cmd
	reply chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan request), done: make(chan struct{})}
	go s.loop()
	return s
}

func (s *spawner) loop() {
	// Never unlocked: the thread ends with the goroutine.
	runtime.LockOSThread()
	defer close(s.done)
	for r := range s.requests {
		r.reply <- r.cmd.Start()
	}
}

// start starts the command from the spawner's thread. It must not be called after close.
func (s *spawner) start(cmd *exec.Cmd) error {
	reply := make(chan error, 1)
	s.requests <- request{cmd, reply}
	return <-reply
}

// close ends the thread; every child must have been reaped.
func (s *spawner) close() {
	close(s.requests)
	<-s.done
}
