package batch

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Marker is the end of a transaction in one partition, as a transaction coordinator has decided it (KIP-98). It is
// the one record of a control batch: its key says what it is, its value which coordinator wrote it.
type Marker struct {
	// Commit, or abort.
	Commit bool
	// CoordinatorEpoch is the leader epoch of the partition of __transaction_state whose leader decided.
	CoordinatorEpoch int32
}

// BuildMarker makes the control batch of a marker in Kafka's format: transactional, of the producer whose transaction
// it ends, without a sequence. With transaction version 2 the epoch is the one after that of the transaction
// (KIP-890). The timestamp is in milliseconds since 1970.
func BuildMarker(producerID int64, epoch int16, m Marker, timestamp int64) View {
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	if m.Commit {
		key.Type = kmsg.ControlRecordKeyTypeCommit
	}
	value := kmsg.EndTxnMarker{CoordinatorEpoch: m.CoordinatorEpoch}
	var b Builder
	b.Producer(producerID, epoch, -1)
	b.Transactional()
	b.Add(key.AppendTo(nil), value.AppendTo(nil), timestamp)
	v := b.Build()
	v.put16(atAttributes, v.Attributes()|controlBit)
	v.Stamp()
	return v
}

// ReadMarker reads the marker of a control batch, which must be whole; its checksum is not looked at. Anything else is
// ErrInvalidRecord. Later versions of Kafka may add to the fields that are read here, they cannot change them.
func ReadMarker(v View) (Marker, error) {
	switch {
	case !v.IsControl() || !v.IsTransactional() || v.ProducerID() < 0:
		return Marker{}, fmt.Errorf("%w: it is no marker of a transaction", ErrInvalidRecord)
	case v.Codec() != Uncompressed || v.Count() != 1:
		return Marker{}, fmt.Errorf("%w: a marker has one record, not compressed; here are %d, %s", ErrInvalidRecord, v.Count(), v.Codec())
	}
	var record Record
	r := reader{rest: v.records()}
	r.record(v, &record)
	key, value := View(record.Key), View(record.Value)
	switch {
	case r.bad || len(key) < markerKeyMin || len(value) < markerValueMin:
		return Marker{}, fmt.Errorf("%w: the record of a marker cannot be decoded", ErrInvalidRecord)
	case key.int16(0) < 0 || value.int16(0) < 0:
		return Marker{}, fmt.Errorf("%w: a marker of version %d and %d", ErrInvalidRecord, key.int16(0), value.int16(0))
	}
	kind := kmsg.ControlRecordKeyType(key.int16(2))
	if kind != kmsg.ControlRecordKeyTypeAbort && kind != kmsg.ControlRecordKeyTypeCommit {
		return Marker{}, fmt.Errorf("%w: a control record of type %d ends no transaction", ErrInvalidRecord, kind)
	}
	return Marker{Commit: kind == kmsg.ControlRecordKeyTypeCommit, CoordinatorEpoch: value.int32(2)}, nil
}

// Bytes of a marker's key, version and type, and of its value, version and coordinator epoch.
const (
	markerKeyMin   = 4
	markerValueMin = 6
)
