// Package control lets another process change what a running node stands on: its disk, its clock.
//
//	chaos ── one line of JSON ──> nodes/1/control.sock ──> Server ──> Node
//	      <─ one line of JSON ──                                       ├─ disk rules, bit rot, power loss
//	                                                                   ├─ clock
//	                                                                   └─ ping: a canary over one link
//
// `logproof broker --control PATH` serves it. A connection may ask as often as it likes, one line of at most
// MaxLine bytes after the other; several connections may ask at once, at most MaxConnections. Only the owner
// of the socket's file may connect. Every request has exactly one key, every answer is {"ok":true,...} or
// {"error":"what, why, and what to do"}:
//
//	{"status":{}}
//	    {"ok":true,"disk":"lose-unsynced,sync-delay=5ms","clock":"-3s"}
//	{"disk":"space=1MiB,sync-delay=5ms"}      replaces the rules, as --disk takes them; "" is a sound disk.
//	    {"ok":true,"disk":"space=1MiB,..."}    lose-unsynced is fixed when the node starts
//	{"clock":"-3s"}                           sets the offset of the node's clock; "0s" ends it
//	    {"ok":true,"clock":"-3s"}
//	{"bit-rot":{"topic":"orders","partition":0,"segment":"sealed","seed":7}}
//	    {"ok":true,"bit-rot":{"file":"orders-0/00000000000000000000.log","position":4711}}
//	{"ping":{"address":"127.0.0.1:9092","timeout":"500ms"}}   the node dials, and sends ApiVersions
//	    {"ok":true,"ping":{"answered":true,"took":"312µs"}}
//	    {"ok":true,"ping":{"answered":false,"took":"500ms","reason":"..."}}
//	{"power-loss":{"seed":7}}                 the process ends as by SIGKILL, without an answer, and its
//	                                          disk keeps, loses or tears what was not synced, as drawn
//
// An answer says what was asked of the node, not what came of it: that stands in the node's events (errno
// and file), and is what a proof of a fault reads.
//
// A socket that a dead process left is replaced; one that somebody serves is not.
package control
