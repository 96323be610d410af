package client

import "github.com/logproof/logproof/verify/history"

// Recorder is what this package needs of a history.Recorder: the clock of the run and a place for
// what happened. It is called from many goroutines.
type Recorder interface {
	// Now is the run's monotonic clock.
	Now() history.Time
	// Operation records a promise; a Return of 0 is stamped with Now.
	Operation(history.Operation)
	// Attempt records one partition of one request.
	Attempt(history.Attempt)
}
