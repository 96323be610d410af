package main

import (
	"errors"
	"fmt"
	"time"
)

// errMissing is a tool that this machine does not have.
var errMissing = errors.New("cannot be had here")

// outcome of a test or step.
type outcome uint8

const (
	pass outcome = iota
	fail
	skip
)

func (o outcome) String() string { return [...]string{"pass", "FAIL", "skip"}[o] }

// result is what became of one test or step. A fail and a skip have a reason.
type result struct {
	name    string
	outcome outcome
	reason  string
	took    time.Duration
}

func (r result) String() string {
	line := fmt.Sprintf("%s  %6.1fs  %s", r.outcome, r.took.Seconds(), r.name)
	if r.reason != "" {
		line += ": " + r.reason
	}
	return line
}

// row is a suite in the table.
type row struct {
	title, version string
	results        []result
}

func (r row) count(o outcome) int {
	n := 0
	for _, result := range r.results {
		if result.outcome == o {
			n++
		}
	}
	return n
}
