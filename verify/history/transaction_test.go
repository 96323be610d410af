package history

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// randomTransaction sets every field that has to do with transactions now and then.
func randomTransaction(rng *rand.Rand, op *Operation) {
	some := func(n int) bool { return rng.IntN(n) == 0 }
	reads := op.Kind == Fetch || op.Kind == Scan
	place := Partition{Topic: "orders", Index: rng.Int32N(4)}
	for i := range op.Runs {
		if reads && some(2) {
			op.Runs[i].Origin = &Origin{rng.Int64N(3), int16(rng.IntN(3))}
		}
		if some(3) {
			op.Runs[i].Source = &Input{place, rng.Int64N(1 << 50)}
		}
		if some(3) {
			op.Runs[i].Key = rng.Uint32()
		}
	}
	if reads {
		op.Isolation = Isolation(rng.IntN(2))
		for range rng.IntN(3) {
			op.Markers = append(op.Markers, Marker{place, rng.Int64N(1 << 50), rng.Int64N(3), int16(rng.IntN(3)), some(2)})
		}
	}
	if op.Kind == Produce && some(2) {
		op.Transaction = &TransactionPart{ID: "tx", Number: rng.Int64N(9)}
	}
	if op.Kind != Transact {
		return
	}
	t := &TransactionPart{ID: "tx", Number: rng.Int64N(9), Decision: Decision(rng.IntN(3)), Ending: Never}
	op.Transaction = t
	if t.Decision != Undecided && !some(4) {
		t.Ending = op.Return - (op.Return-op.Invoke)/2
	} else if op.Outcome == OK {
		op.Outcome = Fail
	}
	if some(2) {
		t.Group = "workers"
		if some(2) {
			t.Member, t.Generation = "m1", rng.Int32N(9)-1
		}
		if some(2) {
			t.Sent = op.Return
		}
		for i := range rng.Int32N(3) {
			t.Positions = append(t.Positions, Position{Partition{"orders", i}, rng.Int64N(1 << 50)})
		}
	}
}

// A hundred million records take less than a gigabyte also in transactions of 64 records, a tenth of them aborted, which a raw scan and a committed one read too.
func TestTransactionalRecordsFitInAGigabyte(t *testing.T) {
	const records, batch, partitions, batches = 320_000, 16, 6, 4
	rng := rand.New(rand.NewPCG(4, 4))
	var file bytes.Buffer
	now := Time(1e9)
	r, err := NewRecorder(&file, testMeta, func() Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	var ends, sent [partitions]int64
	names, readers := []string{"scan", "scan-committed", "reader-0"}, [3]RunBuilder{}
	for number := range int64(records / batch / batches) {
		begun, commit := now-1e6, rng.IntN(10) > 0
		part := &TransactionPart{ID: "tx-0", Number: number}
		var runs []Run
		for i := range batches {
			p := Partition{Topic: "orders", Index: int32(i)}
			now += Time(100_000 + rng.Int64N(300_000))
			run := Run{Partition: p, FirstOffset: ends[i], FirstSequence: sent[i], Count: batch}
			written := now - Time(1e6+rng.Int64N(2e6))
			r.Attempt(Attempt{
				Process: "producer-0", Connection: 1, Version: 12, Correlation: int32(i), Partition: p, ProducerID: 1000, ProducerEpoch: 1,
				BaseSequence: int32(sent[i]), Count: batch, Written: written, Answered: now, BaseOffset: ends[i],
			})
			r.Operation(Operation{Process: "producer-0", Kind: Produce, Outcome: OK, Invoke: written - Time(rng.Int64N(2e6)), Runs: []Run{run}, Transaction: part})
			runs = append(runs, run)
			ends[i], sent[i] = ends[i]+batch+1, sent[i]+batch
		}
		end := *part
		end.Decision, end.Ending = DecideAbort, now-500_000
		if commit {
			end.Decision = DecideCommit
		}
		r.Operation(Operation{Process: "producer-0", Kind: Transact, Outcome: OK, Invoke: begun, Runs: runs, Transaction: &end})
		origin := Origin{1000, int16(number % 30_000)}
		for i, name := range names {
			now += Time(rng.Int64N(50_000))
			read := Operation{Process: name, Kind: Fetch, Outcome: OK, Invoke: now - Time(1e6+rng.Int64N(1e6)), Isolation: ReadCommitted}
			if name == "scan" {
				read.Kind, read.Isolation = Scan, ReadUncommitted
			}
			if name != "scan" && !commit {
				continue
			}
			for _, run := range runs {
				record := Record{Partition: run.Partition}
				if name == "scan" {
					record.Origin = &origin
					read.Markers = append(read.Markers, Marker{run.Partition, run.FirstOffset + batch, origin.ProducerID, origin.ProducerEpoch, commit})
				}
				for k := range int64(batch) {
					record.Offset, record.Sequence = run.FirstOffset+k, run.FirstSequence+k
					readers[i].AddRecord(record, rng.Uint64())
				}
			}
			read.Runs = readers[i].Runs()
			r.Operation(read)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	perRecord := float64(file.Len()) / records
	t.Logf("%.1f bytes per transaction of %d records; 100 million records: %.0f MB", perRecord*batch*batches, batch*batches, perRecord*100)
	if perRecord*1e8 >= 1e9 {
		t.Errorf("100 million records would take %.0f MB, want less than 1000", perRecord*100)
	}
}

// Records go on a run only if all that the run says of its records is true of them, too.
func TestRunsEndWhereTheirRareFieldsChange(t *testing.T) {
	first := Record{Partition: orders, Offset: 10, Sequence: 5, Origin: &Origin{900, 3}, Source: &Input{orders, 7}, Key: 4}
	next := func(change func(r *Record)) Record {
		r := first
		r.Offset, r.Sequence, r.Source = 11, 6, &Input{orders, 8}
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		runs int
		next Record
	}{
		"all goes on":    {1, next(func(*Record) {})},
		"origin is new":  {2, next(func(r *Record) { r.Origin = &Origin{900, 4} })},
		"no origin":      {2, next(func(r *Record) { r.Origin = nil })},
		"source is far":  {2, next(func(r *Record) { r.Source = &Input{orders, 9} })},
		"another source": {2, next(func(r *Record) { r.Source = &Input{Partition{"a", 0}, 8} })},
		"no source":      {2, next(func(r *Record) { r.Source = nil })},
		"another key":    {2, next(func(r *Record) { r.Key = 5 })},
	} {
		var b RunBuilder
		b.AddRecord(first, 1)
		b.AddRecord(c.next, 2)
		read, written := b.Runs(), AppendRecord(AppendRecord(nil, first), c.next)
		if len(read) != c.runs || len(written) != c.runs {
			t.Errorf("%s: %d runs read and %d written, want %d", name, len(read), len(written), c.runs)
		}
	}
}

func TestPartOfARun(t *testing.T) {
	run := Run{Partition: orders, FirstOffset: 10, Producer: 1, FirstSequence: 5, Count: 6, Chain: 9, Source: &Input{orders, 7}, Key: 4}
	if got := run.Part(2, 3); got.FirstOffset != 12 || got.FirstSequence != 7 || got.Count != 3 || got.Chain != 0 || *got.Source != (Input{orders, 9}) || got.Key != 4 {
		t.Errorf("a middle part is %+v %v", got, got.Source)
	}
	run.FirstOffset, run.Source = Unset, nil
	if got := run.Part(5, 1); got.FirstOffset != Unset || got.FirstSequence != 10 || got.Chain != 9 {
		t.Errorf("the last record is %+v", got)
	}
}
