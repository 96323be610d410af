package jepsen

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/logproof/logproof/verify/history"
)

// Export writes a history as one of Jepsen, and returns what has no place in it. It keeps the history in memory, as Jepsen's
// checker does. Comments at its beginning name partitions and clients for Import.
//
// A process of Jepsen does one thing at a time and ends with an unknown outcome: operations of a client that
// overlap, or that follow such a one, are those of several processes. Values are numbered in each partition as
// they are first met. A torn history is written as far as it goes, and its *history.TornError returned.
func Export(w io.Writer, src history.Source) ([]Left, error) {
	e := &exporter{
		keys: map[history.Partition]int64{}, values: map[exported]int64{}, next: map[history.Partition]int64{}, lanes: map[string][]*lane{},
		left: map[string]int64{},
	}
	var torn *history.TornError
	for {
		entry, err := src.Next()
		if errors.As(err, &torn) || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("export as a history of Jepsen: %w", err)
		}
		if entry.Attempt != nil {
			e.left["attempts on the wire"]++
			continue
		}
		e.operation(entry.Operation)
	}
	if err := e.write(w); err != nil {
		return nil, fmt.Errorf("export as a history of Jepsen: %w", err)
	}
	if torn != nil {
		return e.omissions(), torn
	}
	return e.omissions(), nil
}

type exporter struct {
	keys   map[history.Partition]int64
	named  []string // comments
	values map[exported]int64
	next   map[history.Partition]int64 // value
	lanes  map[string][]*lane
	count  int64 // processes
	events []line
	left   map[string]int64
}

// exported is a record: by producer and sequence, or a barrier by its offset.
type exported struct {
	partition history.Partition
	producer  uint32
	sequence  int64
}

// lane is one process of Jepsen.
type lane struct {
	process int64
	free    history.Time // from when on it may do something
	ended   bool
}

// line is an operation's invocation or completion.
type line struct {
	at history.Time
	op Map
}

// key is the number of a partition.
func (e *exporter) key(p history.Partition) int64 {
	k, ok := e.keys[p]
	if !ok {
		k = int64(len(e.keys))
		e.keys[p] = k
		e.named = append(e.named, fmt.Sprintf("key %d = %s", k, p))
	}
	return k
}

// value is the number of record i of a run.
func (e *exporter) value(run *history.Run, i int64) int64 {
	id := exported{run.Partition, run.Producer, run.FirstSequence + i}
	if run.Producer == history.BarrierProducer {
		id.sequence = run.FirstOffset
	}
	v, ok := e.values[id]
	if !ok {
		v = e.next[run.Partition]
		e.next[run.Partition]++
		e.values[id] = v
	}
	return v
}

// lane finds a process of a client that is free.
func (e *exporter) lane(client string, op *history.Operation) int64 {
	var found *lane
	for _, l := range e.lanes[client] {
		if !l.ended && l.free <= op.Invoke {
			found = l
			break
		}
	}
	if found == nil {
		found = &lane{process: e.count}
		e.count++
		e.lanes[client] = append(e.lanes[client], found)
		e.named = append(e.named, fmt.Sprintf("process %d = %s", found.process, client))
	}
	found.free, found.ended = op.Return, op.Outcome == history.Unknown
	return found.process
}

// operation takes an operation in order of return.
func (e *exporter) operation(op *history.Operation) {
	if op.Process == barrierProcess || op.Process == scanProcess {
		return
	}
	switch op.Kind {
	case history.Produce:
		if op.Transaction == nil { // the others are in their Transact
			e.sent(op, "send", op.Outcome)
		}
	case history.Barrier:
		e.sent(op, "send", op.Outcome)
	case history.Transact:
		outcome := op.Outcome
		if outcome == history.OK && op.Transaction.Decision != history.DecideCommit {
			outcome = history.Fail // an abort that was acknowledged
		}
		if len(op.Transaction.Positions) > 0 {
			e.left["offsets in transactions"]++
		}
		e.sent(op, "txn", outcome)
	case history.Fetch, history.Scan:
		e.polled(op)
	case history.Fault:
		e.fault(op)
	default:
		e.left["operations of kind "+op.Kind.String()]++
	}
}

// types of Jepsen's completions.
var types = map[history.Outcome]Keyword{history.OK: "ok", history.Fail: "fail", history.Unknown: "info"}

// sent adds the sends of an operation.
func (e *exporter) sent(op *history.Operation, f Keyword, outcome history.Outcome) {
	var asked, done List
	for r := range op.Runs {
		run := &op.Runs[r]
		for i := range int64(run.Count) {
			key, value := e.key(run.Partition), e.value(run, i)
			asked = append(asked, List{Keyword("send"), key, value})
			var offset any
			if run.FirstOffset != history.Unset {
				offset = run.FirstOffset + i
			}
			done = append(done, List{Keyword("send"), key, List{offset, value}})
		}
	}
	if len(asked) == 0 {
		return
	}
	if outcome != history.OK {
		done = asked
	}
	e.add(op, f, outcome, asked, done)
}

// polled adds what a reader was given.
func (e *exporter) polled(op *history.Operation) {
	if len(op.Watermarks) > 0 {
		e.left["watermarks"] += int64(len(op.Watermarks))
	}
	if len(op.Markers) > 0 {
		e.left["markers of transactions"] += int64(len(op.Markers))
	}
	var polled Map
	for r := range op.Runs {
		run := &op.Runs[r]
		polled = e.give(polled, run.Partition, func(records List) List {
			for i := range int64(run.Count) {
				records = append(records, List{run.FirstOffset + i, e.value(run, i)})
			}
			return records
		})
	}
	for _, c := range op.Corrupt {
		polled = e.give(polled, c.Partition, func(records List) List { return append(records, List{c.Offset, nil}) })
	}
	if len(polled) > 0 {
		e.add(op, "poll", op.Outcome, List{List{Keyword("poll")}}, List{List{Keyword("poll"), polled}})
	}
}

// give adds records of a partition to a poll.
func (e *exporter) give(polled Map, p history.Partition, more func(List) List) Map {
	key := e.key(p)
	for i := range polled {
		if polled[i].Key == key {
			polled[i].Value = more(polled[i].Value.(List))
			return polled
		}
	}
	return append(polled, Pair{key, more(nil)})
}

// add adds both lines of an operation.
func (e *exporter) add(op *history.Operation, f Keyword, outcome history.Outcome, asked, done List) {
	process := e.lane(op.Process, op)
	both := func(kind Keyword, at history.Time, value any) Map {
		return Map{{Keyword("type"), kind}, {Keyword("process"), process}, {Keyword("f"), f}, {Keyword("value"), value}, {Keyword("time"), int64(at)}}
	}
	completed := both(types[outcome], op.Return, done)
	if op.Error != "" {
		completed = append(completed, Pair{Keyword("error"), op.Error})
	}
	e.events = append(e.events, line{op.Invoke, both("invoke", op.Invoke, asked)}, line{op.Return, completed})
}

// fault adds an act of the nemesis. What it proved has no place.
func (e *exporter) fault(op *history.Operation) {
	act := map[history.Stage]string{history.Inject: "start-", history.Heal: "stop-"}[op.Fault.Stage]
	if act == "" {
		return
	}
	for _, at := range []history.Time{op.Invoke, op.Return} {
		e.events = append(e.events, line{at, Map{
			{Keyword("type"), Keyword("info")}, {Keyword("process"), Keyword("nemesis")}, {Keyword("f"), Keyword(act + op.Fault.Fault)},
			{Keyword("value"), op.Fault.Target}, {Keyword("time"), int64(at)},
		}})
	}
}

// write puts the lines into the order of their times.
func (e *exporter) write(w io.Writer) error {
	slices.SortStableFunc(e.events, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	out := bufio.NewWriter(w)
	for _, name := range e.named {
		fmt.Fprintf(out, "; logproof %s\n", name)
	}
	for i, l := range e.events {
		fmt.Fprintln(out, Write(append(Map{{Keyword("index"), int64(i)}}, l.op...)))
	}
	return out.Flush()
}

// omissions lists what was left out, in alphabetical order.
func (e *exporter) omissions() (list []Left) {
	for what, n := range e.left {
		list = append(list, Left{What: what, Count: n})
	}
	slices.SortFunc(list, func(a, b Left) int { return cmp.Compare(a.What, b.What) })
	return list
}
