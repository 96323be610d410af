// Package tally remembers how every run ended, so that what happens now and then has a rate.
//
//	run, profile ─> Append ─> runs/tally.jsonl ─> Read ─> Rates ─> logproof tally
//	                one line each, in one write         per scenario: pass, fail, inconclusive, with intervals
//
// A line is written with one call to a file that is opened for appending, so that harnesses which end at the
// same time do not mix their lines. A line that a full disk or a kill cut short is skipped with a warning
// when it is read, and the next one begins a new line.
package tally
