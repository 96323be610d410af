package sim_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// judged is one run and what verify says of its history.
type judged struct {
	sim.Result
	report verify.Report
}

// simulate runs one configuration, records its history in memory and judges it.
func simulate(t *testing.T, cfg sim.Config) judged {
	t.Helper()
	var file bytes.Buffer
	rec, err := history.NewRecorder(&file, history.Meta{Run: 1, Seed: cfg.Seed}, func() history.Time { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	result, err := sim.Run(cfg, rec)
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	src, err := history.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Check(src, verify.Expect{
		Partitions: result.Partitions(), Groups: result.Groups, Idempotent: true, MinAcked: 1, MinRead: 1,
		Faults: result.Faults, RequireScan: true, RequireAttempts: true,
		Transactions: result.TransactionTimeout > 0, TransactionTimeout: result.TransactionTimeout, ExactlyOnce: transforms(result),
	})
	if err != nil {
		t.Fatal(err)
	}
	return judged{result, report}
}

// transforms of a run as verify names them.
func transforms(result sim.Result) (all []verify.Transform) {
	for _, t := range result.Transforms {
		all = append(all, verify.Transform{Group: t.Group, Inputs: t.Inputs, Outputs: t.Outputs})
	}
	return all
}

// clean reports everything that is wrong with a run of a broker without planted bugs.
func (j judged) clean(t *testing.T) {
	t.Helper()
	for _, v := range j.Violations {
		t.Errorf("seed %d: %v", j.Seed, v)
	}
	for _, p := range j.Pending {
		t.Errorf("seed %d: pending: %s", j.Seed, p)
	}
	if j.report.Verdict == verify.Pass {
		return
	}
	t.Errorf("seed %d: verdict %s; replay: logproof sim --seed %d --trace", j.Seed, j.report.Verdict, j.Seed)
	for _, a := range j.report.Assumptions {
		if a.Verdict != verify.Pass {
			t.Errorf("seed %d: %s: %s", j.Seed, a.Name, a.Detail)
		}
	}
	for _, rule := range j.report.Rules {
		if rule.Verdict == verify.Inconclusive {
			t.Errorf("seed %d: %s: %s", j.Seed, rule.Rule, rule.Skipped)
		}
		for _, a := range rule.Anomalies {
			t.Errorf("seed %d: %s", j.Seed, a.Text)
		}
	}
}

// TestSeeds is the campaign that runs with every test: no violation, and every reach mark reached. Rare
// marks may take more seeds than the rest needs.
func TestSeeds(t *testing.T) {
	var marks sim.Marks
	var events uint64
	began := time.Now()
	for seed := int64(0); seed < 40 || seed < 120 && len(marks.Missed()) > 0; seed++ {
		j := simulate(t, sim.Campaign(seed))
		j.clean(t)
		marks.Add(j.Marks)
		events += j.Events
	}
	took := time.Since(began)
	t.Logf("%d events, %.0f events/s", events, float64(events)/took.Seconds())
	for i, n := range marks {
		t.Logf("%8d  %s", n, sim.Mark(i))
	}
	for _, m := range marks.Missed() {
		t.Errorf("no seed reached the mark %q", m)
	}
}

// The same seed gives the same trace, whatever the number of processors, and another seed another.
func TestEqualSeedsGiveEqualTraces(t *testing.T) {
	seen := map[uint64]int64{}
	for seed := range int64(4) {
		var hashes []uint64
		for _, procs := range []int{1, 2, 1} {
			before := runtime.GOMAXPROCS(procs)
			hashes = append(hashes, simulate(t, sim.Config{Seed: seed, Duration: 20 * time.Second}).Hash)
			runtime.GOMAXPROCS(before)
		}
		if hashes[0] != hashes[1] || hashes[0] != hashes[2] {
			t.Errorf("seed %d: trace hashes %x", seed, hashes)
		}
		t.Logf("seed %d: trace hash %016x", seed, hashes[0])
		if other, ok := seen[hashes[0]]; ok {
			t.Errorf("seeds %d and %d have the same trace", other, seed)
		}
		seen[hashes[0]] = seed
	}
}

// Telling the story changes nothing, and it tells of one record and one failover.
func TestStory(t *testing.T) {
	var lines []string
	cfg := sim.Config{
		Seed: 3, Duration: 15 * time.Second, Cluster: sim.Cluster{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2},
		Timeline: timeline.Timeline{
			{Kind: sim.PowerLoss, Target: timeline.RoleTarget(timeline.Leader, sim.Topic, 0), After: 3 * time.Second, Hold: 4 * time.Second},
		},
	}
	silent := simulate(t, cfg)
	silent.clean(t)
	cfg.Story = func(l sim.Line) { lines = append(lines, fmt.Sprintf("%s %s", l.Who, l.Text)) }
	cfg.Events = func(sim.Line) {}
	told := simulate(t, cfg)
	if silent.Hash != told.Hash {
		t.Errorf("trace hash %x with a story, %x without", told.Hash, silent.Hash)
	}
	text := strings.Join(lines, "\n")
	at := 0
	for _, want := range []string{
		"producer-0 sends record 0 of orders/0", "appends: log end", "moves the high watermark", "is told that record 0 has offset",
		"loses its power, and it led orders/", "is fenced", "leads, ISR", "from offset", "is told that its batch",
		"is started again", "registered, with epoch", "recovered to offset", "is unfenced", "ISR", "the failover is over",
	} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("the story does not go on with %q:\n%s", want, text)
		}
		at += i
	}
	for _, want := range []string{"has fetched the record and appends it", "begins to sync", "the sync is done", "learns of the high watermark", "reads record 0 of orders/0"} {
		if !strings.Contains(text, want) {
			t.Errorf("the story does not say %q:\n%s", want, text)
		}
	}
}

// Every fault can be executed from a timeline, and is proved in and out.
func TestTimelineOfEveryFault(t *testing.T) {
	var line timeline.Timeline
	for _, k := range sim.Kinds() {
		f := timeline.Fault{Kind: k, Target: timeline.Any, After: time.Second, Hold: 700 * time.Millisecond}
		switch k {
		case timeline.Delay, timeline.DelayResponse, timeline.SlowDisk:
			f.Params.Delay = 500 * time.Millisecond
		case timeline.Clock:
			f.Params.Offset = -3 * time.Second
		case timeline.RewriteError:
			f.Params.Error = "NOT_LEADER_OR_FOLLOWER"
		case timeline.TransferLeader, timeline.Reassign:
			f.Target = "leader(orders,0)"
		case timeline.CrashClient:
			f.Target = "client(0)"
		}
		if f.Params.API = f.WithDefaults().Params.API; f.Params.API != "" {
			f.Target = "leader(orders,0)" // whose responses there are
		}
		line = append(line, f)
	}
	j := simulate(t, sim.Config{
		Seed: 1, Timeline: line, Cluster: sim.Cluster{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2},
		Load: sim.Load{Partitions: 2, Producers: 2, Readers: 2, Rate: pace.PerSecond(40), RecordSize: 120, Linger: 5 * time.Millisecond},
	})
	j.clean(t)
	if j.Faults != len(line) || len(line) < 8 {
		t.Errorf("%d faults of a timeline of %d", j.Faults, len(line))
	}
}

// A broker that is killed while it registers is no stranger to the epoch that it got: nobody is elected
// uncleanly because of that.
func TestKilledWhileRegistering(t *testing.T) {
	for _, seed := range []int64{5, 10, 13} {
		simulate(t, sim.Config{Seed: seed, Plot: "newborn"}).clean(t)
	}
}

// An answer that was on its way when its process ended does not prove that the node is back.
func TestAnAnswerOfAFormerLifeProvesNothing(t *testing.T) {
	simulate(t, sim.Config{Seed: 2925}).clean(t)
}

// A broker that starts as none of the replicas deletes its log, and may be one again before it says so.
func TestAReplicaThatWasAwayComesBackEmpty(t *testing.T) {
	simulate(t, sim.Config{Seed: 3109}).clean(t)
}

// A truncation whose sync fails leaves what lies below it alone, above the follower's high watermark too.
func TestATruncationThatIsNotSynced(t *testing.T) {
	for _, seed := range []int64{829, 849} {
		simulate(t, sim.Config{Seed: seed}).clean(t)
	}
}

// A disk that fails, or is full, while a damaged segment is set aside or a log is truncated ends the process half way:
// what it had in memory then is nobody's any more, and what is on the disk is the log up to the cut, or all of it.
func TestALogCutWhileTheDiskFails(t *testing.T) {
	for _, seed := range []int64{1456, 1820, 4313, 4921} {
		simulate(t, sim.Config{Seed: seed}).clean(t)
	}
}

// A process that was started again, with a disk that works, had made a full disk unproved.
func TestANewbornWithAFullDisk(t *testing.T) {
	simulate(t, sim.Config{Seed: 2121}).clean(t)
}

// A plot ends a process that has just come back, but not one that another fault is about to stop: that would wait for an
// end that nobody tells it of.
func TestANewbornThatIsStopped(t *testing.T) {
	simulate(t, sim.Config{Seed: 4086, Duration: 30 * time.Second}).clean(t)
}

// The first batch of a producer that is refused for want of replicas, while the second is on its way and the replicas
// come, must not leave the second as the first: found when topics were made while brokers were away.
func TestTheFirstBatchStaysTheFirst(t *testing.T) {
	simulate(t, sim.Config{Seed: 5190, Duration: 20 * time.Second}).clean(t)
}

func TestBadConfigurations(t *testing.T) {
	for want, cfg := range map[string]sim.Config{
		"must not be negative":        {Duration: -1},
		`cannot do "flood"`:           {Timeline: timeline.Timeline{{Kind: "flood", Target: timeline.Any}}},
		"no such node":                {Timeline: timeline.Timeline{{Kind: timeline.Kill, Target: "node(44)"}}},
		"the timeline takes at least": {Duration: time.Second, Timeline: timeline.Timeline{{Kind: timeline.Kill, Target: timeline.Any, After: time.Hour}}},
		"at least one partition":      {Load: sim.Load{Producers: 1, Readers: 1, Rate: pace.PerSecond(1), RecordSize: 100}},
		"below the header":            {Load: sim.Load{Partitions: 1, Producers: 1, Readers: 1, Rate: pace.PerSecond(1), RecordSize: 1}},
		"want 1 to 2":                 {Cluster: sim.Cluster{Brokers: 2, Replication: 3, MinISR: 1}},
		"unknown plot":                {Plot: "revenge"},
		"rate has no records":         {Load: sim.Load{Partitions: 1, Producers: 1, Readers: 1, RecordSize: 100}},
	} {
		if _, err := sim.Run(cfg, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// What does not settle in time is named.
func TestPendingIsNamed(t *testing.T) {
	j := simulate(t, sim.Config{Seed: 2, Settle: time.Millisecond})
	if len(j.Pending) != 1 || j.Pending[0] != "the topic was not created" || j.report.Verdict == verify.Pass {
		t.Errorf("verdict %s, pending %q", j.report.Verdict, j.Pending)
	}
}

// classes of the anomalies of a report, in the order of its rules.
func classes(r verify.Report) (found []verify.Class) {
	for _, rule := range r.Rules {
		for _, a := range rule.Anomalies {
			if !slices.Contains(found, a.Class) {
				found = append(found, a.Class)
			}
		}
	}
	return found
}
