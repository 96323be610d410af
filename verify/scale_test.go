package verify_test

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// The shape of the log of records that a full check is measured with: enough producers that their batches
// interleave in every partition, and batches of the size that a busy producer sends.
const (
	scalePartitions = 8
	scaleProducers  = 4
	scaleBatch      = 250
	scaleSize       = 100
	// scaleMemory is what the process may take at most, whatever the length of the history: in bytes.
	scaleMemory = 256 << 20
)

// A full check of every record, byte by byte: what was promised to its producer, its payload, its place in the
// order, and its barrier. In memory, on one core, in one pass: this prints what a record costs and what the
// process took; LOGPROOF_TEST_LONG=1 goes on to 100 million records.
func TestFullCheckScales(t *testing.T) {
	sizes := []int64{1_000_000}
	if os.Getenv("LOGPROOF_TEST_LONG") != "" {
		sizes = append(sizes, 10_000_000, 100_000_000)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	t.Logf("%12s %14s %14s %10s %10s", "records", "ns per record", "of that made", "seconds", "MiB at most")
	for _, n := range sizes {
		full, making := newScaleLog(), newScaleLog()
		took := cpuTime(func() { full.check(t, n) })
		made := cpuTime(func() { making.makeAll(n) })
		peak := peakMemory(t)
		t.Logf("%12d %14.1f %14.1f %10.2f %10d", n, float64(took.Nanoseconds())/float64(n), float64(made.Nanoseconds())/float64(n), took.Seconds(), peak>>20)
		if peak > scaleMemory {
			t.Errorf("%d records took %d MiB, want at most %d", n, peak>>20, scaleMemory>>20)
		}
	}
}

// BenchmarkFullCheck is the same by the record.
func BenchmarkFullCheck(b *testing.B) {
	const records = 1_000_000
	b.SetBytes(scaleSize)
	for b.Loop() {
		newScaleLog().check(b, records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

// scaleLog is a log of partitions that are written in turn: batch by batch, each acknowledged and then scanned.
type scaleLog struct {
	now      history.Time
	places   [scalePartitions]history.Partition
	ends     [scalePartitions]int64
	sent     [scalePartitions][scaleProducers]int64
	names    [scaleProducers]string
	reader   history.RunBuilder
	value    []byte
	produced history.Operation
	scanned  history.Operation
}

func newScaleLog() *scaleLog {
	l := &scaleLog{value: make([]byte, scaleSize)}
	for i := range l.places {
		l.places[i] = history.Partition{Topic: "orders", Index: int32(i)}
	}
	for i := range l.names {
		l.names[i] = fmt.Sprintf("producer-%d", i)
	}
	return l
}

// scaleRun tells the records of the measured run from those of others.
const scaleRun = 7

// encode gives the payload of a record, in memory that the next one uses again.
func (l *scaleLog) encode(place int, producer uint32, sequence int64) []byte {
	return payload.Encode(l.value, scaleSize, payload.Header{
		Run: scaleRun, Producer: producer, Sequence: sequence, Partition: int32(place), Intended: int64(l.now),
	})
}

// makeAll does nothing but make the payloads, so that it is known what they cost.
func (l *scaleLog) makeAll(n int64) {
	for i := range n {
		batch := i / scaleBatch
		l.encode(int(batch%scalePartitions), uint32(batch%scaleProducers), i)
	}
}

// check writes and judges n records, and fails the test unless the verdict is pass with every record counted.
func (l *scaleLog) check(tb testing.TB, n int64) {
	engine := verify.New(verify.Expect{Idempotent: true, RequireScan: true, Partitions: l.places[:], MinAcked: n})
	for batch := int64(0); batch*scaleBatch < n; batch++ {
		place := int(batch % scalePartitions)
		producer := int(batch / scalePartitions % scaleProducers)
		l.append(engine, place, producer)
		l.scan(tb, engine, place, producer)
	}
	for place := range l.places {
		l.barrier(engine, place)
	}
	engine.End(io.EOF)
	report := engine.Report()
	if report.Verdict != verify.Pass || report.Counters.RecordsAcked != n || report.Counters.RecordsScanned != n {
		tb.Fatalf("verdict %s, %+v:\n%s", report.Verdict, report.Counters, firstOf(report))
	}
}

// firstOf tells what was found first by each rule.
func firstOf(r verify.Report) string {
	var text strings.Builder
	for _, rule := range r.Rules {
		fmt.Fprintln(&text, rule.Rule, rule.Verdict, rule.Skipped)
		if rule.Total > 0 {
			fmt.Fprintln(&text, rule.Anomalies[0].Text)
		}
	}
	for _, a := range r.Assumptions {
		fmt.Fprintln(&text, a)
	}
	return text.String()
}

// append acknowledges the next batch of a producer.
func (l *scaleLog) append(engine *verify.Engine, place, producer int) {
	l.now += 2
	l.produced = history.Operation{
		Process: l.names[producer], Kind: history.Produce, Outcome: history.OK, Invoke: l.now - 1, Return: l.now,
		Runs: append(l.produced.Runs[:0], history.Run{
			Partition: l.places[place], FirstOffset: l.ends[place], Producer: uint32(producer),
			FirstSequence: l.sent[place][producer], Count: scaleBatch,
		}),
	}
	engine.Observe(history.Entry{Operation: &l.produced})
}

// scan reads the batch as the final scan does: it makes each payload, checks every byte of it, and hashes it.
func (l *scaleLog) scan(tb testing.TB, engine *verify.Engine, place, producer int) {
	first := l.sent[place][producer]
	for i := range int64(scaleBatch) {
		value := l.encode(place, uint32(producer), first+i)
		h, err := payload.Decode(value)
		if err != nil || h.Run != scaleRun || h.Partition != int32(place) {
			tb.Fatalf("record %d: %+v, %v", first+i, h, err)
		}
		l.reader.Add(l.places[place], l.ends[place]+i, h.Producer, h.Sequence, history.HashRecord(nil, value))
	}
	l.sent[place][producer] += scaleBatch
	l.ends[place] += scaleBatch
	l.now += 2
	l.scanned = history.Operation{
		Process: "scan", Kind: history.Scan, Outcome: history.OK, Invoke: l.now - 1, Return: l.now, Runs: l.reader.Runs(),
		Watermarks: append(l.scanned.Watermarks[:0], history.Watermark{
			Partition: l.places[place], HighWatermark: l.ends[place], LastStable: l.ends[place], Next: l.ends[place],
		}),
	}
	engine.Observe(history.Entry{Operation: &l.scanned})
}

// barrier writes and scans the last record of a partition.
func (l *scaleLog) barrier(engine *verify.Engine, place int) {
	run := history.Run{Partition: l.places[place], FirstOffset: l.ends[place], Producer: history.BarrierProducer, Count: 1}
	for _, kind := range []history.Kind{history.Barrier, history.Scan} {
		l.now += 2
		engine.Observe(history.Entry{Operation: &history.Operation{
			Process: "scan", Kind: kind, Outcome: history.OK, Invoke: l.now - 1, Return: l.now, Runs: []history.Run{run},
		}})
	}
}

// cpuTime is what a function costs of processors, so that what else runs on the machine does not count.
func cpuTime(f func()) time.Duration {
	runtime.GC()
	before := processTime()
	f()
	return processTime() - before
}

func processTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakMemory is the most that this process has taken, in bytes.
func peakMemory(t *testing.T) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Maxrss << 10
}
