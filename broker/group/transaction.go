package group

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Producer is in whose transaction a write stands. Guard is the number of the question whether the partition belongs
// to the transaction, which was answered with yes (KIP-890).
type Producer struct {
	ID    int64
	Epoch int16
	Guard uint64
}

// promises are the offsets of transactions that have neither committed nor aborted yet: each is in the log, and which
// it is stands in the producer's marker, behind it.
type promises struct {
	// open are those of a group, by partition and producer.
	open map[partition]map[int64]offset
	// writing counts the commits in a transaction, of a partition, that are not in the log yet.
	writing map[partition]int
}

// CommitInTransaction keeps offsets that count once the transaction of the producer has committed, and are as if they
// had never been if it aborts (KIP-98). It is answered when they are in the log. A member commits in its generation: one
// that others have taken for dead cannot (KIP-447). A client that knows no generation, as before KIP-447, is trusted.
func (m *Machine) CommitInTransaction(now time.Time, req *kmsg.TxnOffsetCommitRequest, guard uint64, answer Answer) {
	g := m.groups[req.Group]
	if g == nil && (req.Generation < 0 || m.cfg.Bugs.EOSZombie) {
		g = newGroup(req.Group)
	}
	if err := m.mayPromise(g, req); err != nil {
		answer(promiseResponse(req, func(int, int) *kerr.Error { return err }))
		return
	}
	kept := map[partition]offset{}
	var records []Record
	each := promiseResponse(req, func(i, j int) *kerr.Error {
		t, p := &req.Topics[i], &req.Topics[i].Partitions[j]
		o := offset{at: p.Offset, leaderEpoch: p.LeaderEpoch, committed: m.cfg.Wall(now).UnixMilli(), expires: -1, topic: t.TopicID}
		if p.Metadata != nil {
			o.metadata = *p.Metadata
		}
		if len(o.metadata) > m.cfg.MaxMetadata {
			return kerr.OffsetMetadataTooLarge
		}
		at := partition{t.Topic, p.Partition}
		kept[at] = o
		records = append(records, o.record(g.id, at))
		return nil
	})
	if len(records) == 0 {
		answer(each)
		return
	}
	m.groups[g.id] = g
	m.promise(now, g, req, guard, kept, records, each, answer)
}

// mayPromise says why a commit in a transaction is refused as a whole.
func (m *Machine) mayPromise(g *group, req *kmsg.TxnOffsetCommitRequest) *kerr.Error {
	switch {
	case m.cfg.Bugs.EOSZombie:
		return nil
	case g == nil:
		return kerr.IllegalGeneration
	case req.Generation < 0 && (g.state == Empty || req.MemberID == "" && req.InstanceID == nil):
		return nil
	}
	if _, err := g.find(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	if req.Generation != g.generation {
		return kerr.IllegalGeneration
	}
	return nil
}

func (m *Machine) promise(now time.Time, g *group, req *kmsg.TxnOffsetCommitRequest, guard uint64, kept map[partition]offset, records []Record, each *kmsg.TxnOffsetCommitResponse, answer Answer) {
	for p := range kept {
		g.inFlight[p]++
		g.promises.writing[p]++
	}
	tell := func(err *kerr.Error) {
		if answer == nil {
			return
		}
		if err != nil {
			each = promiseResponse(req, func(i, j int) *kerr.Error {
				if code := each.Topics[i].Partitions[j].ErrorCode; code != 0 {
					return kerr.TypedErrorForCode(code)
				}
				return err
			})
		}
		answer(each)
		answer = nil
	}
	m.write(now, false, records, func(_ time.Time, err *kerr.Error) {
		m.order++
		for p, o := range kept {
			if g.inFlight[p]--; g.inFlight[p] == 0 {
				delete(g.inFlight, p)
			}
			if g.promises.writing[p]--; g.promises.writing[p] == 0 {
				delete(g.promises.writing, p)
			}
			if err == nil {
				m.pend(g, req.ProducerID, p, o)
			}
		}
		tell(transactionError(err))
		m.forget(g)
	}, func(time.Time) { tell(kerr.CoordinatorNotAvailable) })
	m.writes[len(m.writes)-1].Producer = &Producer{req.ProducerID, req.ProducerEpoch, guard}
}

// transactionError is what a client is told of a write in its transaction that failed: that the transaction is not as it
// thinks is for it to know.
func transactionError(err *kerr.Error) *kerr.Error {
	switch err {
	case nil, kerr.InvalidTxnState, kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.TransactionAbortable, kerr.OutOfOrderSequenceNumber:
		return err
	}
	return coordinatorError(err)
}

// pend takes an offset whose transaction is open.
func (m *Machine) pend(g *group, producer int64, p partition, o offset) {
	o.order = m.order
	if m.cfg.Bugs.OffsetsOutsideTransaction {
		g.offsets[p] = o
		return
	}
	if g.promises.open[p] == nil {
		g.promises.open[p] = map[int64]offset{}
	}
	g.promises.open[p][producer] = o
	if m.producers[producer] == nil {
		m.producers[producer] = map[string]bool{}
	}
	m.producers[producer][g.id] = true
}

// Decide takes the marker of a producer, in the order of the log: what it has pending here counts now, unless something
// newer is committed that is no part of a transaction, or is gone.
func (m *Machine) Decide(producer int64, commit bool) {
	m.order++
	for _, id := range slices.Sorted(maps.Keys(m.producers[producer])) {
		g := m.groups[id]
		if g == nil {
			continue
		}
		for _, p := range sortedPartitions(g.promises.open) {
			o, ok := g.promises.open[p][producer]
			if !ok {
				continue
			}
			g.settle(p, producer)
			if now, has := g.offsets[p]; commit && (!has || now.order < o.order) {
				g.offsets[p] = o
			}
		}
		m.forget(g)
	}
	delete(m.producers, producer)
}

// settle ends a pending offset.
func (g *group) settle(p partition, producer int64) {
	delete(g.promises.open[p], producer)
	if len(g.promises.open[p]) == 0 {
		delete(g.promises.open, p)
	}
}

// unstable says that nobody knows yet what the offset of a partition is (KIP-447).
func (g *group) unstable(p partition) bool {
	return len(g.promises.open[p]) > 0 || g.promises.writing[p] > 0
}

// promised is the newest offset of a partition that a transaction holds open.
func (g *group) promised(p partition) (newest offset, ok bool) {
	for _, o := range g.promises.open[p] {
		if !ok || o.order > newest.order {
			newest, ok = o, true
		}
	}
	return newest, ok
}

// LoadPending takes a record that stands in the log in a transaction, as Load does with others: it is pending until
// Decide.
func (m *Machine) LoadPending(producer int64, key, value []byte) error {
	m.order++
	if len(key) < 2 {
		return fmt.Errorf("a key of %d bytes", len(key))
	}
	if version := int16(key[0])<<8 | int16(key[1]); version != 0 && version != offsetKeyVersion || value == nil {
		return fmt.Errorf("a record in a transaction that is no offset")
	}
	id, p, o, err := readOffset(key, value)
	if err == nil {
		m.pend(m.loading(id), producer, p, o)
	}
	return err
}

// promiseResponse lays the answer out in the order of the request, with the error of each partition by the indices of
// its topic and itself.
func promiseResponse(req *kmsg.TxnOffsetCommitRequest, of func(i, j int) *kerr.Error) *kmsg.TxnOffsetCommitResponse {
	resp := kmsg.NewPtrTxnOffsetCommitResponse()
	resp.Topics = make([]kmsg.TxnOffsetCommitResponseTopic, len(req.Topics))
	for i := range req.Topics {
		topic := kmsg.NewTxnOffsetCommitResponseTopic()
		topic.Topic, topic.TopicID = req.Topics[i].Topic, req.Topics[i].TopicID
		topic.Partitions = make([]kmsg.TxnOffsetCommitResponseTopicPartition, len(req.Topics[i].Partitions))
		for j := range topic.Partitions {
			p := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			p.Partition = req.Topics[i].Partitions[j].Partition
			if err := of(i, j); err != nil {
				p.ErrorCode = err.Code
			}
			topic.Partitions[j] = p
		}
		resp.Topics[i] = topic
	}
	return resp
}
