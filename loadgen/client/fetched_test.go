package client

import (
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

// batchTo is a batch of the given size whose records have the offsets from base to last.
func batchTo(base, last int64, size int) []byte {
	b := make([]byte, size)
	binary.BigEndian.PutUint64(b, uint64(base))
	binary.BigEndian.PutUint32(b[batchLength:], uint32(size-batchLength-4))
	b[batchMagic] = 2
	binary.BigEndian.PutUint32(b[batchLastDelta:], uint32(last-base))
	return b
}

// fetchExchange is a Fetch request for three partitions and an answer with everything that an answer
// may have: batches, aborted transactions, a batch cut short, an error, a partition without records.
func fetchExchange(version int16, correlation int32) (request, response []byte) {
	req, resp := kmsg.NewPtrFetchRequest(), kmsg.NewPtrFetchResponse()
	req.Version, resp.Version = version, version
	req.SessionEpoch = -1
	asked := kmsg.FetchRequestTopic{Topic: "orders", TopicID: testID}
	for i := range int32(3) {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.CurrentLeaderEpoch = i, 7+i
		asked.Partitions = append(asked.Partitions, p)
	}
	req.Topics = []kmsg.FetchRequestTopic{asked}
	answered := kmsg.FetchResponseTopic{Topic: "orders", TopicID: testID}
	for i, high := range []int64{30, 40, -1} {
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition, p.HighWatermark, p.LastStableOffset, p.LogStartOffset = int32(i), high, high-1, 2
		answered.Partitions = append(answered.Partitions, p)
	}
	full := &answered.Partitions[0]
	full.RecordBatches = append(batchTo(10, 14, 100), batchTo(15, 15, batchHeader)...)
	full.RecordBatches = append(full.RecordBatches, batchTo(16, 19, 5000)...)
	full.RecordBatches = append(full.RecordBatches, batchTo(20, 25, 400)[:200]...)
	for i := range int64(40) {
		full.AbortedTransactions = append(full.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: i, FirstOffset: i})
	}
	answered.Partitions[2].ErrorCode = 74 // FENCED_LEADER_EPOCH
	resp.Topics = []kmsg.FetchResponseTopic{answered}
	return kmsg.NewRequestFormatter().AppendRequest(nil, req, correlation), responseFrame(resp, correlation)
}

func TestTapTellsWhatFetchesWereAnswered(t *testing.T) {
	for version := int16(4); version <= kmsg.NewPtrFetchRequest().MaxVersion(); version++ {
		request, response := fetchExchange(version, 3)
		want := []history.Watermark{
			{Partition: history.Partition{Topic: "orders"}, HighWatermark: 30, LastStable: 29, LogStart: 2, Next: 20, LeaderEpoch: 7},
			{Partition: history.Partition{Topic: "orders", Index: 1}, HighWatermark: 40, LastStable: 39, LogStart: 2, Next: history.Unset, LeaderEpoch: 8},
		}
		for i := range want {
			if version < 5 {
				want[i].LogStart = history.Unset
			}
			if version < 9 {
				want[i].LeaderEpoch = int32(history.Unset)
			}
		}
		for _, size := range []int{1, 2, 7, 61, 100, 255, 257, 1000, len(response)} {
			w, conn, m, process := tapped()
			process.tap.learn(testID, "orders")
			process.answers = &answers{kind: history.Scan}
			w.maxRead = size
			mustWrite(t, conn, request)
			w.in.Write(response)
			if _, err := io.ReadAll(conn); err != nil {
				t.Fatal(err)
			}
			ops := m.of(history.Scan)
			if len(ops) != 1 || ops[0].Invoke != 1 || ops[0].Return != 2 || !reflect.DeepEqual(ops[0].Watermarks, want) {
				t.Fatalf("v%d in pieces of %d: %+v, want one operation with %+v", version, size, ops, want)
			}
			if err := process.tap.Broken(); err != nil {
				t.Errorf("v%d in pieces of %d: %v", version, size, err)
			}
		}
	}
}

// Records pass uncopied, however long they are.
func TestSkimCopiesNoRecords(t *testing.T) {
	resp := kmsg.NewPtrFetchResponse()
	resp.Version = 12
	topic := kmsg.FetchResponseTopic{Topic: "orders"}
	p := kmsg.NewFetchResponseTopicPartition()
	p.HighWatermark = 9
	p.RecordBatches = append(batchTo(0, 4, 1<<20), batchTo(5, 8, 1<<20)...)
	topic.Partitions = []kmsg.FetchResponseTopicPartition{p}
	resp.Topics = []kmsg.FetchResponseTopic{topic}
	var marks []history.Watermark
	s := newSkim(12, nil, func(m history.Watermark) { marks = append(marks, m) })
	for stream := responseFrame(resp, 1)[4:]; len(stream) > 0; {
		n := min(len(stream), 64<<10)
		if err := s.feed(stream[:n]); err != nil {
			t.Fatal(err)
		}
		stream = stream[n:]
	}
	if err := s.end(); err != nil || len(marks) != 1 || marks[0].Next != 9 {
		t.Errorf("%+v and %v; want one partition with records to offset 9", marks, err)
	}
	if cap(s.buf) > 4*skimPiece {
		t.Errorf("the skim holds %d bytes", cap(s.buf))
	}
}

func TestSkimSaysWhatItCannotRead(t *testing.T) {
	for want, version := range map[string]int16{"topic id": 13, "ends inside": 11} {
		_, response := fetchExchange(version, 3)
		s := newSkim(version, NewTap(nil), func(history.Watermark) {})
		err := s.feed(response[4 : len(response)-300])
		if err == nil {
			err = s.end()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("v%d", version)) {
			t.Errorf("read as v%d: %v, want %q", version, err, want)
		}
	}
}

func TestAnswersAreRecordedWhenTheySayNews(t *testing.T) {
	w := &answers{}
	m := history.Watermark{HighWatermark: 5, LastStable: 5, Next: history.Unset}
	other := m
	other.Partition.Index = 1
	f := func(now history.Time, want int, marks ...history.Watermark) {
		t.Helper()
		if got := w.news(marks, now); len(got) != want {
			t.Errorf("at %d: %d of %+v are news, want %d", now, len(got), marks, want)
		}
	}
	f(0, 2, m, other)
	m.Next = 3
	f(1, 0, m, other)
	m.Next = 6 // above the high watermark
	f(2, 1, m, other)
	m.Next, other.LeaderEpoch = 5, 1
	f(3, 1, m, other)
	other.LeaderEpoch = 0
	f(4, 1, m, other)
	f(1+answerEvery, 0, m, other)
	f(2+answerEvery, 1, m, other)
	f(4+answerEvery, 1, m, other)
}
