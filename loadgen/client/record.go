package client

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// topicsByNumber are the names of a run's topics by the places that payloads carry.
type topicsByNumber map[uint16]string

func namesOf(targets []Target) topicsByNumber {
	names := topicsByNumber{}
	for _, t := range targets {
		names[t.Topic] = t.Partition.Topic
	}
	return names
}

// identify reads what a record says of itself; the reason is why it is not what its producer wrote, or "".
func identify(run uint64, topic uint16, p history.Partition, rec *kgo.Record) (h payload.Header, reason string) {
	h, err := payload.Decode(rec.Value)
	switch {
	case err != nil:
		return h, err.Error()
	case h.Run != run:
		return h, fmt.Sprintf("record of run %x in run %x", h.Run, run)
	case h.Topic != topic || h.Partition != p.Index:
		return h, fmt.Sprintf("written to topic number %d partition %d, read from topic number %d partition %d", h.Topic, h.Partition, topic, p.Index)
	}
	return h, ""
}

// addTo adds a record to the runs of its reader; origins are those of raw readers.
func addTo(runs *history.RunBuilder, p history.Partition, h payload.Header, rec *kgo.Record, topics topicsByNumber, origins bool) {
	hash := history.HashRecord(rec.Key, rec.Value)
	if h.Barrier {
		runs.Add(p, rec.Offset, history.BarrierProducer, 0, hash)
		return
	}
	r := history.Record{Partition: p, Offset: rec.Offset, Producer: h.Producer, Sequence: h.Sequence, Key: h.Key}
	if h.Source.Exists {
		r.Source = &history.Input{Partition: history.Partition{Topic: topics[h.Source.Topic], Index: h.Source.Partition}, FirstOffset: h.Source.Offset}
	}
	if origins && rec.Attrs.IsTransactional() {
		r.Origin = &history.Origin{ProducerID: rec.ProducerID, ProducerEpoch: rec.ProducerEpoch}
	}
	runs.AddRecord(r, hash)
}

// Control records have a key of two numbers of 16 bits: a version and a type, of which transactions have two (KIP-98).
const (
	controlAbort  = 0
	controlCommit = 1
)

// appendMarker adds the end of a transaction that a control record is; one of another type is none.
func appendMarker(markers []history.Marker, p history.Partition, rec *kgo.Record) []history.Marker {
	if len(rec.Key) < 4 {
		return markers
	}
	kind := binary.BigEndian.Uint16(rec.Key[2:])
	if kind != controlAbort && kind != controlCommit {
		return markers
	}
	return append(markers, history.Marker{
		Partition: p, Offset: rec.Offset, ProducerID: rec.ProducerID, ProducerEpoch: rec.ProducerEpoch, Commit: kind == controlCommit,
	})
}
