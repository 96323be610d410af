package coordinator

import (
	"time"

	"github.com/logproof/logproof/broker/api"
)

// lapsed reports whether the controller may have taken this broker for dead, and let another one coordinate its
// groups; it is so until the first answer has come. A broker that is cut off from the controllers and not from its clients, or that stood still, would go on
// telling members that all is well while others are given their partitions, and offsets that are old: until the
// controller has been heard again, nobody is told anything. Apache Kafka has no such lease.
func (c *Coordinator) lapsed(now time.Time) bool { return !now.Before(c.lease) }

// renew takes what the controller's last answer allows. After a lapse members have a whole session before them: they
// could not be heard.
func (c *Coordinator) renew(now time.Time, m api.Lease) {
	before := c.lapsed(now)
	c.lease = m.Until
	if before && !c.lapsed(now) {
		for _, t := range c.ordered() {
			t.machine.Loaded(now)
		}
	}
}
