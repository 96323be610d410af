package verify

import (
	"github.com/logproof/logproof/verify/history"
)

// transactionFate judges that a transaction is all or nothing, and what its client was told: what the research
// calls R7. The log's word are the markers that the final scan shows. It is asserted that
//
//   - all records of a transaction share one fate, in every partition, and stand under one marker in each, which
//     decides no other transaction (KIP-98; KIP-890 keeps late requests out);
//   - the fate is what the client was told, if it was: committed, or not. Where it was told nothing the log
//     decides, and the result counts those;
//   - who reads committed is given no record that was aborted;
//   - every transaction is decided: by its client, by its successor, or by its timeout. One that is open at the
//     end, when the last stable offset stands before it, is hung if it had the time: Expect.TransactionTimeout
//     after it was last heard of and after the last fault healed.
//
// What was acknowledged in a transaction that committed and is not in the log at all is for the loss rule; what
// became of the offsets in it for group-position.
type transactionFate struct {
	transactions *transactions
	readings     *readings
	expect       Expect
	faults       *faults
	seen         map[history.Partition]*intervals // offsets that were given to some reader of committed records, or are silent
	found        []misfate
	reads        []abortedRead
	checked      int64
	dropped      int64
	unknown      [aborted + 1]int64 // transactions that only the log could tell of, by fate
	barriers     map[history.Partition]history.Time
}

// misfate is a transaction that has two fates, or another one than its client was told.
type misfate struct {
	class Class
	of    *transaction
}

// abortedRead is records that were aborted and given to a reader of committed ones.
type abortedRead struct {
	stream
	stretch
}

func newTransactionFate(t *transactions, s *readings, x Expect, f *faults) *transactionFate {
	j := &transactionFate{
		transactions: t, readings: s, expect: x, faults: f, seen: map[history.Partition]*intervals{},
		barriers: map[history.Partition]history.Time{},
	}
	t.watch(j)
	return j
}

// at is the set of a partition, made when first asked for.
func at(m map[history.Partition]*intervals, p history.Partition) *intervals {
	s := m[p]
	if s == nil {
		s = &intervals{}
		m[p] = s
	}
	return s
}

func (f *transactionFate) observe(op *history.Operation) {
	switch {
	case op.Kind == history.Barrier && op.Outcome == history.OK:
		for i := range op.Runs {
			if p := op.Runs[i].Partition; f.barriers[p] == 0 {
				f.barriers[p] = op.Invoke
			}
		}
	case op.Isolation == history.ReadCommitted:
		for i := range op.Runs {
			f.read(&op.Runs[i])
		}
	}
}

// read takes what a reader of committed records was given.
func (f *transactionFate) read(run *history.Run) {
	first, end := run.FirstOffset, run.FirstOffset+int64(run.Count)
	if l := f.transactions.logs[run.Partition]; l != nil {
		for _, i := range l.aborted.within(first, end) {
			f.note(run, i)
		}
	}
	at(f.seen, run.Partition).add(first, end)
}

// decided compares a run that was aborted with what was read before.
func (f *transactionFate) decided(d decision) {
	s := at(f.seen, d.run.Partition)
	first, end := d.run.FirstOffset, d.run.FirstOffset+int64(d.run.Count)
	if d.fate == aborted {
		for _, i := range s.within(first, end) {
			f.note(&d.run, i)
		}
	}
	s.add(first, end) // so that the set stays one interval
	if o := d.marker.Offset; o != history.Unset {
		s.add(o, o+1)
	}
}

// note keeps an aborted read, once.
func (f *transactionFate) note(run *history.Run, offsets interval) {
	known := &f.transactions.log(run.Partition).misread
	for _, i := range known.without(offsets.first, offsets.end) {
		if len(f.reads) == candidatesMax {
			f.dropped++
			continue
		}
		first := run.FirstSequence + i.first - run.FirstOffset
		f.reads = append(f.reads, abortedRead{stream{run.Partition, run.Producer}, stretch{interval{first, first + i.size()}, i.first}})
	}
	known.add(offsets.first, offsets.end)
}

// settled judges a transaction that is decided to its last record.
func (f *transactionFate) settled(x *transaction) {
	f.checked++
	if x.client == pending {
		f.unknown[x.logged()]++
	}
	if class := x.misfate(); class != "" {
		if len(f.found) == candidatesMax {
			f.dropped++
			return
		}
		f.found = append(f.found, misfate{class, x})
	}
}

// misfate is what is wrong with the fate that the log gave to the transaction, "" if nothing.
func (x *transaction) misfate() Class {
	switch {
	case x.inLog[committed] > 0 && x.inLog[aborted] > 0:
		return TornTransaction
	case x.client == committed && x.inLog[aborted] > 0:
		return LostCommit
	case x.client == aborted && x.inLog[committed] > 0:
		return CommittedAbort
	case x.stray != nil:
		return WrongMarker
	}
	return ""
}

func (f *transactionFate) retained() int {
	n := len(f.found) + len(f.reads) + len(f.barriers)
	for _, s := range f.seen {
		n += len(*s)
	}
	return n
}
