package run

import (
	"context"
	"fmt"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen"
)

// load is what conditions ask of the load generator.
type load interface{ Snapshot() loadgen.Snapshot }

// settler is what conditions ask of the cluster.
type settler interface {
	// WaitReplicated returns when every replica of the topics is in the ISR, as all brokers that answer tell.
	WaitReplicated(ctx context.Context, topics ...string) error
}

// lookWithin bounds one look at the replicas: it is looked again soon.
const lookWithin = 500 * time.Millisecond

// conditions looks at what a fault may wait for.
type conditions struct {
	load    load
	cluster settler
	readers int
	// floor is how many records a second must be acknowledged for the load to count as held.
	floor int64
	now   func() time.Time
}

// watch begins to look at a condition: see chaos.Watch.
func (c conditions) watch(cond timeline.Condition) func(context.Context) error {
	var held time.Time // since when the floor holds
	return func(ctx context.Context) error {
		s, now := c.load.Snapshot(), c.now()
		if int64(s.AckedLastSecond) < c.floor {
			held = time.Time{}
		} else if held.IsZero() {
			held = now
		}
		if cond.Floor > 0 && (held.IsZero() || now.Sub(held) < cond.Floor) {
			return fmt.Errorf("the load has not held its floor of %d acknowledged records/s for %v: %d in the last second", c.floor, cond.Floor, s.AckedLastSecond)
		}
		if lag := int64(s.Acked)*int64(c.readers) - int64(s.Received); cond.Lag > 0 && lag > cond.Lag {
			return fmt.Errorf("the readers are %d records behind", lag)
		}
		if cond.InSync == "" {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, lookWithin)
		defer cancel()
		return c.cluster.WaitReplicated(ctx, cond.InSync)
	}
}
