package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// bench is one run over all cases.
type bench struct {
	options
	dir                       string
	ours, synced, three, peer system
}

// compare runs every case on every system, taking turns, and makes the lines of the table.
func (b bench) compare(ctx context.Context) ([]line, error) {
	var lines []line
	for _, l := range loads {
		if !strings.Contains(l.name, b.only) {
			continue
		}
		var mine, theirs, synced, three samples
		for i := range b.repeats {
			turns := []turn{{b.ours, &mine, "none"}, {b.peer, &theirs, ""}}
			if l.synced {
				turns = append(turns, turn{b.synced, &synced, "commit"})
			}
			if l.replicated {
				turns = append(turns, turn{b.three, &three, "none-rf3"})
			}
			for j := range turns {
				t := turns[(i+j)%len(turns)] // nobody is always first
				fmt.Fprintf(os.Stderr, "%s, %d of %d: %s %s\n", l.name, i+1, b.repeats, t.system.name, t.flush)
				if err := b.measure(ctx, t, l); err != nil {
					return nil, fmt.Errorf("%s, %s %s: %w", l.name, t.system.name, t.flush, err)
				}
			}
		}
		lines = append(lines,
			compared(l.name, "produce", mine.produce, theirs.produce, floorPeer),
			compared(l.name, "consume", mine.consume, theirs.consume, floorPeer))
		if l.synced {
			lines = append(lines, compared(l.name, "produce, commit : none", synced.produce, mine.produce, floorSync))
		}
		if l.replicated {
			lines = append(lines, compared(l.name, "produce, RF 3 : RF 1", three.produce, mine.produce, floorThree))
		}
	}
	if lines == nil {
		return nil, fmt.Errorf("%w: no case contains %q", errUsage, b.only)
	}
	return lines, nil
}

// turn is one system's measurement within a repeat.
type turn struct {
	system system
	into   *samples
	flush  string
}

// compared makes a line of the table.
func compared(name, what string, ours, other []rate, floor float64) line {
	return line{name, what, medianRate(ours), medianRate(other), ratios(ours, other), floor}
}

// measure starts the system on fresh files, produces, consumes, and removes everything.
func (b bench) measure(ctx context.Context, t turn, l load) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*b.limits.duration+time.Minute)
	defer cancel()
	profiled := b.profile != "" && t.flush != ""
	p, err := start(ctx, t.system, b.dir, profiled)
	if err != nil {
		return err
	}
	defer func() {
		stopped := p.stop()
		if err != nil {
			err = fmt.Errorf("%w; the broker said:\n%s", err, tail(p.log.String()))
		}
		err = errors.Join(err, stopped)
	}()
	if err := createTopic(ctx, p.address, t.system.nodes); err != nil {
		return err
	}
	var records int64
	err = b.profiling(ctx, p, l, t.flush, "produce", func() (err error) {
		var r rate
		r, records, err = produce(ctx, p.address, l, b.limits)
		t.into.produce = append(t.into.produce, r)
		return err
	})
	if err != nil {
		return err
	}
	return b.profiling(ctx, p, l, t.flush, "consume", func() error {
		r, err := consume(ctx, p.address, l, records)
		t.into.consume = append(t.into.consume, r)
		return err
	})
}

// idle starts our broker on empty files several times: memory at rest, and time to the first answer.
func (b bench) idle(ctx context.Context) ([]limit, error) {
	var resident, answered []float64
	for range startRounds {
		p, err := start(ctx, b.ours, b.dir, false)
		if err != nil {
			return nil, err
		}
		time.Sleep(500 * time.Millisecond) // let it come to rest
		bytes, err := p.residentBytes()
		if err := errors.Join(err, p.stop()); err != nil {
			return nil, err
		}
		resident = append(resident, bytes/1e6)
		answered = append(answered, p.answered.Seconds()*1000)
	}
	return []limit{
		{"memory of our idle broker, median of 5", median(resident), idleMax / 1e6, "MB"},
		{"start of our broker to its first answer, median of 5", median(answered), startMax * 1000, "ms"},
	}, nil
}
