package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
)

// Kinds of faults of the swarm. Those of a timeline have its names, targets and parameters; the swarm draws
// sizes and links, and some of its kinds have names of their own.
const (
	// PowerLoss ends a machine: what was not synced is lost, torn or kept.
	PowerLoss = timeline.PowerLoss
	// DiskLoss ends a broker's machine, which comes back with an empty disk.
	DiskLoss = timeline.DiskLoss
	// Restart stops a node in order, and starts it again.
	Restart = timeline.Restart
	// Cut holds all packets between two ends, CutOneWay those of one direction, Isolate all of a node.
	Cut                     = timeline.Cut
	CutOneWay timeline.Kind = "cut-one-way"
	Isolate   timeline.Kind = "isolate"
	SlowLink  timeline.Kind = "slow-link"
	SlowSync  timeline.Kind = "slow-sync"
	Clock                   = timeline.Clock
)

// effect is what a kind of fault does. Prove and healed look at what follows from it, not at what it
// set, and say "" as long as there is no proof.
type effect struct {
	// process faults are exclusive on a node; links says which ones are drawn for it.
	process bool
	links   linkChoice
	inject  func(f *firing)
	prove   func(f *firing) string
	heal    func(f *firing)
	healed  func(f *firing) string
}

// linkChoice is which links of a node a fault is about.
type linkChoice uint8

const (
	noLinks   linkChoice = iota
	oneLink              // one direction, to or from another node or a client
	twoLinks             // both directions
	nodeLinks            // both directions of all other nodes and the clients of the load
)

// firing is one fault in force.
type firing struct {
	sim   *simulation
	index int32
	kind  timeline.Kind
	host  *host
	links []*link
	size  time.Duration
	// What a fault of a timeline is told beside that: see executor.
	effect *effect
	params timeline.Params
	end    endpoint
	peers  []endpoint
	// slowdown and rule that it made; counts of its links, probes sent and how long each link, or a sync, took.
	slowdown *slowdown
	rule     *responseRule
	counts   []uint64
	probes   int
	// partition whose replica rots, or whose lead goes from the end to another node, and who is to have it now.
	partition int
	to, goal  int32
	// before and during are the replicas of a partition that is reassigned, shall those that it is to have now.
	before, during, shall []int32
	took                  []time.Duration
	// seen is a counter of the target at the last stage: a proof waits for it to move.
	seen uint64
	// life of the host in which a sync was tried.
	life uint64
	// asking is set while the nemesis asks the node whether it serves, answered once it does.
	asking, answered bool
	// stopped is set once a Restart has ended the process.
	stopped bool
}

// target of the fault, for people.
func (f *firing) target() string {
	text := f.host.String()
	if len(f.links) > 2 {
		return text + fmt.Sprintf(", %d links", len(f.links))
	}
	for _, l := range f.links {
		text += fmt.Sprintf(", %s to %s", l.from, l.to)
	}
	return text
}

// Kinds lists the faults of a timeline that the simulator can do, sorted.
func Kinds() []timeline.Kind { return slices.Sorted(maps.Keys(ofTimeline)) }

// effects holds every fault of the swarm, ofTimeline every one that a timeline can ask for. Both are read-only.
var effects, ofTimeline = map[timeline.Kind]*effect{}, map[timeline.Kind]*effect{}

// drawnKinds are those of the swarm that every seed draws of, in order; some draw of diskKinds too.
var drawnKinds []timeline.Kind

func init() { // as literals the tables would refer to themselves, through the nemesis
	for _, table := range []map[timeline.Kind]*effect{processFaults(), otherFaults()} {
		maps.Copy(effects, table)
	}
	drawnKinds = slices.Sorted(maps.Keys(effects))
	maps.Copy(effects, diskFaults())
	for _, table := range []map[timeline.Kind]*effect{processFaults(), linkFaults(), machineFaults(), responseFaults(), clientFaults(), operatorFaults()} {
		maps.Copy(ofTimeline, table)
	}
}
