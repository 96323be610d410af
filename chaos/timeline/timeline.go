package timeline

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Kind of a fault, as YAML, the log and the report write it.
type Kind string

// Kinds of faults; the table of kinds says of each what it does.
const (
	// Kill ends a node's process with SIGKILL; healing starts it again on the same files and address.
	Kill Kind = "kill"
	// Pause stops a node's process with SIGSTOP, its connections stay; healing lets it go on.
	Pause Kind = "pause"
	// Restart stops a node with SIGTERM, so that it hands over what it leads and closes its files; healing
	// starts it again.
	Restart Kind = "restart"

	// Faults of links: Cut is silence, Refuse and Reset say so, Stall takes and does not read.
	Cut       Kind = "cut"
	Refuse    Kind = "refuse"
	Reset     Kind = "reset"
	Delay     Kind = "delay"
	Bandwidth Kind = "bandwidth"
	Stall     Kind = "stall"
	SlowClose Kind = "slow-close"

	// Faults of responses, which strike after the node has done what was asked.
	DropResponse      Kind = "drop-response"
	DelayResponse     Kind = "delay-response"
	RewriteError      Kind = "rewrite-error"
	StaleMetadata     Kind = "stale-metadata"
	DuplicateResponse Kind = "duplicate-response"

	// Disconnect takes the network of a node away; healing gives it back.
	Disconnect Kind = "disconnect"

	// DiskLoss kills a node's process and deletes all its files; healing starts it again, empty.
	DiskLoss Kind = "disk-loss"
	// PowerLoss ends a process whose disk loses or tears what was not synced.
	PowerLoss Kind = "power-loss"
	// Faults of a disk that the node goes on to use.
	DiskFull  Kind = "disk-full"
	SyncError Kind = "sync-error"
	SlowDisk  Kind = "slow-disk"
	BitRot    Kind = "bit-rot"
	// Clock sets a node's clock off.
	Clock Kind = "clock"

	// Faults of the cluster as its clients and operators make them.
	TransferLeader Kind = "transfer-leader"
	Reassign       Kind = "reassign"
	CrashClient    Kind = "crash-client"
	// DoubleClient starts a second process under the transactional id of a client.
	DoubleClient    Kind = "double-client"
	ConnectionStorm Kind = "connection-storm"
	Poison          Kind = "poison"
)

// Placement says where the nodes of a cluster run.
type Placement string

const (
	// Process places every node in an operating-system process of its own on this machine.
	Process Placement = "process"
	// Container places every node in a container of its own on this machine, with a network that can be taken away.
	Container Placement = "container"
	// Sim steps every node in the simulator, in virtual time.
	Sim Placement = "sim"
)

// Fault is one entry of a timeline.
type Fault struct {
	Kind   Kind
	Target Target
	// Peers is the other end of the links that a fault of links strikes; "" for other kinds.
	Peers Target
	// Params of the kind.
	Params Params
	// After is how long the load has held its floor when the fault is injected, measured from the
	// end of warm-up (first fault) or from the proof that the previous faults healed. With Overlap
	// it is plain time from the injection of the fault before it.
	After time.Duration
	// Hold is how long the fault stays in force after its effect was proved.
	Hold time.Duration
	// Overlap injects the fault while the one before it is in force: After must be below that one's
	// Hold. The load is not asked to hold its floor: what is in force may well keep it from that.
	Overlap bool
	// Until holds the fault back, after After, until a condition is true.
	Until Condition
	// Drawn is the number, from 1, of the mix that the fault was drawn from; 0 is one that was written. A
	// drawn fault fires when its time has come, also where the one before it has healed by then, and waits
	// for those in force where neither could be proved (see Struck), or where it would break a guard.
	Drawn int
}

// Timeline is executed in order. Faults that overlap form a group with the one before them: each
// heals when its own Hold is over, and the next group begins when all of them are healed.
type Timeline []Fault

// String is the fault as people read it: "kill node(0) after 2s, hold 500ms".
func (f Fault) String() string {
	text := fmt.Sprintf("%s after %v, hold %v", f.What(), f.After, f.Hold)
	if f.Until.Holds() {
		text = fmt.Sprintf("%s after %v and until %v, hold %v", f.What(), f.After, f.Until, f.Hold)
	}
	if f.Overlap && f.Drawn == 0 {
		return "meanwhile " + text
	}
	return text
}

// What is the fault without its times: "delay node(0) (peers nodes, delay 100ms, jitter 5ms)".
func (f Fault) What() string {
	text := fmt.Sprintf("%s %s", f.Kind, f.Target)
	var params []string
	if f.Peers != "" {
		params = append(params, fmt.Sprintf("peers %s", f.Peers))
	}
	for _, name := range ParamNames() {
		if value := f.Params.Text(name); value != "" && !(name == DirectionParam && value == string(Both)) {
			params = append(params, fmt.Sprintf("%s %s", name, value))
		}
	}
	if len(params) > 0 {
		text += " (" + strings.Join(params, ", ") + ")"
	}
	return text
}

// Group is the faults i..end-1 that are in force together with fault i, which opens the group.
func (t Timeline) Group(i int) (end int) {
	for end = i + 1; end < len(t) && t[end].Overlap; end++ {
	}
	return end
}

// Duration is the least time that the timeline takes: every After of a group's first fault, and
// InForce.
func (t Timeline) Duration() time.Duration {
	sum := t.InForce()
	for _, f := range t {
		if !f.Overlap {
			sum += f.After
		}
	}
	return sum
}

// InForce is the least time in which at least one fault is in force: what its proofs and its heals
// take comes on top.
func (t Timeline) InForce() time.Duration {
	var sum time.Duration
	for i := 0; i < len(t); i = t.Group(i) {
		healed := time.Duration(0)
		for k, at := range t.Injections(i) {
			healed = max(healed, at+t[i+k].Hold)
		}
		sum += healed
	}
	return sum
}

// Injections are when the faults of the group that opens with fault i are injected, by the plan, each from
// the injection of the first: what stages and conditions take comes on top.
func (t Timeline) Injections(i int) []time.Duration {
	at := make([]time.Duration, t.Group(i)-i)
	for k := 1; k < len(at); k++ {
		at[k] = at[k-1] + t[i+k].After
	}
	return at
}

// mixes keeps the draws of mixes apart from those of targets, which are numbered by their faults.
const mixes = 1 << 32

// MixDraws is the generator of a mix, numbered from 1: which faults it draws depends on nothing else.
func MixDraws(seed int64, mix int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), mixes+uint64(mix)))
}

// Draw gives the numbers that the target of the i-th fault is drawn with: the same for a seed on every
// placement, whatever other faults drew.
func Draw(seed int64, i int) func(n int) int {
	return rand.New(rand.NewPCG(uint64(seed), uint64(i))).IntN
}
