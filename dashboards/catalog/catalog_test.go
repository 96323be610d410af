package catalog

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// vocabulary is every label that a metric may carry: one word per thing, and nothing whose number
// of values grows with clients, offsets or time.
var vocabulary = []string{
	"api", "error", "listener", "topic", "partition", "to", "reason",
	"change", "kind", "run", "scenario", "seed", "fault", "target", "outcome", "check", "class", "status", "state",
}

var wellFormed = regexp.MustCompile(`^logproof_[a-z]+(_[a-z]+)*$`)

// faults lists what is wrong with a declaration. Bytes and counted things may be followed by a
// direction (bytes_in); seconds and ratios end the name.
func faults(m Metric) []string {
	var found []string
	bad := func(format string, args ...any) { found = append(found, m.Name+": "+fmt.Sprintf(format, args...)) }
	if !wellFormed.MatchString(m.Name) {
		bad("name is not %s followed by lower-case words", Prefix)
	}
	total := strings.HasSuffix(m.Name, "_total")
	switch m.Type {
	case Counter:
		if !total {
			bad("a counter ends with _total")
		}
	case Gauge, Histogram:
		if total {
			bad("only counters end with _total")
		}
	default:
		bad("unknown type %q", m.Type)
	}
	stem := strings.TrimSuffix(m.Name, "_total")
	switch m.Unit {
	case Seconds, Ratio, Info, Offset:
		if !strings.HasSuffix(stem, "_"+m.Unit) {
			bad("unit %s is not the end of the name", m.Unit)
		}
	case State:
		if m.Type != Gauge {
			bad("a state is a gauge")
		}
	case Number:
	case Bytes, Records, Requests, Connections, Batches, Topics, Faults, Anomalies, Partitions, Replicas:
		if !strings.Contains(stem, "_"+m.Unit) {
			bad("the name does not say that it counts %s", m.Unit)
		}
	default:
		bad("unknown unit %q", m.Unit)
	}
	for _, word := range []string{"milliseconds", "millis", "ms", "us", "minutes", "kilobytes", "megabytes", "percent"} {
		if slices.Contains(strings.Split(m.Name, "_"), word) {
			bad("%s is not a base unit", word)
		}
	}
	if m.Type == Histogram && m.Unit != Seconds && m.Unit != Bytes {
		bad("a histogram measures seconds or bytes")
	}
	if len(m.Help) < 20 || !strings.HasSuffix(m.Help, ".") || strings.ToUpper(m.Help[:1]) != m.Help[:1] {
		bad("help %q is not a sentence", m.Help)
	}
	seen := map[string]bool{}
	for _, label := range m.Labels {
		if !slices.Contains(vocabulary, label) {
			bad("label %q is not in the vocabulary %v", label, vocabulary)
		}
		if seen[label] {
			bad("label %q stands twice", label)
		}
		seen[label] = true
	}
	return found
}

func TestDeclarations(t *testing.T) {
	names := map[string]bool{}
	for _, m := range All() {
		for _, fault := range faults(m) {
			t.Error(fault)
		}
		if names[m.Name] {
			t.Errorf("%s is declared twice", m.Name)
		}
		names[m.Name] = true
	}
	if len(names) == 0 {
		t.Fatal("no metric is declared")
	}
}

// TestRules shows that each rule can fail: every bad declaration differs from a good one in one thing.
func TestRules(t *testing.T) {
	good := Metric{
		Name: "logproof_broker_requests_total", Type: Counter, Unit: Requests,
		Help: "Requests answered by the broker.", Labels: []string{"api"},
	}
	if found := faults(good); found != nil {
		t.Fatalf("the good declaration has faults: %v", found)
	}
	for want, change := range map[string]func(*Metric){
		"lower-case words":       func(m *Metric) { m.Name = "logproof_broker_Requests_total" },
		"name is not":            func(m *Metric) { m.Name = "broker_requests_total" },
		"ends with _total":       func(m *Metric) { m.Name = "logproof_broker_requests" },
		"only counters":          func(m *Metric) { m.Type = Gauge },
		"unknown type":           func(m *Metric) { m.Type = "summary" },
		"unit seconds":           func(m *Metric) { m.Unit = Seconds },
		"does not say":           func(m *Metric) { m.Unit = Records },
		"unknown unit":           func(m *Metric) { m.Unit = "furlongs" },
		"a state is":             func(m *Metric) { m.Unit = State },
		"not a base unit":        func(m *Metric) { m.Name = "logproof_broker_requests_ms_total" },
		"histogram measures":     func(m *Metric) { m.Type, m.Name = Histogram, "logproof_broker_requests" },
		"is not a sentence":      func(m *Metric) { m.Help = "requests" },
		"not in the vocabulary":  func(m *Metric) { m.Labels = []string{"client_id"} },
		`label "api" stands twi`: func(m *Metric) { m.Labels = []string{"api", "api"} },
	} {
		m := good
		change(&m)
		if found := strings.Join(faults(m), "\n"); !strings.Contains(found, want) {
			t.Errorf("rule %q found only %q in %+v", want, found, m)
		}
	}
}

// TestAllIsComplete compares All with the declarations in the sources: a metric that a list forgot
// would never be checked, drawn or documented.
func TestAllIsComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, m := range All() {
		listed[m.Name] = true
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || !strings.HasPrefix(literal.Value, `"logproof_`) || literal.Value == `"`+Prefix+`"` {
				return true
			}
			declared++
			if name := strings.Trim(literal.Value, `"`); !listed[name] {
				t.Errorf("%s declares %s, but All does not list it", file.Name(), name)
			}
			return true
		})
	}
	if declared != len(listed) {
		t.Errorf("the sources declare %d metrics, All lists %d", declared, len(listed))
	}
}

func TestLatencyBuckets(t *testing.T) {
	bounds := LatencyBuckets()
	if len(bounds) != 18 || bounds[0] != 100e-6 || bounds[17] < 13.1 || bounds[17] > 13.2 {
		t.Fatalf("bounds are %v: want 18 from 100 µs to 13.1 s", bounds)
	}
	bounds[0] = 0
	if LatencyBuckets()[0] == 0 {
		t.Error("two callers share one slice")
	}
}
