package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// produceFlags are the flags of logproof produce as they are typed.
type produceFlags struct {
	to                            connection
	file, separator, codec, acks  string
	headers                       []string
	partition                     int32
	rate                          float64
	plain, create, tombs, verbose bool
}

// flushWithin is how long an interrupted produce may take to get what it has read acknowledged.
const flushWithin = 5 * time.Second

func newProduce(stdout, stderr io.Writer) *cobra.Command {
	var f produceFlags
	cmd := &cobra.Command{
		Use:   "produce <topic>",
		Short: "Write each line of stdin, or of a file, as a record",
		Long: `Write each line of stdin, or of a file, as a record of a topic, in any cluster that speaks the Kafka protocol.
The producer is idempotent: what it sends again is not stored twice. At the end it says how many records
each partition took and at which offsets. Exit code 3 if a record was not acknowledged.`,
		Example: `  echo hello | logproof produce greetings --create
  logproof produce orders --key-separator : --codec zstd --file orders.txt -v
  seq 100000 | logproof produce numbers --partition 0 --rate 500 --header source=seq`,
		Args: exactlyOne("a topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return produce(cmd.Context(), f, args[0], cmd.InOrStdin(), stdout, stderr)
		},
	}
	cmd.ValidArgsFunction = completeTopics(&f.to)
	f.to.addTo(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "`file` whose lines are written (default: stdin)")
	flags.StringVarP(&f.separator, "key-separator", "k", "", "`text` that ends the key of a line and begins its value; a line without it has no key")
	flags.StringVarP(&f.codec, "codec", "z", "none", "compression: none, gzip, snappy, lz4, zstd")
	flags.StringVar(&f.acks, "acks", "all", "who must have a record before it counts: all (in-sync replicas), 1 (the leader), 0 (nobody)")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "`name=value` that goes with each record; may be given several times")
	flags.Int32VarP(&f.partition, "partition", "p", -1, "partition of every record (default: by key, else whichever gathers the larger batches)")
	flags.Float64Var(&f.rate, "rate", 0, "records per second (default: as fast as they are read)")
	flags.BoolVar(&f.plain, "no-idempotence", false, "let what is sent again be stored twice; needed with --acks 1 and 0")
	flags.BoolVar(&f.tombs, "null", false, "an empty value is none: a tombstone")
	flags.BoolVar(&f.create, "create", false, "make the topic if it is not there, with the cluster's defaults")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "say where each record went")
	return cmd
}

var codecs = map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}

// options of the producer, or what is wrong with the flags.
func (f produceFlags) options(topic string) ([]kgo.Opt, error) {
	codec, ok := codecs[f.codec]
	acks, known := map[string]kgo.Acks{"all": kgo.AllISRAcks(), "-1": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}[f.acks]
	switch {
	case !ok:
		return nil, usage("--codec %q: write none, gzip, snappy, lz4 or zstd", f.codec)
	case !known:
		return nil, usage("--acks %q: write all, 1 or 0", f.acks)
	case acks != kgo.AllISRAcks() && !f.plain:
		return nil, usage("--acks %s: an idempotent producer needs all; add --no-idempotence", f.acks)
	case f.partition < -1:
		return nil, usage("--partition %d: write a number from 0 on, or leave it out", f.partition)
	case f.rate < 0:
		return nil, usage("--rate %v: write a number above 0", f.rate)
	}
	opts := []kgo.Opt{kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(codec), kgo.RequiredAcks(acks), kgo.RecordDeliveryTimeout(f.to.within)}
	if f.plain {
		opts = append(opts, kgo.DisableIdempotentWrite())
	}
	if f.create {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	if f.partition >= 0 {
		opts = append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	return opts, nil
}

// record makes the record of a line.
func (f produceFlags) record(line string, headers []kgo.RecordHeader) *kgo.Record {
	r := &kgo.Record{Headers: headers, Partition: f.partition}
	value := line
	if f.separator != "" {
		if key, rest, ok := strings.Cut(line, f.separator); ok {
			r.Key, value = []byte(key), rest
		}
	}
	if value != "" || !f.tombs {
		r.Value = []byte(value)
	}
	return r
}

func parseHeaders(texts []string) (headers []kgo.RecordHeader, err error) {
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usage("--header %q: write name=value", text)
		}
		headers = append(headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	return headers, nil
}

func produce(ctx context.Context, f produceFlags, topic string, stdin io.Reader, stdout, stderr io.Writer) error {
	opts, err := f.options(topic)
	if err != nil {
		return err
	}
	headers, err := parseHeaders(f.headers)
	if err != nil {
		return err
	}
	input := stdin
	if f.file != "" {
		file, err := os.Open(f.file)
		if err != nil {
			return usage("--file: %w", err)
		}
		defer file.Close()
		input = file
	}
	client, err := f.to.open(ctx, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := f.find(ctx, kadm.NewClient(client), topic); err != nil {
		return err
	}
	out := &receipts{out: stdout, verbose: f.verbose, ranges: map[int32]offsetRange{}}
	// The first record that is refused ends the reading: those after it might be out of order.
	sending, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	lasting := context.WithoutCancel(ctx) // what was read is sent, whatever ends the reading
	read := eachLine(sending, input, f.rate, func(line string) {
		client.Produce(lasting, f.record(line, headers), func(r *kgo.Record, err error) {
			if out.took(r, err); err != nil {
				stop(err)
			}
		})
	})
	patience := f.to.within
	if ctx.Err() != nil {
		patience = flushWithin
	}
	flush, cancel := context.WithTimeout(lasting, patience)
	defer cancel()
	flushed := client.Flush(flush)
	return out.finish(ctx, topic, read, flushed, stderr)
}

// find refuses topics and partitions that are not there before a line is read.
func (f produceFlags) find(ctx context.Context, adm *kadm.Client, topic string) error {
	topics, err := existing(ctx, adm, topic)
	if err != nil {
		if f.create && errors.As(err, new(*exit)) && ctx.Err() == nil {
			return nil // it is made by the first record, or that says why not
		}
		return err
	}
	if n := len(topics[0].Partitions); int(f.partition) >= n {
		return usage("--partition %d: topic %q has %d partitions, 0 to %d", f.partition, topic, n, n-1)
	}
	return nil
}

// offsetRange is what one partition took.
type offsetRange struct{ first, last, count int64 }

// receipts gathers what became of the records. Its methods may be called by any goroutine.
type receipts struct {
	out     io.Writer
	verbose bool

	mu     sync.Mutex
	ranges map[int32]offsetRange
	failed int
	err    error
}

func (r *receipts) took(record *kgo.Record, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed++
		if r.err == nil || errors.Is(r.err, context.Canceled) {
			r.err = err
		}
		return
	}
	got, ok := r.ranges[record.Partition]
	if !ok {
		got.first = record.Offset
	}
	got.first, got.last, got.count = min(got.first, record.Offset), max(got.last, record.Offset), got.count+1
	r.ranges[record.Partition] = got
	if r.verbose {
		fmt.Fprintf(r.out, "%s/%d offset %d\n", record.Topic, record.Partition, record.Offset)
	}
}

// finish prints the sum, and tells the first thing that went wrong.
func (r *receipts) finish(ctx context.Context, topic string, read, flushed error, stderr io.Writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	total, lines := int64(0), ""
	for _, partition := range slices.Sorted(maps.Keys(r.ranges)) {
		got := r.ranges[partition]
		total += got.count
		if got.last < 0 {
			continue // nobody said at which offset: --acks 0
		}
		lines += fmt.Sprintf("  partition %d: %s, offsets %d to %d\n", partition, some(got.count, "record"), got.first, got.last)
	}
	fmt.Fprintf(r.out, "%s written to %s\n%s", some(total, "record"), topic, lines)
	if r.failed > 0 {
		fmt.Fprintf(stderr, "%s not acknowledged\n", some(r.failed, "record"))
	}
	switch {
	case ctx.Err() != nil:
		return environment(ctx.Err())
	case r.err != nil:
		return refused(r.err, "", "write to %s", topic)
	case read != nil:
		return environment(fmt.Errorf("read lines: %w", read))
	case flushed != nil:
		return environment(fmt.Errorf("wait for acknowledgements: %w", flushed))
	}
	return nil
}
