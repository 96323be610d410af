package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// several is one fault on several nodes at once: each stage is done on all of them side by side, and
// is done when it is done on each.
type several struct {
	faults []Fault
	nodes  []int32
}

// Several joins faults, one per node, to one that strikes all nodes together. A single one stays as
// it is. A stage that fails on some nodes fails, and says which.
func Several(nodes []int32, faults []Fault) Fault {
	if len(faults) == 1 {
		return faults[0]
	}
	return &several{faults, nodes}
}

// Inject breaks all nodes.
func (s *several) Inject(ctx context.Context) (string, error) {
	return s.stage(func(f Fault) (string, error) { return f.Inject(ctx) })
}

// Prove proves the effect on all nodes.
func (s *several) Prove(ctx context.Context) (string, error) {
	return s.stage(func(f Fault) (string, error) { return f.Prove(ctx) })
}

// Heal heals those nodes that were broken.
func (s *several) Heal(ctx context.Context) (string, error) {
	return s.stage(func(f Fault) (string, error) { return f.Heal(ctx) })
}

// ProveHealed proves that all nodes are healed.
func (s *several) ProveHealed(ctx context.Context) (string, error) {
	return s.stage(func(f Fault) (string, error) { return f.ProveHealed(ctx) })
}

// stage does one stage on every node, also after it failed on another: what can be healed is healed.
func (s *several) stage(do func(Fault) (string, error)) (string, error) {
	details, errs := make([]string, len(s.faults)), make([]error, len(s.faults))
	var all sync.WaitGroup
	for i, f := range s.faults {
		all.Go(func() {
			detail, err := do(f)
			details[i] = fmt.Sprintf("node %d: %s", s.nodes[i], detail)
			if err != nil {
				errs[i] = fmt.Errorf("node %d: %w", s.nodes[i], err)
			}
		})
	}
	all.Wait()
	return strings.Join(details, "; "), errors.Join(errs...)
}
