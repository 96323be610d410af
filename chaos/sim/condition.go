package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
)

const (
	// pulseEvery is how often the load's progress is noted while a timeline is executed, and pulses how
	// many notes are a second.
	pulseEvery = 100 * time.Millisecond
	pulses     = 10
)

// pulse notes how many records were acknowledged, again and again while the timeline is not done.
func (n *nemesis) pulse() {
	n.acked = append(n.acked, n.sim.acked)
	if len(n.acked) > pulses+1 {
		n.acked = n.acked[1:]
	}
	if !n.timeline.done {
		n.sim.after(pulseEvery, kindFault, n.pulse)
	}
}

// lastSecond is how many records were acknowledged in it.
func (n *nemesis) lastSecond() int64 {
	if len(n.acked) <= pulses {
		return 0
	}
	return n.acked[len(n.acked)-1] - n.acked[0]
}

// floor looks whether the load has held its floor for a while without a break, from the first look on.
func (n *nemesis) floor(hold time.Duration) func() string {
	least := n.sim.cfg.Floor
	if least == 0 {
		load := n.sim.terrain.load
		least = int64(load.Rate.RecordsPerSecond() * float64(load.Producers) / 2)
	}
	held, since := false, time.Duration(0)
	return func() string {
		now := n.sim.now
		if last := n.lastSecond(); last < least {
			held = false
			return fmt.Sprintf("the load did not hold its floor of %d acknowledged records/s for %v: %d in the last second", least, hold, last)
		}
		if !held {
			held, since = true, now
		}
		if now-since < hold {
			return fmt.Sprintf("the load has held its floor for %v of %v", now-since, hold)
		}
		return ""
	}
}

// condition looks at what a fault waits for, but for Elsewhere; "" is that it is true.
func (n *nemesis) condition(c timeline.Condition) func() string {
	held := n.floor(c.Floor)
	return func() string {
		if c.Floor > 0 {
			if text := held(); text != "" {
				return text
			}
		}
		if lag := n.sim.acked*int64(len(n.sim.readers)) - n.sim.seen; c.Lag > 0 && lag > c.Lag {
			return fmt.Sprintf("the readers are %d records behind", lag)
		}
		if c.InSync == "" {
			return ""
		}
		return strings.Join(n.sim.checker.behind(), "; ")
	}
}
