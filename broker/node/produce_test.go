package node

import (
	"slices"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Each thing that can be wrong with a batch has Kafka's error, and nothing of it is appended.
func TestProduceErrors(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	broken := records(5, 0, "x")
	broken[len(broken)-1] ^= 1
	two := append(records(5, 0, "x"), records(5, 1, "y")...)
	good := records(5, 0, "x", "y")
	changed := func(at int, to byte) []byte {
		v := slices.Clone(good)
		v[at] = to
		return v
	}
	stamped := func(v batch.View) []byte {
		v.Stamp()
		return v
	}
	for name, c := range map[string]struct {
		req  *kmsg.ProduceRequest
		want *kerr.Error
	}{
		"unknown partition":  {produceRequest(topic, 9, -1, records(5, 0, "x")), kerr.UnknownTopicOrPartition},
		"unknown topic":      {produceRequest([16]byte{9}, 0, -1, records(5, 0, "x")), kerr.UnknownTopicID},
		"checksum":           {produceRequest(topic, 0, -1, broken), kerr.CorruptMessage},
		"two batches":        {produceRequest(topic, 0, -1, two), kerr.InvalidRecord},
		"too large":          {produceRequest(topic, 0, -1, records(5, 0, string(make([]byte, 2<<20)))), kerr.MessageTooLarge},
		"acks=2":             {produceRequest(topic, 0, 2, records(5, 0, "x")), kerr.InvalidRequiredAcks},
		"no batch":           {produceRequest(topic, 0, -1, nil), kerr.InvalidRecord},
		"half a batch":       {produceRequest(topic, 0, -1, good[:70]), kerr.InvalidRecord},
		"length that lies":   {produceRequest(topic, 0, -1, changed(11, 20)), kerr.CorruptMessage},
		"negative length":    {produceRequest(topic, 0, -1, changed(8, 0xff)), kerr.CorruptMessage},
		"longer than sent":   {produceRequest(topic, 0, -1, changed(9, 1)), kerr.InvalidRecord},
		"format v1":          {produceRequest(topic, 0, -1, changed(16, 1)), kerr.InvalidRecord},
		"format v3":          {produceRequest(topic, 0, -1, changed(16, 3)), kerr.CorruptMessage},
		"too many records":   {produceRequest(topic, 0, -1, stamped(changed(59, 1))), kerr.InvalidRecord},
		"a record that lies": {produceRequest(topic, 0, -1, stamped(changed(61, 0x7e))), kerr.InvalidRecord},
		"unknown codec":      {produceRequest(topic, 0, -1, stamped(changed(22, 6))), kerr.UnsupportedCompressionType},
		"control batch":      {produceRequest(topic, 0, -1, stamped(changed(22, 0x20))), kerr.InvalidRecord},
	} {
		p := ask[*kmsg.ProduceResponse](s, c.req).Topics[0].Partitions[0]
		if p.ErrorCode != c.want.Code {
			t.Errorf("%s: %v, want %v", name, kerr.ErrorForCode(p.ErrorCode), c.want)
		}
	}
	if got := readAll(s, topic, 0); len(got) != 0 {
		t.Errorf("refused batches were appended: %v", got)
	}
}
