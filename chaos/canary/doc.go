// Package canary asks a node something, as a client would, and tells what came back, when, and what became of the connection.
//
//	Question {API, topic, partition}
//	   │ New(address past the links)         which version the node speaks
//	   ├─ Ask(the node's own address) ─────> Answer {codes, copies, took}   the node lives and says this
//	   └─ Ask(address behind the link) ────> Answer, silence, a reset       what the link makes of it
//
// It is how faults of links are proved by another way than they were injected: the same question by two
// ways. Nothing that is asked changes anything: what would be written is refused for its checksum. It
// knows Kafka's requests and nothing of faults.
package canary
