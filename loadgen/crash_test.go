package loadgen

import (
	"context"
	"strings"
	"testing"

	"github.com/logproof/logproof/loadgen/client/clienttest"
)

// A producer and a reader crash under load and come back: the schedule goes on, what was in flight is settled,
// and the reader begins again at the start.
func TestClientsCrashAndComeBack(t *testing.T) {
	g, _, _ := newRun(t, clienttest.Options{}, func(c *Config) { c.Producers, c.Readers = 2, 1 })
	ctx := testContext(t)
	step := func(what string, f func(context.Context) error) {
		t.Helper()
		if err := f(ctx); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	step("Setup", g.Setup)
	if err := g.Crash(0); err == nil || !strings.Contains(err.Error(), "does not run") {
		t.Errorf("a crash before the load: %v", err)
	}
	step("Start", g.Start)
	until(t, "100 records acknowledged and received", func() bool { s := g.Snapshot(); return s.Acked >= 100 && s.Received >= 100 })
	for _, client := range []int{0, 2} {
		if err := g.Revive(client); err == nil || !strings.Contains(err.Error(), "has not crashed") {
			t.Errorf("client %d comes back without a crash: %v", client, err)
		}
		if err := g.Crash(client); err != nil {
			t.Fatal(err)
		}
		if err := g.Crash(client); err == nil || !strings.Contains(err.Error(), "already") {
			t.Errorf("client %d crashes twice: %v", client, err)
		}
	}
	if err := g.Crash(3); err == nil || !strings.Contains(err.Error(), "has 3 clients") {
		t.Errorf("a client that is not there crashes: %v", err)
	}
	before := g.Snapshot()
	until(t, "the other producer goes on", func() bool { return g.Snapshot().Acked >= before.Acked+50 })
	if now := g.Snapshot(); now.Received != before.Received {
		t.Errorf("the reader that crashed went on: %d records, then %d", before.Received, now.Received)
	}
	for _, client := range []int{0, 2} {
		if err := g.Revive(client); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the reader reads again", func() bool { return g.Snapshot().Received > before.Received })
	step("StopLoad", g.StopLoad)
	step("Barrier", g.Barrier)
	step("Scan", g.Scan)
	step("StopReaders", g.StopReaders)
	g.Close()
	r := g.Result()
	if err := r.Identity(); err != nil {
		t.Error(err)
	}
	if names := r.Accounting.Readers; len(names) != 3 || names[0].Process != "reader-0" || names[1].Process != "reader-0.1" {
		t.Errorf("readers %+v; want the one that crashed, the one after it, and the scan", names)
	}
	if again, scan := r.Accounting.Readers[1], r.Accounting.Readers[2]; again.Unique != scan.Unique || again.Unique < r.Accounting.Acked {
		t.Errorf("the reader that came back has %d records, the scan %d, acknowledged were %d", again.Unique, scan.Unique, r.Accounting.Acked)
	}
}
