package sim

import (
	"slices"
	"time"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify/history"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// barrier writes one record to the end of every partition once everything has healed.
type barrier struct {
	client
	// offsets of the acknowledged barriers by partition; history.Unset before that.
	offsets []int64
	// trying is set for partitions that have an unanswered one.
	trying []bool
}

func newBarrier(s *simulation) *barrier {
	b := &barrier{client: s.newClient("barrier")}
	for range s.terrain.load.Partitions {
		b.offsets, b.trying = append(b.offsets, history.Unset), append(b.trying, false)
	}
	b.ready = b.write
	return b
}

// missing names the partitions without a barrier; "" if there is none.
func (b *barrier) missing() (text string) {
	for i, offset := range b.offsets {
		if offset == history.Unset {
			text += " " + place(i).String()
		}
	}
	if text != "" {
		text = "no barrier was acknowledged in" + text
	}
	return text
}

// write sends a barrier to each partition that has none. Each try is a record of its own.
func (b *barrier) write() {
	for i, offset := range b.offsets {
		if offset == history.Unset && b.leaders[i] != nobody && !b.trying[i] {
			b.try(i)
		}
	}
	if slices.Contains(b.leaders, nobody) {
		b.later(b.refresh)
	}
}

func (b *barrier) try(index int) {
	invoked := b.sim.now
	b.trying[index] = true
	var records batch.Builder
	records.Add(nil, payload.Encode(nil, payload.MinSize, payload.Header{
		Run: b.sim.run, Producer: history.BarrierProducer, Partition: int32(index), Intended: int64(invoked), Barrier: true,
	}), startTime.Add(invoked).UnixMilli())
	b.ask(b.leaders[index], produceRequest(b.topic, index, records.Build()), func(_ *request, resp kmsg.Response) {
		op := history.Operation{Process: b.name, Kind: history.Barrier, Invoke: history.Time(invoked),
			Runs: []history.Run{{Partition: place(index), FirstOffset: history.Unset, Producer: history.BarrierProducer, Count: 1}}}
		code := codeNoAnswer
		b.trying[index] = false
		if resp != nil {
			part := &resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
			if code = part.ErrorCode; code == 0 {
				op.Outcome, op.Runs[0].FirstOffset, b.offsets[index] = history.OK, part.BaseOffset, part.BaseOffset
			}
		}
		if code != 0 {
			op.Error = failure(code)
		}
		b.sim.operation(op)
		if code != 0 {
			b.sim.after(50*time.Millisecond, kindClient, b.refresh)
		}
	})
}
