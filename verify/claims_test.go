package verify

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/logproof/logproof/verify/history"
)

// constants of a type in this package, by their values: what a table must not leave out.
func constants(t *testing.T, of string) (values []string) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if name, ok := v.Type.(*ast.Ident); ok && name.Name == of {
					value, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					values = append(values, value)
				}
			}
		}
	}
	slices.Sort(values)
	return values
}

// Every level stands in the table once, and what it excuses are classes that a rule finds, with what forbids them.
func TestTheTableOfLevels(t *testing.T) {
	classes := constants(t, "Class")
	var have []string
	for _, l := range Levels() {
		have = append(have, string(l.Level))
		if l.Code == "" || l.Promise == "" || l.Holds == "" || l.Not == "" || len(l.Settings) == 0 {
			t.Errorf("level %s leaves something out: %+v", l.Level, l)
		}
		for _, e := range l.Excuses {
			if e.Forbid == "" || e.Because == "" || len(e.Classes) == 0 {
				t.Errorf("level %s excuses without saying why, or what would forbid it: %+v", l.Level, e)
			}
			for _, c := range e.Classes {
				if !slices.Contains(classes, string(c)) {
					t.Errorf("level %s excuses %s, which no rule finds", l.Level, c)
				}
			}
		}
	}
	slices.Sort(have)
	if want := constants(t, "Level"); !slices.Equal(have, want) {
		t.Errorf("the table has the levels %q, the constants are %q", have, want)
	}
}

// claimed judges a history of the zoo under a claim.
func claimed(t *testing.T, name string, c Claim, extra ...history.Entry) Report {
	t.Helper()
	for _, a := range zoo(t) {
		if a.name == name {
			a.expect.Claim = &c
			return check(t, append(extra, a.entries...), a.expect)
		}
	}
	t.Fatalf("the zoo has no %s", name)
	return Report{}
}

// allowed lists "rule class" of what the claim allows.
func allowed(r Report) (list []string) {
	for _, rule := range r.Rules {
		for _, a := range rule.Allowed {
			list = append(list, string(rule.Rule)+" "+string(a.Class))
		}
	}
	return list
}

// wipe is a fault that takes the data of nodes, from before the history to its end.
func wipe(fault, target string) []history.Entry {
	var list []history.Entry
	for _, stage := range []history.Stage{history.Inject, history.Prove} {
		list = append(list, history.Entry{Operation: &history.Operation{Process: "nemesis", Kind: history.Fault, Outcome: history.OK,
			Fault: &history.FaultStage{Fault: fault, Target: target, Stage: stage}}})
	}
	return list
}

// A claim asserts what its level promises and nothing more.
func TestClaims(t *testing.T) {
	topic := func(replicas, minISR int) map[string]TopicClaim {
		return map[string]TopicClaim{"orders": {Replicas: replicas, MinISR: minISR}}
	}
	for _, c := range []struct {
		history string
		claim   Claim
		faults  []history.Entry
		allows  bool
		forbid  string
	}{
		{history: "lost-write", claim: Claim{Profile: "kafka-4", Producer: NoAcks}, allows: true, forbid: "acks=all"},
		{history: "lost-write", claim: Claim{Profile: "kafka-4", Producer: LeaderAcks}, allows: true, forbid: "acks=all"},
		{history: "lost-write", claim: Claim{Profile: "kafka-4", Producer: AllAcks}},
		{history: "lost-write", claim: Claim{Profile: "reference", Producer: IdempotentProducer}},
		{history: "read-then-gone", claim: Claim{Profile: "kafka-4", Producer: LeaderAcks}},
		{history: "duplicate", claim: Claim{Profile: "kafka-4", Producer: NoAcks}},
		{history: "duplicate", claim: Claim{Profile: "kafka-4", Producer: LeaderAcks}, allows: true, forbid: "enable.idempotence=true"},
		{history: "duplicate", claim: Claim{Profile: "kafka-4", Producer: AllAcks}, allows: true, forbid: "enable.idempotence=true"},
		{history: "duplicate", claim: Claim{Profile: "kafka-4", Producer: IdempotentProducer}},
		{history: "nonmonotonic-send", claim: Claim{Profile: "kafka-4", Producer: AllAcks}, allows: true, forbid: "enable.idempotence=true"},
		{history: "nonmonotonic-send", claim: Claim{Profile: "kafka-4", Producer: TransactionalProducer}},
		{history: "commit-ahead", claim: Claim{Profile: "reference", Producer: AllAcks, Groups: map[string]Level{"g": CommitBefore}}, allows: true, forbid: "committing after processing"},
		{history: "commit-ahead", claim: Claim{Profile: "reference", Producer: AllAcks, Groups: map[string]Level{"g": CommitAfter}}},
		{history: "commit-ahead", claim: Claim{Profile: "reference", Producer: AllAcks, Groups: map[string]Level{"g": AutoCommit}}},
		{history: "group-skip", claim: Claim{Profile: "reference", Producer: AllAcks, Groups: map[string]Level{"g": CommitBefore}}, allows: true, forbid: "committing after processing"},
		{history: "resume-regress", claim: Claim{Profile: "reference", Producer: AllAcks, Groups: map[string]Level{"g": CommitBefore}}},
		// N-1: how many replicas may lose their data is a matter of min ISR, of what was in sync, and of the system.
		{history: "lost-write", claim: Claim{Profile: "reference", Producer: AllAcks, Topics: topic(3, 1)}},
		{history: "lost-write", claim: Claim{Profile: "reference", Producer: AllAcks, Topics: topic(3, 1)}, faults: wipe("disk-loss", "node 0"), allows: true, forbid: "min.insync.replicas=2"},
		{history: "lost-write", claim: Claim{Profile: "reference", Producer: AllAcks, Topics: topic(3, 2)}, faults: wipe("disk-loss", "node 0")},
		{history: "lost-write", claim: Claim{Profile: "reference", Producer: AllAcks, Topics: topic(3, 2)}, faults: wipe("disk-loss", "nodes 0, 1"), allows: true, forbid: "min.insync.replicas=3"},
		{history: "lost-write", claim: Claim{Profile: "reference", Producer: AllAcks, Topics: map[string]TopicClaim{"orders": {Replicas: 3, MinISR: 1, InSync: 3}}}, faults: wipe("disk-loss", "nodes 0, 1")},
		{history: "lost-write", claim: Claim{Profile: "reference", Producer: AllAcks, Topics: topic(3, 1)}, faults: wipe("kill", "nodes 0, 1, 2")},
		{history: "lost-write", claim: Claim{Profile: "reference", Producer: AllAcks, Unsynced: true, Topics: topic(3, 2)}, faults: wipe("kill", "nodes 0, 1, 2"), allows: true, forbid: "syncing before acknowledging (flush.messages=1, of the reference broker flush: commit)"},
		{history: "lost-write", claim: Claim{Profile: "kafka-3", Producer: AllAcks, Unsynced: true, Topics: topic(3, 2)}, faults: wipe("power-loss", "node 0"), allows: true, forbid: "eligible.leader.replicas.version=1 (KIP-966, Kafka 4.0)"},
		{history: "lost-write", claim: Claim{Profile: "kafka-4", Producer: AllAcks, Unsynced: true, Topics: topic(3, 2)}, faults: wipe("power-loss", "node 0")},
		{history: "lost-write", claim: Claim{Profile: "redpanda", Producer: AllAcks, Topics: topic(3, 1)}, faults: wipe("disk-loss", "node 0")},
		{history: "lost-write", claim: Claim{Profile: "redpanda", Producer: AllAcks, Topics: topic(3, 1)}, faults: wipe("disk-loss", "nodes 0, 1"), allows: true, forbid: "more replicas"},
		{history: "inconsistent-offsets", claim: Claim{Profile: "kafka-4", Producer: AllAcks, Topics: map[string]TopicClaim{"orders": {Replicas: 3, MinISR: 2, Unclean: true}}}, allows: true, forbid: "unclean.leader.election.enable=false"},
	} {
		name := fmt.Sprintf("%s under %+v", c.history, c.claim)
		r := claimed(t, c.history, c.claim, c.faults...)
		got := allowed(r)
		want := Fail
		switch {
		case c.allows && c.faults != nil:
			want = Inconclusive // as the fault is not healed
		case c.allows:
			want = Pass
		}
		if r.Verdict != want || (len(got) > 0) != c.allows {
			t.Errorf("%s: verdict %s, allowed %q, found %q; want %s", name, r.Verdict, got, failures(r), want)
			continue
		}
		for _, rule := range r.Rules {
			for _, a := range rule.Allowed {
				if a.Forbid != c.forbid || a.Because == "" || a.Total == 0 || len(a.Anomalies) == 0 || len(a.Anomalies[0].Evidence) == 0 {
					t.Errorf("%s: %+v, want forbidden by %q and with evidence", name, a, c.forbid)
				}
			}
		}
	}
}

// What is allowed hides nothing of the same rule that is not.
func TestAnAllowanceHidesNothingElse(t *testing.T) {
	r := RuleResult{Rule: Loss, Asked: true, Checked: 100, Unit: "record"}
	orders, payments := history.Partition{Topic: "orders"}, history.Partition{Topic: "payments"}
	for range 30 {
		r.add(Anomaly{Class: LostWrite, Partition: orders, Count: 5})
	}
	r.add(Anomaly{Class: LostWrite, Partition: payments})
	r.conclude()
	c := &Claim{Profile: "reference", Producer: AllAcks, Topics: map[string]TopicClaim{"orders": {Replicas: 3, MinISR: 1}, "payments": {Replicas: 3, MinISR: 2}}}
	got := c.separate(r, 1)
	if got.Verdict != Fail || got.Total != 1 || len(got.Anomalies) != 1 || got.Anomalies[0].Partition != payments {
		t.Errorf("the loss that is not allowed: %+v", got)
	}
	if len(got.Allowed) != 1 || got.Allowed[0].Total != 30 || got.Allowed[0].Records != 150 || len(got.Allowed[0].Anomalies) != AnomaliesMax {
		t.Errorf("the loss that is allowed: %+v", got.Allowed)
	}
	r.Skipped = "a partition"
	if got := c.separate(r, 2); got.Verdict != Inconclusive || got.Total != 0 {
		t.Errorf("all is allowed and something was not judged: %+v", got)
	}
}

// A fault that healed before the next one struck took its replica's data by itself.
func TestWipesAreCountedAtOnce(t *testing.T) {
	stage := func(index int32, target string, s history.Stage, o history.Outcome) *history.Operation {
		return &history.Operation{Kind: history.Fault, Outcome: o, Fault: &history.FaultStage{Index: index, Fault: "disk-loss", Target: target, Stage: s}}
	}
	w := wipes{claim: &Claim{}}
	for _, op := range []*history.Operation{
		stage(0, "node 0", history.Inject, history.OK), stage(0, "node 0", history.ProveHealed, history.OK),
		stage(1, "node 1", history.Inject, history.OK), stage(2, "node 2", history.Inject, history.Fail),
		stage(3, "node 1", history.Inject, history.OK),
	} {
		w.observe(op)
	}
	if w.most != 1 {
		t.Errorf("at most %d nodes were without their data at once, want 1", w.most)
	}
	w.observe(stage(4, "nodes 0, 2", history.Inject, history.Unknown))
	if w.most != 3 {
		t.Errorf("at most %d nodes were without their data at once, want 3", w.most)
	}
}

func TestBadClaims(t *testing.T) {
	for _, c := range []struct {
		claim Claim
		want  string
	}{
		{Claim{Profile: "kafka-5", Producer: AllAcks}, `unknown profile "kafka-5": known are reference, kafka-3, kafka-4, redpanda`},
		{Claim{Profile: "kafka-4", Producer: CommitAfter}, `"after" is no level of producers`},
		{Claim{Profile: "kafka-4", Producer: AllAcks, Groups: map[string]Level{"g": AllAcks}}, `group g: "all" is no level of consumers`},
		{Claim{Profile: "kafka-4", Producer: AllAcks, Topics: map[string]TopicClaim{"orders": {}}}, "topic orders: 0 replicas and min ISR 0"},
	} {
		_, err := Check(&entries{nil, io.EOF}, Expect{Claim: &c.claim})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error is %v, want %q", c.claim, err, c.want)
		}
	}
}
