// Package event is what a node has to say about itself: typed events, emitted by its actors.
//
//	actor ── fx.Emit(event) ──> runtime ──┬─> events.jsonl   (programs, reports)
//	                                      ├─> log            (people)
//	                                      └─> metrics
//
// An event is a fact that has happened, in the order in which its node saw it. Log lines and
// metrics are made from events, so that the three never tell different stories. The package imports
// nothing of the broker.
package event
