package client

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/loadgen/client/clienttest"
	"github.com/logproof/logproof/verify/history"
)

func recordOf(p history.Partition, value []byte) *kgo.Record {
	return &kgo.Record{Topic: p.Topic, Partition: p.Index, Value: value}
}

func TestBarrierIsTriedAgainWithTheNextSequence(t *testing.T) {
	s := newStage(t, 1, clienttest.Options{Script: func(p clienttest.Produce) clienttest.Reply {
		if p.Number == 1 {
			return clienttest.Reply{Error: kerr.MessageTooLarge.Code} // appended, but the client is told otherwise
		}
		return clienttest.Reply{}
	}})
	marks := s.barriers(t)
	if got := marks[s.targets[0].Partition]; got != (Mark{Offset: 1, Sequence: 1}) {
		t.Errorf("mark %+v; want the second barrier at offset 1", got)
	}
	if got := describe(s.memory.of(history.Barrier)); !slices.Equal(got, []string{"0 ok 0+1@1", "0 unknown 0+1@-1"}) {
		t.Errorf("operations %q; want both tries", got)
	}
	r := s.reader(t, history.Scan, nil)
	r.Until(marks)
	if err := r.Run(testContext(t)); err != nil {
		t.Errorf("the first barrier stopped the scan short of the second: %v", err)
	}
}

func TestBarrierThatCannotBeWritten(t *testing.T) {
	s := newStage(t, 2, clienttest.Options{})
	s.shared.Options.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no way") }
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	marks, err := WriteBarriers(ended, BarrierConfig{Shared: s.shared, Targets: s.targets, RecordSize: testSize})
	if err == nil || !strings.Contains(err.Error(), "orders/1: no barrier was acknowledged") || len(marks) != 0 {
		t.Errorf("%v, marks %v; want the partitions without a barrier", err, marks)
	}
	for _, op := range s.memory.of(history.Barrier) {
		if op.Outcome != history.Fail {
			t.Errorf("operation %+v; nothing was written, so it failed for certain", op)
		}
	}
}

func TestBarrierGivesUpARecordOnTheWire(t *testing.T) {
	asked := make(chan struct{})
	release := make(chan struct{})
	s := newStage(t, 1, clienttest.Options{Script: func(clienttest.Produce) clienttest.Reply {
		close(asked)
		<-release
		return clienttest.Reply{}
	}})
	defer close(release)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := WriteBarriers(ctx, BarrierConfig{Shared: s.shared, Targets: s.targets, RecordSize: testSize}); err == nil {
		t.Fatal("a barrier without an answer was taken for written")
	}
	if got := describe(s.memory.of(history.Barrier)); !slices.Equal(got, []string{"0 unknown 0+1@-1"}) {
		t.Errorf("operations %q; want one of unknown outcome", got)
	}
}

func TestCreateTopics(t *testing.T) {
	s := newStage(t, 3, clienttest.Options{})
	err := CreateTopics(testContext(t), s.shared, s.topics)
	if err == nil || !strings.Contains(err.Error(), "topic orders exists already") {
		t.Errorf("%v; want a topic of another run to be refused", err)
	}
	s.broker.Close()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	err = CreateTopics(ended, s.shared, []Topic{{Name: "other", Partitions: 1, ReplicationFactor: 1}})
	if err == nil || !strings.Contains(err.Error(), "which topics exist is not known") {
		t.Errorf("%v; want what is pending", err)
	}
}

// The topic is made and the answer is lost: the client asks again, and is told that the topic exists.
func TestTopicWhoseAnswerWasLost(t *testing.T) {
	s := newStage(t, 3, clienttest.Options{LoseFirstCreation: true})
	if err := CreateTopics(testContext(t), s.shared, []Topic{{Name: "other", Partitions: 1, ReplicationFactor: 1}}); err != nil {
		t.Error(err)
	}
}
