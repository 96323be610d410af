package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// barrierProcess is the logical client that writes barriers.
const barrierProcess = "barrier"

// BarrierConfig says where barriers go.
type BarrierConfig struct {
	Shared     Shared
	Targets    []Target
	RecordSize int
	// Keyed barriers have a key, which compacted topics ask for.
	Keyed bool
}

// WriteBarriers writes one barrier record to every partition with acks=all and an idempotent client of
// its own, and tries again with the next sequence until it is acknowledged or ctx ends. Every try is
// an operation of kind Barrier. The marks are those of the acknowledged barriers; the error names the
// partitions that have none.
func WriteBarriers(ctx context.Context, cfg BarrierConfig) (map[history.Partition]Mark, error) {
	spec := DefaultProducerSpec()
	spec.Linger = 0
	if err := errors.Join(cfg.Shared.Validate(), spec.Validate(cfg.RecordSize)); err != nil {
		return nil, fmt.Errorf("%s: %w", barrierProcess, err)
	}
	tapped := cfg.Shared.Tap.Process(barrierProcess)
	client, err := cfg.Shared.client(tapped, spec.options(len(cfg.Targets))...)
	if err != nil {
		return nil, err
	}
	w := &barrierWriter{cfg: cfg, client: client, close: sync.OnceFunc(client.Close), tapped: tapped, marks: make(map[history.Partition]Mark)}
	var all sync.WaitGroup
	errs := make([]error, len(cfg.Targets))
	for i, target := range cfg.Targets {
		all.Go(func() { errs[i] = w.write(ctx, target) })
	}
	all.Wait()
	w.close()
	return w.marks, errors.Join(errs...)
}

type barrierWriter struct {
	cfg    BarrierConfig
	client *kgo.Client
	close  func() // of the client, once
	tapped *Process

	mu    sync.Mutex
	marks map[history.Partition]Mark
}

// write tries until one barrier of the target is acknowledged.
func (w *barrierWriter) write(ctx context.Context, target Target) error {
	for sequence := int64(0); ; sequence++ {
		offset, err := w.try(ctx, target, sequence)
		if err == nil {
			w.mu.Lock()
			w.marks[target.Partition] = Mark{Offset: offset, Sequence: sequence}
			w.mu.Unlock()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s/%d: no barrier was acknowledged, so late and lost records cannot be told apart there: %w",
				target.Partition.Topic, target.Partition.Index, err)
		case <-time.After(w.cfg.Shared.Options.withDefaults().RetryBackoff):
		}
	}
}

// try writes one barrier record and waits for its promise.
func (w *barrierWriter) try(ctx context.Context, target Target, sequence int64) (offset int64, err error) {
	p, written := target.Partition, w.tapped.Written(target.Partition)
	before, invoked := written(), w.cfg.Shared.Recorder.Now()
	value := payload.Encode(nil, w.cfg.RecordSize, payload.Header{
		Run: w.cfg.Shared.Run, Producer: history.BarrierProducer, Sequence: sequence,
		Topic: target.Topic, Partition: p.Index, Intended: int64(invoked), Barrier: true,
	})
	answered := make(chan struct{})
	rec := &kgo.Record{Topic: p.Topic, Partition: p.Index, Value: value}
	if w.cfg.Keyed {
		rec.Key = []byte(barrierProcess)
	}
	w.client.TryProduce(ctx, rec, func(_ *kgo.Record, e error) {
		err = e
		close(answered)
	})
	select {
	case <-answered:
	case <-ctx.Done():
		// An idempotent client does not give up a record that is on the wire: closing it does.
		w.close()
		<-answered
	}
	op := history.Operation{
		Process: barrierProcess, Kind: history.Barrier, Outcome: history.OK, Invoke: invoked,
		// In the history barriers are told apart by their offsets; their sequence is 0.
		Runs: []history.Run{{Partition: p, FirstOffset: history.Unset, Producer: history.BarrierProducer, Count: 1}},
	}
	switch {
	case err == nil:
		offset = max(rec.Offset, history.Unset)
		op.Runs[0].FirstOffset = offset
	case written() == before:
		op.Outcome, op.Error = history.Fail, err.Error()
	default:
		op.Outcome, op.Error = history.Unknown, err.Error()
	}
	w.cfg.Shared.Recorder.Operation(op)
	return offset, err
}
