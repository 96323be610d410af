package plan

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/scenarios/spec"
)

// One entry of a scenario is as many budgets as it has promises and kinds of operations.
func TestBudgetsArePlannedOneByOne(t *testing.T) {
	const add = "timeline: [{fault: kill, target: any, hold: 1s}]\nbudgets:\n  - {max_outage: 1s, recover_within: 9s, progress_during_fault: 7}\n  - {total_outage: 2s, of: produce, topic: orders}\n"
	p, err := Make(parse(t, head+add), 1, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	second := spec.Duration(time.Second)
	want := []Budget{
		{Name: "max_outage", Of: "produce", Within: second}, {Name: "max_outage", Of: "fetch", Within: second}, {Name: "recover_within", Within: 9 * second},
		{Name: "progress_during_fault", Of: "produce", Records: 7}, {Name: "progress_during_fault", Of: "fetch", Records: 7},
		{Name: "total_outage", Of: "produce", Topic: "orders", Within: 2 * second},
	}
	if !reflect.DeepEqual(p.Budgets, want) {
		t.Errorf("budgets are %+v, want %+v", p.Budgets, want)
	}
	data, err := p.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Parse(data); err != nil || !reflect.DeepEqual(back.Budgets, want) {
		t.Errorf("read back they are %+v, %v", back.Budgets, err)
	}
	for _, line := range []string{"budgets    max_outage of produce: at most 1s\n", "           progress_during_fault of fetch: at least 7 records\n", "           total_outage of produce, orders: at most 2s\n"} {
		if !strings.Contains(p.String(), line) {
			t.Errorf("the plan does not say %q:\n%s", line, p)
		}
	}
	alone, err := Make(parse(t, strings.Replace(head, "readers: 2", "readers: 0", 1)+add), 1, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range alone.Budgets {
		if b.Of == "fetch" {
			t.Errorf("nobody reads, and %s is planned", b)
		}
	}
}
