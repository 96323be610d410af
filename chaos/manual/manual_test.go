package manual

import (
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/scenarios/plan"
	"github.com/logproof/logproof/scenarios/spec"
)

// Every kind has a page, and its example is one that a scenario takes, of that kind.
func TestEveryKindIsExplained(t *testing.T) {
	for _, info := range timeline.Kinds() {
		p, ok := Find(info.Kind)
		if !ok {
			t.Errorf("%s has no page", info.Kind)
			continue
		}
		for name, text := range map[string]string{"does": p.Does, "effect": p.Effect, "healed": p.Healed, "see": p.See} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s is %q; want a sentence", info.Kind, name, text)
			}
		}
		scenario := "name: example\ndescription: one.\nbrokers: 3\ncontrollers: 3\ndisk: lose-unsynced\nsegment_size: 64KiB\n" +
			"topics: [{name: orders, partitions: 3, replication_factor: 3, min_isr: 2}]\nload: {rate: 100/s, producers: 2, delivery: transactional}\ntimeline:\n  - " + p.Example + "\n"
		s, err := spec.Parse("example.yaml", []byte(scenario))
		if err != nil {
			t.Errorf("the example of %s: %v", info.Kind, err)
			continue
		}
		over := plan.Overrides{}
		if !slices.Contains(info.Placements, timeline.Process) {
			over.Placement = info.Placements[0]
		}
		made, err := plan.Make(s, 1, over)
		if err != nil || len(made.Timeline) != 1 || made.Timeline[0].Kind != info.Kind {
			t.Errorf("the example of %s is planned as %v, %v", info.Kind, made.Timeline, err)
		}
	}
	if n := len(pages) + len(nodePages); n != len(timeline.Kinds()) {
		t.Errorf("%d pages of %d kinds", n, len(timeline.Kinds()))
	}
	if _, ok := Find("explode"); ok {
		t.Error("there is a page of a kind that is none")
	}
}
