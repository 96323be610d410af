package loadgen

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// newGroupRun is a load with one group.
func newGroupRun(t *testing.T, group Group) *recordedRun {
	t.Helper()
	return newRecordedRun(t, func(c *Config) {
		c.Readers = 0
		c.Topics[0].Partitions = 6
		group.Name, group.SessionTimeout, group.RebalanceTimeout = "workers", 500*time.Millisecond, 2*time.Second
		group.Heartbeat = 50 * time.Millisecond
		c.Groups = []Group{group}
	})
}

// finishGroup ends the load and judges the history.
func finishGroup(t *testing.T, ctx context.Context, r *recordedRun) (Accounting, verify.Report) {
	t.Helper()
	result := r.end(t, ctx, r.StopLoad, r.Barrier, r.Scan, r.StopReaders, r.StopGroups)
	return result.Accounting, r.check(t, verify.Expect{
		Groups: []string{"workers"}, Rules: []verify.Rule{verify.Loss, verify.ReaderAgreement, verify.GroupPosition, verify.Exclusivity},
	})
}

// Members join, crash, come back and leave, with each assignor and discipline: what they promise is kept, and
// every record is processed as often as the discipline says.
func TestGroupsConsumeThroughCrashes(t *testing.T) {
	for name, group := range map[string]Group{
		"after cooperative-sticky": {GroupSpec: client.GroupSpec{Commit: client.CommitAfter}, Members: 3},
		"after range by interval":  {GroupSpec: client.GroupSpec{Commit: client.CommitAfter, Assignor: client.RangeAssignor, CommitInterval: 50 * time.Millisecond}, Members: 3},
		"before roundrobin":        {GroupSpec: client.GroupSpec{Commit: client.CommitBefore, Assignor: client.RoundRobinAssignor}, Members: 3},
		"auto sticky":              {GroupSpec: client.GroupSpec{Commit: client.CommitAuto, Assignor: client.StickyAssignor, CommitInterval: 100 * time.Millisecond}, Members: 2},
		"static after":             {GroupSpec: client.GroupSpec{Static: true, Work: time.Millisecond}, Members: 2},
	} {
		t.Run(name, func(t *testing.T) {
			run := newGroupRun(t, group)
			ctx := testContext(t)
			if err := run.Setup(ctx); err != nil {
				t.Fatal(err)
			}
			if err := run.Start(ctx); err != nil {
				t.Fatal(err)
			}
			processed := func(n uint64) func() bool {
				return func() bool { return run.Snapshot().Processed >= n }
			}
			until(t, "200 records are processed", processed(200))
			member := run.cfg.Producers // the first of the group
			if err := run.Crash(member); err != nil {
				t.Fatal(err)
			}
			if err := run.Crash(member); err == nil {
				t.Error("a member crashes twice")
			}
			until(t, "the others go on", processed(run.Snapshot().Processed+500))
			if err := run.Revive(member); err != nil {
				t.Fatal(err)
			}
			until(t, "they go on together", processed(run.Snapshot().Processed+500))
			a, report := finishGroup(t, ctx, run)
			if report.Verdict != verify.Pass {
				t.Errorf("verdict %s: %q", report.Verdict, texts(report))
			}
			g := a.Groups[0]
			t.Logf("%+v", g)
			if g.Crashes != 1 || g.Unique+g.Skipped < a.Acked {
				t.Errorf("%+v; %d records were acknowledged", g, a.Acked)
			}
			if group.Commit == client.CommitBefore && g.Reprocessed > 0 || group.Commit != client.CommitBefore && g.Skipped > 0 {
				t.Errorf("%+v: at most once processes nothing again, at least once skips nothing", g)
			}
		})
	}
}

// The planted bug of members is found by the rule that is there for it.
func TestCommitAheadIsFound(t *testing.T) {
	run := newGroupRun(t, Group{GroupSpec: client.GroupSpec{CommitAhead: true}, Members: 2})
	ctx := testContext(t)
	if err := run.Setup(ctx); err != nil {
		t.Fatal(err)
	}
	if err := run.Start(ctx); err != nil {
		t.Fatal(err)
	}
	until(t, "100 records are processed", func() bool { return run.Snapshot().Processed >= 100 })
	_, report := finishGroup(t, ctx, run)
	for _, rule := range report.Rules {
		if (rule.Verdict == verify.Fail) != (rule.Rule == verify.GroupPosition) && rule.Asked {
			t.Errorf("%s: %s %q", rule.Rule, rule.Verdict, texts(report))
		}
		if rule.Rule == verify.GroupPosition && slices.ContainsFunc(rule.Anomalies, func(a verify.Anomaly) bool { return a.Class != verify.CommitAhead }) {
			t.Errorf("found %q", texts(report))
		}
	}
}

// Members leave a history of their own: commits, positions and assignments, the last of them given up.
func TestMembersRecordWhatTheyPromise(t *testing.T) {
	run := newGroupRun(t, Group{Members: 2})
	ctx := testContext(t)
	if err := run.Setup(ctx); err != nil {
		t.Fatal(err)
	}
	if err := run.Start(ctx); err != nil {
		t.Fatal(err)
	}
	until(t, "100 records are processed", func() bool { return run.Snapshot().Processed >= 100 })
	finishGroup(t, ctx, run)
	src, err := history.NewReader(bytes.NewReader(run.history.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	held, last := map[history.Partition]int{}, map[history.Partition]int64{}
	var end *history.GroupPart
	for {
		e, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		op := e.Operation
		if op == nil || op.Group == nil {
			continue
		}
		switch op.Kind {
		case history.Own:
			if op.Group.Member == "" || op.Group.Generation < 1 || len(op.Group.Positions) > 0 && op.Group.Until <= op.Invoke || op.Outcome != history.OK {
				t.Errorf("own %+v of %+v", op, op.Group)
			}
			for _, at := range op.Group.Positions {
				held[at.Partition]++
			}
		case history.Commit:
			for _, at := range op.Group.Positions {
				last[at.Partition] = at.Offset
			}
		case history.Resume:
			if op.Process == "workers-end" {
				end = op.Group
			}
		}
	}
	if len(held) != 6 || len(last) != 6 || end == nil || len(end.Positions) != 6 {
		t.Fatalf("held %v, committed %v, in the end %+v: want all 6 partitions", held, last, end)
	}
	for _, at := range end.Positions {
		if at.Offset != last[at.Partition] {
			t.Errorf("%s ended at %d, committed last was %d", at.Partition, at.Offset, last[at.Partition])
		}
	}
}

func partitionsOf(targets []client.Target) (list []history.Partition) {
	for _, t := range targets {
		list = append(list, t.Partition)
	}
	return list
}
