package partition

import (
	"testing"
	"time"
)

// What is gone from all replicas that are alive is gone; one that has not fetched in this term may have it yet.
func TestLowWatermark(t *testing.T) {
	l := trio()
	want := func(what string, want int64) {
		t.Helper()
		if got := l.LowWatermark(8); got != want {
			t.Errorf("%s: low watermark %d, want %d", what, got, want)
		}
	}
	fetch := func(replica int32, start int64) {
		t.Helper()
		f := fetchAt(replica, 10)
		f.LogStart = start
		if _, err := l.Fetched(f, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	want("nobody has fetched", -1)
	fetch(2, 5)
	want("one has not fetched", -1)
	fetch(3, 9)
	want("one is behind", 5)
	fetch(2, 8)
	want("all are there", 8)
	fetch(3, 2)
	state := l.state
	state.PartitionEpoch++
	state.Brokers = []Broker{{ID: 1, Epoch: 11}, {ID: 2, Epoch: 12}, {ID: 3, Epoch: 13, Fenced: true}}
	l.MetadataChanged(state)
	want("the one that is behind is fenced", 8)
}

// A follower that begins again at its leader's log start has nothing above it, and all below it is committed.
func TestRestarted(t *testing.T) {
	f := NewFollower(Config{Self: 2, Flush: FlushCommit}, State{Leader: 1, LeaderEpoch: 8}, Log{End: 40, Synced: 40, HighWatermark: 22})
	f.Restarted(100)
	if f.LogEnd() != 100 || f.HighWatermark() != 100 {
		t.Fatalf("log end %d, high watermark %d, want 100", f.LogEnd(), f.HighWatermark())
	}
	if f.LeaderSaid(90) {
		t.Error("the high watermark went back")
	}
}
