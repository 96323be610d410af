package loadgen

import "slices"

// sequences is a set of sequence numbers, kept as spans. Sequences come nearly in order, so there is
// one span and a few more for holes: memory is bounded by the holes and not by the records.
type sequences struct {
	spans []span // sorted, not touching
}

// span holds the sequences from first on, without end.
type span struct{ first, end int64 }

// add puts a sequence into the set; it is false if it was there already.
func (s *sequences) add(sequence int64) bool {
	// The common case: the next one of the last span.
	if n := len(s.spans); n > 0 && s.spans[n-1].end == sequence {
		s.spans[n-1].end++
		return true
	}
	// The first span that ends at or after the sequence: it holds it, touches it, or lies above it.
	i, _ := slices.BinarySearchFunc(s.spans, sequence, func(x span, target int64) int {
		if x.end < target {
			return -1
		}
		return 1
	})
	if i == len(s.spans) {
		s.spans = append(s.spans, span{sequence, sequence + 1})
		return true
	}
	at := &s.spans[i]
	switch {
	case at.first <= sequence && sequence < at.end:
		return false
	case at.end == sequence:
		at.end++
		if i+1 < len(s.spans) && s.spans[i+1].first == at.end {
			at.end = s.spans[i+1].end
			s.spans = slices.Delete(s.spans, i+1, i+2)
		}
	case at.first == sequence+1:
		at.first--
	default:
		s.spans = slices.Insert(s.spans, i, span{sequence, sequence + 1})
	}
	return true
}

// size is the number of sequences in the set.
func (s *sequences) size() uint64 {
	var n uint64
	for _, x := range s.spans {
		n += uint64(x.end - x.first)
	}
	return n
}

// holes is how many sequences below the last one are not in the set.
func (s *sequences) holes() uint64 {
	if len(s.spans) == 0 {
		return 0
	}
	return uint64(s.spans[len(s.spans)-1].end) - s.size()
}
