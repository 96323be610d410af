package history

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// queueMax is the number of blocks that may wait for the writer before recording waits too: a disk
// that stalls for a moment does not stall the clients that are being measured.
const queueMax = 64

// Recorder writes a history while it happens. Its methods are safe for many goroutines.
//
// Entries stand in the file in the order in which they were recorded, which is the order of Return:
// an operation without a Return is stamped under the recorder's lock, and a Return given by the
// caller that is older than the last one is raised to it. A return that is stamped later than the
// true one only widens the operation's interval; that can hide a violation of real-time order but
// never invent one.
//
// Entries are encoded at once and written in blocks by one goroutine, which Close ends. A process
// that is killed leaves a file that is readable to its last whole block.
type Recorder struct {
	// Observer, if set before the first entry, is called with every entry in the order of the file,
	// one call at a time, so that a history can be judged while it is recorded. The entry is valid
	// during the call. The observer must not call the recorder.
	Observer func(Entry)

	clock func() Time
	w     io.Writer

	mu      sync.Mutex
	change  *sync.Cond // queue, written, err or closed changed
	enc     encoder
	last    Time     // latest Return so far
	queue   [][]byte // sealed blocks, oldest first
	free    [][]byte // written blocks, to be used again
	sealed  uint64   // blocks given to the queue
	written uint64   // blocks that the writer is done with
	err     error    // the first error; it stays
	closed  bool
	done    chan struct{} // closed when the writer goroutine has ended
}

// NewRecorder writes the header to w and starts recording. The clock is the run's one monotonic
// clock; it must be safe for many goroutines. The caller closes the recorder, and w after it.
func NewRecorder(w io.Writer, meta Meta, clock func() Time) (*Recorder, error) {
	header, err := appendHeader(nil, meta)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(header); err != nil {
		return nil, fmt.Errorf("write history header: %w", err)
	}
	r := &Recorder{clock: clock, w: w, done: make(chan struct{})}
	r.change = sync.NewCond(&r.mu)
	r.enc.reset(r.block())
	go r.writeBlocks()
	return r, nil
}

// Now is the time of the run, from the clock given to NewRecorder.
func (r *Recorder) Now() Time { return r.clock() }

// Operation records one operation and stamps its Return if that is 0. It keeps nothing of op, so
// the caller may use its slices again. A malformed operation or a failed write is kept for Err and
// Close; from then on nothing more is written.
func (r *Recorder) Operation(op Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.waitForRoom() {
		return
	}
	if op.Return == 0 {
		op.Return = r.clock()
	} else {
		op.Return = max(op.Return, r.last)
	}
	r.last = max(r.last, op.Return)
	if err := op.check(); err != nil {
		r.fail(fmt.Errorf("record history: %w", err))
		return
	}
	r.enc.operation(&op)
	r.sealIfFull()
	if r.Observer != nil {
		seen := op
		r.Observer(Entry{Operation: &seen})
	}
}

// Attempt records one attempt. Errors are kept as by Operation.
func (r *Recorder) Attempt(a Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.waitForRoom() {
		return
	}
	r.enc.attempt(&a)
	r.sealIfFull()
	if r.Observer != nil {
		seen := a
		r.Observer(Entry{Attempt: &seen})
	}
}

// Flush waits until every entry recorded before the call was handed to the writer, and returns the
// recorder's error if it has one.
func (r *Recorder) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seal()
	for target := r.sealed; r.written < target; {
		r.change.Wait()
	}
	return r.err
}

// Err is the first error of the recorder; nil means that nothing was lost so far. Writing goes on
// in the background, so only Close says that everything was written.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Close writes what is left and the end mark, and syncs if the writer has a Sync method. It returns
// the first error of the recorder's life. What is recorded after Close is an error of its own, which
// Err then returns. A second Close returns what Err does.
func (r *Recorder) Close() error {
	r.mu.Lock()
	if r.closed {
		defer r.mu.Unlock()
		return r.err
	}
	r.seal()
	r.closed = true
	r.change.Broadcast()
	r.mu.Unlock()
	<-r.done

	err := r.Err()
	if err == nil {
		err = r.finish()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(err)
	return r.err
}

// finish writes the end mark. The writer goroutine has ended.
func (r *Recorder) finish() error {
	end := make([]byte, blockHead)
	sealBlock(end, uint32(r.written))
	if _, err := r.w.Write(end); err != nil {
		return fmt.Errorf("write the end of the history: %w", err)
	}
	if s, ok := r.w.(interface{ Sync() error }); ok {
		if err := s.Sync(); err != nil {
			return fmt.Errorf("sync the history: %w", err)
		}
	}
	return nil
}

// waitForRoom waits while too many blocks are unwritten. It reports false if the entry is lost,
// because the recorder failed or is closed.
func (r *Recorder) waitForRoom() bool {
	for len(r.queue) >= queueMax && r.err == nil {
		r.change.Wait()
	}
	if r.closed {
		r.fail(errors.New("record history: an entry came after the recorder was closed"))
	}
	return r.err == nil
}

// fail keeps the first error and wakes everyone who waits for the writer.
func (r *Recorder) fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
		r.change.Broadcast()
	}
}

func (r *Recorder) sealIfFull() {
	switch size := len(r.enc.buf) - blockHead; {
	case size > blockMax:
		r.fail(fmt.Errorf("record history: one entry makes a block of %d bytes, the limit is %d", size, blockMax))
	case size >= blockTarget:
		r.seal()
	}
}

// seal hands the block to the writer and begins a new one.
func (r *Recorder) seal() {
	if r.enc.entries == 0 || r.err != nil {
		return
	}
	sealBlock(r.enc.buf, r.enc.entries)
	r.queue = append(r.queue, r.enc.buf)
	r.sealed++
	r.enc.reset(r.block())
	r.change.Broadcast()
}

// block is an empty block with room for its head.
func (r *Recorder) block() []byte {
	if n := len(r.free); n > 0 {
		b := r.free[n-1]
		r.free = r.free[:n-1]
		return b[:blockHead]
	}
	return make([]byte, blockHead, blockHead+blockTarget+4096)
}

// writeBlocks is the writer goroutine: it writes queued blocks in order until Close. After an error
// it only takes blocks off the queue, so that nobody waits for ever.
func (r *Recorder) writeBlocks() {
	defer close(r.done)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		for len(r.queue) == 0 && !r.closed {
			r.change.Wait()
		}
		if len(r.queue) == 0 {
			return
		}
		block, failed := r.queue[0], r.err != nil
		r.queue = r.queue[1:]
		var err error
		if !failed {
			r.mu.Unlock()
			_, err = r.w.Write(block)
			r.mu.Lock()
		}
		if err != nil {
			r.fail(fmt.Errorf("write history: %w: everything recorded from here on is missing", err))
		}
		r.written++
		if cap(block) <= 2*blockTarget {
			r.free = append(r.free, block)
		}
		r.change.Broadcast()
	}
}
