package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/logproof/logproof/chaos/timeline"
	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/loadgen/payload"
	"github.com/logproof/logproof/verify"
)

// small is the least that is a scenario.
const small = `name: small
topics:
  - {name: orders}
load: {rate: 10/s}
`

func TestDefaultsMakeASmallScenarioWhole(t *testing.T) {
	s, err := Parse("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	s.source = nil
	want := Spec{
		Name: "small", System: "reference", Placement: timeline.Process, Brokers: 1, Flush: "commit",
		Timing: Timing{Duration(9 * time.Second), Duration(2 * time.Second), Duration(30 * time.Second), Duration(100 * time.Millisecond)},
		Topics: []Topic{{Name: "orders", Partitions: 1, ReplicationFactor: 1, MinISR: 1}},
		Load: Workload{
			Rate: pace.PerSecond(10), RecordSize: 256, Producers: 1, Readers: 1, Acks: AcksAll, Idempotent: true,
			Linger: Duration(2 * time.Millisecond), BatchSize: 1 << 20, DeliveryTimeout: Duration(30 * time.Second),
			MetadataMinAge: Duration(100 * time.Millisecond), RetryBackoff: Duration(50 * time.Millisecond),
		},
		WarmUp: WarmUp{Hold: Duration(time.Second), Within: Duration(20 * time.Second)}, CoolDown: Duration(time.Second),
		Floor:  Floor{Rate: 0.5},
		Checks: []string{"append-order", "producer-order", "reader-agreement", "loss", "corruption", "watermarks", "recency", "gaps"},
		Limits: Limits{Converge: Duration(20 * time.Second), Total: Duration(time.Minute)},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("Parse gave\n%+v\nwant\n%+v", s, want)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	s, err := Parse("full.yaml", []byte(`
name: full
description: >
  Two lines
  become one.
system: reference
placement: process
brokers: 3
controllers: 5
racks: [a, b]
timing: {session_timeout: 600ms, heartbeat: 150ms, replica_lag_max: 1s, quorum_tick: 30ms}
flush: none
disk: sync-delay=5ms,lose-unsynced
topics:
  - name: orders
    partitions: 6
    replication_factor: 3
    min_isr: 2
    unclean: true
  - {name: clicks}
load:
  rate: 50/100ms
  record_size: 1KiB
  producers: 2
  readers: 3
  acks: 1
  idempotent: false
  linger: 0s
  max_in_flight: 9
  batch_size: 64KiB
  delivery_timeout: 1m
  metadata_min_age: 1s
  retry_backoff: 10ms
warm_up: {hold: 2s, within: 5s}
cool_down: 3s
floor: {rate: 1, acked: 20000, read: 100}
timeline:
  - {fault: kill, target: node(2), after: 2s, hold: 500ms, repeat: 3}
checks: [loss]
expect: {bug: ack-before-write, rule: loss, class: lost-write, also: [duplicate]}
limits: {converge: 4s, total: 2m}
`))
	if err != nil {
		t.Fatal(err)
	}
	s.source = nil
	want := Spec{
		Name: "full", Description: "Two lines become one.", System: "reference", Placement: timeline.Process, Brokers: 3, Controllers: 5, Racks: []string{"a", "b"}, Flush: "none",
		Timing: Timing{Duration(600 * time.Millisecond), Duration(150 * time.Millisecond), Duration(time.Second), Duration(30 * time.Millisecond)},
		Disk:   "sync-delay=5ms,lose-unsynced",
		Topics: []Topic{{Name: "orders", Partitions: 6, ReplicationFactor: 3, MinISR: 2, Unclean: true}, {Name: "clicks", Partitions: 1, ReplicationFactor: 1, MinISR: 1}},
		Load: Workload{
			Rate: pace.Rate{Records: 50, Per: 100 * time.Millisecond}, RecordSize: 1024, Producers: 2, Readers: 3, Acks: AcksLeader,
			MaxInFlight: 9, BatchSize: 64 << 10, DeliveryTimeout: Duration(time.Minute), MetadataMinAge: Duration(time.Second), RetryBackoff: Duration(10 * time.Millisecond),
		},
		WarmUp: WarmUp{Hold: Duration(2 * time.Second), Within: Duration(5 * time.Second)}, CoolDown: Duration(3 * time.Second),
		Floor:      Floor{Rate: 1, Acked: 20000, Read: 100},
		LeaderTour: true,
		Timeline:   []Fault{{Fault: timeline.Kill, Target: "node(2)", After: Duration(2 * time.Second), Hold: Duration(500 * time.Millisecond), Repeat: 3}},
		Checks:     []string{"loss"}, Expect: &Expect{"ack-before-write", "loss", "lost-write", []string{"duplicate"}},
		Limits: Limits{Converge: Duration(4 * time.Second), Total: Duration(2 * time.Minute)},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("Parse gave\n%+v\nwant\n%+v", s, want)
	}
	if e := s.Errorf("timeline[0].target", "x"); e.Line != 1 {
		t.Errorf("a Spec without a source points at line %d", e.Line)
	}
}

func TestOneErrorInFull(t *testing.T) {
	_, err := Parse("demo.yaml", []byte("name: demo\ntopics: [{name: a}]\nload:\n\trate: 1/s\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "demo.yaml:4:1: not YAML: ") {
		t.Errorf("a tab gave %v", err)
	}
	_, err = Parse("demo.yaml", []byte("name: demo\ntopics: [{name: a}]\nload: {rate: 1/s, recrod_size: 64B}\n"))
	want := `demo.yaml:3:19: unknown key "recrod_size" in load: did you mean "record_size"?
    3 | load: {rate: 1/s, recrod_size: 64B}
      |                   ^`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestAllErrorsAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := Parse("bad.yaml", []byte(`nmae: demo
brokers: 0
topics:
  - {name: orders, partitons: 6}
  - name: 5
    partitions: six
  - {name: a/b}
load:
  rate: 5000
  linger: 5
  acks: 1
  idempotent: yes
  max_in_flight: -1
timeline:
  - fault: kill
    afer: 2s
`))
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("error is %v", err)
	}
	var got []string
	for _, e := range all {
		got = append(got, fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Text))
	}
	want := []string{
		`1:1 unknown key "nmae": did you mean "name"?`,
		`2:10 brokers is 0: it must be at least 1`,
		`4:20 unknown key "partitons" in topics[0]: did you mean "partitions"?`,
		`5:11 topics[1].name needs text, found "5"`,
		`6:17 topics[1].partitions needs a whole number, found "six"`,
		`7:12 topic name "a/b": Kafka takes 1 to 249 letters, digits, dots, underscores and dashes`,
		`9:9 load.rate: rate "5000" has no span: write for example 6000/s or 50/100ms`,
		`10:11 load.linger: "5" is not a duration: write a number with a unit, such as 500ms or 2s`,
		`12:15 load.idempotent needs true or false, found "yes"`,
		`13:18 load.max_in_flight is -1: it must be at least 0`,
		`16:5 unknown key "afer" in timeline[0]: did you mean "after"?`,
	}
	// acks: 1 stands beside an idempotent that could not be read, whose default is true.
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "11:9 acks 1") })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var one *Error
	if !errors.As(err, &one) || one.Line != 1 {
		t.Errorf("errors.As found %v", one)
	}
}

// Each case is a change of small, and a part of the one error that it must give.
func TestBadValues(t *testing.T) {
	for _, test := range []struct{ add, want string }{
		{"system: kafka", `unknown system "kafka": known are reference`},
		{"placement: proces", `unknown placement "proces": did you mean "process"?`},
		{"flush: comit", `unknown flush "comit": did you mean "commit"?`},
		{"brokers: -1", "brokers is -1"},
		{"controllers: -1", "controllers is -1"},
		{"controllers: 11", "controllers is 11: it must be at most 9"},
		{"controllers: 4", "x.yaml:5:14: controllers is 4: a majority of 4 survives no more failures than one of 3, so write an odd number"},
		{"racks: [a, B]", `x.yaml:5:12: rack "B"`},
		{"timing: {quorum_tick: 0s}", "timing.quorum_tick is 0s: it must be above 0"},
		{"timing: {replica_lag_max: -1s}", "timing.replica_lag_max is -1s"},
		{"timing: {session_timeout: 0s}", "timing.session_timeout is 0s"},
		{"timing: {heartbeat: 10s}", "x.yaml:5:21: a heartbeat every 10s does not keep a session of 9s alive"},
		{"timing: {session_timeout: 1s}", "x.yaml:5:27: a heartbeat every 2s does not keep a session of 1s alive"},
		{"timing: {session: 1s}", `unknown key "session" in timing`},
		{"brokers: 1000000000", "brokers is 1000000000: it must be at most 100"},
		{"brokers: 1.5", `brokers needs a whole number, found "1.5"`},
		{"brokers: 99999999999999999999", "brokers needs a whole number"},
		{"brokers: [1]", "brokers needs a whole number, found a list"},
		{"brokers: {a: 1}", "brokers needs a whole number, found keys with values"},
		{"brokers:", "brokers has no value"},
		{"disk: 5", `disk needs text, found "5"`},
		{"description: true", "description needs text"},
		{"name: twice", `key "name" stands already in line 1`},
		{"warm_up: {hold: 0s}", "warm_up.hold is 0s: it must be above 0"},
		{"warm_up: [1]", "warm_up needs keys with values, found a list"},
		{"warm_up: 2s", `warm_up needs keys with values, found "2s"`},
		{"cool_down: -1s", "cool_down is -1s"},
		{"cool_down: {a: b}", "cool_down needs one value, found keys with values"},
		{"floor: {rate: 0}", "floor.rate is 0"},
		{"floor: {rate: 1.5}", "floor.rate is 1.5"},
		{"floor: {rate: .nan}", "floor.rate"},
		{"floor: {rate: high}", `floor.rate needs a number, found "high"`},
		{"floor: {acked: 0}", "floor.acked is 0: it must be at least 1"},
		{"floor: {read: -1}", "floor.read is -1"},
		{"checks: []", "no rule would judge the run"},
		{"checks: loss", `checks needs a list, found "loss"`},
		{"checks: [los]", `unknown rule "los": did you mean "loss"?`},
		{"checks: [loss, loss]", `rule "loss" stands there twice`},
		{"expect: {bug: x, rule: loss, class: duplicate}", `unknown class of loss "duplicate": known are lost-write`},
		{"expect: {bug: x, rule: loss, class: lost-write, also: [lost]}", `unknown class "lost"`},
		{"timeline:\n  - {fault: kill, target: any, repeat: 0}", "timeline[0].repeat is 0"},
		{"expect: {bug: '', rule: loss, class: lost-write}", "name the planted bug"},
		{"checks: [corruption]\nexpect: {bug: x, rule: loss, class: lost-write}", "not among the checks"},
		{"limits: {total: 0s}", "limits.total is 0s"},
		{"limits: {converge: soon}", `"soon" is not a duration`},
		{"brokers: &a 1", "anchors, aliases and tags are not used"},
		{"brokers: *a", "anchors, aliases and tags are not used"},
		{"brokers: !!int 1", "anchors, aliases and tags are not used"},
		{"zzzzzz: 1", `unknown key "zzzzzz": known are name, description, system`},
		{"1: 2", `unknown key "1"`},
		{"---\nname: b", "a second document begins here"},
	} {
		t.Run(test.add, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte(small+test.add+"\n"))
			var all Errors
			if !errors.As(err, &all) || len(all) != 1 || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error is\n%v\nwant one with %q", err, test.want)
			}
			if all[0].Line < 5 {
				t.Errorf("it points at line %d: %v", all[0].Line, err)
			}
		})
	}
}

func TestBadTopicsAndLoads(t *testing.T) {
	for _, test := range []struct{ topics, load, want string }{
		{"[]", "{rate: 1/s}", "there is no topic"},
		{"[{}]", "{rate: 1/s}", `topic name ""`},
		{"[{name: ..}]", "{rate: 1/s}", `topic name ".."`},
		{"[{name: a}, {name: a}]", "{rate: 1/s}", `topic "a" stands there twice`},
		{"[{name: a, partitions: 0}]", "{rate: 1/s}", "topics[0].partitions is 0"},
		{"[{name: a, min_isr: 0}]", "{rate: 1/s}", "topics[0].min_isr is 0: it must be at least 1"},
		{"[{name: a, min_isr: 2}]", "{rate: 1/s}", "x.yaml:2:29: min_isr is 2 and there is 1 replica of a partition: no write would ever be acknowledged"},
		{"[{name: a}]", "{rate: 1/s, metadata_min_age: 0s}", "load.metadata_min_age is 0s: it must be above 0"},
		{"[{name: a}]", "{rate: 1/s, retry_backoff: -1s}", "load.retry_backoff is -1s: it must be above 0"},
		{"[{name: a, replication_factor: 2}]", "{rate: 1/s}", "replication factor 2 needs as many brokers, there is 1"},
		{"[{name: a}]", "{}", "rate has no records"},
		{"[{name: a}]", "{rate: 0/s}", "load.rate"},
		{"[{name: a}]", "{rate: 1/s, record_size: 43B}", "load.record_size is 43: it must be at least 44"},
		{"[{name: a}]", "{rate: 1/s, record_size: 1KB}", `"1KB" is not a size`},
		{"[{name: a}]", "{rate: 1/s, record_size: 9999999999GiB}", "more bytes than 63 bits"},
		{"[{name: a}]", "{rate: 1/s, producers: 0}", "load.producers is 0"},
		{"[{name: a}]", "{rate: 1/s, readers: -1}", "load.readers is -1"},
		{"[{name: a}]", "{rate: 1/s, acks: 2}", `unknown acks "2": known are all, 1, 0`},
		{"[{name: a}]", "{rate: 1/s, acks: 0}", "acks 0 does not go with idempotent"},
		{"[{name: a}]", "{rate: 1/s, max_in_flight: 5}", "max_in_flight does not go with idempotent"},
		{"[{name: a}]", "{rate: 1/s, record_size: 1GiB, batch_size: 1GiB}", "load.record_size is 1073741824: it must be at most 67108864"},
		{"[{name: a}]", "{rate: 1/s, batch_size: 2GiB}", "load.batch_size is 2147483648: it must be at most"},
		{"[{name: a}]", "{rate: 1/s, producers: 5000}", "load.producers is 5000: it must be at most 1000"},
		{"[{name: a, partitions: 1000000}]", "{rate: 1/s}", "topics[0].partitions is 1000000: it must be at most 100000"},
		{"[{name: a}]", "{rate: 1/s, linger: -1ms}", "load.linger is -1ms"},
		{"[{name: a}]", "{rate: 1/s, batch_size: 100B}", "batch_size is 100B: a record of 256B and its headers need at least 768B"},
		{"[{name: a}]", "{rate: 1/s, request_timeout: 10ms}", "load.request_timeout is 10ms: it must be at least 100ms"},
		{"[{name: a}]", "{rate: 1/s, delivery_timeout: 10ms}", "load.delivery_timeout is 10ms: it must be at least 1s"},
	} {
		t.Run(test.want, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte("name: x\ntopics: "+test.topics+"\nload: "+test.load+"\n"))
			var all Errors
			if !errors.As(err, &all) || len(all) != 1 || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is\n%v\nwant one with %q", err, test.want)
			}
		})
	}
	if _, err := Parse("x.yaml", []byte(strings.Replace(small, "10/s}", "10/s, readers: 0}\nfloor: {read: 5}", 1))); err == nil ||
		!strings.Contains(err.Error(), "there are no readers") {
		t.Errorf("a floor of reads without readers gave %v", err)
	}
}

func TestFilesThatAreNoScenario(t *testing.T) {
	for text, want := range map[string]string{
		"":                "the file holds no scenario",
		"# nothing\n":     "the file holds no scenario",
		"- a\n":           "the scenario needs keys with values, found a list",
		"hello":           `the scenario needs keys with values, found "hello"`,
		"name: \"x":       "x.yaml:1:7: not YAML",
		"a: [1, 2":        "not YAML",
		"{":               "not YAML",
		"\x00":            "x.yaml:1:1",
		"name: x\n a: b}": "x.yaml:",
	} {
		if _, err := Parse("x.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gave %v; want %q", text, err, want)
		}
	}
}

func TestWindowsLineEnds(t *testing.T) {
	if _, err := Parse("x.yaml", []byte(strings.ReplaceAll(small, "\n", "\r\n"))); err != nil {
		t.Error(err)
	}
	_, err := Parse("x.yaml", []byte(strings.ReplaceAll(small+"brokers: x\n", "\n", "\r\n")))
	if err == nil || strings.Contains(err.Error(), "\r") || !strings.Contains(err.Error(), "x.yaml:5:10:") {
		t.Errorf("error is %q", err)
	}
}

func TestLoad(t *testing.T) {
	fsys := fstest.MapFS{"small.yaml": {Data: []byte(small)}, "other.yaml": {Data: []byte("name: [")}}
	for _, name := range []string{"small", "small.yaml"} {
		if s, err := Load(fsys, name); err != nil || s.Name != "small" {
			t.Errorf("Load(%q) = %q, %v", name, s.Name, err)
		}
	}
	if _, err := Load(fsys, "smal"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `did you mean "small"?`) {
		t.Errorf("Load of a misspelled name: %v", err)
	}
	if _, err := Load(fsys, "unheard-of"); err == nil || !strings.Contains(err.Error(), "known are other, small") {
		t.Errorf("Load of an unknown name: %v", err)
	}
	if _, err := Load(fsys, "other"); err == nil || !strings.Contains(err.Error(), "other.yaml:1:") {
		t.Errorf("Load of a broken file: %v", err)
	}
}

func TestErrorfPointsAtTheValueOrAtWhatIsAroundIt(t *testing.T) {
	s, err := Parse("small.yaml", []byte(small+"timeline:\n  - {fault: kill, target: node(0)}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Position{
		"timeline[0].target": {6, 27}, "timeline[0].after": {6, 5}, "load.acks": {4, 7}, "limits.total": {1, 1},
	} {
		if e := s.Errorf(path, "wrong"); e.Position != want {
			t.Errorf("%s stands at %v; want %v", path, e.Position, want)
		}
	}
}

func TestSizesPrintAsTheyParse(t *testing.T) {
	for text, want := range map[string]Size{"256B": 256, "1KiB": 1024, "64MiB": 64 << 20, "2GiB": 2 << 30, "0B": 0, "1000B": 1000} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.String() != text {
			t.Errorf("%q reads as %d, %v and prints as %s", text, s, err, s)
		}
	}
	var s Size
	if err := s.UnmarshalText([]byte("44")); err != nil || s != 44 {
		t.Errorf("a number without a unit: %d, %v", s, err)
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"record_size", "rate", "readers", "loss", "1"}
	for found, want := range map[string]string{
		"recrod_size": "record_size", "raet": "rate", "los": "loss", "reader": "readers", "7": "", "xyz": "", "": "",
	} {
		if got := nearest(found, known); got != want {
			t.Errorf("nearest(%q) = %q; want %q", found, got, want)
		}
	}
}

func TestTheSmallestRecordIsThePayloadHeader(t *testing.T) {
	if MinRecordSize != payload.MinSize {
		t.Errorf("MinRecordSize is %d, the header of a payload has %d bytes", MinRecordSize, payload.MinSize)
	}
}

func TestRulesAndClassesAreThoseOfVerify(t *testing.T) {
	var rules []string
	for _, r := range verify.Rules() {
		rules = append(rules, string(r))
	}
	if !slices.Equal(Rules(), rules) {
		t.Errorf("a scenario may ask for %v, verify has %v", Rules(), rules)
	}
	want := [][]verify.Class{
		{verify.NonmonotonicAppend},
		{verify.Duplicate, verify.NonmonotonicSend},
		{verify.InconsistentOffsets, verify.NonmonotonicPoll, verify.PollSkip},
		{verify.LostWrite, verify.ReadThenGone},
		{verify.CorruptRecord, verify.Phantom, verify.FailedRead},
		{verify.WatermarkRegress, verify.LogStartRegress, verify.EpochRegress, verify.WatermarkDisorder, verify.ReadAboveWatermark, verify.ReadAboveStable},
		{verify.StaleRead},
		{verify.ResumeRegress, verify.ResumeSkip, verify.CommitAhead, verify.GroupSkip, verify.CommitRegress, verify.AbortedOffsets},
		{verify.TwoOwners, verify.FencedCommit},
		{verify.MisplacedKey},
		{verify.NewestCompacted, verify.CompactedEarly},
		{verify.ReadEarly, verify.PrecommittedRead},
		{verify.AbortedRead, verify.TornTransaction, verify.LostCommit, verify.CommittedAbort, verify.WrongMarker, verify.HungTransaction},
		{verify.DuplicateProcessing, verify.LostProcessing, verify.PhantomSource, verify.PositionBehind},
		{verify.Gap, verify.PollSkip},
	}
	for i, c := range classes {
		if got, want := fmt.Sprint(c.classes), fmt.Sprint(want[i]); got != want {
			t.Errorf("%s finds %s, verify says %s", c.rule, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("name: x\ntopics: [{}]\nload: {rate: }\n? a\n"))
	f.Add([]byte("expect: {bug: x, rule: loss, class: duplicate}\ntimeline:\n  - {}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := Parse("f.yaml", data)
		var all Errors
		if err != nil && (!errors.As(err, &all) || len(all) == 0 || err.Error() == "") {
			t.Errorf("%q gave %#v", data, err)
		}
	})
}

func TestGroups(t *testing.T) {
	const two = small + "groups:\n  - {name: workers}\n  - {name: clerks, members: 3, assignor: range, commit: auto, commit_interval: 200ms, static: true, work: 5ms}\n"
	s, err := Parse("x.yaml", []byte(two))
	if err != nil {
		t.Fatal(err)
	}
	if g := s.Groups[0]; g.Members != 2 || g.Assignor != "cooperative-sticky" || g.Commit != "after" || g.SessionTimeout != Duration(6*second) {
		t.Errorf("a group of defaults is %+v", g)
	}
	if !slices.Contains(s.Checks, "group-position") || !slices.Contains(s.Checks, "exclusivity") {
		t.Errorf("with groups the checks are %v; want those of groups too", s.Checks)
	}
	if s, err := Parse("x.yaml", []byte(small)); err != nil || slices.Contains(s.Checks, "exclusivity") {
		t.Errorf("without groups the checks are %v, %v", s.Checks, err)
	}
	for text, want := range map[string]string{
		"groups: [{name: Big}]":                                              "group name \"Big\"",
		"groups: [{name: a}, {name: a}]":                                     "stands there twice",
		"groups: [{name: a, members: 0}]":                                    "at least 1",
		"groups: [{name: a, assignor: rnage}]":                               `did you mean "range"`,
		"groups: [{name: a, commit: never}]":                                 "unknown commit",
		"groups: [{name: a, commit: before, commit_interval: 1s}]":           "does not go with commit: before",
		"groups: [{name: a, commit: auto, commit_interval: 5ms}]":            "100ms or more",
		"groups: [{name: a, session_timeout: 0s}]":                           "must be above 0",
		"groups: [{name: a, session_timeout: 1s, heartbeat: 1s}]":            "does not keep a session",
		"groups: [{name: a, work: -1s}]":                                     "must not be negative",
		"checks: [loss, exclusivity]":                                        "judges consumer groups",
		"groups: [{name: a, sesion_timeout: 1s}]":                            "session_timeout",
		"groups: [{name: a}]\nexpect: {bug: x, rule: exclusivity, class: x}": "class of exclusivity",
	} {
		if _, err := Parse("x.yaml", []byte(small+text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v; want %q in it", text, err, want)
		}
	}
}

func TestGroupsAreThoseOfTheLoad(t *testing.T) {
	var assignors, commits []string
	for _, a := range client.Assignors() {
		assignors = append(assignors, string(a))
	}
	for _, d := range client.Disciplines() {
		commits = append(commits, string(d))
	}
	if !slices.Equal(assignors, Assignors) || !slices.Equal(commits, Commits) {
		t.Errorf("a scenario may ask for %v and %v, the load has %v and %v", Assignors, Commits, assignors, commits)
	}
}
