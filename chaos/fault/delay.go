package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/timeline"
)

// tries is over how many requests the time of a link with jitter is averaged.
const tries = 8

// delay lets what flows over the links come later.
//
//	effect: several answers in a row take as long as the delays of their ways there and back, and in between the
//	        node gives each sooner past the link
//	heal:   an answer takes less than that
func delay(f timeline.Fault) linkKind {
	return linkKind{
		struck: again(inARow, func(ctx context.Context, l *links, d dial) error {
			least := leastDelay(f, l.sides(d))
			past, err := roundTrip(ctx, direct(l.cluster, d.to.ID))
			if err != nil {
				return fmt.Errorf("%s, asked past the links: %w", d.to, err)
			}
			took, err := l.meanTime(ctx, d, f.Params.Jitter > 0)
			switch {
			case err != nil:
				return err
			case took < least:
				return fmt.Errorf("an answer takes %v, with the delay it would take %v", took, least)
			case past >= least:
				return fmt.Errorf("the node itself takes %v to answer, so the %v over the link prove nothing", past, took)
			}
			return nil
		}),
		healed: func(ctx context.Context, l *links, d dial) error {
			took, err := l.meanTime(ctx, d, f.Params.Jitter > 0)
			if least := leastDelay(f, l.sides(d)); err == nil && took >= least {
				return fmt.Errorf("an answer still takes %v", took)
			}
			return err
		},
		saw: func(l *links) string {
			return fmt.Sprintf("an answer takes %v or more, and less past the link", leastDelay(f, 1))
		},
	}
}

// again wants a proof several times in a row: once, a busy machine may be what was slow.
func again(times int, prove func(context.Context, *links, dial) error) func(context.Context, *links, dial) error {
	return func(ctx context.Context, l *links, d dial) error {
		for range times {
			if err := prove(ctx, l, d); err != nil {
				return err
			}
		}
		return nil
	}
}

// leastDelay is what an answer takes that is held in so many directions: with jitter half of what it is on
// average, as the average of a few may be below.
func leastDelay(f timeline.Fault, sides int) time.Duration {
	least := time.Duration(sides) * f.Params.Delay
	if f.Params.Jitter > 0 {
		least /= 2
	}
	return least
}

// meanTime is how long answers over a link take: one of them, or some on average.
func (l *links) meanTime(ctx context.Context, d dial, average bool) (time.Duration, error) {
	n := 1
	if average {
		n = tries / inARow
	}
	var sum time.Duration
	for range n {
		p, err := l.ask(ctx, d, patience+4*l.planned.Params.Delay)
		if err != nil {
			return 0, err
		}
		if !p.Answered {
			return 0, fmt.Errorf("a request is not answered: %s", p.Reason)
		}
		sum += p.Took
	}
	return sum / time.Duration(n), nil
}

// roundTrip is how long a node takes to answer.
func roundTrip(ctx context.Context, address string) (time.Duration, error) {
	began := time.Now()
	err := canary.Versions(ctx, address)
	return time.Since(began), err
}
