package disk

import "sync"

// space counts the bytes of all files together: of those that are counted, see node.counted.
type space struct {
	mu    sync.Mutex
	limit int64 // bytes; 0 is no limit
	used  int64 // bytes; above limit only if it was so before the rule applied
}

// restrict sets the limit.
func (s *space) restrict(limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
}

// take returns how many of the wanted bytes there is room for, and counts them.
func (s *space) take(want int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	granted := want
	if s.limit > 0 {
		granted = min(want, max(0, s.limit-s.used))
	}
	s.used += granted
	return granted
}

// charge counts bytes that are there, room or not.
func (s *space) charge(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used += bytes
}

func (s *space) give(bytes int64) { s.charge(-bytes) }

func (s *space) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = 0
}
