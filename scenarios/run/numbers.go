package run

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/loadgen"
	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/scenarios/spec"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// loadConfig is what the load generator needs to know of a plan.
func loadConfig(p plan.Plan, id uint64, brokers []string, recorder *history.Recorder) (loadgen.Config, error) {
	acks, err := client.ParseAcks(string(p.Load.Acks))
	if err != nil {
		return loadgen.Config{}, err
	}
	cfg := loadgen.Config{
		Run: id, Seed: p.Seed, Brokers: brokers, Producers: p.Load.Producers, Rate: p.Rate(),
		RecordSize: int(p.Load.RecordSize), Readers: p.Load.Readers, Recorder: recorder,
		Client: client.Options{MetadataMinAge: time.Duration(p.Load.MetadataMinAge), RetryBackoff: time.Duration(p.Load.RetryBackoff), RequestTimeout: time.Duration(p.Load.RequestTimeout)},
		Producer: client.ProducerSpec{
			Acks: acks, Idempotent: p.Load.Idempotent, Linger: time.Duration(p.Load.Linger),
			BatchMaxBytes: int32(p.Load.BatchSize), DeliveryTimeout: time.Duration(p.Load.DeliveryTimeout), RequestTimeout: time.Duration(p.Load.RequestTimeout),
		},
	}
	cfg.Groups = loadGroups(p)
	cfg.Reader.Isolation, cfg.Reader.AsksForAll = isolation(p.Load.Isolation), has(p, bug.ReadUncommittedReader)
	cfg.Producer.Keys = client.KeySpec{Count: p.Load.Keys, Zipf: p.Load.KeyDistribution == "zipf", Seed: uint64(p.Seed)}
	if t := p.Load.Transactions; t != nil {
		cfg.Producer.Transactions = &client.TransactionSpec{Size: t.Size, AbortRate: t.AbortRate, Timeout: time.Duration(t.Timeout)}
	}
	if !p.Load.Idempotent {
		cfg.Producer.MaxInFlight = p.Load.MaxInFlight
	}
	for _, t := range p.Topics {
		cfg.Topics = append(cfg.Topics, loadgen.Topic{
			Name: t.Name, Partitions: t.Partitions, ReplicationFactor: t.ReplicationFactor, Configs: topicConfigs(t),
		})
	}
	return cfg, nil
}

// loadGroups are the plan's groups as the load generator takes them. The bugs of clients are theirs
// and not those of a node.
func loadGroups(p plan.Plan) (groups []loadgen.Group) {
	for _, g := range p.Groups {
		groups = append(groups, loadgen.Group{Members: g.Members, From: g.From, To: g.To, Isolation: isolation(g.Isolation), GroupSpec: client.GroupSpec{
			Name: g.Name, Assignor: client.Assignor(g.Assignor), Commit: client.Discipline(g.Commit),
			CommitInterval: time.Duration(g.CommitInterval), SessionTimeout: time.Duration(g.SessionTimeout),
			RebalanceTimeout: time.Duration(g.RebalanceTimeout), Heartbeat: time.Duration(g.Heartbeat), Static: g.Static,
			Work: time.Duration(g.Work), TransactionTimeout: time.Duration(g.TransactionTimeout),
			CommitAhead:    has(p, bug.CommitAhead),
			OffsetsOutside: g.Transforms() && has(p, bug.OffsetsOutsideTransactionClient),
		}})
	}
	return groups
}

// isolation of readers by Kafka's name; "" is read_uncommitted.
func isolation(name string) history.Isolation {
	if name == spec.ReadCommitted {
		return history.ReadCommitted
	}
	return history.ReadUncommitted
}

// has reports whether a bug is planted in the nodes.
func has(p plan.Plan, name bug.Name) bool {
	return slices.ContainsFunc(p.Nodes, func(n plan.Node) bool { return slices.Contains(n.Bugs, string(name)) })
}

// topicConfigs are a topic's settings by Kafka's names. What is Kafka's default is not set: a system
// need not know it.
func topicConfigs(t plan.Topic) map[string]string {
	configs := map[string]string{}
	if t.MinISR > 1 {
		configs["min.insync.replicas"] = strconv.Itoa(int(t.MinISR))
	}
	if t.Unclean {
		configs["unclean.leader.election.enable"] = "true"
	}
	if t.CleanupPolicy != "" {
		configs["cleanup.policy"] = t.CleanupPolicy
	}
	for name, value := range map[string]int64{
		"segment.bytes": int64(t.SegmentSize), "min.compaction.lag.ms": time.Duration(t.MinCompactionLag).Milliseconds(),
		"max.compaction.lag.ms": time.Duration(t.MaxCompactionLag).Milliseconds(), "delete.retention.ms": time.Duration(t.DeleteRetention).Milliseconds(),
	} {
		if value > 0 {
			configs[name] = strconv.FormatInt(value, 10)
		}
	}
	return configs
}

// newReport is the part of a report that is in the history.
func newReport(dir, program string, p plan.Plan, recorded recording) report.Run {
	r := report.Run{
		Scenario: p.Scenario, Seed: p.Seed, RunID: fmt.Sprintf("%016x", recorded.meta.Run), Dir: dir,
		System: p.System, Placement: string(p.Placement), Started: recorded.meta.Started,
		Report: recorded.judged, Linearizable: recorded.opinion, Faults: recorded.faults, Outages: split(dir, p, recorded.judged, recorded.faults),
	}
	r.Next = next(r, program, p)
	r.Page = newPage(dir, program, p, recorded)
	return r
}

// planted reports whether any node has a planted bug.
func planted(p plan.Plan) bool {
	return slices.ContainsFunc(p.Nodes, func(n plan.Node) bool { return len(n.Bugs) > 0 })
}

// next suggests what to type now.
func next(r report.Run, program string, p plan.Plan) []string {
	again := program + " verify " + r.Dir
	switch {
	case r.Verdict() == verify.Fail && planted(p):
		return []string{again + "    # judge the recording again", program + " run " + p.Scenario + "    # the same without the bug"}
	case !planted(p) && p.Scenario == "demo":
		return []string{program + " demo --bug ack-early    # a leader that lies, and is caught", again + "    # judge the recording again"}
	}
	return []string{again + "    # judge the recording again"}
}

// addNumbers adds what the load generator measured.
func addNumbers(r *report.Run, p plan.Plan, result *loadgen.Result) {
	a := result.Accounting
	amount := func(name string, n uint64) report.Amount { return report.Amount{Name: name, Records: int64(n)} }
	r.Accounting = []report.Identity{
		{Left: amount("intended", a.Intended), Right: []report.Amount{amount("sent", a.Sent), amount("dropped", a.Dropped)}},
		{Left: amount("sent", a.Sent), Right: []report.Amount{amount("acked", a.Acked), amount("failed", a.Failed), amount("unknown", a.Unknown)}},
	}
	if a.Aborted > 0 {
		r.Accounting[1].Right = slices.Insert(r.Accounting[1].Right, 1, amount("aborted", a.Aborted))
	}
	var received uint64
	for _, reader := range a.Readers {
		if reader.Live {
			received += reader.Received
		}
		r.Accounting = append(r.Accounting, report.Identity{
			Left:  amount(reader.Process+" received", reader.Received),
			Right: []report.Amount{amount("unique", reader.Unique), amount("duplicate", reader.Duplicate)},
		})
	}
	for _, g := range a.Groups {
		r.Accounting = append(r.Accounting,
			report.Identity{
				Left:  amount("group "+g.Name+" polled", g.Polled),
				Right: []report.Amount{amount("processed", g.Processed), amount("barriers", g.Barriers), amount("abandoned", g.Abandoned)},
			},
			report.Identity{
				Left:  amount("group "+g.Name+" processed", g.Processed),
				Right: []report.Amount{amount("unique", g.Unique), amount("again", g.Reprocessed)},
			})
	}
	r.Throughput = report.Throughput{
		Intended: int64(a.Intended), Acked: int64(a.Acked), Received: int64(received),
		AckedBytes: int64(a.Acked) * int64(p.Load.RecordSize), Over: time.Duration(result.Stopped - result.Started),
		AckedOver: result.AckedOver(),
	}
	for _, l := range []struct {
		name    string
		latency loadgen.Latency
	}{{"response", result.Response}, {"service", result.Service}, {"slip", result.Slip}, {"end to end", result.EndToEnd}} {
		r.Latency = append(r.Latency, latency(l.name, l.latency))
	}
	if t := result.Transactions; p.Transactional() {
		r.Transactions = &report.Transactions{
			Committed: int64(t.Committed), Aborted: int64(t.Aborted), Failed: int64(t.Failed), Unknown: int64(t.Unknown),
			Instances: int64(t.Instances), Fenced: int64(t.Fenced), Over: time.Duration(result.Stopped - result.Started),
		}
		r.Latency = append(r.Latency, latency("commit", t.Commit))
	}
	if err := result.Identity(); err != nil {
		r.Assumptions = append(r.Assumptions, verify.Assumption{Name: "measurement", Verdict: verify.Inconclusive, Detail: err.Error()})
	}
}

func latency(name string, l loadgen.Latency) report.Latency {
	out := report.Latency{Name: name, Count: int64(l.Count())}
	for _, percent := range []float64{50, 90, 99, 99.9} {
		value, ok := l.Percentile(percent)
		out.Percentiles = append(out.Percentiles, report.Percentile{Percent: percent, Value: value, OK: ok})
	}
	out.Percentiles = append(out.Percentiles, report.Percentile{Percent: 100, Value: l.Max(), OK: l.Count() > 0})
	return out
}

// faults reads the windows of the faults from the operations of the nemesis.
type faults []report.Fault

// observe takes one stage: injection opens a fault, the proof of its heal closes it. One that was not
// injected, as its target was not there, has no window.
func (f *faults) observe(op *history.Operation) {
	text := op.Fault.Fault + " " + op.Fault.Target
	switch op.Fault.Stage {
	case history.Inject:
		if op.Outcome == history.Fail {
			return
		}
		*f = append(*f, report.Fault{Text: text, From: time.Duration(op.Invoke), Nodes: nodesOf(op.Fault.Target)})
	case history.ProveHealed:
		if i := slices.IndexFunc(*f, func(open report.Fault) bool { return open.Text == text && open.To == 0 }); i >= 0 {
			(*f)[i].To = time.Duration(op.Return)
		}
	}
}

// nodesOf reads the ids of a target as the nemesis writes it: "node 0", "nodes 1, 2".
func nodesOf(target string) []int32 {
	var ids []int32
	_, list, _ := strings.Cut(target, " ")
	for _, text := range strings.Split(list, ", ") {
		if id, err := strconv.ParseInt(text, 10, 32); err == nil {
			ids = append(ids, int32(id))
		}
	}
	return ids
}
