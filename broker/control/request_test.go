package control

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDecode(t *testing.T) {
	rules, none, back := "space=1MiB", "", Duration(-3*time.Second)
	for line, want := range map[string]Request{
		`{"status":{}}`:         {Status: &struct{}{}},
		`{"disk":"space=1MiB"}`: {Disk: &rules},
		` { "disk" : "" } `:     {Disk: &none},
		`{"clock":"-3s"}`:       {Clock: &back},
		`{"bit-rot":{"topic":"orders","partition":2,"segment":"sealed","seed":7}}`: {BitRot: &BitRot{"orders", 2, "sealed", 7}},
		`{"ping":{"address":"127.0.0.1:9092"}}`:                                    {Ping: &Ping{Address: "127.0.0.1:9092"}},
		`{"ping":{"address":"127.0.0.1:9092","timeout":"5ms"}}`:                    {Ping: &Ping{"127.0.0.1:9092", Duration(5 * time.Millisecond)}},
		`{"power-loss":{"seed":18446744073709551615}}`:                             {PowerLoss: &PowerLoss{1<<64 - 1}},
	} {
		if got, err := Decode([]byte(line)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for line, why := range map[string]string{
		``:                               "no whole JSON object",
		`{"disk":"`:                      "no whole JSON object",
		`[]`:                             "cannot unmarshal",
		`{}`:                             "0 of its fields",
		`null`:                           "0 of its fields",
		`{"disk":"","clock":"1s"}`:       "2 of its fields",
		`{"disk":""} {"disk":""}`:        "something follows",
		`{"dsk":""}`:                     "unknown field",
		`{"clock":"soon"}`:               "no duration",
		`{"clock":3}`:                    "cannot unmarshal",
		`{"clock":"880000h"}`:            "100 years",
		`{"clock":"-880000h"}`:           "100 years",
		`{"ping":{"address":"nowhere"}}`: "host:port",
		`{"ping":{"address":":1"}}`:      "host:port",
		`{"ping":{"address":"a:1","timeout":"-1s"}}`:                    "at most",
		`{"ping":{"address":"a:1","timeout":"1h"}}`:                     "at most",
		`{"bit-rot":{"topic":"../x","partition":0,"segment":"sealed"}}`: "name of a topic",
		`{"bit-rot":{"topic":"","partition":0,"segment":"sealed"}}`:     "name of a topic",
		`{"bit-rot":{"topic":"a","partition":-1,"segment":"sealed"}}`:   "partition of 0 or more",
		`{"bit-rot":{"topic":"a","partition":0,"segment":"active"}}`:    `want "sealed"`,
		`{"power-loss":{"seed":-1}}`:                                    "cannot unmarshal",
	} {
		if _, err := Decode([]byte(line)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v; want it to say %q", line, err, why)
		}
	}
}

// What is decoded is encoded as something that is decoded to the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"disk":"space=1MiB,sync-delay=5ms"}`))
	f.Add([]byte(`{"clock":"-3s"}`))
	f.Add([]byte(`{"bit-rot":{"topic":"orders","partition":0,"segment":"sealed","seed":7}}`))
	f.Add([]byte(`{"ping":{"address":"[::1]:9092","timeout":"500ms"}}`))
	f.Add([]byte(`{"power-loss":{"seed":7}}`))
	f.Add([]byte(`{"status":{}}`))
	f.Add([]byte(`{"status":{},"disk":null}{`))
	f.Fuzz(func(t *testing.T, line []byte) {
		q, err := Decode(line)
		if err != nil {
			return
		}
		again, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decode(again); err != nil || !reflect.DeepEqual(back, q) {
			t.Errorf("%q is %+v, written as %s, and is then %+v, %v", line, q, again, back, err)
		}
	})
}
