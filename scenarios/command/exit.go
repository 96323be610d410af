package command

import (
	"errors"
	"fmt"
)

// Exit codes of every command.
const (
	ExitPass         = 0
	ExitFail         = 1   // the verdict is fail
	ExitUsage        = 2   // flags, scenario or configuration are wrong
	ExitInconclusive = 3   // the verdict is inconclusive, or the environment did not let it be more
	ExitInternal     = 4   // logproof itself is broken
	ExitInterrupted  = 130 // Ctrl-C
)

// exit is an error that knows its exit code.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

// usage is an error that the user can mend in what was typed.
func usage(format string, args ...any) error { return &exit{ExitUsage, fmt.Errorf(format, args...)} }

// environment is an error of the machine or of a cluster.
func environment(err error) error { return &exit{ExitInconclusive, err} }

// verdict ends a command whose result was printed already.
func verdict(code int) error { return &exit{code, errVerdict} }

var errVerdict = errors.New("the verdict is printed above")
