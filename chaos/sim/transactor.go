package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactor is a process that writes transactions, one after the other, over several partitions.
type transactor struct {
	client
	t           *transactional
	plan        transactorPlan
	place, life int
	// stalled processes do nothing until they go on with waiting.
	stalled bool
	waiting []func()
}

func newTransactor(s *simulation, place, life int) *transactor {
	plan := s.terrain.transactions.producers[place]
	w := &transactor{client: s.newClient(fmt.Sprintf("%s-%d", plan.id, life)), plan: plan, place: place, life: life}
	w.t = newTransactional(&w.client, s.transactions, plan.id, plan.version, plan.timeout, s.ledgers.producer())
	w.t.awake, w.t.fenced = w.awake, w.fenced
	w.ready = func() {}
	return w
}

func (w *transactor) start() {
	w.refresh()
	w.work()
}

// awake lets something happen now, or once a process that stands still goes on.
func (w *transactor) awake(f func()) {
	switch {
	case w.dead:
	case w.stalled:
		w.waiting = append(w.waiting, func() { w.awake(f) })
	default:
		f()
	}
}

// stall lets the process stand still for a while: it does nothing, and its connections stay.
func (w *transactor) stall(span time.Duration) {
	w.stalled = true
	w.sim.after(span, kindClient, func() {
		w.stalled = false
		waiting := w.waiting
		w.waiting = nil
		for _, f := range waiting {
			f()
		}
	})
}

// wait does something after a drawn time around the given one.
func (w *transactor) wait(mean time.Duration, f func()) {
	w.sim.after(between(w.t.draw, mean/4, 2*mean), kindClient, func() { w.awake(f) })
}

// work writes one transaction, and comes again while the load lasts.
func (w *transactor) work() {
	if k := w.sim.walker; k != nil {
		k.work(w)
		return
	}
	if !w.sim.loading {
		return
	}
	w.t.named(func() {
		if !w.sim.loading {
			return // it took until the load was over to get a producer id: nobody waits for what begins now
		}
		x := w.t.begin(func(bool) { w.wait(w.plan.pause, w.work) })
		w.write(x, 1+w.t.draw.IntN(5), w.t.draw.IntN(10) >= w.plan.aborts)
	})
}

// write puts some portions into a transaction, with time between them, and ends it.
func (w *transactor) write(x *transaction, left int, commit bool) {
	switch {
	case x.over:
	case left == 0 || x.failed != "":
		x.flushed = func() { x.end(commit && x.failed == "") }
		x.flush()
	default:
		x.put(w.t.draw.IntN(len(w.leaders)), make([]payload.Source, 1+w.t.draw.IntN(6)))
		w.wait(w.plan.pause/8, func() { w.write(x, left-1, commit) })
	}
}

// crashed ends the process where it stands.
func (w *transactor) crashed() {
	if w.dead {
		return
	}
	if x := w.t.tx; x != nil {
		x.abandon("the client crashed")
	}
	w.crash()
}

// fenced ends a process whose transactional id another one has, or whose transaction the coordinator has ended: whoever
// runs it starts it again, unless there is another one in its place already.
func (w *transactor) fenced(why string) {
	if w.dead {
		return
	}
	if x := w.t.tx; x != nil {
		x.abandon(why)
	}
	w.crash()
	l := &w.sim.ledgers
	if l.present[w.place] == w {
		l.replace(w.place, between(w.t.draw, 10*time.Millisecond, time.Second), func() {})
		return
	}
	w.sim.marks[ZombieFenced]++
}

// findGroup asks any broker who coordinates a group; found is told, with nobody where that broker does not know.
func (w *transactor) findGroup(group string, found func(int32)) {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKeys = []string{group}
	w.ask(w.any(), req, func(_ *request, resp kmsg.Response) {
		id := nobody
		if resp != nil {
			if one := &resp.(*kmsg.FindCoordinatorResponse).Coordinators[0]; one.ErrorCode == 0 {
				id = one.NodeID
			}
		}
		found(id)
	})
}
