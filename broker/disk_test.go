package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A disk that fails stops the broker, with file and errno in its events. It acknowledges nothing that is not
// synced, marks nothing clean, does not believe the sync after the one that failed, and recovers what it
// had acknowledged.
func TestDiskFails(t *testing.T) {
	for _, c := range []struct{ rules, op, errno, advice string }{
		{"sync-error=now", "sync", "EIO", "the disk fails"},
		{"write-error=now", "write", "EIO", "the disk fails"},
		{"space=1B", "write", "ENOSPC", "make room"},
	} {
		t.Run(c.rules, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cfg := Config{Disk: mustParse(t, "lose-unsynced"), DataDir: filepath.Join(dir, "data")}
			b, ask := controlled(t, cfg)
			events := b.events.Name()
			client := newClient(t, b, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
			var acknowledged []string
			for i := range 50 {
				acknowledged = append(acknowledged, fmt.Sprintf("%d %0100d", i, i))
				if err := client.ProduceSync(testContext(t), &kgo.Record{Value: []byte(acknowledged[i])}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := ask(rules(c.rules)); err != nil {
				t.Fatal(err)
			}
			late := make(chan error, 1)
			client.Produce(testContext(t), &kgo.Record{Value: []byte("never")}, func(_ *kgo.Record, err error) { late <- err })
			select {
			case <-b.Done():
			case <-testContext(t).Done():
				t.Fatal("the broker goes on")
			}
			why := b.Close()
			client.Close() // it gives up what was not acknowledged by then
			if why == nil || !strings.Contains(why.Error(), c.advice) || !strings.Contains(why.Error(), "orders-0") {
				t.Errorf("it stopped because of %v", why)
			}
			if err := <-late; err == nil {
				t.Error("the record that met the failure was acknowledged")
			}
			wantFailure(t, events, c.op, c.errno)
			if left, err := filepath.Glob(filepath.Join(dir, "data", "*", "clean-shutdown")); err != nil || len(left) > 0 {
				t.Errorf("marked clean: %v, %v", left, err)
			}
			b = start(t, Config{DataDir: filepath.Join(dir, "data")})
			defer b.Close()
			have := valuesOf(t, b, "orders")
			if len(have) < len(acknowledged) || strings.Join(have[:len(acknowledged)], "|") != strings.Join(acknowledged, "|") {
				t.Errorf("%d records were acknowledged, %d are there", len(acknowledged), len(have))
			}
		})
	}
}

func wantFailure(t *testing.T, events, op, errno string) {
	t.Helper()
	all := eventsOf(t, events)
	for i, l := range all {
		if l.Event == "disk-failed" {
			if l.Op != op || l.Errno != errno || !strings.HasPrefix(l.File, "orders-0/") || i+1 == len(all) || all[i+1].Event != "node-failed" {
				t.Errorf("%+v, and then %+v", l, all[i+1:])
			}
			return
		}
	}
	t.Errorf("the node has not said that its disk failed: %+v", all)
}

// A broker that is started on a full disk says so, changes nothing, and starts when there is room.
func TestStartOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{DataDir: dir})
	client := newClient(t, b, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
	if err := client.ProduceSync(testContext(t), &kgo.Record{Value: []byte("kept")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	b.Kill()
	if err := os.Remove(filepath.Join(dir, "orders-0", "00000000000000000000.index")); err != nil {
		t.Fatal(err) // so that recovery has something to write
	}
	full, err := Start(testContext(t), Config{DataDir: dir, Listen: "127.0.0.1:0", Disk: mustParse(t, "space=1B")})
	if err == nil || !strings.Contains(err.Error(), "make room") {
		if full != nil {
			full.Close()
		}
		t.Fatalf("on a full disk: %v", err)
	}
	b = start(t, Config{DataDir: dir})
	defer b.Close()
	if have := valuesOf(t, b, "orders"); len(have) != 1 || have[0] != "kept" {
		t.Errorf("%q", have)
	}
}
