package jepsen

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// stranger is the producer of values that nobody sent.
const stranger = math.MaxUint32 - 1

// Left is something of a history that has no place in the other form.
type Left struct {
	// Line of its first occurrence; 0 in exports.
	Line int `json:"line,omitempty"`
	// What it is, and how often it occurs.
	What  string `json:"what"`
	Count int64  `json:"count"`
}

// String is the omission for people.
func (l Left) String() string {
	if l.Line == 0 {
		return fmt.Sprintf("%s (%d times)", l.What, l.Count)
	}
	return fmt.Sprintf("line %d: %s (%d times)", l.Line, l.What, l.Count)
}

// Imported is what an import found.
type Imported struct {
	// Expect is what the history can be judged by: the rules on records. Jepsen notes no watermarks, no commits and
	// no markers.
	Expect verify.Expect
	// Operations that were written, and what was left out.
	Operations int64
	Left       []Left
	// Unseen counts acknowledged records behind the last one of their partition that was read: Jepsen calls them
	// unseen, and cannot tell lost from late.
	Unseen int64
}

// Import reads a history of Jepsen and writes its operations in the order of their returns. Partitions
// are those of a topic, numbered by Jepsen's keys, unless the history names them, as an exported one does.
// The error is of the source, of write, or names a line that is no history.
func Import(r io.Reader, topic string, write func(history.Operation) error) (Imported, error) {
	i := &importer{
		reader: NewReader(r), topic: topic, write: write, pending: map[int64]*pending{}, clients: map[int64]*client{},
		partitions: map[int64]*partition{}, names: map[string]string{}, faults: faults{open: map[string]int32{}, begun: map[Keyword]operation{}},
	}
	if err := i.run(); err != nil {
		return Imported{}, fmt.Errorf("import a history of Jepsen: %w", err)
	}
	return i.found, nil
}

type importer struct {
	reader     *Reader
	topic      string
	write      func(history.Operation) error
	pending    map[int64]*pending
	order      []int64 // processes of pending, in the order of their first operation
	clients    map[int64]*client
	partitions map[int64]*partition // by Jepsen's keys
	names      map[string]string    // "key 0" -> "orders/0", "process 3" -> "producer-0", from comments
	producers  uint32
	faults     faults
	last       int64 // time of the last line
	found      Imported
}

// pending is an operation without its completion.
type pending struct {
	op    operation
	sends []send
}

// client is one process.
type client struct {
	name       string
	producer   uint32
	sends      bool
	subscribed bool
	life       int // another one where its position may have moved
}

// partition is what is known of one key.
type partition struct {
	name    history.Partition
	records map[int64]record // by value
	next    map[uint32]int64 // the next sequence of each producer
	read    map[int64]record // by offset: what anybody was given there first
	acked   []record
	bound   int64 // the highest offset that was read, -1 if none was
}

// record is a value as verify knows it.
type record struct {
	producer uint32
	sequence int64
	offset   int64 // of the acknowledgement; -1 without one
}

func (i *importer) run() error {
	for {
		v, err := i.reader.Next()
		if errors.Is(err, io.EOF) {
			return i.end()
		}
		if err != nil {
			return err
		}
		i.comments()
		lines, ok := v.(List) // some histories are one vector
		if !ok {
			lines = List{v}
		}
		for _, v := range lines {
			op, err := parseOperation(v, i.reader.Line())
			if err == nil {
				err = i.operation(op)
			}
			if err != nil {
				return err
			}
		}
	}
}

// comments takes the names that an export left: "logproof key 0 = orders/0".
func (i *importer) comments() {
	for _, c := range i.reader.Comments() {
		if rest, ok := strings.CutPrefix(c, "logproof "); ok {
			if what, name, ok := strings.Cut(rest, " = "); ok {
				i.names[what] = strings.TrimSpace(name)
			}
		}
	}
}

// leave notes something that has no place.
func (i *importer) leave(line int, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	for k := range i.found.Left {
		if i.found.Left[k].What == what {
			i.found.Left[k].Count++
			return
		}
	}
	i.found.Left = append(i.found.Left, Left{line, what, 1})
}

// operation takes a line.
func (i *importer) operation(op operation) error {
	if !op.timed {
		op.time = i.last + 1
	}
	i.last = max(i.last, op.time)
	process, ok := op.process.(int64)
	switch {
	case op.process == Keyword("nemesis"):
		return i.nemesis(op)
	case !ok:
		i.leave(op.line, "an operation of process %s", Write(op.process))
		return nil
	}
	switch op.f {
	case "send", "poll", "txn":
		return i.client(process, op)
	case "assign", "subscribe":
		if op.kind != "invoke" {
			c := i.of(process)
			c.subscribed, c.life = op.f == "subscribe", c.life+1
		}
		return nil
	}
	i.leave(op.line, "operations :f :%s", op.f)
	return nil
}

// of is the client of a process, made when first asked for.
func (i *importer) of(process int64) *client {
	c := i.clients[process]
	if c == nil {
		c = &client{name: i.names[fmt.Sprintf("process %d", process)]}
		i.clients[process] = c
	}
	return c
}

// called is the name of a client as a producer or as a reader.
func (c *client) called(role string, process int64) string {
	name := c.name
	if name == "" {
		name = role + "-" + strconv.FormatInt(process, 10)
	}
	if role == "reader" && c.life > 0 {
		name += "/" + strconv.Itoa(c.life)
	}
	return name
}

// place is the partition of a key, made when first asked for.
func (i *importer) place(key int64) *partition {
	p := i.partitions[key]
	if p == nil {
		p = &partition{name: history.Partition{Topic: i.topic, Index: int32(key)}, records: map[int64]record{}, next: map[uint32]int64{}, read: map[int64]record{}, bound: -1}
		if name := i.names[fmt.Sprintf("key %d", key)]; name != "" {
			var named history.Partition
			if named.UnmarshalText([]byte(name)) == nil {
				p.name = named
			}
		}
		i.partitions[key] = p
	}
	return p
}

// number gives a value its sequence; a value that is sent twice keeps its first.
func (p *partition) number(producer uint32, value int64) record {
	r, known := p.records[value]
	if !known {
		r = record{producer, p.next[producer], -1}
		p.next[producer]++
		p.records[value] = r
	}
	return r
}

// client takes a line of a client.
func (i *importer) client(process int64, op operation) error {
	m, err := parseMicro(op)
	if err != nil {
		return err
	}
	if op.kind == "invoke" {
		if before := i.pending[process]; before != nil {
			return fmt.Errorf("line %d: process %d invokes before its operation of line %d is completed", op.line, process, before.op.line)
		}
		c := i.of(process)
		for _, s := range m.sends {
			if !c.sends {
				c.sends, c.producer = true, i.producers
				i.producers++
			}
			i.place(s.key).number(c.producer, s.value)
		}
		i.pending[process] = &pending{op, m.sends}
		i.order = append(i.order, process)
		return nil
	}
	began := i.pending[process]
	if began == nil {
		return fmt.Errorf("line %d: process %d completes an operation that it did not invoke", op.line, process)
	}
	if began.op.f != op.f || op.kind == "ok" && !same(began.sends, m.sends) {
		return fmt.Errorf("line %d: process %d completes another operation than it invoked on line %d", op.line, process, began.op.line)
	}
	delete(i.pending, process)
	return i.complete(process, began, op, m)
}

// same reports whether an operation was completed with the sends that it was invoked with.
func same(a, b []send) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].key != b[i].key || a[i].value != b[i].value {
			return false
		}
	}
	return true
}
