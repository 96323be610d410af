package plan

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/scenarios/spec"
)

// Overrides of a scenario, given at the command line. The zero value changes nothing.
type Overrides struct {
	// Bugs to plant in every node, in any order.
	Bugs []string
	// Rate in place of the scenario's; the floors follow it.
	Rate pace.Rate
	// Placement in place of the scenario's; "" leaves that.
	Placement timeline.Placement
}

// MaxNodes that a system can run on one machine; a system that is not here has no limit.
func MaxNodes(system string) int {
	if system == spec.SystemReference {
		return 16
	}
	return math.MaxInt
}

// maxCombined is how many brokers are controllers too where no node is one only: more voters make the
// quorum slower and save it from failures that no scenario asks for.
const maxCombined = 3

// Make builds the plan of a scenario. The error is a spec.Errors: everything that cannot be done,
// each with the place in the file that asks for it.
func Make(s spec.Spec, seed int64, over Overrides) (Plan, error) {
	p := Plan{
		Schema: Schema, Scenario: s.Name, Description: s.Description, Seed: seed,
		System: s.System, Placement: cmp.Or(over.Placement, s.Placement),
		Nodes: nodes(s, over.Bugs),
		Timing: Timing{
			SessionTimeout: s.Timing.SessionTimeout, Heartbeat: s.Timing.Heartbeat,
			ReplicaLagMax: s.Timing.ReplicaLagMax, QuorumTick: s.Timing.QuorumTick,
		},
		Timeline:   timeline.Timeline{},
		LeaderTour: s.LeaderTour,
		Checks:     slices.Clone(s.Checks),
		Budgets:    budgets(s),
		Groups:     groups(s),
		Load: Load{
			Delivery: s.Load.Delivery, Isolation: s.Load.Isolation, Keys: s.Load.Keys, KeyDistribution: s.Load.KeyDistribution,
			RecordSize: s.Load.RecordSize, Producers: s.Load.Producers, Readers: s.Load.Readers,
			Acks: s.Load.Acks, Idempotent: s.Load.Idempotent, Linger: s.Load.Linger,
			MaxInFlight: s.Load.MaxInFlight, BatchSize: s.Load.BatchSize, DeliveryTimeout: s.Load.DeliveryTimeout,
			MetadataMinAge: s.Load.MetadataMinAge, RetryBackoff: s.Load.RetryBackoff, RequestTimeout: s.Load.RequestTimeout,
		},
		Limits: Limits{Converge: s.Limits.Converge, Total: s.Limits.Total},
	}
	for _, t := range s.Topics {
		p.Topics = append(p.Topics, Topic{
			Name: t.Name, Partitions: int32(t.Partitions), ReplicationFactor: int16(t.ReplicationFactor), MinISR: int16(t.MinISR), Unclean: t.Unclean,
			CleanupPolicy: t.CleanupPolicy, SegmentSize: t.SegmentSize,
			MinCompactionLag: t.MinCompactionLag, MaxCompactionLag: t.MaxCompactionLag, DeleteRetention: t.DeleteRetention,
		})
	}
	if s.Load.Delivery == spec.DeliverTransactional {
		p.Load.Transactions = &Transactions{Size: s.Load.Transactions.Size, AbortRate: s.Load.Transactions.AbortRate, Timeout: s.Load.Transactions.Timeout}
	}
	e := expansion{
		seed: seed, members: p.members(), topics: p.topics(), converge: s.Limits.Converge,
		guards: timeline.Guards{MaxDown: s.Guards.MaxDown, KeepQuorum: s.Guards.KeepQuorum},
	}
	e.entries("timeline", s.Timeline)
	p.Timeline, p.Guards = append(p.Timeline, e.line...), e.guards
	if s.Expect != nil {
		p.Expect = &Expect{Bug: s.Expect.Bug, Rule: s.Expect.Rule, Class: s.Expect.Class, Also: slices.Clone(s.Expect.Also)}
	}
	rate := s.Load.Rate
	if over.Rate != (pace.Rate{}) {
		rate = over.Rate
		s.Floor.Acked, s.Floor.Read = 0, 0 // they were meant for the scenario's rate
	}
	p.Phases = phases(s, rate, p.Timeline)
	p.Floor = floor(s, rate, p.Phases, p.Timeline)
	if errs := problems(s, p, e, over); len(errs) > 0 {
		return Plan{}, errs.Sorted()
	}
	return p, nil
}

// nodes lists the nodes of a scenario: brokers with ids from 0, and nodes that are controllers only
// with ids from spec.FirstController. Without those, as many brokers vote as make an odd number.
func nodes(s spec.Spec, bugs []string) []Node {
	bugs = slices.Compact(slices.Sorted(slices.Values(bugs)))
	if bugs == nil {
		bugs = []string{} // [] in JSON, not null
	}
	var all []Node
	voters := Combined(s.Brokers, s.Controllers)
	for i := range s.Brokers {
		n := Node{ID: int32(i), Roles: []Role{Broker}, Flush: s.Flush, Disk: s.Disk, SegmentSize: s.SegmentSize, Bugs: bugs}
		if i < voters {
			n.Roles = append(n.Roles, Controller)
		}
		if len(s.Racks) > 0 {
			n.Rack = s.Racks[i%len(s.Racks)]
		}
		all = append(all, n)
	}
	for i := range s.Controllers {
		all = append(all, Node{ID: int32(spec.FirstController + i), Roles: []Role{Controller}, Flush: s.Flush, SegmentSize: s.SegmentSize, Bugs: bugs})
	}
	return all
}

// Combined is how many of the brokers are controllers too, those with the lowest ids: none where other
// nodes are controllers only, else an odd number of at most three, as an even one survives no more.
func Combined(brokers, controllers int) int {
	if controllers > 0 {
		return 0
	}
	return min(brokers-1|1, maxCombined)
}

// phases of the load: one rate, three gates.
func phases(s spec.Spec, rate pace.Rate, line timeline.Timeline) []Phase {
	all := []Phase{{Name: WarmUp, Rate: rate, Hold: s.WarmUp.Hold, Within: s.WarmUp.Within}}
	if len(line) > 0 {
		all = append(all, Phase{Name: Faults, Rate: rate, Hold: spec.Duration(line.Duration())})
	}
	return append(all, Phase{Name: CoolDown, Rate: rate, Hold: s.CoolDown})
}

// floor turns the scenario's parts into numbers of records. Where the scenario names no totals, they
// are what the floor's rate gives in the time that the load is not broken; each reader reads it all.
func floor(s spec.Spec, rate pace.Rate, phases []Phase, line timeline.Timeline) Floor {
	perSecond := rate.RecordsPerSecond() * s.Floor.Rate
	f := Floor{PerSecond: max(1, int64(math.Ceil(perSecond))), Acked: s.Floor.Acked, Read: s.Floor.Read}
	whole := -line.InForce()
	for _, phase := range phases {
		whole += time.Duration(phase.Hold)
	}
	if f.Acked == 0 {
		f.Acked = max(1, int64(perSecond*whole.Seconds()))
	}
	if f.Read == 0 {
		f.Read = f.Acked * int64(s.Load.Readers)
	}
	return f
}

// problems lists what cannot be done.
func problems(s spec.Spec, p Plan, e expansion, over Overrides) spec.Errors {
	var errs spec.Errors
	add := func(path, format string, args ...any) { errs = append(errs, s.Errorf(path, format, args...)) }
	if most := MaxNodes(s.System); len(p.Nodes) > most {
		add("brokers", "%d brokers and %d controllers are %d nodes, and system %s runs on at most %d of one machine: write fewer",
			s.Brokers, s.Controllers, len(p.Nodes), s.System, most)
	}
	for _, problem := range e.all(p) {
		add(problem.path, "%s", problem.text)
	}
	if least := p.Duration(); time.Duration(s.Limits.Total) <= least {
		add("limits.total", "limits.total is %v: the phases alone take %v", s.Limits.Total, least)
	}
	if over.Rate != (pace.Rate{}) {
		if err := over.Rate.Validate(); err != nil {
			add("load.rate", "the rate that was given in place of this one: %v", err)
		}
	}
	if slices.Contains(over.Bugs, "") {
		add("", "a bug to plant has no name")
	}
	return errs
}

// members of the cluster, and how many clients its load has.
func (p Plan) members() timeline.Members {
	m := timeline.Members{Brokers: p.IDs(Broker), Voters: p.IDs(Controller), Clients: p.clients(), Groups: p.GroupNames(), Transactional: p.TransactionalIDs()}
	for _, n := range p.Nodes {
		m.Nodes = append(m.Nodes, n.ID)
	}
	return m
}

// topics of the run, as a timeline needs them.
func (p Plan) topics() []timeline.Topic {
	var topics []timeline.Topic
	for _, t := range p.Topics {
		topics = append(topics, timeline.Topic{Name: t.Name, Partitions: t.Partitions, ReplicationFactor: t.ReplicationFactor})
	}
	return topics
}
