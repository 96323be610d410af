// Package mesh is a network in memory: listeners, connections, latency, and hosts that are cut off.
//
//	Host "client" ── Dial ──> pair ──> listener of Host "node-0"
//	                          │  pieces on their way, each with its time of arrival
//	                          │  window: who sends more waits
//	                          └─ held while one of the two hosts is cut off, sent when it is back
//
// Connections behave as those of TCP do: half-close, reset, deadlines, a window, errors of package net. They
// are made of channels and timers, so that a testing/synctest bubble sees when everybody waits; a socket
// keeps the clock of a bubble from moving for ever. Nothing here waits with a lock in its hands.
package mesh
