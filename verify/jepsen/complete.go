package jepsen

import (
	"slices"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// The clients that Import makes up. Export leaves them out.
const (
	barrierProcess = "jepsen-barrier"
	scanProcess    = "jepsen-scan"
)

// outcomes of Jepsen's completions.
var outcomes = map[Keyword]history.Outcome{"ok": history.OK, "fail": history.Fail, "info": history.Unknown}

// complete writes a completed operation: what it sent, by partition, and what it was given.
func (i *importer) complete(process int64, began *pending, op operation, m micro) error {
	c := i.of(process)
	base := history.Operation{Outcome: outcomes[op.kind], Invoke: history.Time(began.op.time), Return: history.Time(op.time)}
	if op.err != nil {
		base.Error = Write(op.err)
	}
	sends := m.sends
	if base.Outcome != history.OK || len(sends) == 0 {
		sends = began.sends // what it was asked for, whatever it says of it
	}
	if err := i.sent(c, process, base, sends); err != nil {
		return err
	}
	if c.subscribed || op.rebalanced || base.Outcome != history.OK {
		c.life++ // the group, or the client itself, may have moved its position
	}
	return i.polled(c, process, base, m.given)
}

// sent writes one produce for each partition.
func (i *importer) sent(c *client, process int64, base history.Operation, sends []send) error {
	var keys []int64
	for _, s := range sends {
		if !slices.Contains(keys, s.key) {
			keys = append(keys, s.key)
		}
	}
	for _, key := range keys {
		op := base
		op.Process, op.Kind = c.called("producer", process), history.Produce
		p := i.place(key)
		for _, s := range sends {
			if s.key != key {
				continue
			}
			r := p.number(c.producer, s.value)
			if r.offset = history.Unset; base.Outcome == history.OK {
				r.offset = s.offset
				p.acked = append(p.acked, r)
			}
			op.Runs = history.AppendRun(op.Runs, p.name, r.offset, r.producer, r.sequence)
		}
		if err := i.put(op); err != nil {
			return err
		}
	}
	return nil
}

// polled writes what a reader was given. A record without a value is one that cannot be decoded; one without an offset says nothing of the log.
func (i *importer) polled(c *client, process int64, base history.Operation, list []given) error {
	op := base
	op.Process, op.Kind = c.called("reader", process), history.Fetch
	for _, g := range list {
		p := i.place(g.key)
		switch {
		case g.offset < 0:
			i.leave(0, "records that were read without an offset")
			continue
		case g.void:
			op.Corrupt = append(op.Corrupt, history.Corrupt{Partition: p.name, Offset: g.offset, Reason: "it has no value"})
			continue
		}
		r, known := p.records[g.value]
		if !known {
			r = p.number(stranger, g.value)
		}
		op.Runs = history.AppendRun(op.Runs, p.name, g.offset, r.producer, r.sequence)
		if _, taken := p.read[g.offset]; !taken {
			p.read[g.offset] = r
		}
		p.bound = max(p.bound, g.offset)
	}
	if len(op.Runs)+len(op.Corrupt) == 0 {
		return nil
	}
	return i.put(op)
}

func (i *importer) put(op history.Operation) error {
	i.found.Operations++
	return i.write(op)
}

// end writes what was never completed, then a scan of everything that anybody was given.
func (i *importer) end() error {
	i.comments()
	for _, process := range i.order {
		began := i.pending[process]
		if began == nil {
			continue
		}
		delete(i.pending, process)
		op := operation{line: began.op.line, kind: "info", f: began.op.f, time: i.last}
		if err := i.complete(process, began, op, micro{}); err != nil {
			return err
		}
	}
	var keys []int64
	for key := range i.partitions {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if err := i.scan(i.partitions[key]); err != nil {
			return err
		}
	}
	i.found.Expect.Rules = []verify.Rule{verify.AppendOrder, verify.ProducerOrder, verify.ReaderAgreement, verify.Loss, verify.Corruption}
	i.found.Expect.Idempotent = true
	return nil
}

// scan writes the scan of one partition, with a barrier behind the last record that was read. The barrier was invoked
// before everything, so that it makes nothing due that stands behind it.
func (i *importer) scan(p *partition) error {
	seen := map[record]bool{}
	var offsets []int64
	for offset, r := range p.read {
		offsets = append(offsets, offset)
		r.offset = 0
		seen[r] = true
	}
	slices.Sort(offsets)
	for _, r := range p.acked {
		behind := r.offset > p.bound
		if r.offset = 0; behind && !seen[r] {
			i.found.Unseen++
		}
	}
	i.found.Expect.Partitions = append(i.found.Expect.Partitions, p.name)
	barrier := history.Run{Partition: p.name, FirstOffset: p.bound + 1, Producer: history.BarrierProducer, Count: 1}
	end := history.Time(i.last)
	err := i.put(history.Operation{Process: barrierProcess, Kind: history.Barrier, Outcome: history.OK, Return: end, Runs: []history.Run{barrier}})
	if err != nil {
		return err
	}
	scan := history.Operation{Process: scanProcess, Kind: history.Scan, Outcome: history.OK, Invoke: end, Return: end}
	for _, offset := range offsets {
		r := p.read[offset]
		scan.Runs = history.AppendRun(scan.Runs, p.name, offset, r.producer, r.sequence)
	}
	scan.Runs = append(scan.Runs, barrier)
	return i.put(scan)
}
