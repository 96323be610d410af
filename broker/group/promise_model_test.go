package group

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// told is what the log says of one offset: of a transaction if producer is not 0; a removal if at is -1.
type told struct {
	partition int32
	at        int64
	producer  int64
}

// ledger says what offsets are by the letter of the protocol: by looking at the whole log each time.
type ledger struct {
	log []any // told, or a decision
}

type decision struct {
	producer int64
	commit   bool
}

// read gives the offset of a partition, -1 for none, and whether a transaction may still move it.
func (l *ledger) read(partition int32) (at int64, unstable bool) {
	at = -1
	for i, entry := range l.log {
		e, ok := entry.(told)
		if !ok || e.partition != partition {
			continue
		}
		if e.at == -1 {
			at, unstable = -1, false // and all before it is gone
			continue
		}
		switch fate := l.fate(e.producer, i); {
		case fate == nil:
			unstable = true
		case fate.commit:
			at = e.at
		}
	}
	return at, unstable
}

// fate is the decision about what a producer wrote at a place of the log, nil if there is none yet.
func (l *ledger) fate(producer int64, place int) *decision {
	if producer == 0 {
		return &decision{commit: true}
	}
	for _, entry := range l.log[place:] {
		if d, ok := entry.(decision); ok && d.producer == producer {
			return &d
		}
	}
	return nil
}

// Offsets are what the whole log says they are, at any time and for every coordinator that reads it, whatever comes in
// which order: commits, offsets in transactions, their ends, removals, writes that fail.
func TestPromiseModel(t *testing.T) {
	for seed := range uint64(150) {
		if wrong := playPromises(t, seed, Bugs{}); wrong != "" {
			t.Fatalf("seed %d: %s", seed, wrong)
		}
	}
	for name, bugs := range map[string]Bugs{"unstable-offsets": {UnstableOffsets: true}, "offsets-outside-transaction": {OffsetsOutsideTransaction: true}} {
		found := false
		for seed := uint64(0); seed < 20 && !found; seed++ {
			found = playPromises(t, seed, bugs) != ""
		}
		if !found {
			t.Errorf("%s is not found", name)
		}
	}
}

// playPromises plays one seed, and says what is wrong.
func playPromises(t *testing.T, seed uint64, bugs Bugs) (wrong string) {
	rng := rand.New(rand.NewPCG(seed, 3))
	d := newDesk(t, func(c *Config) { c.Bugs = bugs })
	l := &ledger{}
	next := int64(0)
	for step := range 60 {
		p, producer := rng.Int32N(3), 1+rng.Int64N(3)
		next++
		d.hold = true
		var entry any
		switch draw := rng.IntN(10); {
		case draw < 2:
			d.commit("", -1, next, func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Partition = p })
			entry = told{p, next, 0}
		case draw < 6:
			d.promise("", producer, -1, next, func(r *kmsg.TxnOffsetCommitRequest) { r.Topics[0].Partitions[0].Partition = p })
			entry = told{p, next, producer}
		case draw < 9:
			commit := rng.IntN(2) == 0
			d.mark(producer, commit)
			l.log = append(l.log, decision{producer, commit})
		default:
			req := kmsg.NewPtrOffsetDeleteRequest()
			req.Group = "g"
			req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: p}}}}
			d.m.DeleteOffsets(d.now, req, func(kmsg.Response) {})
			d.settle()
			entry = told{p, -1, 0}
		}
		var failed *kerr.Error
		if rng.IntN(6) == 0 {
			failed = kerr.NotEnoughReplicas
		}
		if len(d.held) > 0 && failed == nil {
			l.log = append(l.log, entry)
		}
		d.release(failed)
		if rng.IntN(4) == 0 {
			d.successor()
		}
		for p := range int32(3) {
			at, unstable := l.read(p)
			if got, code := d.partition(p, false); got != at || code != 0 {
				return fmt.Sprintf("step %d: partition %d is at %d (%d), the log says %d\n%+v", step, p, got, code, at, l.log[max(0, len(l.log)-12):])
			}
			if got, code := d.partition(p, true); (code == kerr.UnstableOffsetCommit.Code) != unstable || !unstable && got != at {
				return fmt.Sprintf("step %d: partition %d, stable: %d (%d), the log says %d, unstable %v", step, p, got, code, at, unstable)
			}
		}
	}
	return ""
}

// partition is what is told of one partition of orders.
func (d *desk) partition(index int32, stable bool) (at int64, code int16) {
	asked := kmsg.NewOffsetFetchRequestGroup()
	topic := kmsg.NewOffsetFetchRequestGroupTopic()
	topic.Topic, topic.Partitions = "orders", []int32{index}
	asked.Group, asked.Topics = "g", []kmsg.OffsetFetchRequestGroupTopic{topic}
	p := d.m.Fetch(&asked, stable).Topics[0].Partitions[0]
	return p.Offset, p.ErrorCode
}
