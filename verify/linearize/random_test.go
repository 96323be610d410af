package linearize

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/logproof/logproof/verify/history"
)

var orders = history.Partition{Topic: "orders", Index: 0}

// world is a small correct log with clients that write a history.
type world struct {
	rng     *rand.Rand
	now     history.Time
	entries []history.Entry
	log     []recorded
	queue   []*sent // in the order in which they are appended
	waiting []*sent // appended or lost, not yet answered
	next    map[uint32]int64
	at      map[string]int // readers
	builder map[string]*history.RunBuilder
	epoch   int32
	// inFlight is how many sends are under way at most.
	inFlight int
}

type recorded struct {
	producer uint32
	sequence int64
}

type sent struct {
	producer uint32
	sequence int64
	count    int32
	invoke   history.Time
	offset   int64
	outcome  history.Outcome
	over     bool // its operation has ended
}

const (
	worldProducers = 3
	worldReaders   = 2
)

// correct is a history in which nothing is wrong: pipelined producers, sends whose outcome is unknown and
// that are lost, or appended late, or after their client has given up, readers that lag, elections.
func correct(seed uint64, steps int) []history.Entry { return correctUnder(seed, steps, 12) }

// correctUnder is one with so many sends under way at most.
func correctUnder(seed uint64, steps, inFlight int) []history.Entry {
	w := &world{
		inFlight: inFlight, rng: rand.New(rand.NewPCG(seed, 11)), next: map[uint32]int64{}, at: map[string]int{}, builder: map[string]*history.RunBuilder{},
	}
	for range steps {
		w.now += history.Time(1 + w.rng.Int64N(4))
		switch w.rng.IntN(6) {
		case 0, 1:
			w.send()
		case 2:
			w.append()
		case 3:
			w.answer()
		case 4:
			w.poll(fmt.Sprintf("reader-%d", w.rng.IntN(worldReaders)), history.Fetch, 1+w.rng.IntN(5))
		case 5:
			w.look()
		}
	}
	for len(w.queue) > 0 {
		w.append()
	}
	for len(w.waiting) > 0 {
		w.answer()
	}
	invoke := w.now + 1
	w.now += 2
	w.record(history.Operation{Process: "barrier", Kind: history.Barrier, Outcome: history.OK, Invoke: invoke, Runs: []history.Run{
		{Partition: orders, FirstOffset: int64(len(w.log)), Producer: history.BarrierProducer, Count: 1},
	}})
	w.log = append(w.log, recorded{history.BarrierProducer, 0})
	for _, reader := range []string{"reader-0", "reader-1", "scan"} {
		kind := history.Fetch
		if reader == "scan" {
			kind = history.Scan
		}
		for w.at[reader] < len(w.log) {
			w.poll(reader, kind, 1+w.rng.IntN(20))
		}
	}
	return w.entries
}

func (w *world) record(op history.Operation) {
	w.now++
	op.Return = w.now
	w.entries = append(w.entries, history.Entry{Operation: &op})
}

func (w *world) send() {
	if len(w.queue)+len(w.waiting) >= w.inFlight {
		return
	}
	p := uint32(w.rng.IntN(worldProducers))
	s := &sent{producer: p, sequence: w.next[p], count: 1 + w.rng.Int32N(3), invoke: w.now, offset: history.Unset, outcome: history.OK}
	if w.rng.IntN(12) == 0 {
		s.outcome = history.Unknown
	}
	w.next[p] += int64(s.count)
	w.queue = append(w.queue, s)
	if s.outcome == history.Unknown && w.rng.IntN(2) == 0 {
		s.over = true // its client gives up before it is appended
		w.ack(s)
	}
}

func (w *world) append() {
	if len(w.queue) == 0 {
		return
	}
	s := w.queue[0]
	w.queue = w.queue[1:]
	if s.outcome != history.Unknown || w.rng.IntN(3) > 0 {
		s.offset = int64(len(w.log))
		for i := range int64(s.count) {
			w.log = append(w.log, recorded{s.producer, s.sequence + i})
		}
	}
	if !s.over {
		w.waiting = append(w.waiting, s)
	}
}

func (w *world) answer() {
	if len(w.waiting) == 0 {
		return
	}
	i := w.rng.IntN(len(w.waiting))
	s := w.waiting[i]
	w.waiting = slices.Delete(w.waiting, i, i+1)
	w.ack(s)
}

// ack ends an operation.
func (w *world) ack(s *sent) {
	op := history.Operation{Process: fmt.Sprintf("producer-%d", s.producer), Kind: history.Produce, Outcome: s.outcome, Invoke: s.invoke}
	op.Runs = []history.Run{{Partition: orders, FirstOffset: s.offset, Producer: s.producer, FirstSequence: s.sequence, Count: s.count}}
	switch {
	case s.outcome == history.Unknown:
		op.Error, op.Runs[0].FirstOffset = "timed out", history.Unset
	case w.rng.IntN(25) == 0:
		op.Runs[0].FirstOffset = history.Unset // a retry found that it was there already
	}
	w.record(op)
}

func (w *world) poll(reader string, kind history.Kind, n int) {
	at := w.at[reader]
	end := min(len(w.log), at+n)
	if at == end {
		return
	}
	if w.builder[reader] == nil {
		w.builder[reader] = &history.RunBuilder{}
	}
	for i := at; i < end; i++ {
		r := w.log[i]
		w.builder[reader].Add(orders, int64(i), r.producer, r.sequence, identity(r.producer, r.sequence))
	}
	w.at[reader] = end
	w.record(history.Operation{Process: reader, Kind: kind, Outcome: history.OK, Invoke: max(0, w.now-history.Time(w.rng.Int64N(40))), Runs: w.builder[reader].Runs()})
}

func (w *world) look() {
	if w.rng.IntN(20) == 0 {
		w.epoch++
	}
	w.record(history.Operation{Process: "reader-0", Kind: history.Fetch, Outcome: history.OK, Invoke: w.now, Watermarks: []history.Watermark{
		{Partition: orders, HighWatermark: int64(len(w.log)), LastStable: int64(len(w.log)), Next: history.Unset, LeaderEpoch: w.epoch},
	}})
}

// spoil changes something about one operation, which makes the history wrong more often than not.
func spoil(rng *rand.Rand, entries []history.Entry) (what string) {
	var produced, fetched, scanned []*history.Operation
	for _, e := range entries {
		switch op := e.Operation; {
		case op.Kind == history.Produce && op.Outcome == history.OK && op.Runs[0].FirstOffset != history.Unset:
			produced = append(produced, op)
		case op.Kind == history.Fetch && len(op.Runs) > 0:
			fetched = append(fetched, op)
		case op.Kind == history.Scan:
			scanned = append(scanned, op)
		}
	}
	if len(produced) < 2 || len(fetched) == 0 || len(scanned) == 0 {
		return "nothing"
	}
	a, b := produced[rng.IntN(len(produced))], produced[rng.IntN(len(produced))]
	f, s := fetched[rng.IntN(len(fetched))], scanned[rng.IntN(len(scanned))]
	switch rng.IntN(8) {
	case 0:
		a.Runs[0].FirstOffset, b.Runs[0].FirstOffset = b.Runs[0].FirstOffset, a.Runs[0].FirstOffset
		return "two acknowledgements have each other's offset"
	case 1:
		a.Invoke = a.Return
		return "an append begins when it ends"
	case 2:
		f.Runs[0].Producer = (f.Runs[0].Producer + 1) % worldProducers
		return "a reader is given a record of another producer"
	case 3:
		f.Return = max(f.Invoke, f.Return-history.Time(rng.Int64N(60)))
		f.Invoke = min(f.Invoke, f.Return)
		return "a reader is given records earlier"
	case 4:
		if len(s.Runs) == 1 {
			return "nothing"
		}
		s.Runs = s.Runs[:len(s.Runs)-1]
		return "the scan misses records"
	case 5:
		a.Outcome, a.Error, a.Runs[0].FirstOffset = history.Fail, "no such broker", history.Unset
		return "a record is there although it failed"
	case 6:
		a.Outcome, a.Error, a.Runs[0].FirstOffset = history.Unknown, "timed out", history.Unset
		return "an outcome is unknown"
	}
	a.Runs[0].FirstOffset++
	return "an acknowledgement is one off"
}

// inOrder sorts entries by their return.
func inOrder(entries []history.Entry) []history.Entry {
	slices.SortStableFunc(entries, func(a, b history.Entry) int { return int(a.Operation.Return - b.Operation.Return) })
	return entries
}
