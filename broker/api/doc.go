// Package api answers Kafka requests: one file per request, numbered by its key, and the session that keeps their order.
//
//	connection ── Arrived{request} ──> Session ── parts ──> shards, controller
//	                                      │  <── replies ──┘
//	connection <── Respond, in order ─────┘
//
// A session is the actor of one connection. Requests are started in the order in which they arrive
// and worked on side by side; their responses leave in the same order. Each file begins with what
// its request does and what changed between versions.
package api
