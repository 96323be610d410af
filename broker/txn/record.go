package txn

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Record of __transaction_state, in Apache Kafka's format. A nil Value takes back what stands under Key.
type Record struct {
	Key, Value []byte
	// Timestamp in milliseconds since 1970.
	Timestamp int64
}

// Versions of what is written: 1 is flexible, since what KIP-890 keeps is in tags.
const (
	keyVersion   = 0
	valueVersion = 1
)

func keyOf(id string) []byte {
	key := kmsg.NewTxnMetadataKey()
	key.Version, key.TransactionalID = keyVersion, id
	return key.AppendTo(nil)
}

func (k *kept) record(id string) Record {
	v := kmsg.NewTxnMetadataValue()
	v.Version, v.ProducerID, v.ProducerEpoch, v.TimeoutMillis = valueVersion, k.producer, k.epoch, int32(k.timeout.Milliseconds())
	v.State, v.LastUpdateTimestamp, v.StartTimestamp = k.state, k.updated, k.started
	v.PreviousProducerID, v.NextProducerID, v.ClientTransactionVersion = k.previous, k.next, k.version
	for _, p := range k.partitions {
		if n := len(v.Topics); n == 0 || v.Topics[n-1].Topic != p.Topic {
			topic := kmsg.NewTxnMetadataValueTopic()
			topic.Topic = p.Topic
			v.Topics = append(v.Topics, topic)
		}
		last := &v.Topics[len(v.Topics)-1]
		last.Partitions = append(last.Partitions, p.Index)
	}
	return Record{keyOf(id), v.AppendTo(nil), k.updated}
}

// Load takes a record of the log, in its order. An error is a record that cannot be understood; nothing of it is taken.
// Records of later kinds change nothing.
func (m *Machine) Load(key, value []byte) error {
	if len(key) < 2 {
		return fmt.Errorf("a key of %d bytes", len(key))
	}
	if version := int16(key[0])<<8 | int16(key[1]); version != keyVersion {
		return nil
	}
	k := kmsg.NewTxnMetadataKey()
	if err := k.ReadFrom(key); err != nil {
		return fmt.Errorf("the key of a transactional id: %w", err)
	}
	if value == nil {
		delete(m.ids, k.TransactionalID)
		return nil
	}
	v := kmsg.NewTxnMetadataValue()
	if err := v.ReadFrom(value); err != nil {
		return fmt.Errorf("transactional id %q: %w", k.TransactionalID, err)
	}
	if v.State < Empty || v.State > CompleteAbort {
		return fmt.Errorf("transactional id %q is in state %d", k.TransactionalID, v.State)
	}
	t := &transaction{id: k.TransactionalID, stored: true, kept: kept{
		producer: v.ProducerID, epoch: v.ProducerEpoch, last: noEpoch, previous: v.PreviousProducerID, next: v.NextProducerID,
		timeout: time.Duration(v.TimeoutMillis) * time.Millisecond, state: v.State, started: v.StartTimestamp, updated: v.LastUpdateTimestamp,
		version: v.ClientTransactionVersion,
	}}
	for _, topic := range v.Topics {
		for _, index := range topic.Partitions {
			t.partitions = append(t.partitions, Partition{topic.Topic, index})
		}
	}
	slices.SortFunc(t.partitions, ComparePartitions)
	t.partitions = slices.Compact(t.partitions)
	m.ids[t.id] = t
	return nil
}

// Loaded begins the term: what was decided is carried out, and what is open has the rest of its time.
func (m *Machine) Loaded(now time.Time) {
	for _, t := range m.sorted() {
		if t.state == PrepareCommit || t.state == PrepareAbort {
			m.conclude(now, t)
		}
		m.arm(now, t)
	}
}
