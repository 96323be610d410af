package history

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Text is a history written by hand: small, readable, for tests and examples. One entry per line,
// in order of return; times are milliseconds; "#" begins a comment, and comments of the form
// "# key: value" before the first entry are the head.
//
//	producer-0 produce ok      5..9    orders/0@12=p0:5x3    records 5, 6, 7 of producer 0 at offsets 12, 13, 14
//	producer-0 produce unknown 5..30   orders/0@?=p0:8       one record, offset not known
//	reader-1   fetch   ok      10..11  orders/0@12=p0:5x3 orders/0@15=p1:0~changed
//	reader-1   fetch   ok      12..13  orders/0=hw:16,epoch:3   lso:, start: and next: likewise
//	scan       scan    ok      50..60  orders/0@0=p0:0x3 orders/0@3=corrupt orders/0@4=barrier
//	barrier    barrier ok      40..41  orders/0@4=barrier
//	nemesis    fault   ok      20..21  0:kill:node-0:inject
//	workers-0  own     ok      5..90   workers:m1:3 orders/0 orders/1 until:80   group:member:generation[:instance]
//	workers-0  resume  ok      6..7    workers:m1:3 orders/0@12 orders/1@?
//	workers-0  commit  ok      8..9    workers:m1:3 orders/0@15
//	reader-1   fetch   ok      14..15 read_committed orders/0@12=p0:5x3
//	scan       scan    ok      50..60 orders/0@12=p0:5x3^900:3 orders/0@15=commit^900:3   records and marker of producer id 900, epoch 3
//	producer-0 produce ok      5..9   txn:tx-0:7 orders/0@12=p0:5x3                       in number 7 of transactional id tx-0
//	producer-0 transact ok     4..11  txn:tx-0:7 commit@10 orders/0@12=p0:5x3             EndTxn written at 10; abort@10, commit@never, none
//	workers-0  transact ok     4..11  txn:tx-1:0 commit@10 out/0@3=p9:0x2<orders/0@12 group:workers:m1:3 sent:9 orders/0@14
//	producer-0 attempt ok      6..8    orders/0@12=p900:5x3  "never" as second time: not answered; error=46 at the end
//
// Reads get their chain hashes from a RunBuilder per process; "~word" marks records whose content
// is another one although producer and sequence are the same, "^id:epoch" the broker's producer of
// transactional records, "<orders/0@12" the first record that they were made from, "!4" the number of their
// key plus 1. A group of a transact may leave out its member and generation. A watermark has, where it does not say
// otherwise, its last stable offset at the high watermark, its log start at 0, epoch 0 and no records.
type Text struct {
	// Head holds the "# key: value" comments before the first entry.
	Head    map[string]string
	entries []Entry
	next    int
}

// Meta of a text is made up, so that it is a Source like any other.
func (t *Text) Meta() Meta { return Meta{Version: "text", Scenario: t.Head["scenario"]} }

// Next entry, or io.EOF.
func (t *Text) Next() (Entry, error) {
	if t.next == len(t.entries) {
		return Entry{}, io.EOF
	}
	t.next++
	return t.entries[t.next-1], nil
}

// ReadText parses the whole text. Errors name the line and what was expected there.
func ReadText(r io.Reader) (*Text, error) {
	t := &Text{Head: map[string]string{}}
	p := textParser{readers: map[string]*RunBuilder{}}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		text, comment, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			if key, value, ok := strings.Cut(comment, ":"); ok && len(t.entries) == 0 {
				t.Head[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
			continue
		}
		entry, err := p.entry(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d of the history: %w", number, err)
		}
		t.entries = append(t.entries, entry)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return t, nil
}

type textParser struct {
	readers map[string]*RunBuilder
}

func (p *textParser) entry(fields []string) (Entry, error) {
	if len(fields) < 4 {
		return Entry{}, fmt.Errorf("it has %d words: want process, kind, outcome, times and more", len(fields))
	}
	process, kind, items := fields[0], fields[1], fields[4:]
	var outcome Outcome
	if err := outcome.UnmarshalText([]byte(fields[2])); err != nil {
		return Entry{}, err
	}
	from, to, err := parseTimes(fields[3])
	if err != nil {
		return Entry{}, err
	}
	if kind == "attempt" {
		a, err := parseAttempt(items)
		a.Process, a.Written, a.Answered = process, from, to
		return Entry{Attempt: &a}, err
	}
	op := &Operation{Process: process, Outcome: outcome, Invoke: from, Return: to}
	if err := op.Kind.UnmarshalText([]byte(kind)); err != nil {
		return Entry{}, err
	}
	for _, item := range items {
		if err := p.item(op, item); err != nil {
			return Entry{}, err
		}
	}
	if b := p.readers[process]; b != nil {
		op.Runs = append(op.Runs, b.Runs()...)
	}
	return Entry{Operation: op}, op.check()
}

// item adds one word of an operation to it.
func (p *textParser) item(op *Operation, item string) error {
	switch {
	case op.Kind == Fault:
		return parseStage(op, item)
	case op.Kind.ofGroup():
		return parseGroup(op, item)
	case item == ReadCommitted.String():
		op.Isolation = ReadCommitted
		return nil
	case strings.HasPrefix(item, "txn:"), op.Kind == Transact && !strings.Contains(item, "="):
		return parseTransaction(op, item)
	}
	place, what, ok := strings.Cut(item, "=")
	if !ok {
		return fmt.Errorf("%q: want topic/partition@offset=records, like orders/0@12=p0:5x3", item)
	}
	if strings.HasPrefix(what, "hw:") {
		return parseWatermark(op, place, what)
	}
	partition, offset, err := parsePlace(place)
	if err != nil {
		return err
	}
	if what == "corrupt" {
		op.Corrupt = append(op.Corrupt, Corrupt{Partition: partition, Offset: offset, Reason: "checksum"})
		return nil
	}
	run := Run{Partition: partition, FirstOffset: offset, Producer: BarrierProducer, Count: 1}
	what, content, err := parseRare(&run, what)
	if err != nil {
		return err
	}
	if what == DecideCommit.String() || what == DecideAbort.String() {
		if run.Origin == nil {
			return fmt.Errorf("%q: want a marker with its producer, like orders/0@15=commit^900:3", item)
		}
		op.Markers = append(op.Markers, Marker{partition, offset, run.Origin.ProducerID, run.Origin.ProducerEpoch, what == DecideCommit.String()})
		return nil
	}
	if what != "barrier" {
		if err := parseRecords(&run, what); err != nil {
			return err
		}
	}
	if op.Kind == Fetch || op.Kind == Scan {
		if run.FirstOffset == Unset {
			return fmt.Errorf("%q: what a reader saw stands at a known offset", item)
		}
		p.read(op.Process, run, content)
		return nil
	}
	op.Runs = append(op.Runs, run)
	return nil
}

// parseWatermark parses "orders/0" and "hw:16,lso:12,start:0,epoch:3,next:16".
func parseWatermark(op *Operation, place, what string) error {
	m := Watermark{LastStable: math.MinInt64, Next: Unset}
	if err := m.Partition.UnmarshalText([]byte(place)); err != nil {
		return err
	}
	for item := range strings.SplitSeq(what, ",") {
		name, number, _ := strings.Cut(item, ":")
		n, err := strconv.ParseInt(number, 10, 48)
		switch name {
		case "hw":
			m.HighWatermark = n
		case "lso":
			m.LastStable = n
		case "start":
			m.LogStart = n
		case "next":
			m.Next = n
		case "epoch":
			m.LeaderEpoch = int32(n)
		default:
			err = strconv.ErrSyntax
		}
		if err != nil || name == "epoch" && n != int64(m.LeaderEpoch) {
			return fmt.Errorf("watermark %q: want numbers like hw:16,lso:12,start:0,epoch:3,next:16", what)
		}
	}
	if m.LastStable == math.MinInt64 {
		m.LastStable = m.HighWatermark
	}
	op.Watermarks = append(op.Watermarks, m)
	return nil
}

// read gives the run's records to the reader's builder one by one.
func (p *textParser) read(process string, run Run, content string) {
	b := p.readers[process]
	if b == nil {
		b = &RunBuilder{}
		p.readers[process] = b
	}
	for i := range int64(run.Count) {
		r := run.Part(i, 1)
		hash := HashRecord([]byte(content), fmt.Appendf(nil, "%d:%d", r.Producer, r.FirstSequence))
		b.AddRecord(Record{
			Partition: r.Partition, Offset: r.FirstOffset, Producer: r.Producer, Sequence: r.FirstSequence, Origin: r.Origin, Source: r.Source, Key: r.Key,
		}, hash)
	}
}

// parseTimes parses "5..9" and "5..never" in milliseconds.
func parseTimes(s string) (from, to Time, err error) {
	a, b, ok := strings.Cut(s, "..")
	f, errF := strconv.ParseInt(a, 10, 32)
	t, errT := strconv.ParseInt(b, 10, 32)
	if b == "never" {
		errT = nil
	}
	if !ok || errF != nil || errT != nil {
		return 0, 0, fmt.Errorf("times %q: want milliseconds like 5..9 or 5..never", s)
	}
	if b == "never" {
		return Time(f) * Time(time.Millisecond), Never, nil
	}
	return Time(f) * Time(time.Millisecond), Time(t) * Time(time.Millisecond), nil
}

// parsePlace parses "orders/0@12" and "orders/0@?".
func parsePlace(s string) (p Partition, offset int64, err error) {
	name, at, _ := strings.Cut(s, "@")
	if err := p.UnmarshalText([]byte(name)); err != nil {
		return p, 0, err
	}
	if at == "?" {
		return p, Unset, nil
	}
	offset, err = strconv.ParseInt(at, 10, 48)
	if err != nil || offset < 0 {
		return p, 0, fmt.Errorf("offset %q of %q: want a number or ?", at, s)
	}
	return p, offset, nil
}

// textRunMax bounds a run in a text, whose reads are hashed record by record.
const textRunMax = 1 << 20

// parseRecords parses "p0:5x3": producer, first sequence, count (1 if left out).
func parseRecords(run *Run, s string) error {
	id, rest, ok := strings.Cut(s, ":")
	first, count, many := strings.Cut(rest, "x")
	if !many {
		count = "1"
	}
	producer, err1 := strconv.ParseUint(strings.TrimPrefix(id, "p"), 10, 32)
	sequence, err2 := strconv.ParseInt(first, 10, 48)
	n, err3 := strconv.ParseInt(count, 10, 32)
	if !ok || id == "" || id[0] != 'p' || err1 != nil || err2 != nil || err3 != nil || n < 1 || n > textRunMax || sequence < 0 {
		return fmt.Errorf("records %q: want producer:sequence or producer:sequencexcount, like p0:5x3", s)
	}
	run.Producer, run.FirstSequence, run.Count = uint32(producer), sequence, int32(n)
	return nil
}

// parseStage parses "0:kill:node-0:inject".
func parseStage(op *Operation, s string) error {
	parts := strings.Split(s, ":")
	if len(parts) != 4 {
		return fmt.Errorf("fault %q: want index:fault:target:stage, like 0:kill:node-0:inject", s)
	}
	index, err := strconv.ParseInt(parts[0], 10, 32)
	if err != nil {
		return fmt.Errorf("fault %q: its index is not a number: %w", s, err)
	}
	op.Fault = &FaultStage{Index: int32(index), Fault: parts[1], Target: parts[2]}
	return op.Fault.Stage.UnmarshalText([]byte(parts[3]))
}

// parseAttempt parses "orders/0@12=p900:5x3" as the records of one produce request, and "error=46".
func parseAttempt(items []string) (a Attempt, err error) {
	for _, item := range items {
		if code, ok := strings.CutPrefix(item, "error="); ok {
			n, err := strconv.ParseInt(code, 10, 16)
			if err != nil {
				return a, fmt.Errorf("%q: want error=<Kafka's error code>: %w", item, err)
			}
			a.Error = int16(n)
			continue
		}
		place, what, _ := strings.Cut(item, "=")
		var run Run
		if a.Partition, a.BaseOffset, err = parsePlace(place); err != nil {
			return a, err
		}
		if err := parseRecords(&run, what); err != nil {
			return a, err
		}
		if run.FirstSequence > math.MaxInt32 {
			return a, fmt.Errorf("base sequence %d of %q has more than 31 bits", run.FirstSequence, item)
		}
		a.ProducerID, a.BaseSequence, a.Count = int64(run.Producer), int32(run.FirstSequence), run.Count
	}
	return a, nil
}
