package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/verify/history"
)

// MemberConfig is one member of a consumer group.
type MemberConfig struct {
	Shared Shared
	// Process is its name in the history; Instance its group.instance.id if the group's members are static.
	Process, Instance string
	// Targets are all partitions of the topics that the group consumes.
	Targets []Target
	Reader  ReaderSpec
	Group   GroupSpec
	// Polled is told how many records of this run each poll returned, Processed of every one that was
	// processed, one at a time, and Abandoned how many of a poll were not, because the member crashed or its
	// commit before failed; barriers are among them all.
	Polled    func(records int)
	Processed func(Received)
	Abandoned func(records int)
	// Transform is set for members that commit in transactions, and for them only.
	Transform *TransformSpec
}

// Member consumes what its group assigns to it, and commits by its discipline. Its commits, the positions
// that it is given and its assignments are recorded by the tap, from the wire:
//
//	poll ─> Fetch recorded ─> commit ─> process                  (before)
//	poll ─> process ─> Fetch recorded ─> commit ─> next poll     (after; auto leaves the commit to the client)
//	poll ─> begin ─> produce ─> Fetch recorded ─> commit with the offsets ─> Transact recorded  (transaction)
//
// A member holds its partitions until what it has polled is processed: the group waits for it.
type Member struct {
	cfg     MemberConfig
	client  *kgo.Client
	process *Process
	runs    history.RunBuilder
	targets map[history.Partition]uint16
	topics  topicsByNumber
	// transformer of a member that commits in transactions; nil for others.
	transformer *transformer

	// What was processed and not committed yet, with commit after.
	mu        sync.Mutex
	due       map[string]map[int32]kgo.EpochOffset
	committed time.Time
	lastError string
}

// NewMember checks the configuration and opens the client, which joins its group on its own.
func NewMember(cfg MemberConfig) (*Member, error) {
	if err := errors.Join(cfg.Shared.Validate(), cfg.Reader.Validate(), cfg.Group.Validate()); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Process, err)
	}
	if (cfg.Transform != nil) != (cfg.Group.Commit == CommitTransaction) {
		return nil, fmt.Errorf("%s: members with commit transaction, and only they, transform", cfg.Process)
	}
	cfg.Reader, cfg.Group = cfg.Reader.withDefaults(), cfg.Group.withDefaults()
	m := &Member{
		cfg: cfg, process: cfg.Shared.Tap.Member(cfg.Process, cfg.Group), targets: map[history.Partition]uint16{},
		due: map[string]map[int32]kgo.EpochOffset{},
	}
	for _, t := range cfg.Targets {
		m.targets[t.Partition] = t.Topic
	}
	m.topics = namesOf(cfg.Targets)
	if cfg.Transform != nil {
		m.transformer = newTransformer(m, *cfg.Transform)
		return m, m.transformer.open()
	}
	var err error
	m.client, err = cfg.Shared.client(m.process, m.options()...)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// options of the member's client.
func (m *Member) options() []kgo.Opt {
	var topics []string
	for _, t := range m.cfg.Targets {
		if !slices.Contains(topics, t.Partition.Topic) {
			topics = append(topics, t.Partition.Topic)
		}
	}
	return append(append(m.cfg.Group.options(m.cfg.Instance, topics), m.cfg.Reader.options()...),
		kgo.OnPartitionsRevoked(m.revoked), kgo.OnPartitionsLost(m.lost))
}

// Run consumes until ctx ends.
func (m *Member) Run(ctx context.Context) {
	for ctx.Err() == nil {
		invoked := m.cfg.Shared.Recorder.Now()
		fetches := m.client.PollRecords(ctx, m.cfg.Reader.MaxPollRecords)
		m.take(ctx, invoked, fetches)
		m.client.AllowRebalance()
		if m.transformer != nil && !m.transformer.settled(ctx) {
			return
		}
	}
}

// polled is what one poll returned.
type polled struct {
	op       history.Operation
	received []Received
	next     map[string]map[int32]kgo.EpochOffset // positions after it
}

// take processes one poll by the discipline.
func (m *Member) take(ctx context.Context, invoked history.Time, fetches kgo.Fetches) {
	p := m.read(invoked, fetches)
	if len(p.next) == 0 {
		return
	}
	m.cfg.Polled(len(p.received))
	if !m.byDiscipline(ctx, p) {
		m.cfg.Abandoned(len(p.received))
	}
}

// byDiscipline processes and commits one poll; it is false if nothing was processed.
func (m *Member) byDiscipline(ctx context.Context, p polled) bool {
	spec, record := m.cfg.Group, m.cfg.Shared.Recorder.Operation
	switch {
	case m.transformer != nil:
		return m.transformer.transform(ctx, p)
	case spec.Commit == CommitBefore:
		record(p.op)
		return m.commit(ctx, p.next) && m.work(ctx, p)
	case spec.CommitAhead:
		m.commit(ctx, p.next)
	}
	if !m.work(ctx, p) {
		return false
	}
	record(p.op)
	if spec.Commit == CommitAfter && !spec.CommitAhead {
		m.done(ctx, p.next)
	}
	return true
}

// work processes what was polled. It is false if the member ended before: then nothing was processed.
func (m *Member) work(ctx context.Context, p polled) bool {
	if !m.labour(ctx) {
		return false
	}
	m.processed(p)
	return true
}

// labour takes the time that work takes. It is false if the member ended meanwhile.
func (m *Member) labour(ctx context.Context) bool {
	if m.cfg.Group.Work > 0 {
		timer := time.NewTimer(m.cfg.Group.Work)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil && !m.process.severed.Load()
}

// processed tells of every record of a poll.
func (m *Member) processed(p polled) {
	now := m.cfg.Shared.Recorder.Now()
	for _, r := range p.received {
		r.At = now
		m.cfg.Processed(r)
	}
}

// done makes positions due, and commits what is when it is time.
func (m *Member) done(ctx context.Context, next map[string]map[int32]kgo.EpochOffset) {
	m.mu.Lock()
	for topic, partitions := range next {
		if m.due[topic] == nil {
			m.due[topic] = map[int32]kgo.EpochOffset{}
		}
		for partition, at := range partitions {
			m.due[topic][partition] = at
		}
	}
	early := time.Since(m.committed) < m.cfg.Group.CommitInterval
	m.mu.Unlock()
	if !early {
		m.commitDue(ctx, nil)
	}
}

// commitDue commits what is due of some partitions, nil for all. What could not be committed is not tried
// again: what is processed next is committed with it, and if the partition has gone, so has the right to.
func (m *Member) commitDue(ctx context.Context, only map[string][]int32) {
	m.mu.Lock()
	out := map[string]map[int32]kgo.EpochOffset{}
	for topic, partitions := range m.due {
		for partition, at := range partitions {
			if only != nil && !slices.Contains(only[topic], partition) {
				continue
			}
			if out[topic] == nil {
				out[topic] = map[int32]kgo.EpochOffset{}
			}
			out[topic][partition] = at
			delete(partitions, partition)
		}
	}
	m.committed = time.Now()
	m.mu.Unlock()
	m.commit(ctx, out)
}

// commit asks for positions and waits for the answer; it reports whether all were acknowledged.
func (m *Member) commit(ctx context.Context, positions map[string]map[int32]kgo.EpochOffset) bool {
	if len(positions) == 0 {
		return true
	}
	acknowledged := false
	m.client.CommitOffsetsSync(ctx, positions, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if acknowledged = err == nil; !acknowledged {
			return // then there may be no answer
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				acknowledged = acknowledged && p.ErrorCode == 0
			}
		}
	})
	return acknowledged
}

// revoked gives partitions up, after a last commit of what was processed of them. The client calls it
// between polls, before it joins again or leaves.
func (m *Member) revoked(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
	if m.process.severed.Load() {
		return
	}
	switch m.cfg.Group.Commit {
	case CommitAfter:
		m.commitDue(ctx, partitions)
	case CommitAuto:
		// An error is in the history already: the tap records each commit with its outcome.
		_ = client.CommitUncommittedOffsets(ctx)
	}
	m.giveUp(partitions, history.OK)
}

// lost takes note that the group has taken partitions away: nothing of them may be committed.
func (m *Member) lost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	m.mu.Lock()
	for topic, list := range partitions {
		for _, partition := range list {
			delete(m.due[topic], partition)
		}
	}
	m.mu.Unlock()
	m.giveUp(partitions, history.Unknown)
}

// giveUp records that partitions are held no longer. The client calls it between polls.
func (m *Member) giveUp(partitions map[string][]int32, outcome history.Outcome) {
	for topic, list := range partitions {
		for _, partition := range list {
			m.runs.Forget(history.Partition{Topic: topic, Index: partition})
		}
	}
	m.process.membership.giveUp(partitions, outcome)
}

// read turns one poll into its Fetch operation and what there is to process.
func (m *Member) read(invoked history.Time, fetches kgo.Fetches) polled {
	p := polled{
		op:   history.Operation{Process: m.cfg.Process, Kind: history.Fetch, Outcome: history.OK, Invoke: invoked, Isolation: m.cfg.Reader.Isolation},
		next: map[string]map[int32]kgo.EpochOffset{},
	}
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		at := history.Partition{Topic: f.Topic, Index: f.Partition}
		topic, known := m.targets[at]
		if f.Err != nil {
			m.failed(invoked, f.Err)
		}
		if !known || len(f.Records) == 0 {
			return
		}
		for _, rec := range f.Records {
			h, reason := identify(m.cfg.Shared.Run, topic, at, rec)
			if reason != "" {
				p.op.Corrupt = append(p.op.Corrupt, history.Corrupt{Partition: at, Offset: rec.Offset, Reason: reason})
				continue
			}
			addTo(&m.runs, at, h, rec, m.topics, false)
			p.received = append(p.received, Received{Partition: at, Offset: rec.Offset, Header: h})
		}
		last := f.Records[len(f.Records)-1]
		if p.next[f.Topic] == nil {
			p.next[f.Topic] = map[int32]kgo.EpochOffset{}
		}
		p.next[f.Topic][f.Partition] = kgo.EpochOffset{Epoch: last.LeaderEpoch, Offset: last.Offset + 1}
	})
	p.op.Runs = m.runs.Runs()
	return p
}

// failed records an error of a poll, once while it does not change.
func (m *Member) failed(invoked history.Time, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	if text := err.Error(); text != m.lastError {
		m.lastError = text
		m.cfg.Shared.Recorder.Operation(history.Operation{
			Process: m.cfg.Process, Kind: history.Fetch, Outcome: history.Unknown, Invoke: invoked, Error: text,
		})
	}
}

// Crash ends the client where it stands: to its coordinator and to every broker it falls silent, and nobody
// is told. Run must be ended after it.
func (m *Member) Crash() {
	m.process.Sever()
	if m.transformer != nil {
		// A client that is about to begin waits for its coordinator until it is closed.
		go m.transformer.close(true)
	}
	m.process.membership.giveUp(nil, history.Unknown)
}

// Close ends the client after Run has ended: in order it leaves its group, unless it is static; one that
// crashed just ends.
func (m *Member) Close() {
	if m.transformer != nil {
		m.transformer.close(m.process.severed.Load())
		m.process.membership.giveUp(nil, history.Unknown)
		return
	}
	if m.process.severed.Load() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = m.client.LeaveGroupContext(ended) // nobody hears it
	}
	m.client.CloseAllowingRebalance()
	m.process.membership.giveUp(nil, history.Unknown) // what the client did not give up itself
}
