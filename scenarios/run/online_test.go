package run

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// specimen is a history of the zoo.
func specimen(t testing.TB, name string) verify.Specimen {
	t.Helper()
	zoo, err := verify.Zoo()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range zoo {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("the zoo has no %s", name)
	return verify.Specimen{}
}

// What is recorded is judged at once, also where the client uses its slices again.
func TestOnlineFindsWhatIsRecorded(t *testing.T) {
	for _, c := range []struct {
		history string
		want    verify.Class
	}{{"duplicate", verify.Duplicate}, {"lost-write", verify.LostWrite}, {"lost-write.clean", ""}, {"commit-ahead", verify.CommitAhead}} {
		s := specimen(t, c.history)
		var violations []verify.Finding
		o := newOnline(s.Expect, func(f verify.Finding) { violations = append(violations, f) })
		for _, e := range s.Entries {
			if e.Operation == nil {
				o.observe(e)
				continue
			}
			op := *e.Operation
			op.Runs = slices.Clone(op.Runs)
			o.observe(history.Entry{Operation: &op})
			clear(op.Runs)
		}
		o.end()
		switch {
		case c.want == "" && len(violations) > 0:
			t.Errorf("%s: %+v", c.history, violations)
		case c.want != "" && (len(violations) != 1 || violations[0].Class != c.want):
			t.Errorf("%s: told of %+v, want one of class %s", c.history, violations, c.want)
		}
		if got, want := o.state().counters.Operations, int64(len(s.Entries)); got != want {
			t.Errorf("%s: %d operations were judged of %d", c.history, got, want)
		}
		o.observe(s.Entries[0]) // late: nobody waits for it
	}
}

// Many clients record at once, and nothing is lost or judged twice.
func TestOnlineTakesEverything(t *testing.T) {
	o := newOnline(verify.Expect{}, nil)
	recorder, err := history.NewRecorder(io.Discard, history.Meta{}, func() history.Time { return 1 })
	if err != nil {
		t.Fatal(err)
	}
	recorder.Observer = o.observe
	const clients, each = 8, 5000
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			p := history.Partition{Topic: "orders", Index: int32(client)}
			runs := make([]history.Run, 1)
			for i := range int64(each) {
				runs[0] = history.Run{Partition: p, FirstOffset: i, Producer: uint32(client), FirstSequence: i, Count: 1}
				recorder.Operation(history.Operation{Process: fmt.Sprintf("producer-%d", client), Kind: history.Produce, Outcome: history.OK, Invoke: 1, Runs: runs})
			}
		})
	}
	wait.Wait()
	o.end()
	s := o.state()
	if s.counters.RecordsAcked != clients*each || s.behind != 0 || len(s.findings) != 0 {
		t.Errorf("judged %d records of %d, %d behind, found %+v", s.counters.RecordsAcked, clients*each, s.behind, s.findings)
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
}

// Prometheus is told what was judged and found.
func TestMetricsOfARun(t *testing.T) {
	s := specimen(t, "duplicate")
	o := newOnline(s.Expect, nil)
	for _, e := range s.Entries {
		o.observe(e)
	}
	o.end()
	address, end, err := serveMetrics("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", answer.StatusCode, err)
	}
	for _, want := range []string{
		`logproof_verify_anomalies_total{check="producer-order",class="duplicate"} 1`,
		`logproof_verify_check_status{check="producer-order",status="fail"} 1`, `logproof_verify_check_status{check="loss",status="fail"} 0`,
		`logproof_verify_records_total{kind="acked"} 5`, `logproof_verify_operations_total 5`, `logproof_verify_behind_operations 0`,
	} {
		if !strings.Contains(string(body), want+"\n") {
			t.Errorf("it does not say %s:\n%s", want, body)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, _, err := serveMetrics("127.0.0.1:http:", o); err == nil || !strings.Contains(err.Error(), "serve metrics") {
		t.Errorf("a bad address gives %v", err)
	}
}
