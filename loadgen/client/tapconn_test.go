package client

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

// wire is a connection whose other side is the test: what was written and what will be read.
type wire struct {
	net.Conn
	out      bytes.Buffer
	in       bytes.Buffer
	maxRead  int
	writeErr error
	closed   bool
}

func (w *wire) Write(p []byte) (int, error) {
	if w.writeErr != nil {
		return 0, w.writeErr
	}
	return w.out.Write(p)
}

func (w *wire) Read(p []byte) (int, error) {
	if w.maxRead > 0 && len(p) > w.maxRead {
		p = p[:w.maxRead]
	}
	return w.in.Read(p)
}

func (w *wire) Close() error {
	w.closed = true
	return nil
}

// tapped returns a tapped wire.
func tapped() (*wire, *tapConn, *memory, *Process) {
	w, m := &wire{}, &memory{}
	process := NewTap(m).Process("producer-0")
	return w, newTapConn(w, process, 1), m, process
}

var testID = [16]byte{1, 2, 3}

// batchBytes is the header of a batch v2 with the given producer fields, and some bytes of records.
func batchBytes(pid int64, epoch int16, sequence, count int32) []byte {
	b := make([]byte, batchHeader+20)
	binary.BigEndian.PutUint32(b[batchLength:], uint32(len(b)-batchLength-4))
	b[batchMagic] = 2
	binary.BigEndian.PutUint64(b[batchProducerID:], uint64(pid))
	binary.BigEndian.PutUint16(b[batchEpoch:], uint16(epoch))
	binary.BigEndian.PutUint32(b[batchSequence:], uint32(sequence))
	binary.BigEndian.PutUint32(b[batchCount:], uint32(count))
	return b
}

func produceRequest(version, acks int16, correlation int32, batches ...[]byte) []byte {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = version, acks, 1000
	topic := kmsg.ProduceRequestTopic{Topic: "orders", TopicID: testID}
	for i, batch := range batches {
		topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(i), Records: batch})
	}
	req.Topics = []kmsg.ProduceRequestTopic{topic}
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("producer-0")).AppendRequest(nil, req, correlation)
}

func responseFrame(resp kmsg.Response, correlation int32) []byte {
	frame := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(correlation))
	if resp.IsFlexible() && resp.Key() != 18 {
		frame = append(frame, 2, 9, 1, 0xff, 10, 0) // two header tags: a client must skip what it does not know
	}
	frame = resp.AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return frame
}

func produceResponse(version int16, correlation int32, answers ...kmsg.ProduceResponseTopicPartition) []byte {
	resp := kmsg.NewPtrProduceResponse()
	resp.Version = version
	resp.Topics = []kmsg.ProduceResponseTopic{{Topic: "orders", TopicID: testID, Partitions: answers}}
	return responseFrame(resp, correlation)
}

func answer(partition int32, code int16, base int64) kmsg.ProduceResponseTopicPartition {
	p := kmsg.NewProduceResponseTopicPartition()
	p.Partition, p.ErrorCode, p.BaseOffset = partition, code, base
	return p
}

func mustWrite(t *testing.T, conn net.Conn, p []byte) {
	t.Helper()
	if n, err := conn.Write(p); n != len(p) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(p), err)
	}
}

func TestTapPassesBytesAndRecordsAttempts(t *testing.T) {
	for _, version := range []int16{3, 8, 9, 12, 13} {
		w, conn, m, process := tapped()
		process.tap.learn(testID, "orders")
		request := produceRequest(version, -1, 5, batchBytes(77, 3, 100, 10), batchBytes(77, 3, 0, 4))
		response := produceResponse(version, 5, answer(1, 0, 900), answer(0, 6, -1))
		mustWrite(t, conn, request)
		w.in.Write(response)
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(got, response) || !bytes.Equal(w.out.Bytes(), request) {
			t.Fatalf("v%d: the tap changed bytes (%v)", version, err)
		}
		want := []history.Attempt{
			{Process: "producer-0", Connection: 1, API: 0, Version: version, Correlation: 5, Partition: history.Partition{Topic: "orders", Index: 0},
				ProducerID: 77, ProducerEpoch: 3, BaseSequence: 100, Count: 10, Written: 1, Answered: 2, Error: 6, BaseOffset: history.Unset},
			{Process: "producer-0", Connection: 1, API: 0, Version: version, Correlation: 5, Partition: history.Partition{Topic: "orders", Index: 1},
				ProducerID: 77, ProducerEpoch: 3, BaseSequence: 0, Count: 4, Written: 1, Answered: 2, BaseOffset: 900},
		}
		if got := m.wire(); !reflect.DeepEqual(got, want) {
			t.Errorf("v%d: attempts %+v\nwant %+v", version, got, want)
		}
		if err := process.tap.Broken(); err != nil {
			t.Errorf("v%d: %v", version, err)
		}
	}
}

func TestTapFollowsPipelinesInSmallPieces(t *testing.T) {
	w, conn, m, process := tapped()
	w.maxRead = 7
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version = 12
	formatter := kmsg.NewRequestFormatter()
	versions := kmsg.NewPtrApiVersionsRequest()
	versions.Version = 3
	stream := formatter.AppendRequest(nil, versions, 1)
	stream = append(stream, formatter.AppendRequest(nil, metadata, 2)...)
	names := kmsg.NewPtrMetadataResponse()
	names.Version = 12
	topic := kmsg.NewMetadataResponseTopic()
	topic.Topic, topic.TopicID = kmsg.StringPtr("orders"), testID
	names.Topics = append(names.Topics, topic)
	offered := kmsg.NewPtrApiVersionsResponse()
	offered.Version = 3
	mustWrite(t, conn, stream)
	w.in.Write(append(responseFrame(offered, 1), responseFrame(names, 2)...))
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	var pipeline []byte
	for i := range int32(3) {
		pipeline = append(pipeline, produceRequest(13, -1, 10+i, batchBytes(1, 0, i, 1))...)
	}
	for len(pipeline) > 0 {
		n := min(11, len(pipeline))
		mustWrite(t, conn, pipeline[:n])
		pipeline = pipeline[n:]
	}
	if got := process.Written(history.Partition{Topic: "orders"})(); got != 3 {
		t.Errorf("%d attempts are counted before the answers; want 3", got)
	}
	for i := range int32(3) {
		w.in.Write(produceResponse(13, 10+i, answer(0, 0, int64(i))))
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	for i, a := range m.wire() {
		if a.Partition.Topic != "orders" || a.BaseSequence != int32(i) || a.BaseOffset != int64(i) || a.Answered <= a.Written {
			t.Errorf("attempt %d: %+v", i, a)
		}
	}
	if len(m.wire()) != 3 || process.tap.Broken() != nil {
		t.Errorf("%d attempts, %v; want 3", len(m.wire()), process.tap.Broken())
	}
}

func TestTapClosedBeforeTheAnswer(t *testing.T) {
	w, conn, m, _ := tapped()
	mustWrite(t, conn, produceRequest(9, -1, 1, batchBytes(1, 0, 0, 5)))
	conn.Close()
	conn.Close()
	got := m.wire()
	if !w.closed || len(got) != 1 || got[0].Answered != history.Never || got[0].Count != 5 {
		t.Errorf("attempts %+v; want one that was never answered", got)
	}
	mustWrite(t, conn, produceRequest(9, -1, 2, batchBytes(1, 0, 5, 5)))
	if got := m.wire(); len(got) != 2 {
		t.Errorf("a request after Close left %d attempts; want 2", len(got))
	}
}

func TestTapCountsAWriteThatFailed(t *testing.T) {
	w, conn, _, process := tapped()
	w.writeErr = errors.New("broken pipe")
	if _, err := conn.Write(produceRequest(9, -1, 1, batchBytes(1, 0, 0, 5))); err == nil {
		t.Fatal("the tap hid the error of the connection")
	}
	if got := process.Written(history.Partition{Topic: "orders"})(); got != 1 {
		t.Errorf("%d attempts; how much was written is not known, so it must be 1", got)
	}
}

func TestTapWithoutAcks(t *testing.T) {
	_, conn, m, _ := tapped()
	mustWrite(t, conn, produceRequest(9, 0, 1, batchBytes(-1, -1, -1, 5)))
	got := m.wire()
	if len(got) != 1 || got[0].Answered != history.Never || got[0].ProducerID != history.Unset {
		t.Errorf("attempts %+v; want one, at once, without an answer", got)
	}
}

func TestBrokenTapPassesOn(t *testing.T) {
	f := func(name string, garbage []byte, reason string) {
		t.Helper()
		w, conn, _, process := tapped()
		before := process.Written(history.Partition{Topic: "orders"})()
		mustWrite(t, conn, garbage)
		mustWrite(t, conn, []byte("more"))
		if !bytes.Equal(w.out.Bytes(), append(garbage, "more"...)) {
			t.Errorf("%s: the stream did not pass unchanged", name)
		}
		if err := process.tap.Broken(); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v; want %q", name, err, reason)
		}
		if process.Written(history.Partition{Topic: "orders"})() == before {
			t.Errorf("%s: what could not be read does not count as an attempt", name)
		}
	}
	f("not kafka", []byte("GET / HTTP/1.1\r\n"), "not Kafka's protocol")
	f("unknown topic id", produceRequest(13, -1, 1, batchBytes(1, 0, 0, 1)), "no Metadata response named")
	truncated := produceRequest(9, -1, 1, batchBytes(1, 0, 0, 1))
	truncated = truncated[:40]
	binary.BigEndian.PutUint32(truncated, uint32(len(truncated)-4))
	f("cut request", truncated, "produce request v9")
}

func TestTapSaysThatAnAnswerIsMissing(t *testing.T) {
	w, conn, m, process := tapped()
	mustWrite(t, conn, produceRequest(9, -1, 1, batchBytes(1, 0, 0, 1), batchBytes(1, 0, 0, 1)))
	w.in.Write(produceResponse(9, 1, answer(0, 0, 4)))
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	got := m.wire()
	if len(got) != 2 || got[0].BaseOffset != 4 || got[1].Answered != history.Never {
		t.Errorf("attempts %+v; want the second unanswered", got)
	}
	if err := process.tap.Broken(); err == nil || !strings.Contains(err.Error(), "orders/1") {
		t.Errorf("%v; want the partition without an answer", err)
	}
}

func TestOldMessageSetsHaveNoProducer(t *testing.T) {
	old := batchBytes(5, 0, 0, 1)
	old[batchMagic] = 1
	for _, records := range [][]byte{nil, old, old[:30]} {
		if a := readBatches(records); a.ProducerID != history.Unset || a.Count != int32(history.Unset) {
			t.Errorf("%d bytes gave %+v; want everything Unset", len(records), a)
		}
	}
	two := append(batchBytes(5, 1, 10, 3), batchBytes(5, 1, 13, 4)...)
	if a := readBatches(two); a.BaseSequence != 10 || a.Count != 7 {
		t.Errorf("two batches gave %+v; want 7 records from sequence 10", a)
	}
}
