package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/timeline"
)

// slowClose keeps connections open after one end has closed them.
//
//	effect: a connection that the node ends, as it got what is no request, ends for the client later by the
//	        delay, and sooner past the link
//	heal:   it ends for the client sooner than that
func slowClose(f timeline.Fault) linkKind {
	least := f.Params.Delay
	return linkKind{
		watched: fromClients,
		struck: func(ctx context.Context, l *links, d dial) error {
			past, err := l.closing(ctx, d, direct(l.cluster, d.to.ID))
			if err != nil {
				return fmt.Errorf("%s, asked past the links: %w", d.to, err)
			}
			took, err := l.closing(ctx, d, l.cluster.Address(d.to.ID))
			switch {
			case err != nil:
				return err
			case took < least:
				return fmt.Errorf("a connection ends %v after the node was to end it", took)
			case past >= least:
				return fmt.Errorf("the node itself takes %v to end a connection, so the %v over the link prove nothing", past, took)
			}
			return nil
		},
		healed: func(ctx context.Context, l *links, d dial) error {
			took, err := l.closing(ctx, d, l.cluster.Address(d.to.ID))
			if err == nil && took >= least {
				return fmt.Errorf("a connection still ends %v after the node was to end it", took)
			}
			return err
		},
		saw: func(*links) string {
			return fmt.Sprintf("a connection that the node ends does so after %v or more, and sooner past the link", least)
		},
	}
}

// closing is how long a node and what lies before it take to end a connection that deserves it.
func (l *links) closing(ctx context.Context, d dial, address string) (time.Duration, error) {
	conn, err := canary.Dial(ctx, address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	c, err := l.canary(ctx, d, versionsQuestion)
	if err != nil {
		return 0, err
	}
	if _, err := conn.Ask(ctx, c); err != nil { // tells who asks
		return 0, err
	}
	began := time.Now() // before: the node may have ended it by the time that this goroutine goes on
	if err := conn.Garbage(); err != nil {
		return 0, err
	}
	limited, cancel := context.WithTimeout(ctx, patience+2*l.planned.Params.Delay)
	defer cancel()
	err = conn.Ended(limited)
	if errors.Is(err, context.DeadlineExceeded) {
		return 0, fmt.Errorf("a connection that carries no request is not ended: %w", err)
	}
	return time.Since(began), nil // ended by FIN or by RST
}
