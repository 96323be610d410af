package coordinator

import (
	"time"

	"github.com/logproof/logproof/broker/api"
)

// lapsed reports whether the controller may have taken this broker for dead, and let another one coordinate what it
// leads; it is so until the first answer has come. A broker that is cut off from the controllers and not from its clients, or that stood still, would go on
// telling members that all is well while others are given their partitions, and offsets that are old: until the
// controller has been heard again, nobody is told anything. Apache Kafka has no such lease.
func (ts *terms[M]) lapsed(now time.Time) bool { return !now.Before(ts.lease) }

// renew takes what the controller's last answer allows. It reports whether a lapse ended.
func (ts *terms[M]) renew(now time.Time, m api.Lease) bool {
	before := ts.lapsed(now)
	ts.lease = m.Until
	return before && !ts.lapsed(now)
}
