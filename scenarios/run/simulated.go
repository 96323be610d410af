package run

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/partition"
	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify"
)

// Simulation is a plan as the simulator takes it. The error says what the simulator cannot do: it runs
// nodes with flush commit, and idempotent producers with acks=all on one topic. How long a sync takes it
// draws itself; where a process loses what it has not synced, a kill is a power loss.
func Simulation(p plan.Plan) (sim.Config, error) {
	cannot := func(format string, args ...any) (sim.Config, error) {
		return sim.Config{}, fmt.Errorf("%s cannot be simulated: "+format, append([]any{p.Scenario}, args...)...)
	}
	brokers := p.IDs(plan.Broker)
	switch {
	case len(p.Topics) != 1:
		return cannot("it has %d topics, the simulator loads one", len(p.Topics))
	case p.Topics[0].Name != sim.Topic:
		return cannot("its topic is %s, the simulator's is %s", p.Topics[0].Name, sim.Topic)
	case len(p.Groups) > 0:
		return cannot("it has consumer groups on real clients: the simulator has members of its own")
	case p.Load.Transactions != nil:
		return cannot("its producers write in transactions on real clients: the simulator has producers of its own")
	case p.Load.Keys > 0:
		return cannot("its records have keys, the simulator's have none")
	case p.Topics[0].CleanupPolicy != "":
		return cannot("its topic has a cleanup policy, the simulator's topic has none")
	case !p.Load.Idempotent || p.Load.Acks != spec.AcksAll:
		return cannot("its producers are not idempotent with acks=all, the simulator's are")
	}
	var planted []string
	forgets := false
	for _, n := range p.Nodes {
		switch {
		case n.Flush != string(partition.FlushCommit):
			return cannot("node %d has flush %s, the simulator's nodes have commit", n.ID, n.Flush)
		}
		rules, err := disk.Parse(n.Disk)
		if err != nil {
			return cannot("node %d: %w", n.ID, err)
		}
		if rules.Space != 0 || rules.SyncError != 0 {
			return cannot("node %d has the disk rules %q, and the simulator's disks neither fill up nor fail", n.ID, n.Disk)
		}
		forgets = forgets || rules.LoseUnsynced
		planted = n.Bugs // the same on all nodes
	}
	line := slices.Clone(p.Timeline)
	for i := range line {
		if forgets && line[i].Kind == timeline.Kill {
			line[i].Kind = sim.PowerLoss
		}
	}
	rate := p.Rate()
	rate.Per *= time.Duration(p.Load.Producers) // each producer has its share
	cfg := sim.Config{
		Seed: p.Seed, Duration: p.Duration(), Settle: time.Duration(p.Limits.Converge), Timeline: line, Bugs: bug.Set{},
		Guards: p.Guards, Floor: p.Floor.PerSecond,
		Cluster: sim.Cluster{
			Brokers: len(brokers), Controllers: len(p.Nodes) - len(brokers),
			Replication: int(p.Topics[0].ReplicationFactor), MinISR: int(p.Topics[0].MinISR),
		},
		Timing: sim.Timing{
			SessionTimeout: time.Duration(p.Timing.SessionTimeout), Heartbeat: time.Duration(p.Timing.Heartbeat),
			ReplicaLagMax: time.Duration(p.Timing.ReplicaLagMax), QuorumTick: time.Duration(p.Timing.QuorumTick),
		},
		Load: sim.Load{
			Partitions: int(p.Topics[0].Partitions), Producers: p.Load.Producers, Readers: p.Load.Readers,
			Rate: rate, RecordSize: int(p.Load.RecordSize), Linger: time.Duration(p.Load.Linger),
		},
	}
	for _, name := range planted {
		cfg.Bugs[bug.Name(name)] = true
	}
	return cfg, cfg.Validate()
}

// invariants is the rule by which the simulator judges nodes from inside.
const invariants verify.Rule = "invariants"

// simulate executes the plan in virtual time, and judges the history like any other.
func (c *conductor) simulate() (report.Run, error) {
	cfg, err := Simulation(c.cfg.Plan)
	if err != nil {
		return report.Run{}, err
	}
	if err := c.prepare(); err != nil {
		return report.Run{}, err
	}
	c.cfg.Progress.Event("simulate", fmt.Sprintf("%d nodes for %v and more, seed %d", len(c.cfg.Plan.Nodes), cfg.Duration, cfg.Seed))
	notes := newNotes(c.cfg.Dir, c.began)
	cfg.Noted = notes.note
	result, err := sim.Run(cfg, c.recorder)
	if closed := c.recorder.Close(); err == nil && closed != nil {
		err = fmt.Errorf("the history could not be written: %w", closed)
	}
	err = errors.Join(err, notes.close(), writeClock(c.cfg.Dir, notes.reading(0), notes.reading(result.Virtual)))
	if err != nil {
		return report.Run{}, err
	}
	recorded, err := judgeHistory(c.cfg.Dir, c.cfg.Plan, true)
	if err != nil {
		return report.Run{}, err
	}
	recorded.judged = withInvariants(recorded.judged, result)
	r := newReport(c.cfg.Dir, c.cfg.Program, c.cfg.Plan, recorded)
	r.Duration = result.Virtual
	acked := recorded.judged.Counters.RecordsAcked
	r.Throughput = report.Throughput{
		Intended: result.Sent, Acked: acked, AckedBytes: acked * int64(c.cfg.Plan.Load.RecordSize), Over: cfg.Duration, AckedOver: cfg.Duration,
	}
	for _, pending := range result.Pending {
		c.incident("liveness", fmt.Errorf("after everything had healed: %s", pending))
	}
	r.Assumptions = c.incidents
	c.cfg.Progress.Event("simulated", fmt.Sprintf("%d events, trace hash %016x", result.Events, result.Hash))
	return r, c.write(&r)
}

// withInvariants adds what the simulator saw from inside to what verify saw from outside.
func withInvariants(judged verify.Report, result sim.Result) verify.Report {
	inside := verify.RuleResult{
		Rule: invariants, Asked: true, Verdict: verify.Pass, Unit: "event looked at", Checked: int64(result.Events), Total: int64(len(result.Violations)),
	}
	for _, v := range result.Violations {
		inside.Verdict = verify.Fail
		inside.Anomalies = append(inside.Anomalies, verify.Anomaly{Rule: invariants, Class: verify.Class(v.Invariant), Text: fmt.Sprintf("%v: %s", v.At, v.Text)})
	}
	judged.Rules = append(slices.Clone(judged.Rules), inside)
	judged.Verdict = verify.Worst(judged.Verdict, inside.Verdict)
	return judged
}
