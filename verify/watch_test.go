package verify

import (
	"io"
	"slices"
	"testing"
)

// A history that keeps its promises shows no violation to a watch at any time.
func TestWatchAccusesNobodyOnTheWay(t *testing.T) {
	for _, a := range zoo(t) {
		w := NewWatch(a.expect, 1)
		for i, e := range a.entries {
			w.Observe(e)
			if v, ok := w.Violation(); ok && a.verdict != "fail" {
				t.Errorf("%s: %+v after entry %d", a.name, v, i)
			}
		}
	}
}

// watch has a Watch go through a history and look after every so many operations.
func watch(a animal, every int64) *Watch {
	w := NewWatch(a.expect, every)
	for _, e := range a.entries {
		w.Observe(e)
	}
	w.End(io.EOF)
	return w
}

// A watch that looks after every operation finds in the end what the report finds, and in a history that keeps
// its promises it finds nothing on the way either.
func TestWatchFindsWhatTheReportFinds(t *testing.T) {
	for _, a := range zoo(t) {
		for _, every := range []int64{1, 3, 1000} {
			w := watch(a, every)
			if a.verdict != "fail" {
				if f := w.Findings(); len(f) > 0 {
					t.Errorf("%s, every %d: found %+v on the way", a.name, every, f)
				}
				continue
			}
			var got []string
			for _, f := range w.Findings() {
				if f.Total == 0 {
					continue
				}
				got = append(got, string(f.Rule)+" "+string(f.Class))
				if f.Operations < 1 || f.Operations > int64(len(a.entries)) || f.First == 0 {
					t.Errorf("%s, every %d: found after %d operations at %d", a.name, every, f.Operations, f.First)
				}
			}
			want := failures(check(t, a.entries, a.expect))
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s, every %d: found %q, the report %q", a.name, every, got, want)
			}
			if v, ok := w.Violation(); !ok || !slices.Contains(got, string(v.Rule)+" "+string(v.Class)) {
				t.Errorf("%s, every %d: its violation is %+v, %v", a.name, every, v, ok)
			}
		}
	}
}

// What is found is found at once: the finding has the time of the operation that shows it.
func TestWatchSaysWhenItFound(t *testing.T) {
	for _, c := range []struct {
		history    string
		operations int64 // a watch that looks after each has found it after so many
	}{
		{"nonmonotonic-append", 2}, {"duplicate", 5}, {"lost-write", 4},
	} {
		for _, a := range zoo(t) {
			if a.name != c.history {
				continue
			}
			f := watch(a, 1).Findings()
			if len(f) == 0 || f[0].Operations != c.operations || f[0].First != a.entries[c.operations-1].Operation.Return {
				t.Errorf("%s: found %+v, want it after %d operations", c.history, f, c.operations)
			}
		}
	}
}

// What the claim allows is a finding and no violation.
func TestWatchKnowsTheClaim(t *testing.T) {
	for _, a := range zoo(t) {
		if a.name != "lost-write" {
			continue
		}
		a.expect.Claim = &Claim{Profile: "kafka-4", Producer: LeaderAcks}
		w := watch(a, 1)
		for i := range a.entries { // what shows before the loss is known is no violation either
			part := NewWatch(a.expect, 1)
			for _, e := range a.entries[:i] {
				part.Observe(e)
			}
			if v, ok := part.Violation(); ok {
				t.Errorf("after %d entries: %+v", i, v)
			}
		}
		if f := w.Findings(); len(f) != 1 || !f[0].Allowed || f[0].Class != LostWrite || f[0].Total != 1 {
			t.Errorf("found %+v, want one lost write that is allowed", f)
		}
		if v, ok := w.Violation(); ok {
			t.Errorf("%+v is a violation, although the claim allows it", v)
		}
	}
}
