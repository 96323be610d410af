// Package controller decides about brokers, partitions, topics and producer ids: a machine over a replayed log.
//
//	request, Tick ──> Machine ──> records + response      (decide)
//	  metadata log ──> Replay(records)                    (become)
//
//	brokers.go    registration, broker epochs         elections.go  fencing -> ISR, ELR, leader
//	sessions.go   heartbeats, controlled shutdown     preferred.go  back to the first replica
//	topics.go     creation and deletion               alter.go      the leader's word on its ISR
//	placement.go  replicas over racks and brokers     reassign.go   other replicas, and back
//	features.go   levels that all brokers agree on    configs.go    settings, live
//
// A decision changes no state of the cluster by itself: its records do, when they are replayed, in
// the process that decided as in one that starts later. The machine is pure; its owner writes the
// log and sends the response once the records are committed. Every decision must be replayed before
// the next is asked for. Which broker was heard of when is the one thing that no record holds: a
// controller that takes over gives every broker a whole session (Activate).
package controller
