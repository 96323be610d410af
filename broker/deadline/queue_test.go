package deadline

import (
	"strings"
	"testing"
	"time"
)

// Entries come by time and then by name, whatever the order in which they were added, and none comes too early.
func TestQueue(t *testing.T) {
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	var q Queue
	if _, ok := q.Next(); ok {
		t.Error("an empty queue has a next time")
	}
	for _, e := range []Entry{{at(5), "e"}, {at(2), "c"}, {at(2), "b"}, {at(1), "a"}, {at(2), "b"}} {
		q.Add(e.At, e.Name)
	}
	if next, ok := q.Next(); !ok || next != at(1) {
		t.Errorf("next is %v, %t", next, ok)
	}
	var got []string
	for e, ok := q.Pop(at(2)); ok; e, ok = q.Pop(at(2)) {
		got = append(got, e.Name)
	}
	if strings.Join(got, " ") != "a b b c" {
		t.Errorf("due are %v", got)
	}
	if e, ok := q.Pop(at(5)); !ok || e.Name != "e" {
		t.Errorf("at the very time: %+v, %t", e, ok)
	}
}
