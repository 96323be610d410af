package verify

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/logproof/logproof/verify/history"
)

// mutation is one mistake that the simulated log makes once.
type mutation string

const (
	none         mutation = ""
	dropAcked    mutation = "acknowledge a batch without appending it"
	swapBatches  mutation = "append two batches of one producer in the wrong order"
	appendTwice  mutation = "append a batch again"
	skipOffset   mutation = "leave an offset without a record"
	inventRecord mutation = "append a record that nobody sent"
	swapView     mutation = "show one reader two records in the wrong order"
	hideRecord   mutation = "hide one record from one reader"
	flipBits     mutation = "corrupt one record for the scan"
	changeForOne mutation = "show one reader another content"
	oldOffset    mutation = "append a batch below one that had been acknowledged"
)

// batch is one produce operation of the simulation.
type batch struct {
	partition history.Partition
	producer  uint32
	first     int64
	count     int32
	invoke    history.Time
	offset    int64
	unknown   bool
}

// standing is one record in the simulated log.
type standing struct {
	offset   int64
	producer uint32
	sequence int64
}

// simulation is a tiny log with clients that write a history. One seed gives one history.
type simulation struct {
	rng     *rand.Rand
	now     history.Time
	entries []history.Entry
	mistake mutation
	made    bool // the mistake was made

	logs     map[history.Partition][]standing
	ends     map[history.Partition]int64
	queues   map[stream][]*batch // sent, not yet appended, in order
	appended []*batch            // not yet answered
	sent     map[stream]int64
	readers  []*simReader
}

type simReader struct {
	process string
	kind    history.Kind
	at      map[history.Partition]int
	builder history.RunBuilder
}

var simPartitions = []history.Partition{{Topic: "orders", Index: 0}, {Topic: "orders", Index: 1}}

const simProducers = 3

func newSimulation(seed uint64, mistake mutation) *simulation {
	s := &simulation{
		rng: rand.New(rand.NewPCG(seed, 7)), mistake: mistake, logs: map[history.Partition][]standing{},
		ends: map[history.Partition]int64{}, queues: map[stream][]*batch{}, sent: map[stream]int64{},
	}
	for i := range 2 {
		s.readers = append(s.readers, &simReader{process: fmt.Sprintf("reader-%d", i), kind: history.Fetch, at: map[history.Partition]int{}})
	}
	return s
}

// run simulates steps of random clients, then barriers, reads to the end and the scan.
func (s *simulation) run(steps int) []history.Entry {
	for range steps {
		s.now += history.Time(1 + s.rng.Int64N(5))
		p, producer := simPartitions[s.rng.IntN(len(simPartitions))], uint32(s.rng.IntN(simProducers))
		switch s.rng.IntN(4) {
		case 0:
			s.send(stream{p, producer})
		case 1:
			s.append(stream{p, producer})
		case 2:
			s.answer()
		case 3:
			s.poll(s.readers[s.rng.IntN(len(s.readers))], p, 1+s.rng.IntN(6))
		}
	}
	s.finish()
	return s.entries
}

func (s *simulation) finish() {
	for _, p := range simPartitions {
		for producer := range uint32(simProducers) {
			for len(s.queues[stream{p, producer}]) > 0 {
				s.append(stream{p, producer})
			}
		}
	}
	for len(s.appended) > 0 {
		s.answer()
	}
	for _, p := range simPartitions {
		invoke := s.now + 1
		s.put(p, history.BarrierProducer, 0)
		s.record(history.Operation{
			Process: "barrier", Kind: history.Barrier, Outcome: history.OK, Invoke: invoke,
			Runs: []history.Run{{Partition: p, FirstOffset: s.ends[p] - 1, Producer: history.BarrierProducer, Count: 1}},
		})
	}
	scan := &simReader{process: "scan", kind: history.Scan, at: map[history.Partition]int{}}
	for _, r := range append(s.readers, scan) {
		for _, p := range simPartitions {
			for r.at[p] < len(s.logs[p]) {
				s.poll(r, p, 1+s.rng.IntN(20))
			}
		}
	}
}

// make reports whether the mistake is to be made here: once, somewhere in the middle.
func (s *simulation) make(m mutation) bool {
	if s.mistake != m || s.made || s.rng.IntN(4) != 0 {
		return false
	}
	s.made = true
	return true
}

func (s *simulation) record(op history.Operation) {
	s.now++
	op.Return = s.now
	s.entries = append(s.entries, history.Entry{Operation: &op})
}

func (s *simulation) send(k stream) {
	if len(s.queues[k]) == 3 {
		return
	}
	b := &batch{
		partition: k.partition, producer: k.producer, first: s.sent[k], count: 1 + s.rng.Int32N(4), invoke: s.now,
		offset: history.Unset, unknown: s.rng.IntN(20) == 0,
	}
	s.sent[k] += int64(b.count)
	s.queues[k] = append(s.queues[k], b)
}

// append takes the oldest batch of a queue into the log.
func (s *simulation) append(k stream) {
	q := s.queues[k]
	if len(q) == 0 {
		return
	}
	if len(q) > 1 && !q[0].unknown && !q[1].unknown && s.make(swapBatches) {
		q[0], q[1] = q[1], q[0]
	}
	b := q[0]
	s.queues[k] = q[1:]
	s.appended = append(s.appended, b)
	if b.unknown && s.rng.IntN(2) == 0 {
		return // lost on the way, and nobody was promised anything
	}
	b.offset = s.ends[k.partition]
	switch {
	case !b.unknown && s.make(dropAcked):
		return
	case s.make(skipOffset):
		b.offset++
		s.ends[k.partition]++
	case s.make(inventRecord):
		s.put(k.partition, 9, 0)
		b.offset++
	}
	for i := range int64(b.count) {
		s.put(b.partition, b.producer, b.first+i)
	}
	if s.make(appendTwice) {
		for i := range int64(b.count) {
			s.put(b.partition, b.producer, b.first+i)
		}
	}
}

func (s *simulation) put(p history.Partition, producer uint32, sequence int64) {
	s.logs[p] = append(s.logs[p], standing{s.ends[p], producer, sequence})
	s.ends[p]++
}

// answer ends one operation of the appended, in any order.
func (s *simulation) answer() {
	if len(s.appended) == 0 {
		return
	}
	i := s.rng.IntN(len(s.appended))
	b := s.appended[i]
	s.appended = slices.Delete(s.appended, i, i+1)
	op := history.Operation{
		Process: fmt.Sprintf("producer-%d", b.producer), Kind: history.Produce, Outcome: history.OK, Invoke: b.invoke,
		Runs: []history.Run{{Partition: b.partition, FirstOffset: b.offset, Producer: b.producer, FirstSequence: b.first, Count: b.count}},
	}
	if b.unknown {
		op.Outcome, op.Error, op.Runs[0].FirstOffset = history.Unknown, "timed out", history.Unset
	}
	if !b.unknown && b.invoke > 100 && s.make(oldOffset) {
		// As if the operation had begun just now, after everything that has returned.
		op.Invoke = s.now + 1
		s.now++
		last := s.entries[len(s.entries)-1].Operation
		s.made = last.Return < op.Invoke && s.overtaken(b)
	}
	s.record(op)
}

// overtaken reports whether a higher offset than the batch's was told to anyone before.
func (s *simulation) overtaken(b *batch) bool {
	for _, e := range s.entries {
		for _, run := range e.Operation.Runs {
			if run.Partition == b.partition && run.FirstOffset+int64(run.Count) > b.offset && run.FirstOffset != history.Unset {
				return true
			}
		}
	}
	return false
}

// poll gives a reader its next records.
func (s *simulation) poll(r *simReader, p history.Partition, n int) {
	at := r.at[p]
	records := slices.Clone(s.logs[p][at:min(len(s.logs[p]), at+n)])
	r.at[p] += len(records)
	if len(records) == 0 {
		return
	}
	op := history.Operation{Process: r.process, Kind: r.kind, Outcome: history.OK, Invoke: s.now}
	content := byte(0)
	real := func(i int) bool { return records[i].producer != history.BarrierProducer }
	switch k := len(records) / 2; {
	case r.kind == history.Fetch && k > 0 && records[k].producer != records[k-1].producer && real(k) && real(k-1) && s.make(swapView):
		records[k].producer, records[k-1].producer = records[k-1].producer, records[k].producer
		records[k].sequence, records[k-1].sequence = records[k-1].sequence, records[k].sequence
	case r.kind == history.Fetch && k > 0 && k < len(records)-1 && s.make(hideRecord):
		records = slices.Delete(records, k, k+1)
	case r.kind == history.Fetch && s.make(changeForOne):
		content = 1
	case r.kind == history.Scan && real(k) && s.make(flipBits):
		op.Corrupt = []history.Corrupt{{Partition: p, Offset: records[k].offset, Reason: "checksum"}}
		records = slices.Delete(records, k, k+1)
	}
	for _, rec := range records {
		hash := history.HashRecord([]byte{content}, fmt.Appendf(nil, "%d:%d", rec.producer, rec.sequence))
		r.builder.Add(p, rec.offset, rec.producer, rec.sequence, hash)
	}
	op.Runs = r.builder.Runs()
	s.record(op)
}

var simExpect = Expect{Partitions: simPartitions, Idempotent: true, RequireScan: true, MinAcked: 1, MinRead: 1}

func TestCleanRandomHistoriesPass(t *testing.T) {
	for seed := range uint64(150) {
		s := newSimulation(seed, none)
		if r := check(t, s.run(600), simExpect); r.Verdict != Pass {
			t.Fatalf("seed %d: verdict %s: anomalies %q, undecided %q", seed, r.Verdict, failures(r), undecided(r))
		}
	}
}

// Each single mistake is caught, as what it is and as nothing else.
func TestSingleMistakesAreCaughtAsWhatTheyAre(t *testing.T) {
	for mistake, want := range map[mutation]string{
		dropAcked:    "loss lost-write",
		swapBatches:  "producer-order nonmonotonic-send",
		appendTwice:  "producer-order duplicate",
		skipOffset:   "reader-agreement gap",
		inventRecord: "corruption phantom",
		swapView:     "reader-agreement inconsistent-offsets",
		hideRecord:   "reader-agreement poll-skip",
		flipBits:     "corruption corrupt",
		changeForOne: "reader-agreement inconsistent-offsets",
		oldOffset:    "append-order nonmonotonic-append",
	} {
		t.Run(string(mistake), func(t *testing.T) {
			made := 0
			for seed := range uint64(40) {
				s := newSimulation(seed, mistake)
				list := s.run(400)
				if !s.made {
					continue
				}
				made++
				r := check(t, list, simExpect)
				if got := failures(r); r.Verdict != Fail || !slices.Equal(got, []string{want}) {
					for _, rule := range r.Rules {
						for _, a := range rule.Anomalies {
							t.Log(a.Text)
						}
					}
					t.Fatalf("seed %d: verdict %s, anomalies %q, want %q", seed, r.Verdict, got, want)
				}
			}
			if made < 15 {
				t.Errorf("the mistake was made in %d of 40 histories, want at least 15", made)
			}
		})
	}
}

// Append order is compared with the definition, over histories whose offsets are often wrong.
func TestAppendOrderAgreesWithItsDefinition(t *testing.T) {
	found := 0
	for seed := range uint64(300) {
		list := wildHistory(seed, 120)
		e := New(Expect{Rules: []Rule{AppendOrder}})
		for _, entry := range list {
			e.Observe(entry)
		}
		got, want := e.Report().Rules[0].Total, dumbAppendOrder(list)
		if got != want {
			t.Fatalf("seed %d: %d violations, by definition %d", seed, got, want)
		}
		if want > 0 {
			found++
		}
	}
	if found < 50 || found > 250 {
		t.Errorf("%d of 300 histories have violations: the test should see both kinds often", found)
	}
}

// wildHistory has appends and reads with random intervals, and offsets near the truth.
func wildHistory(seed uint64, n int) []history.Entry {
	rng := rand.New(rand.NewPCG(seed, 3))
	now, end := history.Time(100), int64(0)
	var list []history.Entry
	for range n {
		now += history.Time(rng.Int64N(3)) // equal returns happen
		op := &history.Operation{
			Process: "client", Kind: history.Produce, Outcome: history.OK, Invoke: now - history.Time(rng.Int64N(30)), Return: now,
		}
		offset, count := end, 1+rng.Int32N(3)
		switch rng.IntN(40) {
		case 0:
			offset = max(0, end-rng.Int64N(12))
		case 1:
			op.Kind = history.Fetch
		case 2:
			op.Outcome = history.Unknown
		case 3:
			offset = history.Unset
		}
		if op.Kind == history.Produce {
			end += int64(count)
		}
		op.Runs = []history.Run{{Partition: simPartitions[0], FirstOffset: offset, FirstSequence: end, Count: count}}
		list = append(list, history.Entry{Operation: op})
	}
	return list
}

// dumbAppendOrder is the definition: pairs of operations, everything with everything.
func dumbAppendOrder(list []history.Entry) (violations int64) {
	for _, b := range list {
		op := b.Operation
		if op.Kind != history.Produce || op.Outcome != history.OK || op.Runs[0].FirstOffset == history.Unset {
			continue
		}
		for _, a := range list {
			known := a.Operation
			told := known.Kind == history.Fetch || known.Outcome == history.OK
			if told && known.Runs[0].FirstOffset != history.Unset && known.Return < op.Invoke &&
				known.Runs[0].FirstOffset+int64(known.Runs[0].Count) > op.Runs[0].FirstOffset {
				violations++
				break
			}
		}
	}
	return violations
}

// The staircase stays small, and what it still knows is never more than was known.
func TestThinnedStaircaseIsSound(t *testing.T) {
	var s staircase
	const n = 20 * stepsMax
	for i := range int64(n) {
		s.raise(step{returned: history.Time(10 * i), offset: i})
		if len(s) > stepsMax {
			t.Fatalf("the staircase has %d steps, the limit is %d", len(s), stepsMax)
		}
	}
	for at := int64(1); at < 10*n; at += 777 {
		truth := (at - 1) / 10
		got := s.before(history.Time(at))
		if got == nil || got.offset > truth {
			t.Fatalf("before %d the staircase knows %+v, the truth is %d", at, got, truth)
		}
		if age := n - truth; age < stepsMax/4 && got.offset != truth {
			t.Fatalf("before %d, %d steps ago, the staircase knows %d, want exactly %d", at, age, got.offset, truth)
		}
	}
}

// Memory does not grow with the history: many interleaved producers, two readers, one of them late.
func TestRetainedIntervalsDoNotGrow(t *testing.T) {
	const rounds, every = 24_000, 3_000
	e := New(Expect{Idempotent: true})
	feed := newStreamer(e)
	var marks []int
	for i := range rounds {
		feed.round()
		if (i+1)%every == 0 {
			marks = append(marks, e.Retained())
		}
	}
	half := len(marks) / 2
	early, late := slices.Max(marks[:half]), slices.Max(marks[half:])
	t.Logf("%d records, intervals kept every %d rounds: %v", e.Snapshot().RecordsAcked, every, marks)
	// One chain hash per block of records is all that grows.
	blocks := int(e.Snapshot().RecordsAcked / history.ChainBlock)
	if late > early+early/10+blocks {
		t.Errorf("the engine kept at most %d intervals in the first half and %d in the second", early, late)
	}
	e.End(io.EOF)
	for _, rule := range e.Report().Rules {
		if rule.Total > 0 {
			t.Errorf("%s found %v", rule.Rule, rule.Anomalies[0].Text)
		}
	}
}

// streamer feeds an engine a clean endless history: three producers whose batches interleave, one
// reader close behind and one a thousand batches behind.
type streamer struct {
	engine   *Engine
	rng      *rand.Rand
	now      history.Time
	end      int64
	sequence [3]int64
	lag      []history.Run
	readers  [2]history.RunBuilder
}

func newStreamer(e *Engine) *streamer {
	return &streamer{engine: e, rng: rand.New(rand.NewPCG(5, 5))}
}

func (f *streamer) round() {
	producer := f.rng.IntN(3)
	run := history.Run{
		Partition: simPartitions[0], FirstOffset: f.end, Producer: uint32(producer), FirstSequence: f.sequence[producer], Count: 4,
	}
	f.end += 4
	f.sequence[producer] += 4
	f.now += 1000
	f.operation("producer", history.Produce, []history.Run{run})
	f.operation("near", history.Fetch, f.read(0, run))
	if f.lag = append(f.lag, run); len(f.lag) > 1000 {
		f.operation("far", history.Fetch, f.read(1, f.lag[0]))
		f.lag = f.lag[1:]
	}
}

func (f *streamer) read(i int, run history.Run) []history.Run {
	for k := range int64(run.Count) {
		f.readers[i].Add(run.Partition, run.FirstOffset+k, run.Producer, run.FirstSequence+k, uint64(run.FirstSequence+k))
	}
	return f.readers[i].Runs()
}

func (f *streamer) operation(process string, kind history.Kind, runs []history.Run) {
	f.now++
	f.engine.Observe(history.Entry{Operation: &history.Operation{
		Process: process, Kind: kind, Outcome: history.OK, Invoke: f.now - 1000, Return: f.now, Runs: runs,
	}})
}

func BenchmarkObserve(b *testing.B) {
	f := newStreamer(New(Expect{Idempotent: true}))
	b.ReportAllocs()
	for b.Loop() {
		f.round() // three operations of four records
	}
}
