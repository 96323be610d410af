package server

import (
	"sync/atomic"
	"time"
)

// Clock is the node's wall clock: the machine's, and an offset that may change while the node runs. It
// stamps what is shown to people and programs. Nothing waits by it: timers and the times that actors compare
// are monotonic, so that a node whose clock jumps goes on as before.
type Clock struct{ offset atomic.Int64 }

// Set changes the offset.
func (c *Clock) Set(offset time.Duration) { c.offset.Store(int64(offset)) }

// Offset is how far the clock is ahead of the machine's.
func (c *Clock) Offset() time.Duration { return time.Duration(c.offset.Load()) }

// Now is what the clock shows.
func (c *Clock) Now() time.Time { return c.At(time.Now()) }

// At is what the clock shows when the machine's shows t.
func (c *Clock) At(t time.Time) time.Time { return t.Round(0).Add(c.Offset()) }
