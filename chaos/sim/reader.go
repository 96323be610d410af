package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/bug"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// reader reads every partition from its start, by long polls, and records what it is given.
type reader struct {
	client
	kind history.Kind
	// positions by partition, and the leader epoch of the record before each, -1 for none (KIP-320);
	// until is the offset of each barrier, nil before they are known.
	positions  []int64
	lastEpochs []int32
	until      []int64
	runs       history.RunBuilder
	// asked is set for partitions that are part of a poll under way, polling for brokers that have one.
	asked, polling []bool
	// member is the member of a group that it is, nil for none: then only what is held is polled, and grants numbers
	// how often each partition was given up, so that late answers are nobody's.
	member *consumer
	held   []bool
	grants []uint64
	// committed is set for who reads committed records only, raw for who keeps control records.
	committed, raw bool
	// waiting is set from a failure until leaders are known again.
	waiting bool
	last    string // what the last failure was, for people
}

// skipsEvery is how manieth record a reader leaves out, about, that has the planted bug.
const skipsEvery = 100

func newReader(s *simulation, name string, kind history.Kind) *reader {
	n := s.terrain.load.Partitions
	r := &reader{client: s.newClient(name), kind: kind, positions: make([]int64, n), asked: make([]bool, n), grants: make([]uint64, n), polling: make([]bool, s.terrain.cluster.Brokers)}
	for range n {
		r.lastEpochs = append(r.lastEpochs, -1)
	}
	r.ready = func() {
		r.waiting = false
		if slices.Contains(r.leaders, nobody) {
			r.later(r.refresh)
		}
		r.poll()
	}
	return r
}

// done reports whether every partition was read to its barrier.
func (r *reader) done() bool { return r.until != nil && r.unread() == "" }

// unread names the partitions that were not read to their barrier; "" if there is none.
func (r *reader) unread() (text string) {
	for i, position := range r.positions {
		if r.until == nil || position <= r.until[i] {
			text += fmt.Sprintf(" %s at offset %d", place(i), position)
		}
	}
	if text != "" {
		text = r.name + " has not read to the barrier:" + text
		if r.last != "" {
			text += ", the last failure was: " + r.last
		}
	}
	return text
}

// poll asks each leader for what follows the positions.
func (r *reader) poll() {
	if r.dead || r.done() {
		return
	}
	for broker := range r.polling {
		if !r.polling[broker] {
			r.pollOne(int32(broker))
		}
	}
}

func (r *reader) pollOne(broker int32) {
	s := r.sim
	req := kmsg.NewPtrFetchRequest()
	req.MinBytes, req.MaxBytes = 1, 1<<20
	if r.committed && !s.cfg.Bugs.Has(bug.ReadUncommittedReader) {
		req.IsolationLevel = 1
	}
	req.MaxWaitMillis = int32(s.terrain.fetchWait.Milliseconds())
	t := kmsg.NewFetchRequestTopic()
	t.TopicID = r.topic
	for i, leader := range r.leaders {
		if leader != broker || r.asked[i] || r.member != nil && !(r.held[i] && r.member.resumed[i]) {
			continue
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(i), r.positions[i], 64<<10
		p.CurrentLeaderEpoch, p.LastFetchedEpoch = r.epochs[i], r.lastEpochs[i]
		t.Partitions = append(t.Partitions, p)
		r.asked[i] = true
	}
	if len(t.Partitions) == 0 {
		return
	}
	req.Topics = append(req.Topics, t)
	r.polling[broker] = true
	grants := slices.Clone(r.grants)
	r.askWithin(s.terrain.requestTimeout+s.terrain.fetchWait, broker, req, func(asked *request, resp kmsg.Response) {
		r.polling[broker] = false
		for _, p := range t.Partitions {
			r.asked[p.Partition] = false
		}
		if r.member != nil {
			r.member.awake(func() { r.fetched(asked, t.Partitions, grants, resp) })
			return
		}
		r.fetched(asked, t.Partitions, grants, resp)
	})
}

// fetched takes one answer, and asks again. A partition that has been given up since, by the grants of then, is
// left alone.
func (r *reader) fetched(req *request, asked []kmsg.FetchRequestTopicPartition, grants []uint64, resp kmsg.Response) {
	if r.dead {
		return
	}
	if resp == nil {
		r.failed(failure(codeNoAnswer))
		return
	}
	r.given = true
	op := history.Operation{Process: r.name, Kind: r.kind, Outcome: history.OK, Invoke: history.Time(req.written), Isolation: r.isolation()}
	trouble := ""
	for _, t := range resp.(*kmsg.FetchResponse).Topics {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			switch {
			case grants[p.Partition] != r.grants[p.Partition]:
			case p.ErrorCode == codeOffsetOutOfRange:
				// The log ends below what was read: it is read again from its start.
				r.positions[p.Partition], r.lastEpochs[p.Partition] = 0, -1
			case p.ErrorCode != 0:
				trouble = failure(p.ErrorCode)
				if p.ErrorCode == codeFencedEpoch || p.ErrorCode == codeUnknownEpoch {
					r.sim.marks[FetchFenced]++
				}
			case p.DivergingEpoch.EndOffset >= 0:
				r.diverged(p)
			default:
				next := r.take(int(p.Partition), p, &op)
				op.Watermarks = append(op.Watermarks, history.Watermark{
					Partition: place(int(p.Partition)), HighWatermark: p.HighWatermark, LastStable: p.LastStableOffset,
					LogStart: p.LogStartOffset, Next: next, LeaderEpoch: asked[i].CurrentLeaderEpoch,
				})
			}
		}
	}
	op.Runs = r.runs.Runs()
	r.record(op)
	if len(op.Runs) == 0 && trouble == "" {
		r.sim.marks[FetchExpired]++
	}
	if trouble != "" {
		r.failed(trouble)
		return
	}
	if r.member != nil {
		r.member.handed()
		return
	}
	r.sim.after(time.Duration(1000+r.sim.rng.IntN(200_000)), kindClient, r.poll)
}

// record records a poll that says something. The planted bug of members commits what they polled before that is
// processed.
func (r *reader) record(op history.Operation) {
	if len(op.Runs)+len(op.Corrupt)+len(op.Watermarks) == 0 {
		return
	}
	if r.member != nil && r.member.work == nil && !r.member.group.before && r.sim.cfg.Bugs.Has(bug.CommitAhead) {
		r.member.commit(func() { r.sim.operation(op) })
		return
	}
	r.sim.operation(op)
}

// failed asks again who leads, after a while.
func (r *reader) failed(why string) {
	r.last = why
	if !r.waiting {
		r.waiting = true
		r.later(r.refresh)
	}
}

// diverged goes back to where the log of the leader and what was read part: records that were read are
// lost (KIP-320), and readers are given only what is not.
func (r *reader) diverged(p *kmsg.FetchResponseTopicPartition) {
	at := p.Partition
	r.sim.checker.violated("divergence", "%s has read %s up to offset %d, its leader has another log from offset %d on", r.name, place(int(at)), r.positions[at], p.DivergingEpoch.EndOffset)
	r.positions[at] = min(r.positions[at], p.DivergingEpoch.EndOffset)
	r.lastEpochs[at] = p.DivergingEpoch.Epoch
}

// take reads the batches of one partition; next is the offset after their last record, Unset if there
// is none.
func (r *reader) take(index int, answer *kmsg.FetchResponseTopicPartition, op *history.Operation) (next int64) {
	next = history.Unset
	data, hidden := answer.RecordBatches, newAborts(answer.AbortedTransactions)
	bad := func(offset int64, reason string) {
		op.Corrupt = append(op.Corrupt, history.Corrupt{Partition: place(index), Offset: offset, Reason: reason})
	}
	for len(data) > 0 {
		v, rest, err := batch.Next(data)
		if err != nil {
			return next // the last batch is cut short by the limit of bytes
		}
		data, next = rest, v.LastOffset()+1
		hides := r.committed && hidden.hides(v)
		if v.LastOffset() < r.positions[index] {
			continue
		}
		records, err := batch.Records(v)
		if err != nil || v.Checksum() != v.CRC() {
			bad(max(r.positions[index], v.BaseOffset()), fmt.Sprintf("batch at offset %d does not match its checksum", v.BaseOffset()))
			r.positions[index] = v.LastOffset() + 1
			continue
		}
		r.lastEpochs[index] = v.LeaderEpoch()
		if hides || v.IsControl() {
			r.positions[index] = v.LastOffset() + 1
			r.marked(index, v, op)
			continue
		}
		for _, record := range records {
			if record.Offset < r.positions[index] {
				continue
			}
			r.positions[index] = record.Offset + 1
			if r.kind == history.Fetch && r.sim.cfg.Bugs.Has(bug.ReaderSkips) && r.sim.rng.IntN(skipsEvery) == 0 {
				continue
			}
			if reason := r.see(index, v, record); reason != "" {
				bad(record.Offset, reason)
			}
		}
	}
	return next
}

// see takes one record; the reason is why it is not what its producer wrote, or "".
func (r *reader) see(index int, v batch.View, record batch.Record) (reason string) {
	h, err := payload.Decode(record.Value)
	switch {
	case err != nil:
		return err.Error()
	case h.Run != r.sim.run || int(h.Partition) != index:
		return fmt.Sprintf("record of run %x partition %d in run %x partition %d", h.Run, h.Partition, r.sim.run, index)
	}
	hash := history.HashRecord(record.Key, record.Value)
	r.sim.changed(hash)
	if h.Barrier {
		r.runs.AddRecord(history.Record{Partition: place(index), Offset: record.Offset, Producer: history.BarrierProducer}, hash)
		return ""
	}
	r.runs.AddRecord(r.identity(index, record.Offset, v, h), hash)
	if r.member != nil && r.member.work != nil {
		r.member.work.took(index, record.Offset)
	}
	if r.kind == history.Fetch && r.member == nil {
		r.sim.seen++
	}
	r.sim.story.read(r, index, record.Offset, h)
	return ""
}
