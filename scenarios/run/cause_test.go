package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// notedIn writes events of a node as a run directory has them; times are milliseconds of the run.
func notedIn(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := writeClock(dir, reading{began, 0}, reading{began.Add(time.Minute), history.Time(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, line := range lines {
		ms, rest, _ := strings.Cut(line, " ")
		d, err := time.ParseDuration(ms + "ms")
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(`{"at":"` + began.Add(d).Format(time.RFC3339Nano) + `",` + rest + "}\n")
	}
	if err := os.MkdirAll(filepath.Join(dir, "nodes", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "nodes", "1", "events.jsonl"), []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// after is a time of the run.
func after(n int64) history.Time { return history.Time(n) * history.Time(time.Millisecond) }

const (
	elected5  = `10 "node":100,"event":"leader-elected","topic":"orders","partition":0,"leader":1,"leader_epoch":5,"isr":[1,2,3]`
	led5      = `11 "node":1,"event":"became-leader","topic":"orders","partition":0,"leader_epoch":5,"log_end":700,"high_watermark":700`
	elsewhere = `150 "node":3,"event":"became-leader","topic":"orders","partition":1,"leader_epoch":9,"log_end":1,"high_watermark":1`
	elected6  = `200 "node":100,"event":"leader-elected","topic":"orders","partition":0,"leader":2,"leader_epoch":6,"isr":[2],"unclean":true`
	led6      = `201 "node":2,"event":"became-leader","topic":"orders","partition":0,"leader_epoch":6,"log_end":790,"high_watermark":780`
	ahead6    = `201 "node":2,"event":"became-leader","topic":"orders","partition":0,"leader_epoch":6,"log_end":900,"high_watermark":780`
	truncated = `300 "node":1,"event":"log-truncated","topic":"orders","partition":0,"from":815,"to":790`
	generated = `120 "node":2,"event":"group-rebalanced","group":"workers","generation":7,"reason":"a member joined"`
)

// Each anomaly is joined with who led, who was elected, what was cut and what was broken then.
func TestCauses(t *testing.T) {
	p := history.Partition{Topic: "orders"}
	produce := history.Operation{Kind: history.Produce, Outcome: history.OK, Invoke: after(90), Return: after(100)}
	fetch := history.Operation{Kind: history.Fetch, Outcome: history.OK, Invoke: after(110), Return: after(130)}
	late := history.Operation{Kind: history.Fetch, Outcome: history.OK, Invoke: after(390), Return: after(400)}
	scan := history.Operation{Kind: history.Scan, Outcome: history.OK, Invoke: after(900), Return: after(999)}
	kill := []report.Fault{{Text: "kill node 1", From: 190 * time.Millisecond, To: 350 * time.Millisecond}}
	const led = "by broker 1 in leader epoch 5, with ISR [1 2 3] and high watermark 812"
	for _, c := range []struct {
		name     string
		class    verify.Class
		group    string
		offset   int64
		evidence []history.Operation
		events   []string
		want     string
	}{
		{"an election", verify.LostWrite, "", 811, []history.Operation{produce, scan}, []string{elected5, led5, elsewhere, elected6, led6, truncated},
			"acknowledged at 0.100 s " + led + "; leader epoch 6 elected broker 2 at 0.201 s, whose log ended at 790, uncleanly, while kill node 1 was in force"},
		{"a truncation", verify.LostWrite, "", 811, []history.Operation{produce}, []string{elected5, led5, ahead6, truncated},
			"acknowledged at 0.100 s " + led + "; broker 1 truncated its log from 815 to 790 at 0.300 s, while kill node 1 was in force"},
		{"read", verify.ReadThenGone, "", 811, []history.Operation{produce, fetch}, []string{elected5, led5, elected6, led6},
			"read at 0.130 s " + led + "; leader epoch 6 elected broker 2"},
		{"no event", verify.Duplicate, "", 811, []history.Operation{produce, fetch, scan}, []string{elected5, led5, elected6, led6},
			"first seen at 0.100 s " + led + "; no election and no truncation followed"},
		{"in between", verify.Duplicate, "", 811, []history.Operation{produce, late}, []string{elected5, led5, elected6, ahead6, truncated},
			"; broker 1 truncated its log from 815 to 790"},
		{"a group", verify.TwoOwners, "workers", history.Unset, []history.Operation{fetch}, []string{led5, generated},
			"first seen at 0.130 s; broker 2 gave its members an assignment of generation 7 at 0.120 s (a member joined)"},
		{"another group", verify.TwoOwners, "clerks", history.Unset, []history.Operation{fetch}, []string{generated}, "; no rebalance was noted around it"},
		{"no evidence", verify.LostWrite, "", 811, []history.Operation{scan}, []string{led5}, ""},
		{"no events", verify.LostWrite, "", 811, []history.Operation{produce}, nil, ""},
	} {
		judged := verify.Report{Rules: []verify.RuleResult{{Anomalies: []verify.Anomaly{
			{Class: c.class, Partition: p, Group: c.group, Offset: c.offset, Evidence: c.evidence},
		}}}}
		n := newNarrator(&judged)
		for _, m := range []struct{ at, high int64 }{{50, 700}, {95, 812}, {140, 820}} {
			n.observe(&history.Operation{Return: after(m.at), Watermarks: []history.Watermark{{Partition: p, HighWatermark: m.high}}})
		}
		n.tell(notedIn(t, c.events...), kill)
		got := judged.Rules[0].Anomalies[0].Cause
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if c.name == "an election" && strings.Contains(got, "epoch 9") {
			t.Errorf("%s: it tells of another partition: %q", c.name, got)
		}
	}
}

// Of a transaction it is told what its coordinators did, too.
func TestCausesOfTransactions(t *testing.T) {
	const (
		outOfTime = `200 "node":2,"event":"transaction-timed-out","transactional_id":"tx-0","producer_id":7,"epoch":1,"partitions":2,"timeout":100`
		replaced  = `210 "node":2,"event":"producer-fenced","transactional_id":"tx-0","producer_id":7,"epoch":2,"partitions":2`
		another   = `190 "node":2,"event":"transaction-timed-out","transactional_id":"tx-1","producer_id":8,"epoch":1,"partitions":2,"timeout":100`
		moved     = `150 "node":3,"event":"transactions-loaded","partition":4,"leader_epoch":5,"ids":9,"open":1,"ending":2`
		idle      = `140 "node":1,"event":"transactions-loaded","partition":5,"leader_epoch":5,"ids":9,"open":0,"ending":0`
	)
	end := history.Operation{Kind: history.Transact, Outcome: history.OK, Invoke: after(90), Return: after(130), Transaction: &history.TransactionPart{
		ID: "tx-0", Number: 7, Decision: history.DecideCommit, Ending: after(120),
	}}
	left := end
	left.Outcome, left.Transaction = history.Unknown, &history.TransactionPart{ID: "tx-0", Number: 7, Decision: history.DecideCommit, Ending: after(120)}
	dropped := end
	dropped.Transaction = &history.TransactionPart{ID: "tx-0", Number: 7, Decision: history.DecideAbort, Ending: after(120)}
	for _, c := range []struct {
		end    history.Operation
		events []string
		want   string
	}{
		{end, []string{elected5, led5, idle, moved, another, outOfTime}, "committed, as its client was told, at 0.130 s by broker 1 in leader epoch 5, with ISR [1 2 3]; " +
			"broker 3 took over as a coordinator at 0.150 s, and found 1 open transactions and 2 that were ending; broker 2 aborted the transaction of tx-0 at 0.200 s, after its 100 ms"},
		{left, []string{led5, replaced}, "given up at 0.130 s by broker 1 in leader epoch 5; broker 2 aborted the transaction of tx-0 for its successor at 0.210 s"},
		{dropped, []string{led5, another}, "aborted, as its client was told, at 0.130 s by broker 1 in leader epoch 5; no election, no truncation and no other coordinator followed"},
	} {
		judged := verify.Report{Rules: []verify.RuleResult{{Anomalies: []verify.Anomaly{{
			Class: verify.TornTransaction, Partition: history.Partition{Topic: "orders"}, Transaction: "7 of tx-0", Offset: 3, Evidence: []history.Operation{c.end},
		}}}}}
		n := newNarrator(&judged)
		n.tell(notedIn(t, c.events...), nil)
		if got := judged.Rules[0].Anomalies[0].Cause; got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}
