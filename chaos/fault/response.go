package fault

import (
	"context"
	"fmt"
	"slices"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/timeline"
)

// dropResponse throws answers away after the node did what was asked, and ends their connections.
//
//	effect: the connection of a request ends without an answer, and the same request is answered past the link
//	heal:   it is answered over the link, too
func dropResponse(timeline.Fault) linkKind {
	return linkKind{
		watched: fromClients,
		struck: func(ctx context.Context, l *links, d dial) error {
			_, over, broke, err := l.both(ctx, d, (*canary.Canary).Ask)
			switch {
			case err != nil:
				return err
			case broke == nil:
				return fmt.Errorf("%s is answered after %v", l.api(), over.Took)
			case !broken(broke.Error()):
				return fmt.Errorf("the connection of a request was not ended: %w", broke)
			}
			return nil
		},
		healed: sameAnswer,
		saw: func(l *links) string {
			return l.api() + " is not answered, its connection ends, and it is answered past the link"
		},
	}
}

// duplicateResponse sends answers twice.
//
//	effect: one request has two answers, and past the link one
//	heal:   it has one
func duplicateResponse(timeline.Fault) linkKind {
	return linkKind{
		watched: fromClients,
		struck: func(ctx context.Context, l *links, d dial) error {
			past, over, broke, err := l.both(ctx, d, (*canary.Canary).Copies)
			switch {
			case err != nil:
				return err
			case broke != nil:
				return broke
			case over.Copies < 2 || past.Copies > 1:
				return fmt.Errorf("%s is answered %d times, and past the link %d", l.api(), over.Copies, past.Copies)
			}
			return nil
		},
		healed: sameAnswer,
		saw:    func(l *links) string { return l.api() + " is answered twice, and past the link once" },
	}
}

// delayResponse holds answers after the node did what was asked.
//
//	effect: several answers in a row, or one where they are counted, take as long as the delay, and in between
//	        less past the link
//	heal:   it takes less over the link, too
func delayResponse(f timeline.Fault) linkKind {
	times := inARow
	if f.Params.Count > 0 {
		times = 1 // the proof uses up what the count allows
	}
	return linkKind{
		watched: fromClients,
		struck: again(times, func(ctx context.Context, l *links, d dial) error {
			past, over, broke, err := l.both(ctx, d, (*canary.Canary).Ask)
			switch {
			case err != nil:
				return err
			case broke != nil:
				return broke
			case over.Took < f.Params.Delay:
				return fmt.Errorf("%s is answered after %v", l.api(), over.Took)
			case past.Took >= f.Params.Delay:
				return fmt.Errorf("the node itself takes %v, so the %v over the link prove nothing", past.Took, over.Took)
			}
			return nil
		}),
		healed: sameAnswer,
		saw: func(l *links) string {
			return fmt.Sprintf("%s is answered after %v or more, and sooner past the link", l.api(), f.Params.Delay)
		},
	}
}

// rewriteError puts an error in the place of what answers say.
//
//	effect: an answer has the error of the fault, which the same request has not past the link
//	heal:   both have the same
func rewriteError(f timeline.Fault) linkKind {
	return linkKind{
		watched: fromClients,
		struck: func(ctx context.Context, l *links, d dial) error {
			code, ok := canary.ErrorCode(f.Params.Error)
			if !ok {
				return fmt.Errorf("no error of Kafka is called %q", f.Params.Error)
			}
			past, over, broke, err := l.both(ctx, d, (*canary.Canary).Ask)
			switch {
			case err != nil:
				return err
			case broke != nil:
				return broke
			case slices.Contains(past.Codes, code):
				return fmt.Errorf("the node itself answers %s with %s (%d), so nothing shows that the link does: rewrite it to another error", l.api(), f.Params.Error, code)
			case !slices.Contains(over.Codes, code):
				return fmt.Errorf("%s is answered with the error codes %v, not with %s (%d)", l.api(), over.Codes, f.Params.Error, code)
			}
			return nil
		},
		healed: sameAnswer,
		saw: func(l *links) string {
			return l.api() + " is answered with " + f.Params.Error + ", and otherwise past the link"
		},
	}
}
