package sim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func newWorld() *simulation { return newSimulation(Config{Seed: 1}.withDefaults(), nil) }

// Packets of one connection stay in order over any link; those of two overtake each other.
func TestPacketsOfAConnectionStayInOrder(t *testing.T) {
	s := newWorld()
	from, to := endpoint{true, 0}, s.hosts[0].endpoint
	streams := make([]stream, 2)
	var arrived [2][]int
	var all []int
	l := s.network.link(from, to)
	for i := range 300 {
		switch i {
		case 100:
			l.cuts++
		case 150:
			l.slow = time.Second
		case 200:
			s.network.heal(l)
		}
		of := i % 2
		s.network.send(from, to, packet{&streams[of], func() {
			arrived[of], all = append(arrived[of], i), append(all, i)
		}})
	}
	for s.step() {
	}
	if len(all) != 300 || !slices.IsSorted(arrived[0]) || !slices.IsSorted(arrived[1]) {
		t.Errorf("%d of 300 packets arrived: %v and %v", len(all), arrived[0], arrived[1])
	}
	if slices.IsSorted(all) {
		t.Error("no packet of one connection overtook one of the other")
	}
	if s.marks[PacketHeld] != 100 {
		t.Errorf("%d packets were held, want 100", s.marks[PacketHeld])
	}
}

// A cut link that is cut again heals with the last of its faults.
func TestACutLinkHealsWithTheLastFault(t *testing.T) {
	s := newWorld()
	from, to := endpoint{true, 0}, s.hosts[0].endpoint
	l, got := s.network.link(from, to), 0
	l.cuts = 2
	s.network.send(from, to, packet{&stream{}, func() { got++ }})
	s.network.heal(l)
	for s.step() {
	}
	if got != 0 {
		t.Error("a packet passed a link that is still cut")
	}
	s.network.heal(l)
	for s.step() {
	}
	if got != 1 {
		t.Errorf("%d packets arrived after the last fault healed, want 1", got)
	}
}

// Each invariant of the watermarks fails where it should, and only there.
func TestWatermarkInvariants(t *testing.T) {
	for want, now := range map[string]pointers{
		"":                                   {logStart: 2, highWatermark: 15, end: 25},
		"the high watermark went back":       {logStart: 2, highWatermark: 9, end: 20},
		"the log start went back":            {logStart: 1, highWatermark: 10, end: 20},
		"the log end went back from 20 to 1": {logStart: 2, highWatermark: 10, end: 19},
	} {
		s := newWorld()
		s.checker.replicas[0][0].pointers = pointers{logStart: 2, highWatermark: 10, end: 20}
		s.checker.compare(s.hosts[0], 0, now)
		var text string
		for _, v := range s.checker.violations {
			text += v.Text
		}
		if (want == "") != (text == "") || !strings.Contains(text, want) {
			t.Errorf("violations %q, want %q", text, want)
		}
	}
}

// A batch that is refused at the head of its lane, with no other under way, begins the next epoch.
func TestRefusedHeadBeginsTheNextEpoch(t *testing.T) {
	s := newWorld()
	p := newProducer(s, 0)
	l := p.lanes[0]
	l.next, l.number = 30, 2
	l.flight = []*sending{{number: 0, base: 10, count: 5, onWire: true}, {number: 1, base: 15, count: 15, onWire: true}}
	head, tail := l.flight[0], l.flight[1]
	head.onWire = false
	l.refused(head)
	if l.epoch != 0 || !l.probing {
		t.Fatalf("epoch %d, probing %v while another batch is under way", l.epoch, l.probing)
	}
	tail.onWire = false
	l.refused(tail)
	if l.epoch != 0 {
		t.Fatal("a batch behind an unanswered one began an epoch")
	}
	l.refused(head)
	if l.epoch != 1 || head.base != 0 || tail.base != 5 || l.next != 20 || l.probing {
		t.Errorf("epoch %d, sequences %d and %d, next %d, probing %v; want 1, 0, 5, 20, false", l.epoch, head.base, tail.base, l.next, l.probing)
	}
}
