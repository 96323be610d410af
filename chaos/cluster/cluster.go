package cluster

import (
	"context"

	"github.com/logproof/logproof/chaos/timeline"
)

// Cluster is a set of nodes that serve the Kafka protocol.
type Cluster interface {
	// Nodes lists the ids of all nodes, up or down, ascending.
	Nodes() []int32
	// Brokers lists those of them that serve clients; the others are controllers only.
	Brokers() []int32
	// Address is where clients reach a node, or its peers one that serves no clients, host:port; it
	// does not change during a run.
	Address(node int32) string
	// WaitReady returns when the node answers an ApiVersions request on a new connection, or with
	// an error that says what it last saw when ctx ends.
	WaitReady(ctx context.Context, node int32) error
}

// Killer can end a node at once and start it again.
type Killer interface {
	// Kill sends SIGKILL to the node's process group.
	Kill(ctx context.Context, node int32) error
	// Restart starts the node on the files and the address it had. It does not wait until it serves.
	Restart(ctx context.Context, node int32) error
	// Pid of the node's newest process, alive or dead; 0 before the first start.
	Pid(node int32) int
}

// Pauser can stop a node where it stands and let it go on.
type Pauser interface {
	// Pause sends SIGSTOP to the node's process group: it computes nothing and answers nothing, its
	// connections and its address stay.
	Pause(ctx context.Context, node int32) error
	// Resume sends SIGCONT to it. A group that was not stopped goes on as it did.
	Resume(ctx context.Context, node int32) error
	// Pid of the node's newest process, alive or dead; 0 before the first start.
	Pid(node int32) int
}

// Terminator can stop a node in order and start it again.
type Terminator interface {
	// Terminate sends SIGTERM and returns when the node's process has ended; it is an error if it had to
	// be killed or ended with another status than 0.
	Terminate(ctx context.Context, node int32) error
	// Restart starts the node on the files and the address it had. It does not wait until it serves.
	Restart(ctx context.Context, node int32) error
	// Pid of the node's newest process, alive or dead; 0 before the first start.
	Pid(node int32) int
	// Events is the file in which the node notes what happens to it, a line of JSON each.
	Events(node int32) string
}

// Wiper can delete the files of a node that does not run.
type Wiper interface {
	Killer
	// Data is the directory of everything of the node that outlives its process.
	Data(node int32) string
	// Wipe deletes what is in it. It is an error if the node runs.
	Wipe(ctx context.Context, node int32) error
}

// Replicated can tell whether the replicas of a node are in sync.
type Replicated interface {
	// WaitInSync returns when the node is in the ISR of every partition that it has a replica of, or with
	// an error that names the others when ctx ends. A node that is a controller only has none.
	WaitInSync(ctx context.Context, node int32) error
}

// Locator tells which node has a role now, for targets such as leader(orders,0). It asks the nodes
// that answer: a cluster some nodes of which are down or paused can still be asked.
type Locator = timeline.Locator
