package loadgen

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// recordedRun is a load on a cluster in memory, and its history.
type recordedRun struct {
	*Generator
	history  bytes.Buffer
	recorder *history.Recorder
}

// newRecordedRun makes a quick load of one topic, which change makes that of the test.
func newRecordedRun(t *testing.T, change func(*Config), opts ...kfake.Opt) *recordedRun {
	t.Helper()
	cluster, err := kfake.NewCluster(append(opts, kfake.NumBrokers(2), kfake.GroupMinSessionTimeout(100*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	run := &recordedRun{}
	base := time.Now()
	run.recorder, err = history.NewRecorder(&run.history, history.Meta{}, func() history.Time { return history.Time(time.Since(base)) })
	if err != nil {
		t.Fatal(err)
	}
	c := validConfig()
	c.Brokers, c.Recorder = cluster.ListenAddrs(), run.recorder
	c.Topics = []Topic{{Name: "orders", Partitions: 4, ReplicationFactor: 1}}
	c.Rate = pace.Rate{Records: 2000, Per: time.Second}
	c.Client = client.Options{MetadataMinAge: 10 * time.Millisecond, RetryBackoff: 5 * time.Millisecond}
	change(&c)
	if run.Generator, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(run.Close)
	return run
}

func (r *recordedRun) begin(t *testing.T, ctx context.Context) {
	t.Helper()
	r.do(t, ctx, r.Setup, r.Start)
}

func (r *recordedRun) do(t *testing.T, ctx context.Context, steps ...func(context.Context) error) {
	t.Helper()
	for _, step := range steps {
		if err := step(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// end closes the load after the steps that end it; its accounts agree.
func (r *recordedRun) end(t *testing.T, ctx context.Context, steps ...func(context.Context) error) Result {
	t.Helper()
	r.do(t, ctx, steps...)
	r.Close()
	if err := r.recorder.Close(); err != nil {
		t.Fatal(err)
	}
	result := r.Result()
	if err := result.Identity(); err != nil {
		t.Error(err)
	}
	if result.Tap != nil {
		t.Error(result.Tap)
	}
	return result
}

// check asks verify about the history.
func (r *recordedRun) check(t *testing.T, expect verify.Expect) verify.Report {
	t.Helper()
	expect.Idempotent, expect.RequireScan, expect.Partitions = true, true, partitionsOf(r.targets)
	src, err := history.NewReader(bytes.NewReader(r.history.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Check(src, expect)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// texts of all anomalies, and of what is inconclusive.
func texts(r verify.Report) (list []string) {
	for _, rule := range r.Rules {
		for _, a := range rule.Anomalies {
			list = append(list, string(a.Class)+": "+a.Text)
		}
		if rule.Skipped != "" && rule.Asked {
			list = append(list, rule.Skipped)
		}
	}
	for _, a := range r.Assumptions {
		if a.Verdict != verify.Pass {
			list = append(list, a.Detail)
		}
	}
	return list
}
