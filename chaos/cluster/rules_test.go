package cluster

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// noted is a Linker that notes the rules it was handed last.
type noted struct {
	rules []LinkRule
	err   error
}

func (n *noted) SetLinks(_ context.Context, rules []LinkRule) error {
	if n.err == nil {
		n.rules = slices.Clone(rules)
	}
	return n.err
}
func (n *noted) Links(context.Context) ([]LinkConnection, error) { return nil, nil }

func TestRulesOfSeveralFaultsHoldTogether(t *testing.T) {
	var held LinkRules
	linker := &noted{}
	cut := LinkRule{Link: Link{NodeEnd(0), AllNodes}, Mode: Cut}
	stall := LinkRule{Link: Link{NodeEnd(1), AllClients}, Mode: Stall}
	first, err := held.Hold(t.Context(), linker, []LinkRule{cut})
	if err != nil {
		t.Fatal(err)
	}
	second, err := held.Hold(t.Context(), linker, []LinkRule{stall, stall})
	if err != nil || !slices.Equal(linker.rules, []LinkRule{cut, stall, stall}) {
		t.Fatalf("in force are %v, %v", linker.rules, err)
	}
	linker.err = errors.New("no such api")
	if _, err := held.Hold(t.Context(), linker, []LinkRule{cut}); !errors.Is(err, linker.err) {
		t.Errorf("a rule that is refused: %v", err)
	}
	if err := first(t.Context()); !errors.Is(err, linker.err) {
		t.Errorf("a release that is refused: %v", err)
	}
	linker.err = nil
	for range 2 {
		if err := first(t.Context()); err != nil || !slices.Equal(linker.rules, []LinkRule{stall, stall}) {
			t.Errorf("left are %v, %v", linker.rules, err)
		}
	}
	if err := second(t.Context()); err != nil || len(linker.rules) != 0 || len(held.All()) != 0 {
		t.Errorf("left are %v, %v", linker.rules, err)
	}
}
