// Package manual says of every kind of fault what it does, how that is proved, and what one should see.
//
//	timeline.Kinds (what it is called, takes and needs) + Page (in words, with an example) ──> logproof chaos explain
//
// It is data: a test holds that no kind is without a page and that every example can be run.
package manual
