package fault

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/chaos/canary"
)

// The faults of responses are all proved alike: the same request, which changes nothing, is put to the node
// twice, past the link and over it, and the two answers are compared.

// both puts the question of the fault past a link and over it. The second error is that of the way over the
// link, where it may be what is to be seen; the third keeps the question from being put at all.
func (l *links) both(ctx context.Context, d dial, ask func(*canary.Canary, context.Context, string) (canary.Answer, error)) (past, over canary.Answer, broke, err error) {
	c, err := l.canary(ctx, d, l.api())
	if err != nil {
		return past, over, nil, err
	}
	limited, cancel := context.WithTimeout(ctx, patience+2*l.planned.Params.Delay)
	defer cancel()
	if past, err = ask(c, limited, direct(l.cluster, d.to.ID)); err != nil {
		return past, over, nil, fmt.Errorf("%s, asked past the links: %w", d.to, err)
	}
	over, broke = ask(c, limited, l.cluster.Address(d.to.ID))
	return past, over, broke, ctx.Err()
}

// api is the request that the canaries of the fault are.
func (l *links) api() string { return cmp.Or(l.planned.Params.API, versionsQuestion) }

// sameAnswer is nil when the question of the fault is answered over the link as it is past it.
func sameAnswer(ctx context.Context, l *links, d dial) error {
	past, over, broke, err := l.both(ctx, d, (*canary.Canary).Copies)
	switch {
	case err != nil:
		return err
	case broke != nil:
		return fmt.Errorf("%s over the link: %w", l.api(), broke)
	case !slices.Equal(past.Codes, over.Codes):
		return fmt.Errorf("%s is answered with the error codes %v, and past the link with %v", l.api(), over.Codes, past.Codes)
	case past.Copies != over.Copies:
		return fmt.Errorf("%s is answered %d times, and past the link %d", l.api(), over.Copies, past.Copies)
	case l.planned.Params.Delay > 0 && over.Took >= l.planned.Params.Delay:
		return fmt.Errorf("%s is answered after %v", l.api(), over.Took.Round(time.Microsecond))
	}
	return nil
}
