package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
)

// ReaderConfig is one logical reader.
type ReaderConfig struct {
	Shared Shared
	// Process is its name in the history; Kind is history.Fetch or history.Scan.
	Process string
	Kind    history.Kind
	// Targets are the partitions to read, each from its start.
	Targets []Target
	Spec    ReaderSpec
	// Raw readers are given control records too, and say of each transactional record who wrote it.
	Raw bool
	// Received is told of every record of this run, barriers included, one at a time; nil tells nobody.
	Received func(Received)
}

// Received is one record that a reader got.
type Received struct {
	Partition history.Partition
	Offset    int64
	Header    payload.Header
	At        history.Time
}

// Reader reads its partitions without a consumer group and records every poll that returned anything.
// What brokers said beside the records (high watermark, log start, leader epoch) is recorded by the tap.
type Reader struct {
	cfg    ReaderConfig
	client *kgo.Client
	topics topicsByNumber
	runs   history.RunBuilder
	places map[history.Partition]*place

	mu struct {
		sync.Mutex
		until map[history.Partition]Mark // nil: read on
		wake  context.CancelFunc         // ends the poll that is under way
	}
}

// NewReader checks the configuration and opens the client, which begins to fetch on its own.
func NewReader(cfg ReaderConfig) (*Reader, error) {
	if err := errors.Join(cfg.Shared.Validate(), cfg.Spec.Validate()); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Process, err)
	}
	r := &Reader{cfg: cfg, places: make(map[history.Partition]*place)}
	r.cfg.Spec = cfg.Spec.withDefaults()
	assigned := make(map[string]map[int32]kgo.Offset)
	for _, target := range cfg.Targets {
		p := target.Partition
		r.places[p] = &place{topic: target.Topic, position: history.Unset}
		if assigned[p.Topic] == nil {
			assigned[p.Topic] = make(map[int32]kgo.Offset)
		}
		assigned[p.Topic][p.Index] = kgo.NewOffset().AtStart()
	}
	opts := append(r.cfg.Spec.options(),
		kgo.ConsumePartitions(assigned),
		// A log that was cut below the reader is read again from its start: nothing of it is skipped.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if cfg.Raw {
		opts = append(opts, kgo.KeepControlRecords())
	}
	if cfg.Kind == history.Scan {
		// The scan looks at every payload itself. A batch with a wrong checksum must not hide the
		// records behind it; live readers refuse it as any client does.
		opts = append(opts, kgo.DisableFetchCRCValidation())
	}
	client, err := cfg.Shared.client(cfg.Shared.Tap.Reader(cfg.Process, cfg.Kind), opts...)
	if err != nil {
		return nil, err
	}
	r.client, r.topics = client, namesOf(cfg.Targets)
	return r, nil
}

// Until makes Run end when every partition has been read up to its mark; partitions without a mark
// are not waited for.
func (r *Reader) Until(marks map[history.Partition]Mark) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.until = marks
	if r.mu.until == nil {
		r.mu.until = map[history.Partition]Mark{}
	}
	if r.mu.wake != nil {
		r.mu.wake()
	}
}

// Run reads until ctx ends or, after Until, until every mark is reached. The error names the
// partitions that were not read to their mark and why; without Until there is none.
func (r *Reader) Run(ctx context.Context) error {
	for {
		pollCtx, done := r.nextPoll(ctx)
		if done {
			break
		}
		invoked := r.cfg.Shared.Recorder.Now()
		fetches := r.client.PollRecords(pollCtx, r.cfg.Spec.MaxPollRecords)
		r.observe(invoked, fetches)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.wake != nil {
		r.mu.wake()
	}
	return unread(r.cfg.Process, r.mu.until, r.places)
}

// nextPoll returns the context of the next poll, or that there is none to make.
func (r *Reader) nextPoll(ctx context.Context) (pollCtx context.Context, done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil || r.mu.until != nil && len(pending(r.mu.until, r.places)) == 0 {
		return nil, true
	}
	if r.mu.wake != nil {
		r.mu.wake() // the poll before is over: release its context
	}
	pollCtx, r.mu.wake = context.WithCancel(ctx)
	return pollCtx, false
}

// observe turns one poll into an operation and, where a partition failed, one more of outcome
// Unknown: an error of a read says nothing about the log.
func (r *Reader) observe(invoked history.Time, fetches kgo.Fetches) {
	returned := r.cfg.Shared.Recorder.Now()
	op := history.Operation{Process: r.cfg.Process, Kind: r.cfg.Kind, Outcome: history.OK, Invoke: invoked, Isolation: r.cfg.Spec.Isolation}
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		p := history.Partition{Topic: f.Topic, Index: f.Partition}
		at := r.places[p]
		if at == nil {
			return // the client's own errors come under no or another topic
		}
		for _, rec := range f.Records {
			if rec.Attrs.IsControl() {
				at.position, at.failures = rec.Offset+1, 0
				op.Markers = appendMarker(op.Markers, p, rec)
				continue
			}
			if reason := r.record(p, at, rec, returned); reason != "" {
				op.Corrupt = append(op.Corrupt, history.Corrupt{Partition: p, Offset: rec.Offset, Reason: reason})
			}
		}
		if f.Err != nil {
			op.Corrupt = append(op.Corrupt, r.failed(p, at, invoked, f.Err)...)
		} else {
			at.failures, at.lastError = 0, ""
		}
	})
	op.Runs = r.runs.Runs()
	if len(op.Runs) > 0 || len(op.Corrupt) > 0 || len(op.Markers) > 0 {
		r.cfg.Shared.Recorder.Operation(op)
	}
}

// record takes one record; the reason is why it is not what its producer wrote, or "".
func (r *Reader) record(p history.Partition, at *place, rec *kgo.Record, returned history.Time) (reason string) {
	at.position = rec.Offset + 1
	at.failures = 0
	h, reason := identify(r.cfg.Shared.Run, at.topic, p, rec)
	if reason != "" {
		return reason
	}
	if h.Barrier {
		at.barrier = max(at.barrier, h.Sequence+1)
	}
	addTo(&r.runs, p, h, rec, r.topics, r.cfg.Raw)
	if r.cfg.Received != nil {
		r.cfg.Received(Received{Partition: p, Offset: rec.Offset, Header: h, At: returned})
	}
	return ""
}

// failed notes the error of one partition. Errors of brokers, connections and contexts pass; data
// that the client cannot read again and again is corrupt, and the partition ends there.
func (r *Reader) failed(p history.Partition, at *place, invoked history.Time, err error) []history.Corrupt {
	var broker *kerr.Error
	var lost *kgo.ErrDataLoss
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrClientClosed) {
		return nil
	}
	if text := err.Error(); text != at.lastError {
		at.lastError = text
		r.cfg.Shared.Recorder.Operation(history.Operation{
			Process: r.cfg.Process, Kind: r.cfg.Kind, Outcome: history.Unknown, Invoke: invoked, Isolation: r.cfg.Spec.Isolation,
			Error: fmt.Sprintf("%s/%d at offset %d: %s", p.Topic, p.Index, at.position, text),
		})
	}
	if errors.As(err, &broker) || errors.As(err, &lost) || isConnection(err) {
		return nil
	}
	if at.failures++; at.failures != unreadableAfter {
		return nil
	}
	at.unreadable = err.Error()
	// The client would fetch the same bytes again as fast as the broker sends them.
	r.client.PauseFetchPartitions(map[string][]int32{p.Topic: {p.Index}})
	return []history.Corrupt{{Partition: p, Offset: max(at.position, 0), Reason: "unreadable: " + err.Error()}}
}

// Close ends the client.
func (r *Reader) Close() {
	r.client.Close()
}
