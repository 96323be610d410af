package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/loadgen/client/clienttest"
	"github.com/logproof/logproof/verify/history"
)

// memory is a Recorder that keeps everything; its clock counts the questions.
type memory struct {
	mu         sync.Mutex
	now        history.Time
	operations []history.Operation
	attempts   []history.Attempt
}

func (m *memory) Now() history.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now++
	return m.now
}

func (m *memory) Operation(op history.Operation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if op.Return == 0 {
		m.now++
		op.Return = m.now
	}
	op.Runs = slices.Clone(op.Runs)
	m.operations = append(m.operations, op)
}

func (m *memory) Attempt(a history.Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts = append(m.attempts, a)
}

// of returns the operations of one kind.
func (m *memory) of(kind history.Kind) []history.Operation {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ops []history.Operation
	for _, op := range m.operations {
		if op.Kind == kind {
			ops = append(ops, op)
		}
	}
	return ops
}

// wire returns the attempts.
func (m *memory) wire() []history.Attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.attempts)
}

// stage is a broker with one topic, and what the clients of a test share.
type stage struct {
	broker  *clienttest.Broker
	memory  *memory
	shared  Shared
	topics  []Topic
	targets []Target
}

const testSize = 100

func newStage(t *testing.T, partitions int32, options clienttest.Options) *stage {
	t.Helper()
	broker, err := clienttest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	s := &stage{broker: broker, memory: &memory{}, topics: []Topic{{Name: "orders", Partitions: partitions, ReplicationFactor: 1}}}
	s.targets = Targets(s.topics)
	s.shared = Shared{
		Run: 7, Brokers: []string{broker.Addr()}, Recorder: s.memory, Tap: NewTap(s.memory),
		Options: Options{MetadataMinAge: 10 * time.Millisecond, RetryBackoff: 5 * time.Millisecond},
	}
	if err := CreateTopics(testContext(t), s.shared, s.topics); err != nil {
		t.Fatal(err)
	}
	return s
}

// testContext ends long after every test should have ended by itself.
func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (s *stage) producer(t *testing.T, spec ProducerSpec, settled func(Settlement)) *Producer {
	t.Helper()
	p, err := NewProducer(ProducerConfig{
		Shared: s.shared, Process: "producer-0", Targets: s.targets, RecordSize: testSize, MaxInFlight: 1000, Spec: spec, Settled: settled,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// send sends count records round the targets and drains.
func (s *stage) send(t *testing.T, p *Producer, count int) {
	t.Helper()
	for i := range count {
		if !p.Send(i%len(s.targets), s.memory.Now()) {
			t.Fatalf("record %d found the producer full", i)
		}
	}
	if err := p.Drain(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

// describe lists what the operations say about the sequences of each partition, sorted, as
// "ok 0+5@0" for five records from sequence 0 at offset 0.
func describe(ops []history.Operation) []string {
	var lines []string
	for _, op := range ops {
		for _, r := range op.Runs {
			lines = append(lines, fmt.Sprintf("%d %v %d+%d@%d", r.Partition.Index, op.Outcome, r.FirstSequence, r.Count, r.FirstOffset))
		}
	}
	slices.Sort(lines)
	return lines
}

// records counts the records of operations with the given outcome.
func records(ops []history.Operation, outcome history.Outcome) (n int) {
	for _, op := range ops {
		for _, r := range op.Runs {
			if op.Outcome == outcome {
				n += int(r.Count)
			}
		}
	}
	return n
}
