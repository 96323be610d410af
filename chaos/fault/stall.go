package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/canary"
	"github.com/logproof/logproof/chaos/timeline"
)

const (
	// roomInBuffers is more than the buffers of a connection and of a proxy hold: who reads, or throws away,
	// takes it, who stalls does not.
	roomInBuffers = 64 << 20
	// fullAfter is how long nothing more is taken when buffers are full.
	fullAfter = 200 * time.Millisecond
)

// stall takes nothing more from the links: buffers fill.
//
//	effect: the link takes a connection and gives no answer, and where requests are stalled of a client
//	        no more of them are taken than fit into buffers
//	heal:   see links
func stall(timeline.Fault) linkKind {
	return linkKind{
		struck: func(ctx context.Context, l *links, d dial) error {
			if err := silentLink(ctx, l, d); err != nil || !d.from.Client || !l.struckOn(d.link()) {
				return err
			}
			conn, err := canary.Dial(ctx, l.cluster.Address(d.to.ID))
			if err != nil {
				return err
			}
			defer conn.Close()
			c, err := l.canary(ctx, d, versionsQuestion)
			if err == nil {
				err = conn.Send(c) // tells who asks
			}
			if err != nil {
				return err
			}
			taken, full, err := conn.Fill(ctx, roomInBuffers, fullAfter)
			if err == nil && !full {
				err = fmt.Errorf("%d bytes were taken: somebody reads them", taken)
			}
			return err
		},
		saw: func(*links) string {
			return fmt.Sprintf("a request is not answered for %v, no more is taken than fits into buffers, and a request is answered past the link", silence)
		},
	}
}
