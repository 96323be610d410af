package node

import (
	"strings"
	"testing"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/env/mem"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A request that is beyond a limit, or makes no sense, is told so with Kafka's code: its connection stays.
func TestBeyondLimits(t *testing.T) {
	s := startNode(t, mem.New(), testConfig())
	topic := createTopic(s, "orders", 1)
	produceTo(s, topic, 0, records(5, 0, "x"))
	long := strings.Repeat("x", 250)
	for name, c := range map[string]struct {
		req  kmsg.Request
		code func(kmsg.Response) int16
		want *kerr.Error
	}{
		"a batch larger than message.max.bytes": {produceRequest(topic, 0, -1, records(5, 1, string(make([]byte, 2<<20)))), func(r kmsg.Response) int16 {
			return r.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
		}, kerr.MessageTooLarge},
		"a topic with a long name":                 {createRequest(long, 1), createCode, kerr.InvalidTopicException},
		"a topic with too many partitions":         {createRequest("many", 1<<20), createCode, kerr.InvalidPartitions},
		"metadata of a long name":                  {metadataRequest(long, false), metadataCode, kerr.InvalidTopicException},
		"metadata of a long name, to be created":   {metadataRequest(long, true), metadataCode, kerr.InvalidTopicException},
		"metadata of a name that cannot be":        {metadataRequest("a/b", false), metadataCode, kerr.InvalidTopicException},
		"metadata of an unknown topic":             {metadataRequest("unknown", false), metadataCode, kerr.UnknownTopicOrPartition},
		"a time that is none":                      {offsetsRequest(11, -77, 1), offsetsCode, kerr.UnsupportedVersion},
		"a special time of later versions":         {offsetsRequest(6, api.MaxTimestampOffset, 1), offsetsCode, kerr.UnsupportedVersion},
		"a special time of this version":           {offsetsRequest(7, api.MaxTimestampOffset, 1), offsetsCode, nil},
		"a partition twice":                        {offsetsRequest(11, api.LatestOffset, 2), offsetsCode, kerr.InvalidRequest},
		"a partition three times":                  {offsetsRequest(11, api.LatestOffset, 3), offsetsCode, kerr.InvalidRequest},
		"a producer with an id and no epoch":       {producerRequest(5, -1), producerCode, kerr.InvalidRequest},
		"a producer with an epoch and no id":       {producerRequest(-1, 5), producerCode, kerr.InvalidRequest},
		"a producer with an id and its epoch":      {producerRequest(5, 0), producerCode, nil},
		"a fetch of fewer than no bytes":           {fetchOf(topic, func(r *kmsg.FetchRequest) { r.MaxBytes = -1 }), fetchCode, nil},
		"a fetch that would wait for weeks":        {fetchOf(topic, func(r *kmsg.FetchRequest) { r.MaxWaitMillis = 1<<31 - 1 }), fetchCode, nil},
		"a fetch of more than anybody would give":  {fetchOf(topic, func(r *kmsg.FetchRequest) { r.MaxBytes = 1<<31 - 1 }), fetchCode, nil},
		"a fetch from an offset that cannot be":    {fetchOf(topic, func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = -7 }), fetchCode, kerr.OffsetOutOfRange},
		"a fetch of a session that is nobody's":    {fetchOf(topic, func(r *kmsg.FetchRequest) { r.SessionID, r.SessionEpoch = 7, 7 }), func(r kmsg.Response) int16 { return r.(*kmsg.FetchResponse).ErrorCode }, kerr.FetchSessionIDNotFound},
		"a fetch of a partition that cannot be":    {fetchOf(topic, func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].Partition = -1 }), fetchCode, kerr.UnknownTopicOrPartition},
		"a produce to a partition that cannot be":  {produceRequest(topic, -1, -1, records(5, 1, "x")), func(r kmsg.Response) int16 { return r.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode }, kerr.UnknownTopicOrPartition},
		"a group with a name longer than anything": {findRequest(strings.Repeat("g", 30_000)), findCode, kerr.CoordinatorNotAvailable},
	} {
		session := s.connect()
		s.request(session, c.req, 1)
		if len(s.answers[session]) != 1 || s.hangups[session] != "" {
			t.Errorf("%s: %d answers, hangup %q", name, len(s.answers[session]), s.hangups[session])
			continue
		}
		want := int16(0)
		if c.want != nil {
			want = c.want.Code
		}
		if code := c.code(s.answers[session][0].Body.(kmsg.Response)); code != want {
			t.Errorf("%s: %v, want %v", name, kerr.ErrorForCode(code), c.want)
		}
	}
}

func createRequest(name string, partitions int32) kmsg.Request {
	req := kmsg.NewPtrCreateTopicsRequest()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, 1
	req.Topics = append(req.Topics, t)
	return req
}

func createCode(r kmsg.Response) int16 { return r.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode }

func metadataRequest(name string, create bool) kmsg.Request {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic, req.AllowAutoTopicCreation = kmsg.StringPtr(name), create
	req.Topics = append(req.Topics, t)
	return req
}

func metadataCode(r kmsg.Response) int16 { return r.(*kmsg.MetadataResponse).Topics[0].ErrorCode }

func offsetsRequest(version int16, timestamp int64, times int) kmsg.Request {
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(version)
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = "orders"
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp = timestamp
	for range times {
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return req
}

// offsetsCode is that of all partitions, or none that there is.
func offsetsCode(r kmsg.Response) int16 {
	parts := r.(*kmsg.ListOffsetsResponse).Topics[0].Partitions
	for _, p := range parts {
		if p.ErrorCode != parts[0].ErrorCode {
			return -100
		}
	}
	return parts[0].ErrorCode
}

func producerRequest(id int64, epoch int16) kmsg.Request {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.ProducerID, req.ProducerEpoch = id, epoch
	return req
}

func producerCode(r kmsg.Response) int16 { return r.(*kmsg.InitProducerIDResponse).ErrorCode }

func fetchOf(topic [16]byte, change func(*kmsg.FetchRequest)) kmsg.Request {
	req := fetchRequest(topic, 0, 0, 1, 0)
	change(req)
	return req
}

func fetchCode(r kmsg.Response) int16 {
	return r.(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode
}

func findRequest(group string) kmsg.Request {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKeys = []string{group}
	return req
}

func findCode(r kmsg.Response) int16 {
	return r.(*kmsg.FindCoordinatorResponse).Coordinators[0].ErrorCode
}
