package command

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// reading knows where each partition is read, and where it ended when the command began. Its methods may be
// called by any goroutine: the client's tell it what a group assigns.
type reading struct {
	begin, ends kadm.Offsets

	mu sync.Mutex
	// open are the partitions that are not read to their end; mine are all that are read here.
	mine, open kadm.TopicsSet
	// told is called once there is nothing open.
	told func()
}

// newReading is for all partitions of begin; a group takes that back by what it assigns.
func newReading(begin, ends kadm.Offsets) *reading {
	r := &reading{begin: begin, ends: ends, mine: kadm.TopicsSet{}, open: kadm.TopicsSet{}}
	begin.Each(func(o kadm.Offset) { r.own(o.Topic, o.Partition, o.At) })
	return r
}

// own is a partition that is read from an offset on; mu must be held.
func (r *reading) own(topic string, partition int32, from int64) {
	r.mine.Add(topic, partition)
	if end, ok := r.ends.Lookup(topic, partition); ok && from < end.At {
		r.open.Add(topic, partition)
	}
}

// starts are for a client that assigns partitions to itself.
func (r *reading) starts() map[string]map[int32]kgo.Offset {
	return r.begin.KOffsets()
}

// join forgets the partitions: a group will say which are read here.
func (r *reading) join() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mine, r.open = kadm.TopicsSet{}, kadm.TopicsSet{}
}

// assigned takes what a group has assigned, with what it has committed there; where it has nothing, the start
// that was asked for is put.
func (r *reading) assigned(_ context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, partitions := range offsets {
		for partition, committed := range partitions {
			at := committed.EpochOffset().Offset
			if at < 0 {
				o, _ := r.begin.Lookup(topic, partition)
				at = o.At
				partitions[partition] = kgo.NewOffset().At(at)
			}
			r.own(topic, partition, at)
		}
	}
	r.tell()
	return offsets, nil
}

// revoked takes what a group has taken away.
func (r *reading) revoked(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, partitions := range lost {
		for _, partition := range partitions {
			delete(r.mine[topic], partition)
			delete(r.open[topic], partition)
		}
	}
	r.tell()
}

// read notes a record that was read; before reports whether it lies before the end that was looked up.
func (r *reading) read(topic string, partition int32, offset int64) (before bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end, ok := r.ends.Lookup(topic, partition)
	if !ok {
		return false // a partition that was added meanwhile
	}
	if offset >= end.At-1 {
		delete(r.open[topic], partition)
	}
	return offset < end.At
}

// done reports whether all that is read here is read to its end. A member that has been assigned nothing is
// not done: others may have to give up theirs first.
func (r *reading) done() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.isDone()
}

func (r *reading) isDone() bool {
	mine, open := 0, 0
	for topic := range r.mine {
		mine, open = mine+len(r.mine[topic]), open+len(r.open[topic])
	}
	return mine > 0 && open == 0
}

func (r *reading) tell() {
	if r.told != nil && r.isDone() {
		r.told()
	}
}

// whenDone lets a function be called as soon as all is read, until stop is called; not at all if reading
// goes on forever.
func (r *reading) whenDone(forever bool, tell func()) (stop func()) {
	if forever {
		return func() {}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = tell
	r.tell()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = nil
	}
}
