package txn

import (
	"container/heap"
	"time"
)

// deadline is when something of a transactional id is due.
type deadline struct {
	at time.Time
	id string
}

// deadlines is a heap. An entry that is not its transactional id's armed time is out of date.
type deadlines []deadline

// Len implements heap.Interface.
func (d deadlines) Len() int { return len(d) }

// Less implements heap.Interface.
func (d deadlines) Less(i, j int) bool {
	if !d[i].at.Equal(d[j].at) {
		return d[i].at.Before(d[j].at)
	}
	return d[i].id < d[j].id
}

// Swap implements heap.Interface.
func (d deadlines) Swap(i, j int) { d[i], d[j] = d[j], d[i] }

// Push implements heap.Interface.
func (d *deadlines) Push(x any) { *d = append(*d, x.(deadline)) }

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// arm sees to it that the next deadline is in the heap, or an earlier one.
func (m *Machine) arm(now time.Time, t *transaction) {
	next := t.deadline(m, now)
	if next.IsZero() || m.ids[t.id] != t || !t.armed.IsZero() && !next.Before(t.armed) {
		return
	}
	t.armed = next
	heap.Push(&m.due, deadline{next, t.id})
}
