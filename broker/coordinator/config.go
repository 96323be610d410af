package coordinator

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/broker/group"
)

// Config of a coordinator.
type Config struct {
	// Self is the broker's id, Shards how many shards it has.
	Self   int32
	Shards int
	// MaxBatch is the largest record batch that a shard takes, in bytes.
	MaxBatch int
	// BackOff comes before a question to a shard is asked again.
	BackOff time.Duration
	// ExpireEvery is how often groups are looked through for what is kept no longer
	// (offsets.retention.check.interval.ms); 10 min if 0.
	ExpireEvery time.Duration
	// Process is drawn for each process of the broker: member ids are made of it.
	Process [16]byte
	Groups  group.Config
	Bugs    bug.Set
}

// DefaultExpireEvery is Apache Kafka's.
const DefaultExpireEvery = 10 * time.Minute

// newID makes the id of a member: what it is called, and a part that no other process and no other number makes.
func (c *Coordinator) newID(prefix string) string {
	c.ids++
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("member"), c.cfg.Process[:]...), c.ids))
	return fmt.Sprintf("%s-%x-%x-%x-%x-%x", prefix, sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
