package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// heap is Memory that counts what it has given and not got back.
type heap struct{ held, most int }

func (h *heap) Get(n int) []byte {
	h.held += n
	h.most = max(h.most, h.held)
	return make([]byte, n)
}
func (h *heap) Put(b []byte)         { h.held -= len(b) }
func (h *heap) Room(have, n int) int { return min(n, 2*have) }

func readFrame(r io.Reader, h *heap) ([]byte, error) {
	return Frames{Max: MaxFrame, Memory: h, Progress: func() error { return nil }}.Read(r)
}

// listeners of a node.
var listeners = []Listener{Clients, Peers}

// Every version of every served key survives the way from a client's formatter to our parser.
func TestParseEveryServedVersion(t *testing.T) {
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("client"))
	for _, l := range listeners {
		for _, key := range Keys(l) {
			versions, _ := Served(l, key)
			for v := versions.Accepted; v <= versions.Max; v++ {
				body := newRequest(key)
				body.SetVersion(v)
				if tail, ok := body.(*MetadataTailRequest); ok {
					tail.Offset, tail.Leader = 1<<40, -1
				}
				frame, err := readFrame(bytes.NewReader(formatter.AppendRequest(nil, body, 77)), &heap{})
				if err != nil {
					t.Fatalf("key %d version %d: %v", key, v, err)
				}
				r, err := ParseRequest(l, frame)
				if err != nil {
					t.Fatalf("key %d version %d: %v", key, v, err)
				}
				if r.Key != key || r.Version != v || r.Correlation != 77 || r.ClientID != "client" || r.Body.GetVersion() != v {
					t.Fatalf("key %d version %d: parsed %+v", key, v, r)
				}
				if tail, ok := r.Body.(*MetadataTailRequest); ok && *tail != *body.(*MetadataTailRequest) {
					t.Fatalf("parsed %+v, sent %+v", tail, body)
				}
			}
		}
	}
}

// Before version 1 nobody could say that the replication factor shall stay (KIP-860).
func TestReassignmentOfVersion0(t *testing.T) {
	body := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	body.AllowReplicationFactorChange = false
	r, err := ParseRequest(Clients, AppendRequest(nil, "client", 1, body)[4:])
	if err != nil || !r.Body.(*kmsg.AlterPartitionAssignmentsRequest).AllowReplicationFactorChange {
		t.Errorf("parsed %+v, %v", r.Body, err)
	}
}

func TestMetadataTailResponse(t *testing.T) {
	want := MetadataTailResponse{ErrorCode: 6, Leader: -1, Term: 7, Image: []byte("image"), SnapshotEnd: 1 << 40, Batches: []byte("batches")}
	bytes := want.AppendTo(nil)
	var got MetadataTailResponse
	if err := got.ReadFrom(bytes); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("read %+v, %v; wrote %+v", got, err, want)
	}
	for n := range 22 + len("image") {
		if got.ReadFrom(bytes[:n]) == nil {
			t.Errorf("%d of %d bytes were read without an error", n, len(bytes))
		}
	}
}

// kmsg must know every version that we advertise: else we would promise what we cannot parse.
func TestAdvertisedVersionsAreKnown(t *testing.T) {
	for _, l := range listeners {
		for _, key := range Keys(l) {
			versions, _ := Served(l, key)
			if most := newRequest(key).MaxVersion(); versions.Max > most {
				t.Errorf("%s: advertised up to %d, known up to %d", Name(key), versions.Max, most)
			}
		}
	}
}

func TestBadRequests(t *testing.T) {
	formatter := kmsg.NewRequestFormatter()
	frame := func(key, version int16) []byte {
		body := kmsg.RequestForKey(key)
		body.SetVersion(version)
		return formatter.AppendRequest(nil, body, 1)[4:]
	}
	for name, c := range map[string]struct {
		frame []byte
		want  string
	}{
		"unserved key":       {frame(kmsg.ExpireDelegationToken.Int16(), 1), "api key 40 is not served"},
		"version too high":   {append([]byte{0, 1, 0, 99}, frame(1, 4)[4:]...), "Fetch version 99 is not served: want 4 to 18"},
		"produce version 2":  {append([]byte{0, 0, 0, 2}, frame(0, 3)[4:]...), "Produce version 2 is not served: want 3 to 13"},
		"a peer's key":       {frame(kmsg.AlterPartition.Int16(), 3), "api key 56 is not served"},
		"cut body":           {frame(1, 12)[:30], "body"},
		"cut header":         {frame(1, 12)[:9], "client id"},
		"client id too long": {append(frame(1, 4)[:8], 0x7f, 0xff), "client id of 32767 bytes"},
	} {
		if _, err := ParseRequest(Clients, c.frame); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestFrameLengths(t *testing.T) {
	for _, prefix := range [][]byte{{0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, 3}, {0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0}, []byte("GET "), {6, 0x40, 0, 1}} {
		var h heap
		if _, err := readFrame(bytes.NewReader(prefix), &h); !errors.Is(err, ErrMalformed) || h.most != 0 {
			t.Errorf("prefix %x: %v, allocated %d bytes", prefix, err, h.most)
		}
	}
	if _, err := readFrame(strings.NewReader(""), &heap{}); !errors.Is(err, io.EOF) {
		t.Errorf("a close between frames: %v", err)
	}
	if _, err := readFrame(bytes.NewReader([]byte{0, 0, 0, 100, 1, 2}), &heap{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a close inside a frame: %v", err)
	}
}

// A frame takes memory as its bytes come, whatever it announces, and gives all of it back when it ends early.
func TestFramesTakeWhatCame(t *testing.T) {
	whole := append([]byte{6, 0x40, 0, 0}, make([]byte, 8*FrameChunk)...) // announces 100 MiB
	for _, sent := range []int{4, 5, FrameChunk, FrameChunk + 4, FrameChunk + 5, 8*FrameChunk + 4} {
		var h heap
		_, err := readFrame(bytes.NewReader(whole[:sent]), &h)
		if !errors.Is(err, io.ErrUnexpectedEOF) || h.held != 0 || h.most > 4*max(sent, FrameChunk) {
			t.Errorf("%d bytes sent: %v, %d bytes held, %d at most", sent, err, h.held, h.most)
		}
	}
	large := make([]byte, 3*FrameChunk+17)
	for i := range large {
		large[i] = byte(i * 31 >> 3)
	}
	frame, err := readFrame(bytes.NewReader(append([]byte{0, 3, 0, 17}, large...)), &heap{})
	if err != nil || !bytes.Equal(frame, large) {
		t.Errorf("%d bytes, %v; want the %d that were sent", len(frame), err, len(large))
	}
}

// A client can read the answer to ApiVersions before it knows any version: no tags in the header.
func TestResponseHeaders(t *testing.T) {
	for key, tags := range map[int16]int{kmsg.ApiVersions.Int16(): 0, kmsg.Metadata.Int16(): 1} {
		body := kmsg.ResponseForKey(key)
		versions, _ := Served(Clients, key)
		body.SetVersion(versions.Max)
		got := AppendResponse(nil, 5, body)
		if want := 4 + 4 + tags + len(body.AppendTo(nil)); len(got) != want || int(got[3]) != want-4 || got[7] != 5 {
			t.Errorf("key %d: %d bytes, prefix %v", key, len(got), got[:8])
		}
	}
}

// testRecords are batches by partition; a negative one cannot be read.
type testRecords struct{ slack int }

func (r testRecords) bytes(p *kmsg.FetchResponseTopicPartition) []byte {
	return bytes.Repeat([]byte{byte(p.Partition)}, 100*int(p.Partition)*int(p.Partition))
}

func (r testRecords) Most(p *kmsg.FetchResponseTopicPartition) int {
	return max(0, len(r.bytes(p))+r.slack)
}

func (r testRecords) Append(buf []byte, p *kmsg.FetchResponseTopicPartition) ([]byte, error) {
	if p.Partition == 3 {
		p.ErrorCode = 56
		return append(buf, "half of it"...), errors.New("unreadable")
	}
	return append(buf, r.bytes(p)...), nil
}

// Our encoder of fetch responses gives what kmsg gives, in every version, whether or not the
// records turn out shorter or longer than announced, and if some cannot be read.
func TestAppendFetchIsKmsg(t *testing.T) {
	versions, _ := Served(Clients, kmsg.Fetch.Int16())
	for version := versions.Min; version <= versions.Max; version++ {
		for _, slack := range []int{0, 1, 200, 1 << 22, -1, -2400, -1 << 22} {
			resp := kmsg.NewPtrFetchResponse()
			resp.SetVersion(version)
			resp.ThrottleMillis, resp.ErrorCode, resp.SessionID = 1, 2, 3
			for i := range 2 {
				topic := kmsg.NewFetchResponseTopic()
				topic.Topic, topic.TopicID = []string{"orders", "events"}[i], [16]byte{byte(i + 1)}
				for index := range int32(6) {
					p := kmsg.NewFetchResponseTopicPartition()
					p.Partition, p.HighWatermark, p.LastStableOffset, p.LogStartOffset, p.PreferredReadReplica = index, 5, 6, 7, 8
					if index == 2 {
						p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 1, FirstOffset: 2}}
					}
					topic.Partitions = append(topic.Partitions, p)
				}
				resp.Topics = append(resp.Topics, topic)
			}
			records := testRecords{slack}
			got := AppendFetch([]byte("before"), 77, resp, records)
			for i := range resp.Topics {
				for j := range resp.Topics[i].Partitions {
					p := &resp.Topics[i].Partitions[j]
					if p.RecordBatches = records.bytes(p); p.Partition == 3 {
						p.RecordBatches = []byte{}
					}
				}
			}
			if want := AppendResponse([]byte("before"), 77, resp); !bytes.Equal(got, want) {
				t.Fatalf("version %d, slack %d: %d bytes, kmsg has %d", version, slack, len(got), len(want))
			}
		}
	}
}
