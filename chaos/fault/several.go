package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/logproof/logproof/chaos/timeline"
)

// several is one fault on several nodes or clients at once: each stage is done on all of them side by
// side, and is done when it is done on each.
type several struct {
	faults []Fault
	ends   []timeline.End
}

// Several joins faults, one per end, to one that strikes all of them together. A single one stays as
// it is. A stage that fails on some fails, and says which.
func Several(ends []timeline.End, faults []Fault) Fault {
	if len(faults) == 1 {
		return faults[0]
	}
	return &several{faults, ends}
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
			details[i] = fmt.Sprintf("%s: %s", s.ends[i], detail)
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", s.ends[i], err)
			}
		})
	}
	all.Wait()
	return strings.Join(details, "; "), errors.Join(errs...)
}
