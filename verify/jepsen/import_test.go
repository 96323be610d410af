package jepsen

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// list is a history in memory.
type list struct {
	ops []history.Operation
	at  int
}

func (l *list) Meta() history.Meta { return history.Meta{} }

func (l *list) Next() (history.Entry, error) {
	if l.at == len(l.ops) {
		return history.Entry{}, io.EOF
	}
	l.at++
	return history.Entry{Operation: &l.ops[l.at-1]}, nil
}

// imported reads a history of Jepsen.
func imported(t testing.TB, text string) (*list, Imported) {
	t.Helper()
	l := &list{}
	found, err := Import(strings.NewReader(text), "jepsen", func(op history.Operation) error {
		l.ops = append(l.ops, op)
		return nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return l, found
}

// classes are those of the anomalies of a history, each once.
func classes(t testing.TB, l *list, x verify.Expect) (names []string, verdict verify.Verdict) {
	t.Helper()
	l.at = 0
	report, err := verify.Check(l, x)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range report.Rules {
		for _, a := range rule.Anomalies {
			if !slices.Contains(names, string(a.Class)) {
				names = append(names, string(a.Class))
			}
		}
	}
	return names, report.Verdict
}

// Lines of a clean history: two processes send, a third one polls.
const (
	invoke0 = "{:type :invoke, :f :send, :value [[:send 5 1] [:send 5 2]], :time 100, :process 0, :index 0}\n"
	invoke1 = "{:type :invoke, :f :txn, :value [[:poll] [:send 5 3]], :time 150, :process 1, :index 1}\n"
	ok0     = "{:type :ok, :f :send, :value [[:send 5 [0 1]] [:send 5 [1 2]]], :time 200, :process 0, :index 2}\n"
	ok1     = "{:type :ok, :f :txn, :value [[:poll {5 [[0 1]]}] [:send 5 [2 3]]], :time 300, :process 1, :index 3, :rebalance-log [{:op :assigned}]}\n"
	assign  = "{:type :invoke, :f :assign, :value [5], :time 310, :process 2}\n{:type :ok, :f :assign, :value [5], :time 320, :process 2}\n"
	poll    = "{:type :invoke, :f :poll, :value [[:poll]], :time 400, :process 2}\n{:type :ok, :f :poll, :value [[:poll {5 [[0 1] [1 2] [2 3]]}]], :time 450, :process 2}\n"
	clean   = invoke0 + invoke1 + ok0 + ok1 + assign + poll
)

func TestImport(t *testing.T) {
	l, found := imported(t, clean)
	var got []string
	for _, op := range l.ops {
		got = append(got, fmt.Sprintf("%s %s %s %d..%d %d", op.Process, op.Kind, op.Outcome, op.Invoke, op.Return, len(op.Runs)))
	}
	want := []string{
		"producer-0 produce ok 100..200 1", "producer-1 produce ok 150..300 1", "reader-1/1 fetch ok 150..300 1", "reader-2/1 fetch ok 400..450 2",
		"jepsen-barrier barrier ok 0..450 1", "jepsen-scan scan ok 450..450 3",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the operations are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if run := l.ops[0].Runs[0]; run.Partition.String() != "jepsen/5" || run.FirstOffset != 0 || run.Count != 2 || run.FirstSequence != 0 {
		t.Errorf("the first run is %+v", run)
	}
	if names, verdict := classes(t, l, found.Expect); verdict != verify.Pass || len(names) > 0 || found.Unseen != 0 || len(found.Left) != 0 {
		t.Errorf("verdict %s, %q; %+v", verdict, names, found)
	}
}

// Each anomaly that Jepsen finds in the records is found in its history too, and a history without it is clean.
func TestAnomaliesOfJepsen(t *testing.T) {
	line := func(process, at int, f, asked, kind, done string) string {
		return fmt.Sprintf("{:type :invoke, :f :%s, :value %s, :time %d, :process %d}\n{:type :%s, :f :%s, :value %s, :time %d, :process %d}\n", f, asked, at, process, kind, f, done, at+5, process)
	}
	sent := func(process, at, value int, offset string) string {
		return line(process, at, "send", fmt.Sprintf("[[:send 0 %d]]", value), "ok", fmt.Sprintf("[[:send 0 [%s %d]]]", offset, value))
	}
	polled := func(process, at int, records string) string {
		return line(process, at, "poll", "[[:poll]]", "ok", "[[:poll {0 ["+records+"]}]]")
	}
	for _, c := range []struct {
		name, history string
		class         verify.Class
	}{
		{"clean", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + polled(1, 30, "[0 1] [1 2]"), ""},
		{"inconsistent-offsets", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + polled(1, 30, "[0 1] [1 2]") + polled(2, 40, "[0 2] [1 1]"), verify.InconsistentOffsets},
		{"duplicate", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + polled(1, 30, "[0 1] [1 2] [2 1]"), verify.Duplicate},
		{"lost-write", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + sent(0, 30, 3, "2") + polled(1, 40, "[0 1] [2 3]"), verify.LostWrite},
		{"unseen", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + polled(1, 40, "[0 1]"), ""},
		{"aborted read", line(0, 10, "send", "[[:send 0 1]]", "fail", "[[:send 0 1]]") + polled(1, 30, "[0 1]"), verify.FailedRead},
		{"an unknown one", sent(0, 5, 0, "0") + line(0, 10, "send", "[[:send 0 1]]", "info", "[[:send 0 1]]") + polled(1, 30, "[0 0] [1 1]"), ""},
		{"nonmonotonic-send", line(0, 10, "send", "[[:send 0 1] [:send 0 2]]", "ok", "[[:send 0 [1 1]] [:send 0 [0 2]]]") + polled(1, 30, "[0 2] [1 1]"), verify.NonmonotonicSend},
		{"nonmonotonic-poll", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + polled(1, 30, "[0 1] [1 2]") + polled(1, 40, "[0 1]"), verify.NonmonotonicPoll},
		{"poll again after assign", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + polled(1, 30, "[0 1] [1 2]") + line(1, 35, "assign", "[0]", "ok", "[0]") + polled(1, 40, "[0 1]"), ""},
		{"poll again when subscribed", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + line(1, 25, "subscribe", "[0]", "ok", "[0]") + polled(1, 30, "[0 1] [1 2]") + polled(1, 40, "[0 1]"), ""},
		{"poll-skip", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + sent(0, 30, 3, "2") + polled(1, 40, "[0 1] [1 2] [2 3]") + polled(2, 50, "[0 1]") + polled(2, 60, "[2 3]"), verify.PollSkip},
		{"int-poll-skip", sent(0, 10, 1, "0") + sent(0, 20, 2, "1") + sent(0, 30, 3, "2") + polled(1, 40, "[0 1] [1 2] [2 3]") + polled(2, 50, "[0 1] [2 3]"), verify.PollSkip},
		{"a gap of control records", sent(0, 10, 1, "0") + sent(0, 20, 2, "3") + polled(1, 30, "[0 1] [3 2]"), ""},
		{"a value that nobody sent", sent(0, 10, 1, "0") + polled(1, 30, "[0 1] [1 77]"), verify.Phantom},
		{"no value", sent(0, 10, 1, "0") + polled(1, 30, "[0 1] [1 nil]"), verify.CorruptRecord},
		{"real time", sent(0, 10, 1, "5") + sent(1, 20, 2, "3") + polled(2, 30, "[3 2] [5 1]"), verify.NonmonotonicAppend},
	} {
		l, found := imported(t, c.history)
		names, verdict := classes(t, l, found.Expect)
		var want []string
		wantVerdict := verify.Pass
		if c.class != "" {
			want, wantVerdict = []string{string(c.class)}, verify.Fail
		}
		slices.Sort(names)
		if c.name == "inconsistent-offsets" && slices.Contains(names, string(c.class)) {
			names = want // it is a conflict of everything with everything
		}
		if !slices.Equal(names, want) || verdict != wantVerdict {
			t.Errorf("%s: verdict %s, found %q; want %s, %q", c.name, verdict, names, wantVerdict, want)
		}
		if (found.Unseen > 0) != (c.name == "unseen") {
			t.Errorf("%s: %d unseen", c.name, found.Unseen)
		}
	}
}

// What cannot be mapped is named with its line; what is no history at all is an error with its line.
func TestWhatCannotBeMapped(t *testing.T) {
	_, found := imported(t, clean+"{:type :invoke, :f :debug-topic-partitions, :value [5], :time 500, :process 3}\n{:type :info, :f :crash, :process 3}\n{:type :info, :f :shuffle, :process :nemesis}\n{:type :info, :f :shuffle, :process :nemesis}\n{:type :info, :f :x, :process :observer}\n")
	var got []string
	for _, l := range found.Left {
		got = append(got, l.String())
	}
	want := []string{"line 9: operations :f :debug-topic-partitions (1 times)", "line 10: operations :f :crash (1 times)", "line 11: operations :f :shuffle of the nemesis (1 times)", "line 13: an operation of process :observer (1 times)"}
	if !slices.Equal(got, want) {
		t.Errorf("left out are %q, want %q", got, want)
	}
	for text, want := range map[string]string{
		"7":                       "line 1: 7 is no operation",
		"{:type :done, :f :send}": "line 1: :type is :done: want :invoke",
		"{:type :ok, :process 0}": "line 1: it has no :f",
		invoke0 + "{:type :invoke, :f :poll, :value [[:poll]], :process 0}": "line 2: process 0 invokes before its operation of line 1 is completed",
		ok0: "line 1: process 0 completes an operation that it did not invoke",
		invoke0 + "{:type :ok, :f :send, :value [[:send 5 [0 9]]], :process 0}": "line 2: process 0 completes another operation than it invoked on line 1",
		"{:type :invoke, :f :send, :value [[:append 5 1]], :process 0}":         "line 1: micro-operation [:append 5 1]: want :send or :poll",
		"{:type :invoke, :f :send, :value [[:send :a 1]], :process 0}":          "must be whole numbers",
		"{:type :invoke, :f :send, :value [[:send 1]], :process 0}":             "want [:send key value]",
		"{:type :invoke, :f :poll, :value 3, :process 0}":                       "the value of :poll is 3: want a vector",
		"{:type :invoke, :f :poll, :value [[:poll {0 [[0 1 2]]}]], :process 0}": "record [0 1 2]: want [offset value]",
		"{:type :invoke, :f :poll, :value [[:poll {0 [[-4 1]]}]], :process 0}":  "the offset from 0 on",
		"{:type :invoke, :f :poll, :value [[:poll [0]]], :process 0}":           "want [:poll {key",
		"{:type": "ends within a value",
	} {
		_, err := Import(strings.NewReader(text), "t", func(history.Operation) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %q", text, err, want)
		}
	}
	if _, err := Import(strings.NewReader(clean), "t", func(history.Operation) error { return io.ErrShortWrite }); err == nil {
		t.Error("a failed write is no error")
	}
}

// The nemesis becomes faults; an operation that was never completed is of unknown outcome; one vector is a history too.
func TestNemesisAndTheRest(t *testing.T) {
	text := "[" + clean + "{:type :info, :f :start-partition, :process :nemesis, :time 500} {:type :info, :f :start-partition, :value :isolated, :process :nemesis, :time 510}" +
		"{:type :info, :f :stop-partition, :process :nemesis, :time 600} {:type :info, :f :stop-partition, :process :nemesis, :time 610}" +
		"{:type :info, :f :kill, :process :nemesis, :time 700} {:type :info, :f :kill, :value {\"n1\" :killed}, :process :nemesis, :time 710}" +
		"{:type :info, :f :start, :process :nemesis, :time 800} {:type :info, :f :start, :process :nemesis, :time 810}" +
		"{:type :invoke, :f :send, :value [[:send 5 9]], :process 4, :time 900}]"
	l, _ := imported(t, text)
	var got []string
	for _, op := range l.ops {
		if op.Kind == history.Fault {
			got = append(got, fmt.Sprintf("%d %s %s %d..%d", op.Fault.Index, op.Fault.Fault, op.Fault.Stage, op.Invoke, op.Return))
		}
		if op.Process == "producer-4" {
			got = append(got, op.Outcome.String())
		}
	}
	want := []string{
		"0 partition inject 500..510", "0 partition prove 500..510", "0 partition heal 600..610", "0 partition prove-healed 600..610",
		"1 kill inject 700..710", "1 kill prove 700..710", "1 kill heal 800..810", "1 kill prove-healed 800..810", "unknown",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A history that was imported, exported and imported again is the same.
func TestRoundTrip(t *testing.T) {
	l, _ := imported(t, clean)
	l.at = 0
	var out bytes.Buffer
	if _, err := Export(&out, l); err != nil {
		t.Fatal(err)
	}
	again, _ := imported(t, out.String())
	// The barrier and the scan come back as a client that sends and one that polls, with a barrier and a scan of their own behind them.
	for i, op := range l.ops[:4] {
		got := again.ops[slices.IndexFunc(again.ops, func(o history.Operation) bool {
			return o.Process == op.Process && o.Kind == op.Kind
		})]
		if got.Invoke != op.Invoke || got.Return != op.Return || got.Outcome != op.Outcome || len(got.Runs) != len(op.Runs) || got.Runs[0].Partition != op.Runs[0].Partition ||
			got.Runs[0].FirstOffset != op.Runs[0].FirstOffset || got.Runs[0].Count != op.Runs[0].Count || got.Runs[0].FirstSequence != op.Runs[0].FirstSequence {
			t.Errorf("operation %d was %+v and is %+v", i, op, got)
		}
	}
}

// What the rules on records find in the zoo they find in its export too, and nothing else.
func TestTheZooSurvivesARoundTrip(t *testing.T) {
	zoo, err := verify.Zoo()
	if err != nil {
		t.Fatal(err)
	}
	same := map[verify.Class]bool{
		verify.Duplicate: true, verify.NonmonotonicAppend: true, verify.CorruptRecord: true, verify.Phantom: true, verify.FailedRead: true,
		verify.NonmonotonicPoll: true, verify.PollSkip: true,
	}
	kept := 0
	for _, s := range zoo {
		if s.Expect.Transactions || len(s.Expect.Compacted) > 0 {
			continue
		}
		l := &list{}
		for _, e := range s.Entries {
			if e.Operation != nil {
				l.ops = append(l.ops, *e.Operation)
			}
		}
		var out bytes.Buffer
		if _, err := Export(&out, l); err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		again, found := imported(t, out.String())
		names, _ := classes(t, again, found.Expect)
		switch {
		case s.Verdict == "pass" && len(names) > 0:
			t.Errorf("%s passes, and its export has %q:\n%s", s.Name, names, &out)
		case s.Verdict == "fail" && same[verify.Class(s.Words[1])]:
			kept++
			if !slices.Contains(names, s.Words[1]) {
				t.Errorf("%s has %s, and its export %q:\n%s", s.Name, s.Words[1], names, &out)
			}
		}
	}
	if kept < 7 {
		t.Errorf("%d histories were compared", kept)
	}
}

// What has no place in Jepsen is named.
func TestExportSaysWhatItLeavesOut(t *testing.T) {
	p := history.Partition{Topic: "orders"}
	l := &list{ops: []history.Operation{
		{Process: "r", Kind: history.Fetch, Outcome: history.OK, Watermarks: []history.Watermark{{Partition: p}}, Markers: []history.Marker{{Partition: p}}},
		{Process: "m", Kind: history.Commit, Outcome: history.OK, Group: &history.GroupPart{Group: "g"}},
	}}
	left, err := Export(io.Discard, l)
	if err != nil || fmt.Sprint(left) != "[markers of transactions (1 times) operations of kind commit (1 times) watermarks (1 times)]" {
		t.Errorf("left out are %v, %v", left, err)
	}
}
