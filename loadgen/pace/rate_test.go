package pace

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

func TestParseRate(t *testing.T) {
	f := func(text string, want Rate) {
		t.Helper()
		got, err := ParseRate(text)
		if err != nil || got != want {
			t.Errorf("ParseRate(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	f("6000/s", Rate{6000, time.Second})
	f("10k/s", Rate{10_000, time.Second})
	f("1.5M/s", Rate{1_500_000, time.Second})
	f("0.5k/s", Rate{500, time.Second})
	f("2G/h", Rate{2_000_000_000, time.Hour})
	f("50/100ms", Rate{50, 100 * time.Millisecond})
	f(" 1 / 1m30s ", Rate{1, 90 * time.Second})
	f("7/m", Rate{7, time.Minute})
	f("18446744073709551615/ns", Rate{math.MaxUint64, 1})
}

func TestParseRateRefuses(t *testing.T) {
	f := func(text, reason string) {
		t.Helper()
		r, err := ParseRate(text)
		if err == nil {
			t.Errorf("ParseRate(%q) = %v; want an error with %q", text, r, reason)
		} else if !strings.Contains(err.Error(), reason) {
			t.Errorf("ParseRate(%q): %v; want %q in it", text, err, reason)
		}
	}
	f("6000", "no span")
	f("", "no span")
	f("/s", "not a count")
	f("-1/s", "not a count")
	f("0/s", "no records")
	f("1/0s", "positive")
	f("1/-2s", "positive")
	f("1/fortnight", "not a span")
	f("1.5/s", "not a whole count")
	f("1.2345k/s", "not a whole count")
	f("1.xk/s", "not a whole count")
	f("99999999999999999999/s", "not a count")
	f("18446744073709551615k/s", "64 bits")
}

func TestRateRoundTrips(t *testing.T) {
	check := func(records uint64, per int64) bool {
		r := Rate{records | 1, time.Duration(per&math.MaxInt64 | 1)}
		back, err := ParseRate(r.String())
		return err == nil && back == r
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
	type doc struct{ Rate Rate }
	for _, r := range []Rate{{}, PerSecond(6000), {50, 100 * time.Millisecond}, {3, time.Hour}} {
		text, err := json.Marshal(doc{r})
		if err != nil {
			t.Fatal(err)
		}
		var back doc
		if err := json.Unmarshal(text, &back); err != nil || back.Rate != r {
			t.Errorf("%s came back as %+v, %v", text, back.Rate, err)
		}
	}
}

func TestRecordsPerSecond(t *testing.T) {
	if got := (Rate{50, 100 * time.Millisecond}).RecordsPerSecond(); got != 500 {
		t.Errorf("50/100ms is %v records per second; want 500", got)
	}
	if got := (Rate{}).RecordsPerSecond(); got != 0 {
		t.Errorf("no rate is %v records per second; want 0", got)
	}
}
