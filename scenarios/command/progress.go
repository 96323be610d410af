package command

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// progress tells a person on stderr what a run is doing: a line for each phase and event, and on a
// terminal one more line that is redrawn. Elsewhere nothing is redrawn: a log stays readable.
type progress struct {
	out      io.Writer
	terminal bool
	colour   bool
	mu       struct {
		sync.Mutex
		drawn bool
		last  time.Time
	}
	began time.Time
	now   func() time.Time
	// width of the terminal now, 0 if it is not known.
	width func() int
}

// quietStatus is how often a status is printed where it cannot be redrawn.
const quietStatus = 5 * time.Second

func newProgress(out io.Writer) *progress {
	terminal := isTerminal(out)
	p := &progress{out: out, terminal: terminal, colour: terminal && os.Getenv("NO_COLOR") == "", now: time.Now, width: func() int { return terminalWidth(out) }}
	p.began = p.now()
	p.mu.last = p.began
	return p
}

// isTerminal reports whether out is a terminal that can redraw a line.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// terminalWidth is the width of a terminal in characters, and 0 for what is none.
func terminalWidth(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok || !isTerminal(out) {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// Event prints a line that stays.
func (p *progress) Event(kind, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	if p.colour {
		kind = "\x1b[1m" + kind + "\x1b[0m" + strings.Repeat(" ", max(0, 8-len(kind)))
	}
	fmt.Fprintf(p.out, "%6.1fs  %-8s %s\n", p.now().Sub(p.began).Seconds(), kind, text)
}

// Status shows how things are now: redrawn on a terminal, now and then elsewhere.
func (p *progress) Status(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.terminal {
		p.erase()
		fmt.Fprint(p.out, cut(fmt.Sprintf("%6.1fs  %s", now.Sub(p.began).Seconds(), text), p.width()))
		p.mu.drawn = true
		return
	}
	if now.Sub(p.mu.last) >= quietStatus {
		p.mu.last = now
		fmt.Fprintf(p.out, "%6.1fs  %-8s %s\n", now.Sub(p.began).Seconds(), "load", text)
	}
}

// cut shortens a line to less than the terminal's width: one that wraps could not be erased.
func cut(line string, width int) string {
	if runes := []rune(line); width > 1 && len(runes) >= width {
		return string(runes[:width-1])
	}
	return line
}

// Done removes the line that is redrawn.
func (p *progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

func (p *progress) erase() {
	if p.mu.drawn {
		fmt.Fprint(p.out, "\r\x1b[2K")
		p.mu.drawn = false
	}
}
