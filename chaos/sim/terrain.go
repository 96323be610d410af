package sim

import (
	"math/rand/v2"
	"time"

	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/loadgen/payload"
)

// terrain is what the seed draws once for a run: sizes and speeds that no fault changes.
type terrain struct {
	load         Load
	cluster      Cluster
	shards       int
	segmentBytes int64
	// linkDelay and syncDelay are the least time of a packet and of a sync; twice to four times that
	// is common.
	linkDelay, syncDelay time.Duration
	requestTimeout       time.Duration
	fetchWait            time.Duration
	// session is how long a broker lives without a heartbeat, of which it sends one in each heartbeat.
	session, heartbeat time.Duration
	// replicaLag is how long a follower may be behind, replicaWait how long its fetches wait.
	replicaLag, replicaWait time.Duration
	callTimeout, tick       time.Duration
	// preferredEvery is how often leaderships are given back, snapshotEvery how many metadata records
	// lie between two snapshots.
	preferredEvery time.Duration
	snapshotEvery  int64
	groups         groupTerrain
	transactions   transactionTerrain
}

// terrainOf is the generator of what a seed draws once.
func terrainOf(seed int64) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 2)) }

func drawTerrain(rng *rand.Rand, cfg Config) terrain {
	t := terrain{
		load: Load{
			Partitions: 1 + rng.IntN(4), Producers: 1 + rng.IntN(2), Readers: 1 + rng.IntN(2),
			Rate: pace.PerSecond(8 + rng.Uint64N(50)), RecordSize: payload.MinSize + rng.IntN(120),
			Linger: time.Duration(1+rng.IntN(30)) * time.Millisecond,
		},
		cluster: drawCluster(rng),
		shards:  1 + rng.IntN(2), segmentBytes: 2<<10 + rng.Int64N(48<<10),
		linkDelay:      between(rng, 20*time.Microsecond, 2*time.Millisecond),
		syncDelay:      between(rng, 100*time.Microsecond, 12*time.Millisecond),
		requestTimeout: between(rng, 500*time.Millisecond, 2*time.Second),
		fetchWait:      between(rng, 100*time.Millisecond, time.Second),
		session:        between(rng, 500*time.Millisecond, 3*time.Second),
		replicaLag:     between(rng, 300*time.Millisecond, 3*time.Second),
		replicaWait:    between(rng, 50*time.Millisecond, 500*time.Millisecond),
		callTimeout:    between(rng, 200*time.Millisecond, time.Second),
		tick:           between(rng, 20*time.Millisecond, 100*time.Millisecond),
		preferredEvery: between(rng, 2*time.Second, 30*time.Second), snapshotEvery: 10 + rng.Int64N(300),
	}
	t.heartbeat = t.session / 5
	if cfg.Timing != (Timing{}) {
		t.session, t.heartbeat, t.replicaLag, t.tick = cfg.Timing.SessionTimeout, cfg.Timing.Heartbeat, cfg.Timing.ReplicaLagMax, cfg.Timing.QuorumTick
	}
	if cfg.Load != (Load{}) {
		t.load = cfg.Load
	}
	if cfg.Load.SegmentBytes > 0 {
		t.segmentBytes = cfg.Load.SegmentBytes
	}
	if cfg.Cluster != (Cluster{}) {
		t.cluster = cfg.Cluster
	}
	return t
}

// between draws a duration in [low, high).
func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rng.Int64N(int64(high-low)))
}
