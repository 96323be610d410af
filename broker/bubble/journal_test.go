//go:build synctests

package bubble_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logproof/logproof/broker"
)

// journal is what the brokers of a cluster say of their lives, with the time of the bubble.
type journal struct {
	mu    sync.Mutex
	lines []line
}

// line is an event of a broker.
type line struct {
	at          time.Time
	node        int32
	name, words string
}

// of gives each broker a logger that writes here.
func (j *journal) of(cfg *broker.Config, node int32) { cfg.Log = slog.New(pen{j, node}) }

// first event of the name at or after a time whose words contain a text.
func (j *journal) first(since time.Time, name, words string) (line, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := slices.IndexFunc(j.lines, func(l line) bool {
		return !l.at.Before(since) && l.name == name && strings.Contains(l.words, words)
	})
	if at < 0 {
		return line{}, false
	}
	return j.lines[at], true
}

// await waits for an event.
func (j *journal) await(t *testing.T, since time.Time, name, words string) line {
	t.Helper()
	for deadline := time.Now().Add(time.Hour); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if l, ok := j.first(since, name, words); ok {
			return l
		}
	}
	t.Fatalf("no event %s %q within an hour", name, words)
	return line{}
}

// controller that decides now.
func (j *journal) controller(t *testing.T) int32 {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range slices.Backward(j.lines) {
		if l.name == "controller-active" {
			return l.node
		}
	}
	t.Fatal("no controller has said that it decides")
	return -1
}

// pen is a slog.Handler that keeps events.
type pen struct {
	journal *journal
	node    int32
}

func (pen) Enabled(context.Context, slog.Level) bool { return true }
func (p pen) WithAttrs([]slog.Attr) slog.Handler     { return p }
func (p pen) WithGroup(string) slog.Handler          { return p }

func (p pen) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "event" {
			p.journal.mu.Lock()
			p.journal.lines = append(p.journal.lines, line{time.Now(), p.node, a.Value.String(), r.Message})
			p.journal.mu.Unlock()
		}
		return true
	})
	return nil
}
