package proxy

import (
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// orders is the topic of the tests.
var (
	orders   = "orders"
	ordersID = [16]byte{1, 2, 3}
)

// broker answers Kafka's requests as a broker would whose leader of orders/0 is leader: with errors for
// none of them. It counts what it has served.
type broker struct {
	*backend
	leader atomic.Int32
	served [kmsg.MaxKey + 1]atomic.Int32
	// records of a Fetch.
	records []byte
}

func startBroker(t testing.TB) *broker {
	b := &broker{records: []byte("records")}
	b.leader.Store(1)
	b.backend = startBackend(t, b.serve)
	return b
}

func (b *broker) serve(conn *net.TCPConn) {
	for {
		head := make([]byte, sizeLength)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(head))
		if _, err := io.ReadFull(conn, rest); err != nil {
			return
		}
		request := kmsg.RequestForKey(int16(binary.BigEndian.Uint16(rest)))
		request.SetVersion(int16(binary.BigEndian.Uint16(rest[2:])))
		body := 10 + int(binary.BigEndian.Uint16(rest[8:]))
		if request.IsFlexible() {
			body++
		}
		if err := request.ReadFrom(rest[body:]); err != nil {
			panic(err)
		}
		response := b.answer(request)
		b.served[request.Key()].Add(1)
		if response == nil {
			continue
		}
		response.SetVersion(request.GetVersion())
		if _, err := conn.Write(responseFrame(response, rest[4:8])); err != nil {
			return
		}
	}
}

func responseFrame(response kmsg.Response, correlation []byte) []byte {
	frame := append(make([]byte, sizeLength), correlation...)
	if response.IsFlexible() && response.Key() != kmsg.ApiVersions.Int16() {
		frame = append(frame, 0)
	}
	frame = response.AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-sizeLength))
	return frame
}

func (b *broker) answer(request kmsg.Request) kmsg.Response {
	switch r := request.(type) {
	case *kmsg.ProduceRequest:
		if r.Acks == 0 {
			return nil
		}
		response := kmsg.NewPtrProduceResponse()
		for _, t := range r.Topics {
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic, topic.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				part := kmsg.NewProduceResponseTopicPartition()
				part.Partition, part.BaseOffset = p.Partition, 7
				topic.Partitions = append(topic.Partitions, part)
			}
			response.Topics = append(response.Topics, topic)
		}
		return response
	case *kmsg.FetchRequest:
		part := kmsg.NewFetchResponseTopicPartition()
		part.RecordBatches, part.HighWatermark = b.records, 9
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID, topic.Partitions = orders, ordersID, append(topic.Partitions, part)
		response := kmsg.NewPtrFetchResponse()
		response.Topics = append(response.Topics, topic)
		return response
	case *kmsg.MetadataRequest:
		part := kmsg.NewMetadataResponseTopicPartition()
		part.Leader, part.Replicas, part.ISR = b.leader.Load(), []int32{1, 2}, []int32{1, 2}
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.TopicID, topic.Partitions = &orders, ordersID, append(topic.Partitions, part)
		response := kmsg.NewPtrMetadataResponse()
		response.Topics = append(response.Topics, topic)
		return response
	}
	return request.ResponseKind()
}

// kafka is a client's connection.
type kafka struct {
	*net.TCPConn
	t           testing.TB
	correlation int32
}

func dialKafka(t testing.TB, address string) *kafka {
	return &kafka{TCPConn: dialTCP(t, address), t: t}
}

// send sends a request.
func (k *kafka) send(request kmsg.Request) {
	k.t.Helper()
	k.correlation++
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, request, k.correlation)
	if _, err := k.Write(frame); err != nil {
		k.t.Fatal(err)
	}
}

// receive reads the response to the request with a correlation id.
func (k *kafka) receive(request kmsg.Request, correlation int32) kmsg.Response {
	k.t.Helper()
	head := make([]byte, responseHead)
	if _, err := io.ReadFull(k, head); err != nil {
		k.t.Fatal(err)
	}
	frame := append(head, make([]byte, binary.BigEndian.Uint32(head)-4)...)
	if _, err := io.ReadFull(k, frame[responseHead:]); err != nil {
		k.t.Fatal(err)
	}
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != correlation {
		k.t.Fatalf("response %d came, want %d", got, correlation)
	}
	a := answer{call: call{key: request.Key(), version: request.GetVersion()}, frame: frame}
	if !a.decode() {
		k.t.Fatalf("the response to %T cannot be read", request)
	}
	return a.response
}

// ask sends a request and reads its response.
func (k *kafka) ask(request kmsg.Request) kmsg.Response {
	k.t.Helper()
	k.send(request)
	return k.receive(request, k.correlation)
}

// produce is a request for partitions of orders, of a version that names topics, or gives their ids.
func produce(version int16, partitions ...int32) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks = version, -1
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = orders, ordersID
	for _, p := range partitions {
		part := kmsg.NewProduceRequestTopicPartition()
		part.Partition = p
		topic.Partitions = append(topic.Partitions, part)
	}
	request.Topics = append(request.Topics, topic)
	return request
}

func fetch(version int16) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.Version = version
	return request
}

func metadata() *kmsg.MetadataRequest {
	request := kmsg.NewPtrMetadataRequest()
	request.Version = 9
	return request
}
