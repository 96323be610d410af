package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/verify/course"
	"github.com/logproof/logproof/verify/history"
)

// What consumer groups did stands in every form of the report.
func TestGroupsAreReported(t *testing.T) {
	r := Run{Scenario: "group-rebalance", Page: Page{Course: course.Course{Groups: []course.Group{{
		Name: "workers", Members: 4, Generations: 7, Processed: 12345, Again: 12, Acknowledged: 1000, Refused: 3, Unknown: 2, Resumed: 20,
		Pause: 1240 * time.Millisecond, PauseFrom: 3214 * history.Time(time.Millisecond),
	}}}}}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":     func(b *bytes.Buffer) error { return Text(b, r, Style{Width: 200}) },
		"markdown": func(b *bytes.Buffer) error { return Markdown(b, r) },
		"json":     func(b *bytes.Buffer) error { return ResultJSON(b, r) },
		"page":     func(b *bytes.Buffer) error { return HTML(b, r) },
	} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		want := []string{"workers", "12,345", "1.24 s", "3.214 s"}
		if name == "json" {
			want = []string{`"workers"`, "12345", "1240000000"}
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("the %s lacks %q", name, w)
			}
		}
	}
}

// An operation of a group is told in words, in tables and pictures of what was broken.
func TestGroupOperationsInWords(t *testing.T) {
	orders := history.Partition{Topic: "orders", Index: 3}
	part := func(offset int64) *history.GroupPart {
		return &history.GroupPart{Group: "workers", Generation: 7, Positions: []history.Position{{Partition: orders, Offset: offset}}}
	}
	for want, op := range map[string]history.Operation{
		"commit 15|group workers, generation 7: commits orders/3 at 15":      {Kind: history.Commit, Group: part(15)},
		"resume none|group workers, generation 7: is given orders/3 at none": {Kind: history.Resume, Group: part(history.Unset)},
		"gen. 7|group workers, generation 7: holds orders/3":                 {Kind: history.Own, Group: part(history.Unset)},
	} {
		if got := offsetsText(op) + "|" + carriedText(op); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// So is one of a transaction.
func TestTransactionsInWords(t *testing.T) {
	orders := history.Partition{Topic: "orders", Index: 3}
	end := &history.TransactionPart{ID: "tx-0", Number: 7, Decision: history.DecideCommit, Ending: 2e9, Group: "workers", Positions: []history.Position{{Partition: orders, Offset: 15}}}
	runs := []history.Run{{Partition: orders, FirstOffset: 4, Producer: 2, FirstSequence: 9, Count: 2}}
	for want, op := range map[string]history.Operation{
		"commit|transaction 7 of tx-0: commit asked for at 2.000 s, with group workers at 15 of orders/3": {Kind: history.Transact, Transaction: end},
		"none|transaction 7 of tx-0, which nobody ended":                                                  {Kind: history.Transact, Transaction: &history.TransactionPart{ID: "tx-0", Number: 7, Ending: history.Never}},
		"4–5|in transaction 7 of tx-0; offsets 4–5: producer 2, sequences 9–10":                           {Kind: history.Produce, Runs: runs, Transaction: &history.TransactionPart{ID: "tx-0", Number: 7}},
		"abort|offset 6: the marker of producer id 900, abort":                                            {Kind: history.Scan, Markers: []history.Marker{{Partition: orders, Offset: 6, ProducerID: 900}}},
	} {
		if got := offsetsText(op) + "|" + carriedText(op); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
