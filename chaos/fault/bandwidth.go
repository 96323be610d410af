package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/cluster"
	"github.com/logproof/logproof/chaos/timeline"
)

const (
	// share of a second for which the bytes of a proof would last at the rate of the fault.
	share = 4
	// mostMoved bounds them, and with them the rates that can be proved.
	mostMoved = 16 << 20
)

// bandwidth lets only so many bytes a second over the links.
//
//	effect: several times in a row as many bytes as the rate lets through in a quarter of a second take half of
//	        that or more, and less than that past the link
//	heal:   they take less over the link too
func bandwidth(f timeline.Fault) linkKind {
	return linkKind{
		watched: fromClients,
		struck: again(inARow, func(ctx context.Context, l *links, d dial) error {
			past, err := l.move(ctx, d, direct(l.cluster, d.to.ID))
			if err != nil {
				return fmt.Errorf("%s, asked past the links: %w", d.to, err)
			}
			over, err := l.move(ctx, d, l.cluster.Address(d.to.ID))
			switch {
			case err != nil:
				return err
			case over <= 1:
				return fmt.Errorf("bytes flow at %.1f times the rate of %d bytes/s", 1/over, f.Params.Rate)
			case past >= 1:
				return fmt.Errorf("the node itself takes no more than %.1f times the rate of %d bytes/s: use a lower rate", 1/past, f.Params.Rate)
			}
			return nil
		}),
		healed: func(ctx context.Context, l *links, d dial) error {
			over, err := l.move(ctx, d, l.cluster.Address(d.to.ID))
			if err == nil && over > 1 {
				return fmt.Errorf("bytes still flow at no more than %.1f times the rate of %d bytes/s", 1/over, f.Params.Rate)
			}
			return err
		},
		saw: func(*links) string {
			return fmt.Sprintf("bytes flow at less than twice %d a second, and faster past the link", f.Params.Rate)
		},
	}
}

// move sends or fetches a volume of bytes, in the direction in which the fault strikes, and tells how long it
// took in terms of half the time that the rate would let it take.
func (l *links) move(ctx context.Context, d dial, address string) (float64, error) {
	id, err := l.clientID(d.from)
	if err != nil {
		return 0, err
	}
	rate := l.planned.Params.Rate
	volume := canary.Volume{Bytes: int(max(1, min(rate/share, mostMoved))), ClientID: id}
	move := canary.Upload
	if !l.struckOn(d.link()) {
		move = canary.Download
	}
	moved, took, err := move(ctx, address, volume)
	if err != nil {
		return 0, err
	}
	half := time.Duration(float64(moved) / float64(rate) / 2 * float64(time.Second))
	return float64(took) / float64(max(1, half)), nil
}

// struckOn reports whether a rule of the fault holds on a link.
func (l *links) struckOn(link cluster.Link) bool {
	for _, r := range l.rules {
		if r.Link == link {
			return true
		}
	}
	return false
}
