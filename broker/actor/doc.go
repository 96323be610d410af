// Package actor is the vocabulary of a node's stepped machines: addresses, messages, effects.
//
//	          Step(now, message, *Effects)
//	inbox ───────────> actor ───────────> Send · After · Sync · Load · Work · Call · Respond · Emit · Hangup
//	  ^                                      │
//	  └────────── completions <──────────────┘
//
// An actor decides and never waits: it has no clock, goroutine, lock or socket. Its runtime
// (broker/server with goroutines, a simulator with one heap) performs the effects and delivers
// their completions as messages. Package actor imports nothing of the broker.
package actor
