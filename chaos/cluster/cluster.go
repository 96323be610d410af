package cluster

import (
	"context"
	"fmt"
	"time"

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

// Disconnecter can take the network of a node away.
type Disconnecter interface {
	// Disconnect takes it away: nothing that the node sends arrives anywhere, nobody reaches the node, and its
	// process runs on.
	Disconnect(ctx context.Context, node int32) error
	// Connect gives it back: the node is reached where it was. One that has its network keeps it.
	Connect(ctx context.Context, node int32) error
	// Pid of the node's newest process, alive or dead; 0 before the first start.
	Pid(node int32) int
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

// Direct tells where the processes of nodes listen themselves, where that is not where others reach them:
// past every link.
type Direct interface {
	// Direct address of a node's listener of clients, or of peers where it serves none, host:port. It may
	// be another one after a restart.
	Direct(node int32) string
}

// Pinger makes a node ask another one: the canary of a link between two nodes.
type Pinger interface {
	// Ping lets node from connect to where node to is reached by its peers and ask for ApiVersions. The error
	// says why from could not be told to; that to did not answer is none.
	Ping(ctx context.Context, from, to int32, within time.Duration) (Pong, error)
}

// Pong is what came of a ping.
type Pong struct {
	Answered bool
	// Took is how long the answer or the end of the attempt took, and Reason says why there was no answer.
	Took   time.Duration
	Reason string
}

// Metered tells where nodes show what they measure.
type Metered interface {
	// Metrics is where a node serves /metrics, host:port.
	Metrics(node int32) string
}

// DiskController can change what the disk of a node does while it runs.
type DiskController interface {
	Killer
	// Disk are the rules that the node's disk goes by, and SetDisk replaces them; they are written as the
	// node's own flag takes them, and "" is a sound disk.
	Disk(ctx context.Context, node int32) (rules string, err error)
	SetDisk(ctx context.Context, node int32, rules string) error
	// Rot changes a bit of a sealed segment of a partition that the node has, drawn by seed, and tells where.
	Rot(ctx context.Context, node int32, topic string, partition int32, seed uint64) (where string, err error)
	// PowerLoss ends the node's process as SIGKILL does; what it had not synced is kept, lost or torn, drawn
	// by seed.
	PowerLoss(ctx context.Context, node int32, seed uint64) error
	// MayEnd says that the node may end by itself from now on, or no longer: a fault makes it.
	MayEnd(node int32, may bool)
	// Events is the file in which the node notes what happens to it, a line of JSON each.
	Events(node int32) string
	// Data is the directory of everything of the node that outlives its process.
	Data(node int32) string
}

// ClockSetter can set the clock of a node off.
type ClockSetter interface {
	// SetClock sets how far the node's clock is ahead of the machine's; 0 is right.
	SetClock(ctx context.Context, node int32, offset time.Duration) error
	// Pid of the node's newest process, alive or dead; 0 before the first start.
	Pid(node int32) int
	// Events is the file in which the node notes what happens to it, a line of JSON each, with the time of its
	// own clock.
	Events(node int32) string
}

// Transferrer can give the leadership of a partition to another of its replicas.
type Transferrer interface {
	Locator
	// Transfer makes a replica that is in sync the leader of a partition.
	Transfer(ctx context.Context, topic string, partition, to int32) error
}

// Reassigner can give a partition other replicas.
type Reassigner interface {
	Locator
	// Brokers of the cluster.
	Brokers() []int32
	// Reassign begins to give a partition other replicas, the preferred leader first; it does not wait until they
	// are in sync.
	Reassign(ctx context.Context, topic string, partition int32, replicas []int32) error
	// Assignment tells which replicas a partition has, and which of them come and go.
	Assignment(ctx context.Context, topic string, partition int32) (Assignment, error)
}

// Assignment of replicas to a partition: those that shall be, and after them those that only still are.
type Assignment struct{ Replicas, Adding, Removing []int32 }

// UnderWay says that replicas come or go.
func (a Assignment) UnderWay() bool { return len(a.Adding)+len(a.Removing) > 0 }

// String is the replicas, and what comes and goes if something does.
func (a Assignment) String() string {
	if !a.UnderWay() {
		return fmt.Sprint(a.Replicas)
	}
	return fmt.Sprintf("%v, of which %v come and %v go", a.Replicas, a.Adding, a.Removing)
}

// AnyNode leaves it open which node is meant.
const AnyNode int32 = -1

// TopicMaker can make a topic that no scenario has: something that changes, for a proof to see.
type TopicMaker interface {
	// MakeTopic makes a topic of one partition, whose name begins with logproof-, with a broker as its only
	// replica, and returns when the broker leads it; AnyNode leaves the broker open.
	MakeTopic(ctx context.Context, node int32) (name string, err error)
	// DropTopic deletes it.
	DropTopic(ctx context.Context, name string) error
}

// ClientCrasher can end clients of the load where they stand.
type ClientCrasher interface {
	// CrashClient ends a client by its number, or all of them with AllOf, without a word to anybody.
	CrashClient(ctx context.Context, number int32) error
	// RestartClient starts what CrashClient ended.
	RestartClient(ctx context.Context, number int32) error
	// Clients is how many there are.
	Clients() int
}

// ClientDoubler can start a second process under the transactional id of a client.
type ClientDoubler interface {
	// DoubleClient starts it beside the client of the number, which goes on and does not know. It is an error if that
	// one does not write in transactions.
	DoubleClient(ctx context.Context, number int32) error
	// Doubled tells how often those that were doubled of the number have been told that they are fenced, and how many
	// ends of transactions have been acknowledged to the number in all.
	Doubled(ctx context.Context, number int32) (fenced int, ended uint64, err error)
}

// ClientNamer tells by which id the clients of the load call themselves in their requests.
type ClientNamer interface {
	// ClientIDs of all of them, by their number. The number after the last is that of canaries.
	ClientIDs() []string
}
