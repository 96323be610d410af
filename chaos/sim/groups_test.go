package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/sim"
	"github.com/logproof/logproof/chaos/timeline"
)

// Groups of every kind, under every fault: no violation, and every mark of groups reached.
func TestGroupSeeds(t *testing.T) {
	var marks sim.Marks
	for seed := int64(1000); seed < 1016 || seed < 1060 && len(missedOfGroups(marks)) > 0; seed++ {
		j := simulate(t, sim.Config{Seed: seed, Groups: sim.WithGroups})
		j.clean(t)
		if len(j.Groups) == 0 {
			t.Fatalf("seed %d has no groups", seed)
		}
		marks.Add(j.Marks)
	}
	for m := sim.CoordinatorMoved; m <= sim.PartitionKept; m++ {
		t.Logf("%8d  %s", marks[m], m)
	}
	for _, m := range missedOfGroups(marks) {
		t.Errorf("no seed reached the mark %q", m)
	}
}

func missedOfGroups(marks sim.Marks) (missed []sim.Mark) {
	for _, m := range marks.Missed() {
		if m >= sim.CoordinatorMoved && m <= sim.PartitionKept {
			missed = append(missed, m)
		}
	}
	return missed
}

// The coordinator of a group is a target like the leader of a partition, and the group goes on when it is gone.
func TestTheCoordinatorGoes(t *testing.T) {
	line := timeline.Timeline{
		{Kind: timeline.Kill, Target: "coordinator(workers)", After: 6 * time.Second, Hold: 3 * time.Second},
		{Kind: sim.PowerLoss, Target: "coordinator(workers)", After: 4 * time.Second, Hold: 2 * time.Second},
	}
	cfg := sim.Config{Seed: 1, Duration: 25 * time.Second, Timeline: line, Groups: sim.WithGroups, Cluster: sim.Cluster{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2}}
	j := simulate(t, cfg)
	j.clean(t)
	if j.Faults != len(line) || j.Marks[sim.CoordinatorMoved] < 2 {
		t.Errorf("%d faults, the coordinator moved %d times", j.Faults, j.Marks[sim.CoordinatorMoved])
	}
	cfg.Groups, cfg.Settle = sim.WithoutGroups, time.Second
	if j := simulate(t, cfg); j.Faults != 0 {
		t.Errorf("%d faults at a coordinator that is not there", j.Faults)
	}
}

// One rebalance is told from the member that goes to who has its partitions then; telling changes nothing.
func TestStoryOfARebalance(t *testing.T) {
	cfg := sim.Config{Seed: 4, Duration: 25 * time.Second, Timeline: timeline.Timeline{}, Groups: sim.WithGroups, Cluster: sim.Cluster{Brokers: 3, Controllers: 3, Replication: 3, MinISR: 2}}
	silent := simulate(t, cfg)
	var lines []string
	cfg.Story = func(l sim.Line) { lines = append(lines, l.Who+" "+l.Text) }
	if told := simulate(t, cfg); told.Hash != silent.Hash {
		t.Errorf("trace hash %x with a story, %x without", told.Hash, silent.Hash)
	}
	text, at := strings.Join(lines, "\n"), 0
	for _, want := range []string{
		"it had orders/", "hears of the rebalance", "and leads it: it assigns", "members in generation", "is assigned orders/", "goes on with orders/", "the rebalance is over",
	} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("the story does not go on with %q:\n%s", want, text)
		}
		at += i
	}
}

// A process that was replaced by another one of its static instance holds on for a while; the owner of its partitions
// is no second one. And a static member of whom a new coordinator never heard is fenced, and started again.
func TestStaticMembersOfTwoProcesses(t *testing.T) {
	for _, seed := range []int64{3013, 2084, 2086} {
		simulate(t, sim.Config{Seed: seed, Duration: 30 * time.Second, Groups: sim.WithGroups}).clean(t)
	}
}

// A static member that was away for a rebalance keeps its place without its partitions (KIP-345), and says later that it
// holds what others have been given meanwhile: neither its sync of a later generation nor its claim counts.
func TestAStaticMemberThatMissedAGeneration(t *testing.T) {
	simulate(t, sim.Config{Seed: 4024, Duration: 20 * time.Second, Groups: sim.WithGroups}).clean(t)
}

// A static member that is doubled, and fenced before its double comes, is not replaced twice: two processes of one name
// would read everything twice.
func TestADoubledMemberIsReplacedOnce(t *testing.T) {
	simulate(t, sim.Config{Seed: 923}).clean(t)
}

// A static member dies when it has given a partition up and has not said so yet: its next process is given the rest, and
// lets the group share out what nobody has.
func TestAStaticMemberThatOwedAJoin(t *testing.T) {
	simulate(t, sim.Config{Seed: 803, Duration: 30 * time.Second}).clean(t)
}

// A broker that was cut off hears of its term as coordinator when the next one has begun and acknowledged commits: what
// it knows then is of no account.
func TestACoordinatorThatHearsLateOfItsTerm(t *testing.T) {
	simulate(t, sim.Config{Seed: 75, Duration: 30 * time.Second, Groups: sim.WithGroups}).clean(t)
}
