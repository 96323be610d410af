package canary

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/logproof/logproof/broker"
	"github.com/logproof/logproof/broker/env/mem"
)

// corruptMessage is Kafka's error code CORRUPT_MESSAGE.
const corruptMessage = 2

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// served is a broker with the topic orders, of which it leads the only partition.
func served(t *testing.T) string {
	t.Helper()
	b, err := broker.Start(soon(t), broker.Config{FS: mem.New(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Address()), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.ProduceSync(soon(t), kgo.StringRecord("hello")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return b.Address()
}

// silent accepts connections, reads and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			go io.Copy(io.Discard, conn)
		}
	}()
	return ln.Addr().String()
}

func newCanary(t *testing.T, address string, q Question) *Canary {
	t.Helper()
	c, err := New(soon(t), address, q)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What is asked is answered, and what a canary would write is refused: the log stays as it was.
func TestQuestionsAreAnsweredAndChangeNothing(t *testing.T) {
	address := served(t)
	for _, api := range []string{"Fetch", "ListOffsets", "Metadata", "ApiVersions", "Produce"} {
		q := Question{API: api, Topic: "orders"}
		for range 2 {
			answer, err := newCanary(t, address, q).Ask(soon(t), address)
			if err != nil || answer.Copies != 1 || answer.Took <= 0 || len(answer.Codes) == 0 {
				t.Errorf("%s: %+v, %v", api, answer, err)
			}
			if api == "Produce" && !slices.Contains(answer.Codes, corruptMessage) {
				t.Errorf("the broken batch got %v; want %d", answer.Codes, corruptMessage)
			}
			if api == "Metadata" && !slices.Equal(answer.Topics, []string{"orders"}) {
				t.Errorf("Metadata names %v", answer.Topics)
			}
		}
	}
	for _, api := range []string{"DeleteTopics", "Nonsense"} {
		if _, err := New(soon(t), address, Question{API: api}); err == nil || !strings.Contains(err.Error(), "no canary of "+api) {
			t.Errorf("a canary of %s: %v", api, err)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if records := client.PollFetches(soon(t)).Records(); len(records) != 1 {
		t.Errorf("the log has %d records; want the one that was there", len(records))
	}
}

func TestABatchThatIsWholeIsTaken(t *testing.T) {
	address := served(t)
	whole, err := NewWrite(soon(t), address, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := whole.Ask(soon(t), address); err != nil || slices.ContainsFunc(answer.Codes, func(code int16) bool { return code != 0 }) {
		t.Errorf("%+v, %v: so a batch that is refused is not refused for its checksum", answer, err)
	}
}

func TestSilenceIsTold(t *testing.T) {
	address, quiet := served(t), silent(t)
	c := newCanary(t, address, Question{API: "Metadata"})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if answer, err := c.Ask(ctx, quiet); !errors.Is(err, ErrSilent) {
		t.Errorf("Ask = %+v, %v; want silence", answer, err)
	}
	if answer, err := c.Copies(soon(t), address); err != nil || answer.Copies != 1 {
		t.Errorf("Copies = %+v, %v; want one", answer, err)
	}
}

func TestGarbageEndsTheConnection(t *testing.T) {
	conn, err := Dial(soon(t), served(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := conn.Ended(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before: %v; want it open", err)
	}
	if err := conn.Garbage(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ended(soon(t)); errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after: %v; want its end", err)
	}
}

func TestVolumes(t *testing.T) {
	address := served(t)
	for name, move := range map[string]func(context.Context, string, Volume) (int, time.Duration, error){"up": Upload, "down": Download} {
		for _, bytes := range []int{1, 500, 200_000} {
			if moved, took, err := move(soon(t), address, Volume{Bytes: bytes}); err != nil || moved < bytes || moved > 10*bytes+roomiest+1000 || took <= 0 {
				t.Errorf("%s %d bytes: %d in %v, %v", name, bytes, moved, took, err)
			}
		}
	}
}

// Who throws away takes everything; who does not read takes what fits into buffers.
func TestFill(t *testing.T) {
	conn, err := Dial(soon(t), silent(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if taken, full, err := conn.Fill(soon(t), 1<<20, time.Second); err != nil || full || taken < 1<<20 {
		t.Errorf("one that reads took %d, full %v, %v", taken, full, err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() // nobody accepts: the kernel does, and nobody reads
	stuck, err := Dial(soon(t), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	if taken, full, err := stuck.Fill(soon(t), 64<<20, 50*time.Millisecond); err != nil || !full {
		t.Errorf("one that does not read took %d, full %v, %v", taken, full, err)
	}
}
