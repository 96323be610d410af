package proxy

import (
	"testing"
	"time"
)

// late is when the items that wait are due, counted from when the first of them came.
func (q *queue) late() (late []time.Duration) {
	for _, it := range q.items[q.first:] {
		if it.due.IsZero() {
			late = append(late, 0)
			continue
		}
		late = append(late, it.due.Sub(it.came))
	}
	return late
}

func TestQueueKeepsOrderUnderJitter(t *testing.T) {
	jittery := func(seed uint64) *shape {
		return &shape{delay: 50 * time.Millisecond, jitter: 50 * time.Millisecond, seed: seed}
	}
	var first []time.Duration
	for round, seed := range []uint64{7, 7, 8} {
		var q queue
		s := jittery(seed)
		for range 200 {
			q.add(s, item{b: []byte("x")})
		}
		var draws []time.Duration
		for i, it := range q.items {
			if i > 0 && it.due.Before(q.items[i-1].due) {
				t.Fatalf("item %d is due before the one that came before it", i)
			}
			draws = append(draws, it.due.Sub(it.came))
		}
		if draws[0] < 0 || draws[0] > 100*time.Millisecond {
			t.Errorf("the first is late by %v", draws[0])
		}
		switch round {
		case 0:
			first = draws
		case 1:
			if draws[0] != first[0] {
				t.Errorf("the same seed gave %v, then %v", first[0], draws[0])
			}
		case 2:
			if draws[0] == first[0] {
				t.Errorf("two seeds gave %v", draws[0])
			}
		}
	}
}

func TestQueueObeysAnotherShape(t *testing.T) {
	var q queue
	r := &rule{}
	slow := &shape{delay: time.Hour, slow: time.Minute, answers: []*rule{r}}
	q.add(slow, item{b: []byte("a")})
	q.add(slow, item{b: []byte("b"), extra: 2 * time.Hour, by: r})
	q.add(slow, item{end: true})
	near := func(got, want time.Duration) bool { return got > want-time.Minute/2 && got < want+time.Minute/2 }
	if late := q.late(); !near(late[0], time.Hour) || !near(late[1], 3*time.Hour) || !near(late[2], 3*time.Hour) {
		t.Errorf("late by %v", late)
	}
	q.obey(&shape{delay: time.Hour, slow: time.Minute})
	if late := q.late(); !near(late[1], time.Hour) || !near(late[2], time.Hour+time.Minute) {
		t.Errorf("without the rule late by %v", late)
	}
	q.obey(&shape{})
	for i, late := range q.late() {
		if late != 0 {
			t.Errorf("item %d still waits for %v", i, late)
		}
	}
	if lost := q.clear(); lost != 2 || !q.empty() || q.bytes != 0 {
		t.Errorf("%d bytes thrown away, %d left", lost, q.bytes)
	}
}

func TestQueueIsABoundedAmountOfMemory(t *testing.T) {
	var q queue
	s := &shape{delay: time.Hour}
	for i := range 1000 {
		chunk := chunks.Get().(*[chunkSize]byte)
		q.add(s, item{b: chunk[:10], chunk: chunk})
		q.settle()
		if cap(q.items[i].b) > chunkSize/4 {
			t.Fatal("ten bytes keep a chunk")
		}
	}
	for i := range 1000 {
		q.sent(4)
		q.sent(6)
		if want := (999 - i) * (10 + itemCost); q.bytes != want {
			t.Fatalf("%d bytes are counted, want %d", q.bytes, want)
		}
	}
	if cap(q.items) > 2048 || !q.empty() {
		t.Errorf("%d items are kept", cap(q.items))
	}
}

func TestBucket(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBucket(1000, now)
	total := 0
	for now.Before(time.Unix(10, 0)) {
		n, wait := b.take(now, 1<<20)
		if n == 0 && wait <= 0 {
			t.Fatal("nothing may go, and there is nothing to wait for")
		}
		total += n
		now = now.Add(wait)
		if n > 20 {
			t.Fatalf("%d bytes at once", n)
		}
	}
	if total < 9900 || total > 10_020 {
		t.Errorf("%d bytes in ten seconds at 1000 bytes a second", total)
	}
	now = now.Add(time.Hour) // idle time is not saved up
	if n, _ := b.take(now, 1<<20); n > 20 {
		t.Errorf("%d bytes after an hour", n)
	}
	slow := newBucket(1, now)
	if n, wait := slow.take(now, 100); n != 0 || wait < time.Second/2 || wait > 2*time.Second {
		t.Errorf("%d bytes, wait %v at a byte a second", n, wait)
	}
}
