package partition

import (
	"testing"
	"time"

	"github.com/logproof/logproof/broker/actor"
)

// alone leads a partition that has no other replica.
func alone(flush Flush, end int64) *Leader {
	only := []int32{7}
	return NewLeader(Config{Self: 7, Flush: flush}, State{Leader: 7, Replicas: only, ISR: only, MinISR: 2},
		Log{End: end, Synced: end}, time.Time{})
}

func ack(call uint64, end int64) Ack {
	return Ack{Ticket: Ticket{To: actor.Address{Role: actor.Session, ID: 1}, Call: call}, BaseOffset: end - 1, End: end}
}

func calls(acks []Ack) (out []uint64) {
	for _, a := range acks {
		out = append(out, a.Ticket.Call)
	}
	return out
}

// With flush: commit nothing is committed, acknowledged or readable before it is synced.
func TestCommitWaitsForSync(t *testing.T) {
	l := alone(FlushCommit, 10)
	for call, end := range []int64{11, 12, 13} {
		if l.Appended(end) {
			t.Fatalf("high watermark moved at append of %d", end)
		}
		l.Wait(ack(uint64(call), end))
	}
	if due := l.Due(); len(due) != 0 {
		t.Fatalf("acknowledged before the sync: %v", due)
	}
	if !l.Synced(12) || l.HighWatermark() != 12 {
		t.Fatalf("high watermark %d after a sync to 12", l.HighWatermark())
	}
	if got := calls(l.Due()); len(got) != 2 || got[0] != 0 || got[1] != 1 {
		t.Fatalf("due after a sync to 12: calls %v, want [0 1]", got)
	}
	if l.Synced(11) {
		t.Fatal("a late completion of an older sync moved the high watermark")
	}
	if l.HighWatermark() != 12 {
		t.Fatalf("high watermark went back to %d", l.HighWatermark())
	}
	if got := calls(l.Drain()); len(got) != 1 || got[0] != 2 {
		t.Fatalf("drained calls %v, want [2]", got)
	}
}

func TestNoFlushCommitsAtAppend(t *testing.T) {
	for _, flush := range []Flush{FlushNone, FlushInterval} {
		l := alone(flush, 0)
		if !l.Appended(5) || l.HighWatermark() != 5 {
			t.Fatalf("%s: high watermark %d after an append to 5", flush, l.HighWatermark())
		}
		l.Wait(ack(1, 5))
		if got := l.Due(); len(got) != 1 {
			t.Fatalf("%s: due %v", flush, got)
		}
	}
}

func TestOffsetsNeverGoBack(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("a log end that goes back must panic: the owner and the log disagree")
		}
	}()
	alone(FlushNone, 10).Appended(9)
}

func TestParseFlush(t *testing.T) {
	for _, ok := range []string{"none", "interval", "commit"} {
		if f, err := ParseFlush(ok); err != nil || string(f) != ok {
			t.Errorf("ParseFlush(%q) = %q, %v", ok, f, err)
		}
	}
	if _, err := ParseFlush("fsync"); err == nil {
		t.Error("ParseFlush(fsync) must fail")
	}
}

// A follower whose broker registers anew within a term fetches as the present registration: its leader
// takes no other (KIP-903).
func TestAFollowerRegistersAnew(t *testing.T) {
	state := State{Leader: 1, LeaderEpoch: 3, Replicas: []int32{1, 7}, ISR: []int32{1}, Brokers: []Broker{{ID: 1, Epoch: 4}, {ID: 7, Epoch: 5}}}
	f := NewFollower(Config{Self: 7, Flush: FlushCommit}, state, Log{End: 2, Synced: 2})
	state.Brokers = []Broker{{ID: 1, Epoch: 4}, {ID: 7, Epoch: 9}}
	f.MetadataChanged(state)
	if asked, ready := f.Fetch(lastEpoch(3)); !ready || asked.BrokerEpoch != 9 {
		t.Errorf("fetches with broker epoch %d, ready %v; want 9, true", asked.BrokerEpoch, ready)
	}
}

// lastEpoch is a log all of whose records are of one epoch.
type lastEpoch int32

func (e lastEpoch) EpochForOffset(int64) int32 { return int32(e) }

// A replica that a reassignment is bringing is not missed while it is not in sync (KIP-455).
func TestReplicasBeingAdded(t *testing.T) {
	l := NewLeader(Config{Self: 7}, State{Leader: 7, Replicas: []int32{7, 8, 9}, Adding: 2, ISR: []int32{7}, MinISR: 1}, Log{}, time.Time{})
	if all, minISR := l.Replicas(); all != 1 || minISR != 1 {
		t.Errorf("%d replicas, %d of them must be in sync", all, minISR)
	}
}
