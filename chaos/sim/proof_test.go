package sim

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify/history"
)

// deaf is a recorder that keeps nothing.
type deaf struct{}

func (deaf) Operation(history.Operation) {}
func (deaf) Attempt(history.Attempt)     {}

// every is a fault of each kind that a timeline can ask for.
func every(kind timeline.Kind) timeline.Fault {
	f := timeline.Fault{Kind: kind, Target: "leader(orders,0)", Hold: 200 * time.Millisecond}.WithDefaults()
	switch kind {
	case timeline.Delay, timeline.DelayResponse, timeline.SlowDisk:
		f.Params.Delay = time.Second
	case timeline.Clock:
		f.Params.Offset = -3 * time.Second
	case timeline.RewriteError:
		f.Params.Error = "NOT_LEADER_OR_FOLLOWER"
	case timeline.CrashClient:
		f.Target = "client(0)"
	}
	return f
}

// A fault whose effect is switched off is not proved, and one whose heal is is not proved to have healed.
func TestWhatDoesNothingIsNotProved(t *testing.T) {
	cfg := Config{
		Seed: 1, Duration: 5 * time.Second, Settle: 60 * time.Second,
		Cluster: Cluster{Brokers: 2, Controllers: 1, Replication: 2, MinISR: 1},
		Load:    Load{Partitions: 1, Producers: 2, Readers: 1, Rate: pace.PerSecond(10), RecordSize: 120, Linger: 5 * time.Millisecond},
	}
	nothing := func(*firing) {}
	for _, kind := range slices.Sorted(maps.Keys(ofTimeline)) {
		whole := ofTimeline[kind]
		for stage, disabled := range map[string]effect{
			"prove":        {process: whole.process, inject: nothing, prove: whole.prove, heal: nothing, healed: func(*firing) string { return "it never was" }},
			"prove-healed": {process: whole.process, inject: whole.inject, prove: whole.prove, heal: nothing, healed: whole.healed},
			"":             *whole,
		} {
			ofTimeline[kind] = &disabled
			var failed []string
			cfg.Timeline = timeline.Timeline{every(kind)}
			cfg.Events = func(l Line) {
				if l.Who == "nemesis" && strings.Contains(l.Text, "no proof within") {
					name, _, _ := strings.Cut(l.Text, ":")
					failed = append(failed, name)
				}
			}
			if _, err := Run(cfg, deaf{}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(failed, " "); got != stage {
				t.Errorf("%s: %q was not proved, want %q", kind, got, stage)
			}
		}
		ofTimeline[kind] = whole
	}
}
