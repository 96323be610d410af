package sim

import (
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// reader reads every partition from its start, by long polls, and records what it is given.
type reader struct {
	client
	kind history.Kind
	// positions by partition; until is the offset of each barrier, nil before they are known.
	positions []int64
	until     []int64
	runs      history.RunBuilder
	// busy is set, by node, while a poll is under way there.
	busy []bool
	last string // what the last failure was, for people
}

func newReader(s *simulation, name string, kind history.Kind) *reader {
	r := &reader{client: s.newClient(name), kind: kind, positions: make([]int64, s.terrain.load.Partitions), busy: make([]bool, len(s.hosts))}
	r.ready = r.poll
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
	if r.done() || r.leaders == nil {
		return
	}
	for _, node := range nodeIDs {
		req := kmsg.NewPtrFetchRequest()
		req.MinBytes, req.MaxBytes = 1, 1<<20
		req.MaxWaitMillis = int32(r.sim.terrain.fetchWait.Milliseconds())
		t := kmsg.NewFetchRequestTopic()
		t.TopicID = r.topic
		for i, leader := range r.leaders {
			if leader != node || r.busy[node] {
				continue
			}
			p := kmsg.NewFetchRequestTopicPartition()
			p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = int32(i), r.positions[i], 64<<10, r.epochs[i]
			t.Partitions = append(t.Partitions, p)
		}
		if len(t.Partitions) > 0 {
			req.Topics = append(req.Topics, t)
			r.busy[node] = true
			epochs := r.epochs
			r.ask(node, req, func(req *request, resp kmsg.Response) { r.fetched(req, resp, epochs) })
		}
	}
}

// fetched takes one answer to a request that named the given leader epochs, and asks again.
func (r *reader) fetched(req *request, resp kmsg.Response, epochs []int32) {
	r.busy[req.conn.host.id] = false
	if resp == nil {
		r.last = failure(codeNoAnswer)
		r.later(r.refresh)
		return
	}
	op := history.Operation{Process: r.name, Kind: r.kind, Outcome: history.OK, Invoke: history.Time(req.written)}
	failed := false
	for _, t := range resp.(*kmsg.FetchResponse).Topics {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			switch p.ErrorCode {
			case 0:
				next := r.take(int(p.Partition), p.RecordBatches, &op)
				op.Watermarks = append(op.Watermarks, history.Watermark{
					Partition: place(int(p.Partition)), HighWatermark: p.HighWatermark, LastStable: p.LastStableOffset,
					LogStart: p.LogStartOffset, Next: next, LeaderEpoch: epochs[p.Partition],
				})
			case codeOffsetOutOfRange:
				// The log ends below what was read: it is read again from its start.
				r.positions[p.Partition] = 0
			default:
				failed, r.last = true, failure(p.ErrorCode)
			}
		}
	}
	op.Runs = r.runs.Runs()
	if len(op.Runs) > 0 || len(op.Corrupt) > 0 || len(op.Watermarks) > 0 {
		r.sim.operation(op)
	}
	if len(op.Runs) == 0 && !failed {
		r.sim.marks[FetchExpired]++
	}
	if failed {
		r.later(r.refresh)
		return
	}
	r.sim.after(time.Duration(1000+r.sim.rng.IntN(200_000)), kindClient, r.poll)
}

// take reads the batches of one partition; next is the offset after their last record, Unset if there
// is none.
func (r *reader) take(index int, data []byte, op *history.Operation) (next int64) {
	next = history.Unset
	bad := func(offset int64, reason string) {
		op.Corrupt = append(op.Corrupt, history.Corrupt{Partition: place(index), Offset: offset, Reason: reason})
	}
	for len(data) > 0 {
		v, rest, err := batch.Next(data)
		if err != nil {
			return next // the last batch is cut short by the limit of bytes
		}
		data, next = rest, v.LastOffset()+1
		if v.LastOffset() < r.positions[index] {
			continue
		}
		records, err := batch.Records(v)
		if err != nil || v.Checksum() != v.CRC() {
			bad(max(r.positions[index], v.BaseOffset()), fmt.Sprintf("batch at offset %d does not match its checksum", v.BaseOffset()))
			r.positions[index] = v.LastOffset() + 1
			continue
		}
		for _, record := range records {
			if record.Offset < r.positions[index] {
				continue
			}
			r.positions[index] = record.Offset + 1
			if reason := r.see(index, record); reason != "" {
				bad(record.Offset, reason)
			}
		}
	}
	return next
}

// see takes one record; the reason is why it is not what its producer wrote, or "".
func (r *reader) see(index int, record batch.Record) (reason string) {
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
		r.runs.Add(place(index), record.Offset, history.BarrierProducer, 0, hash)
		return ""
	}
	r.runs.Add(place(index), record.Offset, h.Producer, h.Sequence, hash)
	r.sim.story.read(r, index, record.Offset, h)
	return ""
}
