package partition

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// spans is an epoch cache: start offsets of epochs, in order, and the ends of the log.
type spans struct {
	start, end int64
	epochs     []span
}

type span struct {
	epoch int32
	start int64
}

func (s spans) StartOffset() int64 { return s.start }

func (s spans) LatestEpoch() int32 {
	if len(s.epochs) == 0 {
		return -1
	}
	return s.epochs[len(s.epochs)-1].epoch
}

func (s spans) EndOffsetForEpoch(epoch int32) (found int32, end int64) {
	found, end = -1, s.end
	for i := len(s.epochs) - 1; i >= 0; i-- {
		if s.epochs[i].epoch <= epoch {
			return s.epochs[i].epoch, end
		}
		end = s.epochs[i].start
	}
	return -1, -1
}

// Every way in which two logs can differ where the follower's ends.
func TestDiverging(t *testing.T) {
	leader := spans{start: 10, end: 40, epochs: []span{{2, 10}, {4, 20}, {7, 30}}}
	for _, c := range []struct {
		what   string
		last   int32
		offset int64
		want   DivergingEpoch
		ok     bool
	}{
		{"same log", 7, 40, DivergingEpoch{}, false},
		{"behind in the latest epoch", 7, 35, DivergingEpoch{}, false},
		{"beyond the end, in the latest epoch", 7, 45, DivergingEpoch{7, 40}, true},
		{"behind in an older epoch", 4, 25, DivergingEpoch{}, false},
		{"at the end of an older epoch", 4, 30, DivergingEpoch{}, false},
		{"an older epoch goes on for longer", 4, 33, DivergingEpoch{4, 30}, true},
		{"an epoch in between, which the leader does not have", 5, 25, DivergingEpoch{4, 30}, true},
		{"an epoch that the leader has not seen yet", 9, 35, DivergingEpoch{7, 40}, true},
		{"older than all that the leader keeps, and longer", 1, 15, DivergingEpoch{1, 10}, true},
		{"older than all that the leader keeps, up to there", 1, 10, DivergingEpoch{}, false},
		{"no records", -1, 10, DivergingEpoch{}, false},
	} {
		got, ok := Diverging(leader, c.last, c.offset)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %v, %v; want %v, %v", c.what, got, ok, c.want, c.ok)
		}
	}
	empty := spans{start: 10, end: 10}
	if got, ok := Diverging(empty, 3, 12); !ok || got != (DivergingEpoch{3, 10}) {
		t.Errorf("the leader has no records: %v, %v", got, ok)
	}
}

// The follower's part: cut to the end of what it has of the epoch, or to the leader's end of it.
func TestDiverged(t *testing.T) {
	mine := spans{start: 10, end: 40, epochs: []span{{2, 10}, {5, 20}, {7, 30}}}
	for _, c := range []struct {
		said DivergingEpoch
		want Truncation
	}{
		{DivergingEpoch{7, 35}, Truncation{To: 35}},
		{DivergingEpoch{6, 38}, Truncation{To: 30}},
		{DivergingEpoch{5, 25}, Truncation{To: 25}},
		{DivergingEpoch{4, 28}, Truncation{To: 20, Unclean: true}},
		{DivergingEpoch{1, 10}, Truncation{To: 10, Unclean: true}},
		{DivergingEpoch{1, 4}, Truncation{To: 4, Unclean: true}},
	} {
		f := NewFollower(Config{Self: 2}, State{Leader: 1, LeaderEpoch: 8}, Log{End: 40, Synced: 40, HighWatermark: 22})
		if got := f.Diverged(c.said, mine); got != c.want {
			t.Errorf("leader says %v: %v, want %v", c.said, got, c.want)
		}
	}
}

// trio is a leader with two followers in the ISR, and a log of ten records that nobody fetched yet.
func trio() *Leader {
	state := State{
		Leader: 1, LeaderEpoch: 3, MinISR: 2, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3},
		Brokers: []Broker{{ID: 1, Epoch: 11}, {ID: 2, Epoch: 12}, {ID: 3, Epoch: 13}},
	}
	return NewLeader(Config{Self: 1, Flush: FlushNone, ReplicaLagMax: 10 * time.Second}, state, Log{End: 10}, time.Unix(0, 0))
}

func fetchAt(replica int32, offset int64) Fetch {
	return Fetch{Replica: replica, BrokerEpoch: 10 + int64(replica), LeaderEpoch: 3, Offset: offset}
}

func TestFetchRefused(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*Fetch)
		want   *kerr.Error
	}{
		{"an older term", func(f *Fetch) { f.LeaderEpoch = 2 }, kerr.FencedLeaderEpoch},
		{"no term", func(f *Fetch) { f.LeaderEpoch = -1 }, kerr.FencedLeaderEpoch},
		{"a newer term", func(f *Fetch) { f.LeaderEpoch = 4 }, kerr.UnknownLeaderEpoch},
		{"no replica", func(f *Fetch) { f.Replica = 9 }, kerr.UnknownLeaderEpoch},
		{"itself", func(f *Fetch) { f.Replica = 1 }, kerr.UnknownLeaderEpoch},
		{"a former process", func(f *Fetch) { f.BrokerEpoch = 7 }, kerr.NotLeaderForPartition},
		{"beyond the end", func(f *Fetch) { f.Offset = 11 }, kerr.OffsetOutOfRange},
	} {
		l := trio()
		f := fetchAt(2, 10)
		c.change(&f)
		if _, err := l.Fetched(f, time.Unix(1, 0)); err != c.want {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if _, err := l.Fetched(fetchAt(3, 10), time.Unix(1, 0)); err != nil || l.HighWatermark() != 0 {
			t.Errorf("%s: it counted: high watermark %d, %v", c.what, l.HighWatermark(), err)
		}
	}
}

// A follower that is never at the end of a growing log, but keeps pace, stays in the ISR; one that
// fetches and makes no progress does not.
func TestKeepingPace(t *testing.T) {
	l := trio()
	for second := int64(1); second <= 60; second++ {
		now := time.Unix(second, 0)
		l.Appended(10 + second)
		if _, err := l.Fetched(fetchAt(2, 9+second), now); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Fetched(fetchAt(3, 10), now); err != nil {
			t.Fatal(err)
		}
		l.Tick(now)
		p, ok := l.Proposal()
		if ok != (second == 11) {
			t.Fatalf("second %d: proposal %v, %v; want one at second 11, more than ten after the term began", second, p, ok)
		}
		if ok && !slices.Equal(p.ISR, []Member{{1, 11}, {2, 12}}) {
			t.Fatalf("proposed %v", p.ISR)
		}
	}
}

// What becomes of a proposal, by the controller's answer: whether its members still count, and whether
// it goes again.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		answer        Answer
		counts, again bool
		isr           []int32
	}{
		{Answer{PartitionEpoch: 1, ISR: []int32{1, 2, 3}}, true, false, []int32{1, 2, 3}},
		{Answer{Error: kerr.IneligibleReplica}, false, false, []int32{1, 2}},
		{Answer{Error: kerr.OperationNotAttempted}, false, false, []int32{1, 2}},
		{Answer{Error: kerr.InvalidUpdateVersion}, true, false, []int32{1, 2}},
		{Answer{Error: kerr.FencedLeaderEpoch}, true, false, []int32{1, 2}},
		{Answer{Error: kerr.InvalidRequest}, true, true, []int32{1, 2}},
		{Answer{Error: kerr.UnknownTopicID}, true, false, []int32{1, 2}},
		{Answer{Error: kerr.NotController}, true, true, []int32{1, 2}},
		{Answer{Error: kerr.StaleBrokerEpoch}, true, true, []int32{1, 2}},
		{Answer{Error: kerr.RequestTimedOut}, true, true, []int32{1, 2}},
	} {
		state := trio().state
		state.ISR = []int32{1, 2}
		l := NewLeader(trio().cfg, state, Log{End: 10}, time.Unix(0, 0))
		if _, err := l.Fetched(fetchAt(3, 10), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		p, ok := l.Proposal()
		if _, twice := l.Proposal(); !ok || twice {
			t.Fatalf("proposal %v handed out: %v, then %v", p, ok, twice)
		}
		other := c.answer
		other.ID = p.ID + 1
		l.Answered(other)
		if !slices.Equal(l.ISR(), []int32{1, 2}) || !slices.Equal(l.MaximalISR(), []int32{1, 2, 3}) {
			t.Fatalf("an answer to another proposal counted: ISR %v of %v", l.ISR(), l.MaximalISR())
		}
		c.answer.ID = p.ID
		l.Answered(c.answer)
		if got := slices.Contains(l.MaximalISR(), 3); got != c.counts || !slices.Equal(l.ISR(), c.isr) {
			t.Errorf("%v: 3 counts %v, want %v; ISR %v, want %v", c.answer.Error, got, c.counts, l.ISR(), c.isr)
		}
		l.Tick(time.Unix(2, 0))
		if _, again := l.Proposal(); again != c.again {
			t.Errorf("%v: goes again %v, want %v", c.answer.Error, again, c.again)
		}
	}
}

// A second producer request for records that are in the log already may wait for less than the last.
func TestWaitOutOfOrder(t *testing.T) {
	l := trio()
	for call, end := range []int64{8, 10, 9} {
		l.Wait(ack(uint64(call), end))
	}
	for _, f := range []Fetch{fetchAt(2, 9), fetchAt(3, 10)} {
		if _, err := l.Fetched(f, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if got := calls(l.Due()); !slices.Equal(got, []uint64{0, 2}) {
		t.Fatalf("due at 9: calls %v, want [0 2]", got)
	}
}

// What must not happen is said by a panic, at once: the owner and the machine disagree.
func TestOwnerMistakes(t *testing.T) {
	for what, mistake := range map[string]func(){
		"log end goes back":         func() { trio().Appended(9) },
		"synced beyond the log end": func() { trio().Synced(11) },
		"another leader's state":    func() { NewLeader(Config{Self: 2}, trio().state, Log{}, time.Time{}) },
		"a newer term":              func() { s := trio().state; s.LeaderEpoch++; trio().MetadataChanged(s) },
		"watermark beyond the log":  func() { NewFollower(Config{Self: 2}, State{}, Log{HighWatermark: 1}) },
		"follower's log end goes back": func() {
			NewFollower(Config{Self: 2}, State{}, Log{End: 2}).Appended(1)
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			mistake()
		}()
	}
}
