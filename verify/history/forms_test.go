package history

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
)

// entriesOf is a Source over a slice.
type entriesOf struct {
	entries []Entry
	end     error
}

func (s *entriesOf) Meta() Meta { return testMeta }

func (s *entriesOf) Next() (Entry, error) {
	if len(s.entries) == 0 {
		return Entry{}, s.end
	}
	e := s.entries[0]
	s.entries = s.entries[1:]
	return e, nil
}

func TestJSONLGivesBackEveryField(t *testing.T) {
	want := randomEntries(7, 500)
	var file bytes.Buffer
	if err := WriteJSONL(&file, &entriesOf{want, io.EOF}); err != nil {
		t.Fatal(err)
	}
	r, err := ReadJSONL(&file)
	if err != nil {
		t.Fatal(err)
	}
	if r.Meta() != testMeta {
		t.Errorf("meta is %+v, want %+v", r.Meta(), testMeta)
	}
	got, err := readAll(r)
	if err != io.EOF {
		t.Fatalf("reading ended with %v, want io.EOF", err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("the entries read are not the entries written")
	}
}

func TestJSONLIsReadable(t *testing.T) {
	op := produced(7)
	op.Return = 9
	var file bytes.Buffer
	src := &entriesOf{[]Entry{{Operation: &op}, {Attempt: &Attempt{Process: "producer-0", Answered: Never}}}, io.EOF}
	if err := WriteJSONL(&file, src); err != nil {
		t.Fatal(err)
	}
	want := `{"meta":{"version":"test","run":"18364758544493064720","scenario":"demo","seed":-7,"started":"2026-08-01T12:00:00Z"}}
{"operation":{"process":"producer-0","kind":"produce","outcome":"ok","invoke":1,"return":9,"runs":[{"partition":"orders/0","first_offset":7,"producer":0,"first_sequence":7,"count":3}]}}
{"attempt":{"process":"producer-0","connection":0,"api":0,"version":0,"correlation":0,"partition":"/0","producer_id":0,"producer_epoch":0,"base_sequence":0,"count":0,"written":0,"answered":"never","error":0,"base_offset":0}}
{"end":true}
`
	if file.String() != want {
		t.Errorf("got\n%swant\n%s", file.String(), want)
	}
}

func TestTornHistoryStaysTornInJSONL(t *testing.T) {
	var file bytes.Buffer
	err := WriteJSONL(&file, &entriesOf{randomEntries(8, 3), &TornError{Blocks: 1, Entries: 3, Reason: "x"}})
	if !isTorn(err) {
		t.Fatalf("export gives %v, want the TornError", err)
	}
	r, err := ReadJSONL(&file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(r); len(got) != 3 || !isTorn(err) {
		t.Errorf("read %d entries and %v, want 3 and a TornError", len(got), err)
	}
}

func TestJSONLErrorsNameTheLine(t *testing.T) {
	const meta = `{"meta":{"version":"","run":"1","scenario":"","seed":0,"started":"2026-08-01T12:00:00Z"}}` + "\n"
	const end = `{"end":true}` + "\n"
	for input, want := range map[string]string{
		"":                            "history is empty",
		end:                           "line 1 is not the meta",
		meta + "\n" + `{"operation":`: "line 3",
		meta + `{"operation":{"process":"p","kind":"throw"}}`:            "known are produce, fetch",
		meta + `{"operation":{"process":"p","kind":"fetch","colour":1}}`: "colour",
		meta + `{}`:             "exactly one",
		meta + meta:             "second meta",
		meta + end + end:        "line 3 comes after the end",
		meta + end + `{"bro`:    "after the end",
		meta + `{"end":true} 7`: "more than one JSON value",
		meta + `{"operation":{"process":"p","kind":"fetch","runs":[{"partition":"a/0","count":-1}]}}`: "-1 records",
		meta + `{"operation":{"process":"p","kind":"fetch","runs":[{"partition":"a","count":1}]}}`:    "no slash",
	} {
		r, err := ReadJSONL(strings.NewReader(input))
		if err == nil {
			_, err = readAll(r)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %q in it", input, err, want)
		}
	}
}

func FuzzReadJSONL(f *testing.F) {
	var file bytes.Buffer
	if err := WriteJSONL(&file, &entriesOf{randomEntries(9, 20), io.EOF}); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadJSONL(bytes.NewReader(data))
		if err != nil {
			return
		}
		if _, err := readAll(r); err == nil {
			t.Fatal("reading ended without an error")
		}
	})
}

func TestTextForm(t *testing.T) {
	text, err := ReadText(strings.NewReader(`
# expect: pass
# just words
producer-0 produce ok      5..9   orders/0@12=p0:5x3   # two more would be nice
producer-0 produce unknown 5..30  orders/0@?=p0:8
nemesis    fault   ok      31..32 0:kill:node-0:prove-healed
producer-0 attempt ok      6..never orders/0@?=p900:5x3 error=46
scan       scan    ok      50..60 orders/0@0=p0:0x2 orders/0@2=p0:2 orders/0@3=corrupt orders/0@4=barrier
reader-1   fetch   ok      61..62 orders/0=hw:16 orders/0=hw:16,lso:12,start:3,epoch:7,next:15
workers-0  commit  unknown 63..64 workers:m1:3 orders/0@15
workers-0  resume  ok      63..65 workers:m1:?:i1 orders/0@15 orders/1@?
workers-0  own     ok      62..66 workers:m1:3 orders/0 orders/1 until:70
producer-0 produce ok      67..68 txn:tx-0:7 orders/0@12=p0:5x3!4
producer-0 transact fail   67..69 txn:tx-0:7 abort@68 orders/0@12=p0:5x3
producer-0 transact unknown 67..70 txn:tx-0:8 commit@never
workers-0  transact ok     67..71 txn:tx-1:0 commit@70 out/0@3=p9:0x2<orders/0@12 group:workers:m1:3 sent:69 orders/0@14
workers-0  transact fail   67..72 txn:tx-1:1 none group:workers
scan-2     scan    ok      73..74 orders/0@15=abort^900:3 orders/0@16=commit^901:0
reader-2   fetch   ok      75..76 read_committed orders/0@17=barrier^900:3
`))
	if err != nil {
		t.Fatal(err)
	}
	if text.Head["expect"] != "pass" {
		t.Errorf("head is %v", text.Head)
	}
	got, err := readAll(text)
	if err != io.EOF {
		t.Fatal(err)
	}
	const ms = 1_000_000
	scan := got[4].Operation
	for i := range scan.Runs {
		if scan.Runs[i].Chain == 0 {
			t.Errorf("run %d of the scan has no chain", i)
		}
		scan.Runs[i].Chain = 0
	}
	want := []Entry{
		{Operation: &Operation{Process: "producer-0", Kind: Produce, Outcome: OK, Invoke: 5 * ms, Return: 9 * ms,
			Runs: []Run{{Partition: orders, FirstOffset: 12, FirstSequence: 5, Count: 3}}}},
		{Operation: &Operation{Process: "producer-0", Kind: Produce, Invoke: 5 * ms, Return: 30 * ms,
			Runs: []Run{{Partition: orders, FirstOffset: Unset, FirstSequence: 8, Count: 1}}}},
		{Operation: &Operation{Process: "nemesis", Kind: Fault, Outcome: OK, Invoke: 31 * ms, Return: 32 * ms,
			Fault: &FaultStage{Fault: "kill", Target: "node-0", Stage: ProveHealed}}},
		{Attempt: &Attempt{Process: "producer-0", Partition: orders, ProducerID: 900, BaseSequence: 5, Count: 3,
			Written: 6 * ms, Answered: Never, Error: 46, BaseOffset: Unset}},
		{Operation: &Operation{Process: "scan", Kind: Scan, Outcome: OK, Invoke: 50 * ms, Return: 60 * ms,
			Runs: []Run{
				{Partition: orders, FirstOffset: 0, Count: 3},
				{Partition: orders, FirstOffset: 4, Producer: BarrierProducer, Count: 1},
			},
			Corrupt: []Corrupt{{Partition: orders, Offset: 3, Reason: "checksum"}}}},
		{Operation: &Operation{Process: "reader-1", Kind: Fetch, Outcome: OK, Invoke: 61 * ms, Return: 62 * ms,
			Watermarks: []Watermark{
				{Partition: orders, HighWatermark: 16, LastStable: 16, Next: Unset},
				{Partition: orders, HighWatermark: 16, LastStable: 12, LogStart: 3, LeaderEpoch: 7, Next: 15},
			}}},
		{Operation: &Operation{Process: "workers-0", Kind: Commit, Invoke: 63 * ms, Return: 64 * ms, Group: &GroupPart{
			Group: "workers", Member: "m1", Generation: 3, Positions: []Position{{orders, 15}}}}},
		{Operation: &Operation{Process: "workers-0", Kind: Resume, Outcome: OK, Invoke: 63 * ms, Return: 65 * ms, Group: &GroupPart{
			Group: "workers", Member: "m1", Instance: "i1", Generation: -1,
			Positions: []Position{{orders, 15}, {Partition{"orders", 1}, Unset}}}}},
		{Operation: &Operation{Process: "workers-0", Kind: Own, Outcome: OK, Invoke: 62 * ms, Return: 66 * ms, Group: &GroupPart{
			Group: "workers", Member: "m1", Generation: 3, Until: 70 * ms,
			Positions: []Position{{orders, Unset}, {Partition{"orders", 1}, Unset}}}}},
		{Operation: &Operation{Process: "producer-0", Kind: Produce, Outcome: OK, Invoke: 67 * ms, Return: 68 * ms,
			Transaction: &TransactionPart{ID: "tx-0", Number: 7},
			Runs:        []Run{{Partition: orders, FirstOffset: 12, FirstSequence: 5, Count: 3, Key: 4}}}},
		{Operation: &Operation{Process: "producer-0", Kind: Transact, Outcome: Fail, Invoke: 67 * ms, Return: 69 * ms,
			Transaction: &TransactionPart{ID: "tx-0", Number: 7, Decision: DecideAbort, Ending: 68 * ms},
			Runs:        []Run{{Partition: orders, FirstOffset: 12, FirstSequence: 5, Count: 3}}}},
		{Operation: &Operation{Process: "producer-0", Kind: Transact, Invoke: 67 * ms, Return: 70 * ms,
			Transaction: &TransactionPart{ID: "tx-0", Number: 8, Decision: DecideCommit, Ending: Never}}},
		{Operation: &Operation{Process: "workers-0", Kind: Transact, Outcome: OK, Invoke: 67 * ms, Return: 71 * ms,
			Transaction: &TransactionPart{
				ID: "tx-1", Decision: DecideCommit, Ending: 70 * ms, Group: "workers", Member: "m1", Generation: 3, Sent: 69 * ms,
				Positions: []Position{{orders, 14}},
			},
			Runs: []Run{{Partition: Partition{"out", 0}, FirstOffset: 3, Producer: 9, Count: 2, Source: &Input{orders, 12}}}}},
		{Operation: &Operation{Process: "workers-0", Kind: Transact, Outcome: Fail, Invoke: 67 * ms, Return: 72 * ms,
			Transaction: &TransactionPart{ID: "tx-1", Number: 1, Ending: Never, Group: "workers"}}},
		{Operation: &Operation{Process: "scan-2", Kind: Scan, Outcome: OK, Invoke: 73 * ms, Return: 74 * ms,
			Markers: []Marker{{orders, 15, 900, 3, false}, {orders, 16, 901, 0, true}}}},
		{Operation: &Operation{Process: "reader-2", Kind: Fetch, Outcome: OK, Invoke: 75 * ms, Return: 76 * ms, Isolation: ReadCommitted,
			Runs: []Run{{Partition: orders, FirstOffset: 17, Producer: BarrierProducer, Count: 1, Origin: &Origin{900, 3}}}}},
	}
	if !reflect.DeepEqual(got, want) {
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
}

func TestTextErrorsNameTheLine(t *testing.T) {
	for input, want := range map[string]string{
		"\nproducer-0 produce":                                    "line 2",
		"p produce maybe 1..2 orders/0@1=p0:1":                    `"maybe"`,
		"p throw ok 1..2 orders/0@1=p0:1":                         `"throw"`,
		"p produce ok 1-2 orders/0@1=p0:1":                        "times",
		"p produce ok 1..2 orders/0@1":                            "topic/partition@offset=records",
		"p produce ok 1..2 orders@1=p0:1":                         "no slash",
		"p produce ok 1..2 orders/0@x=p0:1":                       `offset "x"`,
		"p produce ok 1..2 orders/0@1=q0:1":                       "records",
		"p produce ok 1..2 orders/0@1=p0:1x0":                     "records",
		"r fetch ok 1..2 orders/0@?=p0:1":                         "known offset",
		"nemesis fault ok 1..2 kill":                              "index:fault:target:stage",
		"nemesis fault ok 1..2 0:kill:node-0:explode":             `"explode"`,
		"p attempt ok 1..2 orders/0@1=p0:1 error=many":            "error=",
		"nemesis fault ok 1..2 x:kill:node-0:inject":              "index",
		"p attempt ok 1..2 orders/0@1=p0:4294967296x1":            "31 bits",
		"r fetch ok 1..2 orders/0=hw:1,epoch:x":                   "want numbers like",
		"r fetch ok 1..2 orders/0=hw:1,end:2":                     "want numbers like",
		"r fetch ok 1..2 orders=hw:1":                             "no slash",
		"p produce ok 1..2 orders/0=hw:1":                         "only fetch and scan",
		"w commit ok 1..2 orders/0@3":                             "group:member:generation",
		"w commit ok 1..2 g:m:x orders/0@3":                       "generation",
		"w commit ok 1..2 g:m:1 orders/0@x":                       `offset "x"`,
		"w commit ok 1..2 g:m:1 orders/0":                         "position -1",
		"w commit ok 1..2 g:m:1 orders/0@3 until:7":               "of an own only",
		"w own ok 1..2 g:m:1 until:soon":                          "until:<milliseconds>",
		"w own ok 1..2 g:m:1 orders/0@3":                          "has no offsets",
		"w own ok 1..2 g:m:1 orders/0 orders/0":                   "two positions",
		"w resume ok 1..2":                                        "carry a group part",
		"p transact ok 1..2":                                      "no transaction part",
		"p transact ok 1..2 commit@2":                             "the name of the transaction before",
		"p transact ok 1..2 txn:t":                                "want txn:id:number",
		"p transact ok 1..2 txn::1 commit@2":                      "want a transactional id",
		"p transact ok 1..2 txn:t:1 commit@soon":                  "want milliseconds like commit@10",
		"p transact ok 1..2 txn:t:1 maybe@2":                      `unknown decision "maybe"`,
		"p transact ok 1..2 txn:t:1 commit@3":                     "not between its invoke",
		"p transact ok 1..2 txn:t:1 abort@never":                  "acknowledged, but none was written",
		"p transact ok 1..2 txn:t:1 commit@2 a/0@3":               "positions of a group without a name",
		"p transact ok 1..2 txn:t:1 commit@2 sent:x":              "want sent:<milliseconds>",
		"p transact ok 1..2 txn:t:1 commit@2 group:g sent:9":      "positions were sent at",
		"p transact ok 1..2 txn:t:1 commit@2 group:g:m":           "want group:member:generation",
		"p transact ok 1..2 txn:t:1 commit@2 group:g:m:-2":        "generation -2",
		"p transact ok 1..2 txn:t:1 commit@2 group:g a/0@3 a/0@4": "two positions",
		"p transact ok 1..2 txn:t:1 commit@2 group:g a/0@?":       "want an offset from 0 on",
		"p produce ok 1..2 read_committed":                        "only fetch and scan have one",
		"p produce ok 1..2 a/0@1=commit^1:0":                      "only fetch and scan are given any",
		"p produce ok 1..2 a/0@1=p0:1^1:0":                        "only fetch and scan are told any",
		"r fetch ok 1..2 txn:t:1":                                 "only produce and transact have one",
		"r fetch ok 1..2 a/0@1=commit":                            "want a marker with its producer",
		"r fetch ok 1..2 a/0@1=commit^1":                          "want id:epoch",
		"r fetch ok 1..2 a/0@1=commit^-1:0":                       "a producer id and an epoch from 0 on",
		"r fetch ok 1..2 a/0@?=commit^1:0":                        "want an offset",
		"r fetch ok 1..2 a/0@1=p0:1^-1:0":                         "has origin",
		"r fetch ok 1..2 a/0@1=p0:1<b/0@?":                        "source offset -1",
		"r fetch ok 1..2 a/0@1=p0:1!0":                            "the number of a key plus 1",
	} {
		if _, err := ReadText(strings.NewReader(input)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %q in it", input, err, want)
		}
	}
}
