package loadgen

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// newTransactionalRun is a load in transactions.
func newTransactionalRun(t *testing.T, change func(*Config), opts ...kfake.Opt) *recordedRun {
	t.Helper()
	return newRecordedRun(t, func(c *Config) {
		c.Producer.Transactions = &client.TransactionSpec{Size: 20, AbortRate: 0.3, Timeout: 10 * time.Second}
		c.Reader.Isolation = history.ReadCommitted
		change(c)
	}, opts...)
}

// finishTransactions ends the load, judges it and returns its operations.
func finishTransactions(t *testing.T, ctx context.Context, r *recordedRun) (Result, []*history.Operation) {
	t.Helper()
	tour := func(ctx context.Context) error { return r.Tour(ctx, "1") }
	result := r.end(t, ctx, r.StopLoad, r.Undecided, r.Barrier, tour, r.Scan, r.StopReaders, r.StopGroups)
	judge(t, r)
	src, err := history.NewReader(bytes.NewReader(r.history.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var all []*history.Operation
	for {
		entry, err := src.Next()
		if errors.Is(err, io.EOF) {
			return result, all
		}
		if err != nil {
			t.Fatal(err)
		}
		if op := entry.Operation; op != nil {
			all = append(all, op)
		}
	}
}

// judge asks verify: nothing of what these clients saw is wrong.
func judge(t *testing.T, r *recordedRun) {
	t.Helper()
	expect := verify.Expect{
		Transactions: true, TransactionTimeout: 10 * time.Second,
		Rules: []verify.Rule{
			verify.AppendOrder, verify.ProducerOrder, verify.ReaderAgreement, verify.Loss, verify.Corruption, verify.GroupPosition, verify.Exclusivity,
			verify.EarlyRead, verify.TransactionFate, verify.ExactlyOnce, verify.Gaps,
		},
	}
	for _, g := range r.cfg.Groups {
		expect.Groups = append(expect.Groups, g.Name)
		x := verify.Transform{Group: g.Name}
		for _, p := range partitionsOf(r.targets) {
			switch p.Topic {
			case g.From:
				x.Inputs = append(x.Inputs, p)
			case g.To:
				x.Outputs = append(x.Outputs, p)
			}
		}
		expect.ExactlyOnce = append(expect.ExactlyOnce, x)
	}
	if report := r.check(t, expect); report.Verdict != verify.Pass {
		t.Errorf("verdict %s: %q", report.Verdict, texts(report))
	}
}

// written is one record by who wrote it.
type written struct {
	partition history.Partition
	producer  uint32
	sequence  int64
}

// eachRecord calls f for every record of an operation but barriers; i is its place in its run.
func eachRecord(op *history.Operation, f func(written, history.Run, int64)) {
	for _, run := range op.Runs {
		for i := range int64(run.Count) {
			if run.Producer != history.BarrierProducer {
				f(written{run.Partition, run.Producer, run.FirstSequence + i}, run, i)
			}
		}
	}
}

// What was committed is what who reads committed is given, in the log with its marker; what was aborted is in the log
// alone.
func TestTransactionsAreRecordedAsTheyWere(t *testing.T) {
	run := newTransactionalRun(t, func(c *Config) { c.Producers, c.Readers = 2, 1 })
	ctx := testContext(t)
	run.begin(t, ctx)
	until(t, "transactions committed and aborted", func() bool {
		sum := run.transactions()
		return sum.Committed >= 20 && sum.Aborted >= 5
	})
	result, all := finishTransactions(t, ctx, run)
	if result.Transactions.Unknown+result.Transactions.Failed > 0 || result.Transactions.Commit.Count() != result.Transactions.Committed {
		t.Errorf("nothing went wrong, and transactions are %+v", result.Transactions)
	}
	if a := result.Accounting; a.Aborted == 0 || a.Acked == 0 || a.Failed+a.Unknown > 0 {
		t.Errorf("accounting is\n%v", a)
	}
	committed, aborted := map[written]bool{}, map[written]bool{}
	inLog, seen, toured := map[written]bool{}, map[written]int{}, map[written]bool{}
	appended := map[string]int{}
	markers := map[bool]int{}
	for _, op := range all {
		switch {
		case op.Kind == history.Produce:
			if op.Transaction == nil || op.Outcome != history.OK {
				t.Fatalf("produced outside of a transaction, or not: %+v", op)
			}
			eachRecord(op, func(w written, _ history.Run, _ int64) { appended[op.Process]++ })
		case op.Kind == history.Transact:
			if tx := op.Transaction; tx.Ending == history.Never || tx.Ending < op.Invoke || op.Outcome != history.OK {
				t.Errorf("a transaction ended as %+v", op)
			}
			into := aborted
			if op.Committed() {
				into = committed
			}
			eachRecord(op, func(w written, r history.Run, _ int64) {
				into[w] = true
				if r.FirstOffset == history.Unset {
					t.Errorf("%+v has no offset", w)
				}
			})
		case op.Kind == history.Scan:
			for _, m := range op.Markers {
				markers[m.Commit]++
			}
			eachRecord(op, func(w written, r history.Run, _ int64) {
				inLog[w] = true
				if r.Origin == nil {
					t.Errorf("%+v has no origin", w)
				}
			})
		case op.Process == history.TourPrefix+"1":
			eachRecord(op, func(w written, _ history.Run, _ int64) { toured[w] = true })
		case op.Process == "reader-0" || op.Process == "scan-committed":
			if op.Isolation != history.ReadCommitted && len(op.Runs) > 0 {
				t.Errorf("%s reads %v", op.Process, op.Isolation)
			}
			eachRecord(op, func(w written, _ history.Run, _ int64) { seen[w]++ })
		}
	}
	if len(committed) == 0 || len(aborted) == 0 || markers[true] == 0 || markers[false] == 0 {
		t.Fatalf("%d records committed, %d aborted, markers %v", len(committed), len(aborted), markers)
	}
	if sum := appended["producer-0"] + appended["producer-1"]; sum != len(committed)+len(aborted) {
		t.Errorf("%d records were produced and %d are in transactions", sum, len(committed)+len(aborted))
	}
	if !maps.Equal(toured, inLog) {
		t.Errorf("the tour saw %d records, the scan %d", len(toured), len(inLog))
	}
	for w := range committed {
		if !inLog[w] || seen[w] != 2 {
			t.Fatalf("%+v is committed; in the log %v, seen %d times by two who read committed", w, inLog[w], seen[w])
		}
	}
	for w := range aborted {
		if !inLog[w] || seen[w] != 0 {
			t.Fatalf("%+v is aborted; in the log %v, seen %d times", w, inLog[w], seen[w])
		}
	}
}

// transforming is a load that members of a group copy.
func transforming(c *Config) {
	c.Topics = append(c.Topics, Topic{Name: "copies", Partitions: 3, ReplicationFactor: 1})
	c.Groups = []Group{{Members: 2, From: "orders", To: "copies", Isolation: history.ReadCommitted, GroupSpec: client.GroupSpec{
		Name: "copiers", Commit: client.CommitTransaction, SessionTimeout: 500 * time.Millisecond, RebalanceTimeout: 2 * time.Second,
		Heartbeat: 50 * time.Millisecond,
	}}}
	c.RecordSize = 128
	c.Producers, c.Readers = 1, 1
	c.Rate = pace.Rate{Records: 500, Per: time.Second}
}

// exactlyOnce checks that who reads committed sees one copy of each committed record.
func exactlyOnce(t *testing.T, all []*history.Operation) {
	t.Helper()
	type place struct {
		partition history.Partition
		offset    int64
	}
	inputs, copies := map[place]bool{}, map[place]int{}
	for _, op := range all {
		if op.Process != "scan-committed" {
			continue
		}
		eachRecord(op, func(_ written, r history.Run, i int64) {
			if r.Partition.Topic == "orders" {
				inputs[place{r.Partition, r.FirstOffset + i}] = true
				return
			}
			if r.Source == nil {
				t.Fatalf("a copy says nothing of its source: %+v", r)
			}
			copies[place{r.Source.Partition, r.Source.FirstOffset + i}]++
		})
	}
	if len(inputs) == 0 {
		t.Fatal("nothing was committed")
	}
	for at := range inputs {
		if copies[at] != 1 {
			t.Errorf("%v was copied %d times", at, copies[at])
		}
	}
	if len(copies) != len(inputs) {
		t.Errorf("%d records and %d that were copied", len(inputs), len(copies))
	}
}

func TestTransformIsExactlyOnceAlsoWhenMembersCrash(t *testing.T) {
	run := newTransactionalRun(t, transforming)
	ctx := testContext(t)
	run.begin(t, ctx)
	worked := func(n uint64) func() bool {
		return func() bool { return run.allGroups()[0].ended.acknowledged() >= n }
	}
	until(t, "members at work", worked(10))
	for _, number := range []int{2, 3} { // producer, reader, members
		if err := run.Crash(number); err != nil {
			t.Fatal(err)
		}
		if err := run.Revive(number); err != nil {
			t.Fatal(err)
		}
		until(t, "members at work again", worked(run.allGroups()[0].ended.acknowledged()+10))
	}
	result, all := finishTransactions(t, ctx, run)
	exactlyOnce(t, all)
	if g := result.Accounting.Groups[0]; g.Crashes != 2 || g.Processed == 0 {
		t.Errorf("the group's account is %+v", g)
	}
	positions := 0
	for _, op := range all {
		if op.Kind == history.Commit {
			t.Errorf("a position was committed outside of any transaction: %+v", op)
		}
		if op.Committed() && op.Transaction.Group == "copiers" {
			positions += len(op.Transaction.Positions)
		}
	}
	if positions == 0 {
		t.Error("no transaction says which positions were sent in it")
	}
}

// A member beside which another begins under its transactional id does no harm: it is fenced, and ends.
func TestTransformIsExactlyOnceBesideAZombie(t *testing.T) {
	// An abort that a zombie asks kfake for, right after its successor has begun, is taken for one that is asked again
	// and answered with the successor's epoch: then both write as one. Under version 1 nobody is given an epoch at an end.
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
	run := newTransactionalRun(t, transforming, kfake.MaxVersions(versions))
	ctx := testContext(t)
	run.begin(t, ctx)
	group := func() *group { return run.allGroups()[0] }
	more := func() func() bool {
		n := group().ended.acknowledged() + 10
		return func() bool { return group().ended.acknowledged() >= n }
	}
	until(t, "members at work", more())
	if err := run.Double(3); err != nil {
		t.Fatal(err)
	}
	until(t, "the one that was doubled is fenced", func() bool {
		fenced, _, err := run.Doubled(3)
		return err == nil && fenced > 0
	})
	until(t, "members at work after one was doubled", more())
	result, all := finishTransactions(t, ctx, run)
	exactlyOnce(t, all)
	if result.Transactions.Fenced == 0 {
		t.Errorf("transactions are %+v: nobody was fenced", result.Transactions)
	}
}

func TestWhoDoesNotWriteInTransactionsIsNotDoubled(t *testing.T) {
	run := newTransactionalRun(t, func(c *Config) {
		transforming(c)
		c.Producer.Transactions = nil
	})
	ctx := testContext(t)
	run.begin(t, ctx)
	for _, number := range []int{0, 1} {
		if err := run.Double(number); !errors.Is(err, errNotTransactional) {
			t.Errorf("doubling client %d: %v", number, err)
		}
	}
}

// Who waits for transactions to be decided is told where one is open.
func TestAnOpenTransactionIsWaitedFor(t *testing.T) {
	run := newTransactionalRun(t, func(c *Config) { c.Producers, c.Readers = 1, 0 })
	ctx := testContext(t)
	run.begin(t, ctx)
	open, err := kgo.NewClient(kgo.SeedBrokers(run.cfg.Brokers...), kgo.TransactionalID("stranger"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := errors.Join(open.BeginTransaction(), open.ProduceSync(ctx, &kgo.Record{Topic: "orders", Partition: 2, Value: []byte("open")}).FirstErr()); err != nil {
		t.Fatal(err)
	}
	if err := run.StopLoad(ctx); err != nil {
		t.Fatal(err)
	}
	until(t, "an error that names orders/2 alone, where a transaction is open", func() bool {
		soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		err := run.Undecided(soon)
		if err == nil {
			t.Fatal("a transaction is open, and nobody says so")
		}
		return strings.Contains(err.Error(), "orders/2 is decided") && !strings.Contains(err.Error(), "orders/1")
	})
	if err := open.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	if err := run.Undecided(ctx); err != nil {
		t.Error(err)
	}
}
