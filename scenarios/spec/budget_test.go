package spec

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/verify"
)

// kills is small with a fault.
const kills = small + "timeline: [{fault: kill, target: any, hold: 1s}]\n"

func TestBudgetsAreRead(t *testing.T) {
	s, err := Parse("x.yaml", []byte(kills+`budgets:
  - {max_outage: 1s, total_outage: 20s, recover_within: 1m}
  - {topic: orders, of: fetch, progress_during_fault: 100}
`))
	want := []Budget{
		{MaxOutage: Duration(time.Second), TotalOutage: Duration(20 * time.Second), RecoverWithin: Duration(time.Minute)},
		{Topic: "orders", Of: "fetch", ProgressDuringFault: 100},
	}
	if err != nil || !reflect.DeepEqual(s.Budgets, want) {
		t.Errorf("budgets are %+v, %v; want %+v", s.Budgets, err, want)
	}
}

func TestBadBudgets(t *testing.T) {
	for _, test := range []struct{ head, add, want string }{
		{kills, "budgets: [{max_outrage: 1s}]", `x.yaml:6:12: unknown key "max_outrage" in budgets[0]: did you mean "max_outage"?`},
		{kills, "budgets: [{recover_in: 1s}]", `x.yaml:6:12: unknown key "recover_in" in budgets[0]: known are max_outage, total_outage, recover_within, progress_during_fault, of, topic`},
		{kills, "budgets: [{max_outage: 1}]", `x.yaml:6:24: budgets[0].max_outage: "1" is not a duration`},
		{kills, "budgets: [{max_outage: 99ms}]", "x.yaml:6:24: max_outage is 99ms: it must be at least 100ms"},
		{kills, "budgets: [{total_outage: 0s}]", "x.yaml:6:26: total_outage is 0s"},
		{kills, "budgets: [{recover_within: -1s}]", "x.yaml:6:28: recover_within is -1s"},
		{kills, "budgets: [{progress_during_fault: 0}]", "x.yaml:6:35: budgets[0].progress_during_fault is 0: it must be at least 1"},
		{kills, "budgets: [{progress_during_fault: 10%}]", "x.yaml:6:35: budgets[0].progress_during_fault needs a whole number"},
		{kills, "budgets: [{topic: orders}]", "x.yaml:6:11: this budget promises nothing: write at least one of max_outage, total_outage"},
		{kills, "budgets: [{max_outage: 1s, topic: order}]", `x.yaml:6:35: unknown topic "order": did you mean "orders"?`},
		{kills, "budgets: [{max_outage: 1s, of: fetsh}]", `x.yaml:6:32: unknown kind of operation "fetsh": did you mean "fetch"?`},
		{kills, "budgets: {max_outage: 1s}", "x.yaml:6:10: budgets needs a list, found keys with values"},
		{small, "budgets: [{max_outage: 1s}]", "x.yaml:5:10: there is no fault: budgets say how well faults are borne"},
		{strings.Replace(kills, "10/s", "10/s, readers: 0", 1), "budgets: [{max_outage: 1s, of: fetch}]", "x.yaml:6:32: nobody reads: add load.readers, or write of: produce"},
		{strings.Replace(kills, "10/s", "10/s, acks: 0, idempotent: false", 1), "budgets: [{max_outage: 1s}]", "x.yaml:6:11: with acks: 0 nothing is acknowledged"},
	} {
		_, err := Parse("x.yaml", []byte(test.head+test.add+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: error is\n%v\nwant\n%s", test.add, err, test.want)
		}
	}
}

// The names are those of verify, which this package does not import.
func TestNamesOfBudgetsAreThoseOfVerify(t *testing.T) {
	if want := []string{verify.MaxOutage, verify.TotalOutage, verify.RecoverWithin, verify.ProgressDuringFault}; !slices.Equal(budgetNames, want) {
		t.Errorf("spec knows %v, verify %v", budgetNames, want)
	}
}
