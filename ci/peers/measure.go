package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const topic = "logproof-peers"

// limits end one measurement of producing: whichever comes first.
type limits struct {
	duration time.Duration
	bytes    int64
}

// rate is what one measurement found. Bytes are those of record values.
type rate struct {
	bytesPerSecond, recordsPerSecond float64
}

// createTopic makes the topic with its partitions, each with a replica on every node.
func createTopic(ctx context.Context, address string, nodes int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, partitions, int16(nodes), nil, topic); err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	return nil
}

// produce sends records as fast as they are acknowledged, after a short warm-up over the same
// connection, and gives the rate from the first call to the last acknowledgement, and how many
// records are in the topic afterwards.
func produce(ctx context.Context, address string, l load, most limits) (rate, int64, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address),
		kgo.DefaultProduceTopic(topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(int32(l.batchBytes)),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(1<<20),
		kgo.MaxBufferedBytes(64<<20),
	)
	if err != nil {
		return rate{}, 0, err
	}
	defer client.Close()
	p := producer{client: client, value: incompressible(l.recordBytes)}
	warm, err := p.send(ctx, limits{most.duration / 5, most.bytes / 16})
	if err != nil {
		return rate{}, 0, fmt.Errorf("warm-up: %w", err)
	}
	began := time.Now()
	sent, err := p.send(ctx, most)
	if err != nil {
		return rate{}, 0, err
	}
	return rateOf(sent, l, time.Since(began)), warm + sent, nil
}

// producer sends one value over and over, to each partition in turn.
type producer struct {
	client *kgo.Client
	value  []byte
	next   int32
	pool   sync.Pool
}

// send produces until a limit is reached and waits for every acknowledgement.
func (p *producer) send(ctx context.Context, most limits) (int64, error) {
	var failed error
	var once sync.Once
	done := func(r *kgo.Record, err error) {
		if err != nil {
			once.Do(func() { failed = err })
		}
		p.pool.Put(r)
	}
	began, sent := time.Now(), int64(0)
	for sent*int64(len(p.value)) < most.bytes {
		if sent%1024 == 0 && time.Since(began) >= most.duration {
			break
		}
		r, _ := p.pool.Get().(*kgo.Record)
		if r == nil {
			r = &kgo.Record{}
		}
		*r = kgo.Record{Value: p.value, Partition: p.next}
		p.next = (p.next + 1) % partitions
		p.client.Produce(ctx, r, done)
		sent++
	}
	if err := p.client.Flush(ctx); err != nil {
		return 0, fmt.Errorf("flush: %w", err)
	}
	if failed != nil {
		return 0, fmt.Errorf("produce: %w", failed)
	}
	return sent, nil
}

// consume reads all records from the start with a new client, and gives the rate from the first
// records that arrive to the last: connecting is not part of it.
func consume(ctx context.Context, address string, l load, want int64) (rate, error) {
	offsets := map[int32]kgo.Offset{}
	for i := range int32(partitions) {
		offsets[i] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
		kgo.FetchMaxBytes(50<<20),
		kgo.FetchMaxPartitionBytes(8<<20),
	)
	if err != nil {
		return rate{}, err
	}
	defer client.Close()
	var first, began = int64(0), time.Time{}
	for got := int64(0); got < want; {
		fetches := client.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), fetches.Err()); err != nil {
			return rate{}, fmt.Errorf("after %d of %d records: %w", got, want, err)
		}
		got += int64(fetches.NumRecords())
		if began.IsZero() && got > 0 {
			first, began = got, time.Now()
		}
	}
	if first >= want {
		return rate{}, fmt.Errorf("all %d records came at once: nothing was measured; raise --bytes", want)
	}
	return rateOf(want-first, l, time.Since(began)), nil
}

// rateOf turns a count of records into a rate.
func rateOf(records int64, l load, took time.Duration) rate {
	perSecond := float64(records) / took.Seconds()
	return rate{perSecond * float64(l.recordBytes), perSecond}
}

// incompressible is a value that no file system or device can make smaller; always the same one.
func incompressible(size int) []byte {
	generator := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, size)
	for i := range value {
		value[i] = byte(generator.Uint32())
	}
	return value
}
