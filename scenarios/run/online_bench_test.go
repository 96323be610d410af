package run

import (
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Polls of the benchmark: three partitions, each with the batches of two producers in turn.
const (
	benchPartitions = 3
	benchPoll       = 1000 // records
	benchSize       = 200  // bytes
)

// consumer does for each record what a reader does: the check and the decoding of its batch, by the client library's own
// types, and what loadgen does with it. Connections, requests and the library's bookkeeping are left out, so
// what online judging adds is less of a real consumer than of this one.
type consumer struct {
	recorder *history.Recorder
	runs     history.RunBuilder
	next     [benchPartitions]int64
	size     int64 // records of a batch
	batches  [2][]byte
	kept     []*kgo.Record
}

func newConsumer(b *testing.B, size int) *consumer {
	clock := history.Time(0)
	recorder, err := history.NewRecorder(io.Discard, history.Meta{}, func() history.Time { clock += 1000; return clock })
	if err != nil {
		b.Fatal(err)
	}
	c := &consumer{recorder: recorder, size: int64(size)}
	for producer := range c.batches {
		var build batch.Builder
		for i := range size {
			build.Add(nil, payload.Encode(nil, benchSize, payload.Header{Run: 1, Producer: uint32(producer), Sequence: int64(i)}), 0)
		}
		c.batches[producer] = build.Build()
	}
	return c
}

// recordsFrom is where the records of a batch begin.
const recordsFrom = 61

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// poll takes the next records of a partition, and is told its high watermark.
func (c *consumer) poll(b *testing.B, index int) {
	p := history.Partition{Topic: "orders", Index: int32(index)}
	c.kept = c.kept[:0]
	for range benchPoll / c.size {
		n := c.next[index] / c.size
		producer, round := n%2, n/2
		raw := c.batches[producer]
		sum := crc32.Checksum(raw[21:], castagnoli)
		for at := recordsFrom; at < len(raw); c.next[index]++ {
			var decoded kmsg.Record
			if err := decoded.ReadFrom(raw[at:]); err != nil {
				b.Fatal(err)
			}
			at += int(decoded.Length) + 2 // its length takes two bytes
			record := &kgo.Record{Topic: p.Topic, Partition: p.Index, Offset: c.next[index], Value: decoded.Value, ProducerID: int64(sum), Timestamp: time.UnixMilli(decoded.TimestampDelta64)}
			c.kept = append(c.kept, record)
			h, err := payload.Decode(record.Value)
			if err != nil {
				b.Fatal(err)
			}
			c.runs.Add(p, record.Offset, h.Producer, round*c.size+h.Sequence, history.HashRecord(record.Key, record.Value))
		}
	}
	invoke := c.recorder.Now()
	c.recorder.Operation(history.Operation{Process: "reader-0", Kind: history.Fetch, Outcome: history.OK, Invoke: invoke, Runs: c.runs.Runs()})
	c.recorder.Operation(history.Operation{Process: "reader-0", Kind: history.Fetch, Outcome: history.OK, Invoke: invoke,
		Watermarks: []history.Watermark{{Partition: p, HighWatermark: c.next[index], LastStable: c.next[index], Next: c.next[index]}}})
}

// produce writes the acknowledgements of what the next poll reads.
func (c *consumer) produce(index int) {
	p := history.Partition{Topic: "orders", Index: int32(index)}
	for offset := c.next[index]; offset < c.next[index]+benchPoll; offset += c.size {
		n := offset / c.size
		c.recorder.Operation(history.Operation{Process: [2]string{"producer-0", "producer-1"}[n%2], Kind: history.Produce, Outcome: history.OK, Invoke: c.recorder.Now(),
			Runs: []history.Run{{Partition: p, FirstOffset: offset, Producer: uint32(n % 2), FirstSequence: n / 2 * c.size, Count: int32(c.size)}}})
	}
}

// threadTime is the processor time of the calling thread; 0 where the system does not say.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var used syscall.Rusage
	if syscall.Getrusage(thread, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkOnline measures what judging a run while it goes on adds to a consumer, in processor time: the metric judged-% is
// that of the judge, with the copies that it is given, in percent of the consumer's own. Both the records that
// are read and those that were acknowledged are judged. The judge's work is by batch, the consumer's by record.
func BenchmarkOnline(b *testing.B) {
	for _, size := range []int{20, 100, 500} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			c := newConsumer(b, size)
			watch := verify.NewWatch(verify.Expect{Idempotent: true}, lookEntries)
			var copies queued
			c.recorder.Observer = func(e history.Entry) { copies.add(e) }
			var consumed, judged time.Duration
			for b.Loop() {
				for range 10 {
					for index := range benchPartitions {
						c.produce(index)
						began := threadTime()
						c.poll(b, index)
						consumed += threadTime() - began
					}
				}
				began := threadTime()
				for _, e := range copies.entries {
					watch.Observe(e)
				}
				watch.Look()
				judged += threadTime() - began
				copies = queued{copies.entries[:0], copies.runs[:0]}
			}
			n := watch.Snapshot()
			if n.RecordsRead == 0 || n.RecordsRead != n.RecordsAcked || len(watch.Findings()) > 0 {
				b.Fatalf("judged %+v, found %+v", n, watch.Findings())
			}
			records := float64(n.RecordsRead)
			b.ReportMetric(float64(consumed.Nanoseconds())/records, "consumed-ns/record")
			b.ReportMetric(float64(judged.Nanoseconds())/records, "judged-ns/record")
			b.ReportMetric(100*judged.Seconds()/consumed.Seconds(), "judged-%")
		})
	}
}
