package verify

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/verify/history"
)

var transactExpect = Expect{
	Partitions: simPartitions, Idempotent: true, RequireScan: true, MinAcked: 1, MinRead: 1, Transactions: true, MinAborted: 1,
	TransactionTimeout: time.Second,
}

// transactHistory is a whole history of transactions.
func transactHistory(seed uint64, steps int, mistake mutation, liveScan bool) (list []history.Entry, made bool) {
	s := newTransactSim(seed, mistake, liveScan, func(e history.Entry) { list = append(list, e) })
	s.steps(steps)
	s.finish()
	return list, s.made
}

// checkTidily judges a history as check does, and once more with an engine that forgets what it needs no more as soon
// as it can, once every reader has begun: both must say the same.
func checkTidily(t *testing.T, list []history.Entry) Report {
	t.Helper()
	r := check(t, list, transactExpect)
	tidy := New(transactExpect)
	for i, e := range list {
		if i == 200 {
			tidy.transactions.tidyAt = 2
		}
		tidy.Observe(e)
	}
	tidy.End(io.EOF)
	if other := tidy.Report(); other.Verdict != r.Verdict || !slices.Equal(failures(other), failures(r)) {
		t.Errorf("an engine that keeps less says %s %q, one that keeps more %s %q", other.Verdict, texts(other), r.Verdict, texts(r))
	}
	return r
}

func TestCleanTransactionsPass(t *testing.T) {
	for seed := range uint64(120) {
		list, _ := transactHistory(seed, 900, none, seed%3 == 0)
		if r := checkTidily(t, list); r.Verdict != Pass {
			t.Fatalf("seed %d: verdict %s: anomalies %q, undecided %q", seed, r.Verdict, texts(r), undecided(r))
		}
	}
}

// Each single mistake is caught, as what it is and as nothing else.
func TestMistakesOfTransactionsAreCaughtAsWhatTheyAre(t *testing.T) {
	for mistake, want := range map[mutation]string{
		giveOpen:       "early-read early-read",
		giveAborted:    "transaction-fate aborted-read",
		tearCommit:     "transaction-fate torn-transaction",
		flipCommit:     "transaction-fate lost-commit",
		flipAbort:      "transaction-fate committed-abort",
		forgetMarker:   "transaction-fate hung-transaction",
		splitMarkers:   "transaction-fate wrong-marker",
		hideCommitted:  "gaps poll-skip",
		loseCommitted:  "loss lost-write",
		skipInOpen:     "gaps gap",
		wrongStableEnd: "watermarks read-above-stable",
	} {
		t.Run(string(mistake), func(t *testing.T) {
			made := 0
			for seed := range uint64(30) {
				list, is := transactHistory(seed, 700, mistake, seed%3 == 0)
				if !is {
					continue
				}
				made++
				r := checkTidily(t, list)
				got := failures(r)
				if mistake == giveOpen && slices.Equal(got, []string{"transaction-fate aborted-read"}) {
					continue // the transaction was aborted later
				}
				if r.Verdict != Fail || !slices.Equal(got, []string{want}) {
					t.Fatalf("seed %d: verdict %s, anomalies %q, want %q: %q, undecided %q", seed, r.Verdict, got, want, texts(r), undecided(r))
				}
			}
			if made < 12 {
				t.Errorf("the mistake was made in %d of 30 histories, want at least 12", made)
			}
		})
	}
}

// A transaction that is never decided is found although no barrier can be written: the last stable offset stands at its
// first record long after its end was acknowledged.
func TestTransactionsThatHoldEverythingUpAreFoundWithoutBarrier(t *testing.T) {
	const text = `
producer-0 produce  ok 1..4   txn:tx-0:0 orders/0@%[1]s=p0:0x2
producer-0 transact ok 1..12  txn:tx-0:0 commit@10 orders/0@%[1]s=p0:0x2
reader-1   fetch    ok %[2]s read_committed orders/0=hw:9,lso:5
`
	for name, c := range map[string]struct {
		offset, asked string
		found         int64
	}{
		"long after":               {"5", "6000..6001", 1},
		"the marker may come":      {"5", "900..901", 0},
		"another one is open":      {"7", "6000..6001", 0},
		"nobody knows which it is": {"?", "6000..6001", 0},
	} {
		src, err := history.ReadText(strings.NewReader(fmt.Sprintf(text, c.offset, c.asked)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Check(src, Expect{Rules: []Rule{TransactionFate}, Transactions: true})
		if err != nil {
			t.Fatal(err)
		}
		rule := r.Rules[slices.Index(Rules(), TransactionFate)]
		if rule.Total != c.found || c.found > 0 && rule.Anomalies[0].Class != HungTransaction || r.Verdict == Pass {
			t.Errorf("%s: verdict %s, %q, want %d hung", name, r.Verdict, texts(r), c.found)
		}
	}
}

// With a scan that goes along, what is kept is bounded by the transactions that are open and how far the scan and the
// readers are behind; it does not grow with the history.
func TestTransactionsKeepLittle(t *testing.T) {
	e := New(transactExpect)
	s := newTransactSim(3, none, true, e.Observe)
	s.reliable = true // what is sent and never answered is open until the end
	var marks []int
	for range 12 {
		s.steps(10_000)
		marks = append(marks, e.Retained())
	}
	half := len(marks) / 2
	early, late := slices.Max(marks[:half]), slices.Max(marks[half:])
	t.Logf("%d transactions committed, intervals kept every 10000 steps: %v", e.Snapshot().TransactionsCommitted, marks)
	blocks := int(e.Snapshot().RecordsAcked / history.ChainBlock)
	if late > early+early/10+2*blocks {
		t.Errorf("the engine kept at most %d intervals in the first half and %d in the second", early, late)
	}
	s.finish()
	e.End(io.EOF)
	if r := e.Report(); r.Verdict != Pass {
		t.Errorf("verdict %s: %q, undecided %q", r.Verdict, texts(r), undecided(r))
	}
}

// BenchmarkTransactions is the cost of an operation in histories of transactions of several lengths, with a scan that
// goes along: it is the same.
func BenchmarkTransactions(b *testing.B) {
	for _, steps := range []int{20_000, 200_000, 1_000_000} {
		b.Run(fmt.Sprintf("steps=%d", steps), func(b *testing.B) {
			var list []history.Entry
			s := newTransactSim(5, none, true, func(e history.Entry) { list = append(list, e) })
			s.reliable = true
			s.steps(steps)
			s.finish()
			b.ResetTimer()
			for range b.N {
				e := New(transactExpect)
				for _, entry := range list {
					e.Observe(entry)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/operation")
		})
	}
}
