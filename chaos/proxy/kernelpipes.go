package proxy

import "sync"

// kernelPipesMax at most are open at a time: each is two descriptors, and whoever gets none copies.
const kernelPipesMax = 256

// kernelPipes keeps those that are free for the next large frame.
type kernelPipes struct {
	mu     sync.Mutex
	free   []*kernelPipe
	open   int
	closed bool
}

// get gives a pipe; nil if there is none to be had.
func (s *kernelPipes) get() *kernelPipe {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		k := s.free[n-1]
		s.free = s.free[:n-1]
		return k
	}
	if s.open >= kernelPipesMax || s.closed {
		return nil
	}
	k := newKernelPipe()
	if k != nil {
		s.open++
	}
	return k
}

// put takes a pipe back; one that still holds bytes is closed with them.
func (s *kernelPipes) put(k *kernelPipe) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.held > 0 || s.closed {
		k.close()
		s.open--
		return
	}
	s.free = append(s.free, k)
}

// close closes the free ones, and those in use when they are put back.
func (s *kernelPipes) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, k := range s.free {
		k.close()
		s.open--
	}
	s.free = nil
}
