package command

import (
	"strings"
	"testing"
	"time"
)

func TestProgressWithoutTerminal(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out)
	at := p.began
	p.now = func() time.Time { return at }
	p.Event("phase", "warm-up")
	for range 12 {
		at = at.Add(time.Second)
		p.Status("5,000 records/s")
	}
	p.Done()
	want := "   0.0s  phase    warm-up\n   5.0s  load     5,000 records/s\n  10.0s  load     5,000 records/s\n"
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}

func TestProgressRedrawsOnTerminal(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out)
	p.terminal = true
	p.now = func() time.Time { return p.began }
	p.width = func() int { return 13 }
	p.Status("one")
	p.Status("two words")
	p.Event("fault", "kill")
	want := "   0.0s  one\r\x1b[2K   0.0s  two\r\x1b[2K   0.0s  fault    kill\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}
