package proxy

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logproof/logproof/chaos/cluster"
)

// fill sets every exported field, with arrays of up to three elements.
func fill(v reflect.Value, random *rand.Rand) {
	switch v.Kind() {
	case reflect.Pointer:
		if random.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), random)
		}
	case reflect.Struct:
		if tags, ok := v.Addr().Interface().(*kmsg.Tags); ok {
			for range random.IntN(3) {
				tags.Set(uint32(100+random.IntN(3)), make([]byte, random.IntN(5)))
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Version" && v.Field(i).CanSet() {
				fill(v.Field(i), random)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), random.IntN(4), 4))
		for i := range v.Len() {
			fill(v.Index(i), random)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), random)
		}
	case reflect.String:
		v.SetString(strings.Repeat("x", random.IntN(5)))
	case reflect.Bool:
		v.SetBool(random.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(random.IntN(100)))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(random.IntN(100)))
	}
}

// The shapes are those of the library that encodes: whatever it writes in any version fits, and neither
// less nor more does.
func TestAnswersFitTheirShapes(t *testing.T) {
	for key := range answerShapes {
		response := kmsg.ResponseForKey(key)
		for version := range response.MaxVersion() + 1 {
			for seed := range uint64(12) {
				response := kmsg.ResponseForKey(key)
				fill(reflect.ValueOf(response).Elem(), rand.New(rand.NewPCG(seed, 0)))
				response.SetVersion(version)
				body := response.AppendTo(nil)
				if !fits(response, body) {
					t.Fatalf("%s version %d, seed %d does not fit: %+v", kmsg.NameForKey(key), version, seed, response)
				}
				for cut := range body {
					if fits(response, body[:cut]) {
						t.Fatalf("%s version %d, seed %d: %d bytes of %d fit", kmsg.NameForKey(key), version, seed, cut, len(body))
					}
				}
				if fits(response, append(body, 0)) {
					t.Fatalf("%s version %d, seed %d: a byte too many fits", kmsg.NameForKey(key), version, seed)
				}
			}
		}
	}
}

// What an answer says of itself takes no memory and no time before it is true.
func TestLyingAnswersPass(t *testing.T) {
	for name, body := range map[string][]byte{
		"an array of 2^31 topics":      {0x80, 0x80, 0x80, 0x80, 0x08},
		"2^32 tagged fields":           {1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"a tagged field that is large": {1, 0, 0, 0, 0, 1, 50, 0xff, 0x0f},
		"a length that does not end":   {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"nothing":                      {},
	} {
		frame := append([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0}, body...)
		a := answer{call: call{key: kmsg.Produce.Int16(), version: 9}, frame: frame}
		if a.decode() {
			t.Errorf("%s: %+v", name, a.response)
		}
	}
	unknown := answer{call: call{key: 30000}, frame: make([]byte, 20)}
	if unknown.decode() {
		t.Error("an answer to no request of Kafka was read")
	}
}

// Whoever writes a rule about answers that nobody can look into is told.
func TestRulesAboutAnswersWithoutAShape(t *testing.T) {
	p := startProxy(t, startBackend(t, echo), true)
	err := p.SetLinks(t.Context(), []cluster.LinkRule{{Link: there, Mode: cluster.RewriteError, API: "DescribeACLs", Error: "UNKNOWN_SERVER_ERROR"}})
	if err == nil || !strings.Contains(err.Error(), "cannot look into the answers to DescribeACLs") {
		t.Errorf("error is %v", err)
	}
}
