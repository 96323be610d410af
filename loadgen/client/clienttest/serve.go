package clienttest

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// versions that are offered: the highest that this package answers in full.
var versions = []kmsg.ApiVersionsResponseApiKey{
	{ApiKey: 1, MinVersion: 4, MaxVersion: 12}, {ApiKey: 2, MinVersion: 1, MaxVersion: 5},
	{ApiKey: 3, MinVersion: 1, MaxVersion: 12}, {ApiKey: 18, MinVersion: 0, MaxVersion: 3},
	{ApiKey: 19, MinVersion: 2, MaxVersion: 7}, {ApiKey: 22, MinVersion: 0, MaxVersion: 4},
}

// serve answers the requests of one connection in order.
func (b *Broker) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		var length [4]byte
		if _, err := io.ReadFull(in, length[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(length[:]))
		if _, err := io.ReadFull(in, frame); err != nil {
			return
		}
		answer, cut := b.answer(frame)
		if cut {
			return
		}
		if answer != nil {
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
}

// answer returns the framed response of a framed request, nil where there is none.
func (b *Broker) answer(frame []byte) (out []byte, cut bool) {
	req := kmsg.RequestForKey(int16(binary.BigEndian.Uint16(frame)))
	if req == nil {
		return nil, true
	}
	req.SetVersion(int16(binary.BigEndian.Uint16(frame[2:])))
	body := frame[10:]
	if n := int16(binary.BigEndian.Uint16(frame[8:])); n > 0 {
		body = body[n:]
	}
	if req.IsFlexible() {
		body = body[1:] // no client sends header tags
	}
	if err := req.ReadFrom(body); err != nil {
		return nil, true
	}
	resp, cut := b.respond(req)
	if resp == nil || cut {
		return nil, cut
	}
	out = append(make([]byte, 4), frame[4:8]...)
	if resp.IsFlexible() && resp.Key() != 18 {
		out = append(out, 0)
	}
	out = resp.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out, false
}

func (b *Broker) respond(req kmsg.Request) (resp kmsg.Response, cut bool) {
	switch r := req.(type) {
	case *kmsg.ApiVersionsRequest:
		return b.apiVersions(r), false
	case *kmsg.MetadataRequest:
		return b.metadata(r), false
	case *kmsg.CreateTopicsRequest:
		return b.createTopics(r)
	case *kmsg.InitProducerIDRequest:
		return b.initProducerID(r), false
	case *kmsg.ListOffsetsRequest:
		return b.listOffsets(r), false
	case *kmsg.ProduceRequest:
		return b.produce(r)
	case *kmsg.FetchRequest:
		return b.fetch(r), false
	}
	return nil, true
}

func (b *Broker) apiVersions(req *kmsg.ApiVersionsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ApiVersionsResponse)
	resp.ApiKeys = append(resp.ApiKeys, versions...)
	resp.ApiKeys = append(resp.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: 0, MinVersion: 3, MaxVersion: b.options.MaxProduce})
	return resp
}

func (b *Broker) metadata(req *kmsg.MetadataRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	host, port := b.hostPort()
	resp.ControllerID = 0
	resp.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 0, Host: host, Port: port}}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, asked := range req.Topics {
		t := kmsg.NewMetadataResponseTopic()
		t.Topic = asked.Topic
		if asked.Topic == nil {
			t.Topic = kmsg.StringPtr(b.nameOf(asked.TopicID))
		}
		known := b.mu.topics[*t.Topic]
		if known == nil {
			t.ErrorCode = kerr.UnknownTopicOrPartition.Code
			resp.Topics = append(resp.Topics, t)
			continue
		}
		t.TopicID = known.id
		for i := range known.logs {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Leader, p.LeaderEpoch, p.Replicas, p.ISR = int32(i), 0, 0, []int32{0}, []int32{0}
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

func (b *Broker) createTopics(req *kmsg.CreateTopicsRequest) (answer kmsg.Response, cut bool) {
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	for _, asked := range req.Topics {
		t := kmsg.NewCreateTopicsResponseTopic()
		t.Topic = asked.Topic
		t.TopicID, t.ErrorCode = b.create(asked.Topic, asked.NumPartitions)
		resp.Topics = append(resp.Topics, t)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	cut = b.options.LoseFirstCreation && !b.mu.created
	b.mu.created = true
	return resp, cut
}

func (b *Broker) initProducerID(req *kmsg.InitProducerIDRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.pid++
	resp.ProducerID, resp.ProducerEpoch = b.mu.pid, 0
	return resp
}

func (b *Broker) listOffsets(req *kmsg.ListOffsetsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, asked := range req.Topics {
		t := kmsg.NewListOffsetsResponseTopic()
		t.Topic = asked.Topic
		for _, p := range asked.Partitions {
			a := kmsg.NewListOffsetsResponseTopicPartition()
			a.Partition, a.LeaderEpoch = p.Partition, 0
			log := b.log(asked.Topic, p.Partition)
			switch {
			case log == nil:
				a.ErrorCode = kerr.UnknownTopicOrPartition.Code
			case p.Timestamp == -1:
				a.Offset = log.end
			default:
				a.Offset = 0
			}
			t.Partitions = append(t.Partitions, a)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

func (b *Broker) produce(req *kmsg.ProduceRequest) (kmsg.Response, bool) {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	b.mu.Lock()
	defer b.mu.Unlock()
	cut := false
	for _, sent := range req.Topics {
		t := kmsg.NewProduceResponseTopic()
		t.Topic, t.TopicID = sent.Topic, sent.TopicID
		name := sent.Topic
		if req.Version >= 13 {
			name = b.nameOf(sent.TopicID)
		}
		for _, p := range sent.Partitions {
			a := kmsg.NewProduceResponseTopicPartition()
			a.Partition, a.BaseOffset = p.Partition, -1
			reply := b.reply(name, p.Partition)
			if log := b.log(name, p.Partition); log != nil && !reply.Skip {
				a.BaseOffset = log.append(p.Records)
			}
			if reply.Error != 0 {
				a.ErrorCode, a.BaseOffset = reply.Error, -1
			}
			cut = cut || reply.Cut
			t.Partitions = append(t.Partitions, a)
		}
		resp.Topics = append(resp.Topics, t)
	}
	close(b.mu.grown)
	b.mu.grown = make(chan struct{})
	if req.Acks == 0 {
		return nil, cut
	}
	return resp, cut
}

func (b *Broker) reply(name string, partition int32) Reply {
	b.mu.produced++
	if b.options.Script == nil {
		return Reply{}
	}
	return b.options.Script(Produce{Number: b.mu.produced, Topic: name, Partition: partition})
}

// fetch waits once for data if there is none, for at most the client's maximum.
func (b *Broker) fetch(req *kmsg.FetchRequest) kmsg.Response {
	b.mu.Lock()
	grown := b.mu.grown
	b.mu.Unlock()
	resp, found := b.fetchNow(req)
	if !found {
		waitForData(grown, time.Duration(req.MaxWaitMillis)*time.Millisecond)
		resp, _ = b.fetchNow(req)
	}
	return resp
}

func (b *Broker) fetchNow(req *kmsg.FetchRequest) (resp *kmsg.FetchResponse, found bool) {
	resp = req.ResponseKind().(*kmsg.FetchResponse)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, asked := range req.Topics {
		t := kmsg.NewFetchResponseTopic()
		t.Topic = asked.Topic
		for _, p := range asked.Partitions {
			a := kmsg.NewFetchResponseTopicPartition()
			a.Partition = p.Partition
			if log := b.log(asked.Topic, p.Partition); log == nil {
				a.ErrorCode = kerr.UnknownTopicOrPartition.Code
			} else if p.FetchOffset > log.end {
				a.ErrorCode = kerr.OffsetOutOfRange.Code
			} else {
				a.HighWatermark, a.LastStableOffset, a.LogStartOffset = log.end, log.end, 0
				a.RecordBatches = log.from(p.FetchOffset)
			}
			found = found || a.ErrorCode != 0 || len(a.RecordBatches) > 0
			t.Partitions = append(t.Partitions, a)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp, found
}
