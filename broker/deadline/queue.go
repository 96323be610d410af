package deadline

import (
	"container/heap"
	"time"
)

// Entry says that something of a name is due at a time.
type Entry struct {
	At   time.Time
	Name string
}

// Queue gives entries by their times, and by their names where those are equal, so that the order does not depend on
// that of adding. Its zero value is empty.
type Queue struct{ entries entries }

// Add puts an entry in; the same one may be there several times.
func (q *Queue) Add(at time.Time, name string) { heap.Push(&q.entries, Entry{at, name}) }

// Next is the earliest time; ok is false if there is none.
func (q *Queue) Next() (at time.Time, ok bool) {
	if len(q.entries) == 0 {
		return time.Time{}, false
	}
	return q.entries[0].At, true
}

// Pop takes out the earliest entry that is due by now; ok is false if none is.
func (q *Queue) Pop(now time.Time) (e Entry, ok bool) {
	if len(q.entries) == 0 || q.entries[0].At.After(now) {
		return Entry{}, false
	}
	return heap.Pop(&q.entries).(Entry), true
}

// entries is a heap.
type entries []Entry

// Len implements heap.Interface.
func (e entries) Len() int { return len(e) }

// Less implements heap.Interface.
func (e entries) Less(i, j int) bool {
	if !e[i].At.Equal(e[j].At) {
		return e[i].At.Before(e[j].At)
	}
	return e[i].Name < e[j].Name
}

// Swap implements heap.Interface.
func (e entries) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *entries) Push(x any) { *e = append(*e, x.(Entry)) }

// Pop implements heap.Interface.
func (e *entries) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
