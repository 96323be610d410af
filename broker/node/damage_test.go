package node

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/logproof/logproof/broker/metadata"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// rottable is three nodes with a topic of several sealed segments on each, and what it holds.
func rottable(t *testing.T, scrub time.Duration) (p *party, topic metadata.TopicID, want []string) {
	p = newParty(t, func(cfg *Config) { cfg.Log.SegmentBytes, cfg.Timing.Scrub = 2000, scrub })
	topic = p.create(0, "orders")
	leader := p.healthy("orders")
	for i := range 60 {
		want = append(want, fmt.Sprintf("%d %060d", i, i))
		if code := p.produce(leader, topic, int32(i), want[i]); code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
	}
	return p, topic, want
}

// rot changes a bit in the middle of the second segment of orders-0.
func rot(t *testing.T, files env.FS) (segment string) {
	t.Helper()
	segments := filesOf(t, files, ".log")
	if len(segments) < 4 {
		t.Fatalf("there are only the segments %v", segments)
	}
	f, err := files.Open(segments[1])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	var b [1]byte
	if err == nil {
		_, err = f.ReadAt(b[:], size/2)
	}
	if err == nil {
		_, err = f.WriteAt([]byte{b[0] ^ 4}, size/2)
	}
	if err != nil {
		t.Fatal(err)
	}
	return segments[1]
}

// filesOf lists the files of orders-0 with an ending.
func filesOf(t *testing.T, files env.FS, suffix string) (names []string) {
	t.Helper()
	all, err := files.List("orders-0")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if strings.HasSuffix(name, suffix) {
			names = append(names, "orders-0/"+name)
		}
	}
	return names
}

// readFrom reads the topic from a node that leads to its end.
func (p *party) readFrom(leader int32, topic metadata.TopicID, from int64) (all []string, code int16) {
	for {
		resp := request[*kmsg.FetchResponse](p, leader, fetchRequest(topic, 0, from+int64(len(all)), 0, 0)).Topics[0].Partitions[0]
		if resp.ErrorCode != 0 {
			return all, resp.ErrorCode
		}
		got := values(p.t, resp)
		if all = append(all, got...); len(got) == 0 {
			return all, 0
		}
	}
}

// wantSame waits until all replicas are in sync, and have the same segments.
func (p *party) wantSame(want []string, topic metadata.TopicID) {
	p.t.Helper()
	leader := p.healthy("orders")
	if got, code := p.readFrom(leader, topic, 0); code != 0 || !slices.Equal(got, want) {
		p.t.Fatalf("%d of %d values are left: %v", len(got), len(want), kerr.ErrorForCode(code))
	}
	var first []byte
	for id := range int32(3) {
		var log []byte
		for _, name := range filesOf(p.t, p.files[id], ".log") {
			log = append(log, contentOf(p.t, p.files[id], name)...)
		}
		if id == 0 {
			first = log
		} else if !bytes.Equal(log, first) {
			p.t.Fatalf("node %d has a log of %d bytes, node 0 one of %d, or others", id, len(log), len(first))
		}
	}
}

func contentOf(t *testing.T, files *mem.FS, name string) []byte {
	t.Helper()
	f, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// quarantined waits until a node has set a segment aside.
func (p *party) quarantined(id int32) {
	p.t.Helper()
	p.until(fmt.Sprintf("node %d has set a segment aside", id), func() bool { return len(filesOf(p.t, p.files[id], ".quarantined")) == 1 })
}

// refilled checks that a node has told of the damage, the quarantine and the refill, in this order.
func (p *party) refilled(id int32) {
	p.t.Helper()
	var told []string
	for _, e := range p.up[id].events {
		if name := e.Name(); strings.HasPrefix(name, "segment-") {
			told = append(told, name)
		}
	}
	if want := []string{"segment-damaged", "segment-quarantined", "segment-refilled"}; !slices.Equal(told, want) {
		p.t.Errorf("node %d has told of %v, want %v", id, told, want)
	}
}

// A segment rots on each node in turn, leader and followers. A reader gets an error and none of it, or nobody
// reads it; it is set aside and refilled, until all logs are the same again.
func TestSegmentRots(t *testing.T) {
	for _, scrub := range []time.Duration{0, 20 * time.Millisecond} {
		for victim := range int32(3) {
			p, topic, want := rottable(t, scrub)
			leader := p.healthy("orders")
			rot(t, p.files[victim])
			if scrub == 0 {
				if victim != leader { // nobody reads it before it leads
					continue
				}
				got, code := p.readFrom(leader, topic, 0)
				if code != kerr.KafkaStorageError.Code || !slices.Equal(got, want[:len(got)]) {
					t.Fatalf("the reader got %d values and %v", len(got), kerr.ErrorForCode(code))
				}
			}
			p.quarantined(victim)
			p.wantSame(want, topic)
			p.refilled(victim)
			if now := p.healthy("orders"); victim == leader && now == victim {
				t.Errorf("node %d leads on, it had not all of its log", victim)
			}
		}
	}
}

// What has been looked at is not looked at again before the rest is over, and then it is.
func TestScrubRests(t *testing.T) {
	const rest = 5 * time.Second
	p := newParty(t, func(cfg *Config) {
		cfg.Log.SegmentBytes, cfg.Timing.Scrub, cfg.Timing.ScrubRest = 2000, 20*time.Millisecond, rest
	})
	topic := p.create(0, "orders")
	leader := p.healthy("orders")
	for i := range 60 {
		p.produce(leader, topic, int32(i), fmt.Sprintf("%d %060d", i, i))
	}
	m := p.up[leader]
	sealed := len(filesOf(t, p.files[leader], ".log")) - 1
	wait := func(d time.Duration) {
		end := p.now.Add(d)
		p.until("time has gone by", func() bool { return p.now.After(end) })
	}
	wait(rest + time.Second) // whatever the first round has found, it is over
	for range 3 {
		before := m.scrubs
		wait(rest + 500*time.Millisecond)
		if looks := m.scrubs - before; looks < sealed || looks > 2*sealed {
			t.Errorf("%d looks at %d sealed segments in %v; want each once, or twice where two rounds meet", looks, sealed, rest)
		}
	}
}

// Recovery meets damage where a crash cannot have caused it: the node comes back without it, is in no ISR
// meanwhile, and is refilled.
func TestSegmentRotsWhileTheNodeIsDown(t *testing.T) {
	for victim := range int32(3) {
		p, topic, want := rottable(t, 0)
		p.kill(victim, true)
		rot(t, p.files[victim])
		p.start(victim)
		p.quarantined(victim)
		p.wantSame(want, topic)
		p.refilled(victim)
	}
}

// Nobody else has what is damaged: whoever asks for it gets an error, for as long as it takes, and everything
// else is served and taken.
func TestTheOnlyReplicaRots(t *testing.T) {
	cfg, files := testConfig(), mem.New()
	cfg.Log.SegmentBytes = 2000
	s := startNode(t, files, cfg)
	topic := createTopic(s, "orders", 1)
	for i := range 60 {
		if got := produceTo(s, topic, 0, records(5, int32(i), fmt.Sprintf("%d %060d", i, i))); got.ErrorCode != 0 {
			t.Fatal(kerr.ErrorForCode(got.ErrorCode))
		}
	}
	segment := rot(t, files)
	var bad, first, last int64
	if _, err := fmt.Sscanf(segment, "orders-0/%d.log", &first); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(filesOf(t, files, ".log")[2], "orders-0/%d.log", &last); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for offset := range int64(60) {
			resp := ask[*kmsg.FetchResponse](s, fetchRequest(topic, 0, offset, 0, 0)).Topics[0].Partitions[0]
			switch within := offset >= first && offset < last; {
			case resp.ErrorCode == kerr.KafkaStorageError.Code && within:
				bad++
			case resp.ErrorCode != 0 || bad > 0 && within:
				t.Fatalf("offset %d: %v", offset, kerr.ErrorForCode(resp.ErrorCode))
			}
		}
		s.pass(5 * time.Second)
	}
	if got := produceTo(s, topic, 0, records(5, 60, "more")); got.ErrorCode != 0 || bad == 0 {
		t.Errorf("%v; %d reads were refused", kerr.ErrorForCode(got.ErrorCode), bad)
	}
	if aside := filesOf(t, files, ".quarantined"); len(aside) > 0 {
		t.Errorf("the only copy was set aside: %v", aside)
	}
}
