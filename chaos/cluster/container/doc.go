// Package container places every node of a cluster in a container of its own, on a network of its own.
//
//	127.0.0.1                      this machine                      bridge network of the run
//	client ──Address──> link proxy ──Direct──> published port ──> node 0   /node = nodes/0 of the run directory
//	                    link proxy <──Peers at the gateway────── node 1   broker.log, data, control.sock
//	                        │ the container's address says who dialled
//	Kill / Pause / Disconnect ──Docker API──> engine ──> container
//	image logproof:<hash of the program> FROM scratch, with the program and nothing else
//
// A container runs one process, and all that package process knows of a node holds for it: where it listens,
// its log, its control socket, its pid in /proc, which is where proofs look and not at the engine. So this
// package is a process.Starter, and an engine behind it, through testcontainers-go.
//
// # Networking
//
// The nodes are on a bridge network, as in a real deployment, and not on that of the machine: a network that
// is shared cannot be taken away. Every port is published on 127.0.0.1 under its own number, and nodes advertise
// the link proxy, to clients at 127.0.0.1 and to peers at the gateway of the network, which is this machine as
// containers see it. The proxy keeps those ports for the whole run, so a container that is killed and started
// again is found where it was, under the same address of the network too: each node has a fixed one, by which
// the proxy knows who dialled, as a container's sockets are in no table of this machine. To be given fixed
// addresses a network needs a subnet that was asked for, so one is made first to learn a free one.
//
// A node that is off its network has no published port either: the engine closes it, and opens it again after.
//
// # What is left behind
//
// Nothing: containers, network and image carry the label org.logproof.run with the id of the run, which is in
// the ledger before the first of them is made. Stop removes what has the label, and so does the next harness
// where this one was killed (see Healer). The reaper of testcontainers is switched off: it is an image from a
// registry. The engine must be one of this machine, with the rights to it.
package container
