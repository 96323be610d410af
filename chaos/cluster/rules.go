package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// LinkHolder is a Linker on which several faults may hold rules at once.
type LinkHolder interface {
	Linker
	// HoldLinks adds rules to those that hold, and returns what takes these away again; what others added
	// stays. It is an error, and changes nothing, if a rule is not valid.
	HoldLinks(ctx context.Context, rules []LinkRule) (release func(context.Context) error, err error)
}

// LinkRules keeps the rules of several faults on the links of one cluster apart, and hands a Linker all of
// them each time. The zero value has none.
type LinkRules struct {
	mu   sync.Mutex
	held []*[]LinkRule
}

// Hold is LinkHolder.HoldLinks on a Linker, the same one each time. A second release does nothing.
func (r *LinkRules) Hold(ctx context.Context, l Linker, rules []LinkRule) (release func(context.Context) error, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	mine := slices.Clone(rules)
	next := append(slices.Clone(r.held), &mine)
	if err := l.SetLinks(ctx, flat(next)); err != nil {
		return nil, fmt.Errorf("set the rules of links: %w", err)
	}
	r.held = next
	return func(ctx context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		rest := slices.DeleteFunc(slices.Clone(r.held), func(held *[]LinkRule) bool { return held == &mine })
		if len(rest) == len(r.held) {
			return nil
		}
		if err := l.SetLinks(ctx, flat(rest)); err != nil {
			return fmt.Errorf("take rules of links away: %w", err)
		}
		r.held = rest
		return nil
	}, nil
}

// All lists the rules that hold.
func (r *LinkRules) All() []LinkRule {
	r.mu.Lock()
	defer r.mu.Unlock()
	return flat(r.held)
}

func flat(held []*[]LinkRule) []LinkRule {
	var all []LinkRule
	for _, rules := range held {
		all = append(all, *rules...)
	}
	return all
}
