package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/logproof/logproof/broker/control"
	"github.com/logproof/logproof/broker/env/disk"
	"github.com/logproof/logproof/broker/partition"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func mustParse(t testing.TB, text string) disk.Rules {
	t.Helper()
	rules, err := disk.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// powerDir names the directory in which a copy of this test binary is a broker until its power is cut.
const powerDir = "LOGPROOF_BROKER_TEST_POWER"

// TestPowerLoss cuts the power of real processes on real files, while they are written to, until each has
// had every kind of luck. What was acknowledged after a sync is there when the broker comes back, whatever
// was torn; what was not synced may be gone, and then it is a tail that recovery cut.
func TestPowerLoss(t *testing.T) {
	if dir := os.Getenv(powerDir); dir != "" {
		powered(t, dir)
		return
	}
	for _, flush := range []partition.Flush{partition.FlushCommit, partition.FlushNone} {
		t.Run(string(flush), func(t *testing.T) {
			t.Parallel()
			dir, next := t.TempDir(), 0
			torn, lost := 0, 0
			for seed := range uint64(6) {
				acknowledged := losePower(t, dir, flush, seed, &next)
				b := start(t, Config{DataDir: filepath.Join(dir, "data"), SegmentBytes: 64 << 10, Events: filepath.Join(dir, "events.jsonl")})
				have := valuesOf(t, b, "orders")
				for i, value := range acknowledged {
					switch {
					case flush == partition.FlushCommit && (i >= len(have) || have[i] != value):
						t.Fatalf("seed %d: record %d of %d that were acknowledged is gone; %d are left", seed, i, len(acknowledged), len(have))
					case i < len(have) && have[i] != value:
						t.Fatalf("seed %d: record %d is %.20q, it was %.20q", seed, i, have[i], value)
					case i >= len(have):
						lost++
					}
				}
				for _, l := range eventsOf(t, b.events.Name()) {
					if l.Event == "log-recovered" && l.Reason != "" {
						torn++
					}
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				os.RemoveAll(filepath.Join(dir, "data"))
				os.Remove(b.events.Name())
			}
			t.Logf("%d logs were torn, %d records that were never synced were lost", torn, lost)
			if torn == 0 || flush == partition.FlushNone && lost == 0 {
				t.Error("no power loss did any harm: it is none")
			}
		})
	}
}

// losePower runs a broker, writes to it, cuts its power, and gives the values that were acknowledged.
func losePower(t *testing.T, dir string, flush partition.Flush, seed uint64, next *int) (acknowledged []string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestPowerLoss$")
	child.Env = append(os.Environ(), powerDir+"="+dir, powerDir+"_FLUSH="+string(flush))
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		t.Fatalf("the broker did not start: %v", err)
	}
	ctx := testContext(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"), kgo.MaxBufferedRecords(50))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 300 {
		value := fmt.Sprintf("%d %0*d", *next, 200+*next%1800, 7)
		*next++
		if err := client.ProduceSync(ctx, &kgo.Record{Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		acknowledged = append(acknowledged, value)
	}
	appendUnsynced(ctx, t, dir, address)
	_, err = control.Do(ctx, filepath.Join(dir, "control.sock"), control.Request{PowerLoss: &control.PowerLoss{Seed: seed}})
	if !errors.Is(err, control.ErrNoAnswer) {
		t.Fatalf("the power loss was answered: %v", err)
	}
	err = child.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the process ended with %v", err)
	}
	return acknowledged
}

// appendUnsynced leaves records in the log that no sync has covered when the power is cut: acks=1 is answered
// before the sync, which takes long.
func appendUnsynced(ctx context.Context, t *testing.T, dir, address string) {
	t.Helper()
	slow := "sync-delay=1h"
	if _, err := control.Do(ctx, filepath.Join(dir, "control.sock"), control.Request{Disk: &slow}); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite(), kgo.DefaultProduceTopic("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 10 {
		if err := client.ProduceSync(ctx, &kgo.Record{Value: fmt.Appendf(nil, "%0*d", 3000, 1)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// powered is a broker until its process is killed.
func powered(t *testing.T, dir string) {
	b := start(t, Config{
		DataDir: filepath.Join(dir, "data"), SegmentBytes: 64 << 10, Flush: partition.Flush(os.Getenv(powerDir + "_FLUSH")),
		Disk: mustParse(t, "lose-unsynced"), Control: filepath.Join(dir, "control.sock"),
	})
	fmt.Println(b.Address())
	<-b.Done()
	t.Fatalf("the broker stopped itself: %v", b.Err())
}

// valuesOf reads a topic of one partition to its end.
func valuesOf(t *testing.T, b *Broker, topic string) (values []string) {
	t.Helper()
	ctx := testContext(t)
	client := newClient(t, b, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	offsets, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	end := int64(0)
	if at, ok := offsets.Lookup(topic, 0); ok && at.Err == nil {
		end = at.Offset
	}
	for int64(len(values)) < end {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}
