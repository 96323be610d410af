package log

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/log/clean"
)

// cleanBytes of a log are read by one Step, or one batch that is larger.
const cleanBytes = 1 << 20

// group is neighbouring segments that become one.
type group struct {
	sources []*segment
	size    int64
	// out is what they become. aborts are the aborted transactions whose markers are in the sources, markers the
	// offsets of those that stay.
	out     *segment
	aborts  []Aborted
	markers map[int64]bool
	// next of the sources is read at present; gone is the run of batches before it of which nothing stays.
	next    int
	gone    gone
	written bool
}

// gone is a run of batches of one leader epoch of which nothing stays; last is -1 if there is none.
type gone struct {
	first, last int64
	epoch       int32
	youngest    int64
}

// create makes the files of what a group becomes.
func (g *group) create(l *Log) error {
	s := newSegment(l.dir, g.sources[0].base)
	g.out, g.markers, g.gone.last = s, map[int64]bool{}, -1
	s.name += cleanedSuffix
	for _, e := range s.indexes() {
		e.name += cleanedSuffix
	}
	var err error
	if s.file, err = createEmpty(l.fs, s.name); err != nil {
		return err
	}
	return s.createIndexes(l.fs)
}

// forget removes the files of what a group would have become.
func (g *group) forget(files env.FS) {
	if g.out == nil {
		return
	}
	_ = files.Remove(g.out.name) // the next Open removes what is left
	for _, e := range g.out.indexes() {
		_ = files.Remove(e.name)
	}
}

func (g *group) release() {
	for _, s := range g.sources {
		s.release()
	}
	if g.out != nil && g.out.file != nil {
		g.out.release()
	}
	g.sources, g.out = nil, nil
}

// Step does a part of a pass, on any goroutine; Advance must follow, or StopClean after an error. A CorruptError says
// that a segment is not as it was written; other errors are the disk's, or a batch's that cannot be taken apart.
func (c *Cleaning) Step() error {
	if c.mapped {
		return c.write(c.groups[0])
	}
	return c.chart()
}

// read gives the next whole batches of a segment; none are left if it is empty.
func (c *Cleaning) read(s *segment) ([]byte, error) {
	if c.offset < 0 {
		c.at, c.offset = 0, s.base
	}
	if c.at >= s.size {
		c.offset = -1
		return nil, nil
	}
	slice := Slice{
		segment: s, position: c.at, found: true, limit: s.size, wanted: c.offset, bound: s.end, most: cleanBytes,
		verify: true, epochs: c.epochs, start: c.start,
	}
	b, err := slice.AppendTo(c.buf[:0])
	if err != nil {
		return nil, err
	}
	c.buf = b
	c.at += int64(len(b))
	for rest := b; len(rest) > 0; rest = rest[batch.View(rest).Length():] {
		c.offset = firstOf(rest).LastOffset() + 1
	}
	return b, nil
}

// chart notes the keys of the next part of what is dirty.
func (c *Cleaning) chart() error {
	b, err := c.read(c.dirty[0])
	if err != nil {
		return err
	}
	for rest := b; len(rest) > 0; rest = rest[batch.View(rest).Length():] {
		v := firstOf(rest)
		if v.LastOffset() < c.need.From {
			continue
		}
		full, err := clean.Note(c.filter.Offsets, v, c.need.From, c.isAborted(v), c.filter.Codecs)
		if err != nil {
			return fmt.Errorf("%s: offset %d: %w", c.dirty[0].name, v.BaseOffset(), err)
		}
		if full {
			c.charted(true)
			return nil
		}
	}
	if len(b) == 0 {
		c.dirty[0].release()
		if c.dirty = c.dirty[1:]; len(c.dirty) == 0 {
			c.charted(false)
		}
	}
	return nil
}

// charted ends the first half of a pass.
func (c *Cleaning) charted(full bool) {
	for _, s := range c.dirty {
		s.release()
	}
	c.dirty, c.mapped, c.offset = nil, true, -1
	c.result.Keys, c.result.Full = c.filter.Offsets.Keys(), full
}

// write writes what stays of the next part of a group.
func (c *Cleaning) write(g *group) error {
	b, err := c.read(g.sources[g.next])
	if err != nil {
		return err
	}
	var out []byte
	for rest := b; len(rest) > 0; rest = rest[batch.View(rest).Length():] {
		v := firstOf(rest)
		kept, err := c.filter.Batch(v)
		if err != nil {
			return fmt.Errorf("%s: offset %d: %w", g.sources[g.next].name, v.BaseOffset(), err)
		}
		if kept == nil {
			out = g.drop(out, v)
			continue
		}
		if kept.IsControl() {
			g.markers[kept.LastOffset()] = true
		}
		out = append(g.fill(out), kept...)
	}
	if len(b) == 0 {
		if g.next++; g.next == len(g.sources) {
			return c.finish(g)
		}
	}
	return g.append(out, c.interval)
}

// drop notes that nothing of a batch stays.
func (g *group) drop(out []byte, v batch.View) []byte {
	r := &g.gone
	if r.last >= 0 && r.epoch == v.LeaderEpoch() {
		r.last, r.youngest = v.LastOffset(), max(r.youngest, v.MaxTimestamp())
		return out
	}
	out = g.fill(out)
	*r = gone{v.BaseOffset(), v.LastOffset(), v.LeaderEpoch(), v.MaxTimestamp()}
	return out
}

// fill adds the filler for what has gone.
func (g *group) fill(out []byte) []byte {
	if r := g.gone; r.last >= 0 {
		out = append(out, batch.Filler(r.first, r.last, r.epoch, r.youngest)...)
		g.gone.last = -1
	}
	return out
}

// append writes batches at the end of what a group becomes.
func (g *group) append(batches []byte, interval int) error {
	s := g.out
	if s.size+int64(len(batches)) > math.MaxInt32 {
		return fmt.Errorf("%s: more than %d bytes are left of a segment: it cannot be compacted", s.name, math.MaxInt32)
	}
	if _, err := s.file.WriteAt(batches, s.size); err != nil {
		return fmt.Errorf("write %s: %w", s.name, err)
	}
	for len(batches) > 0 {
		v := firstOf(batches)
		s.note(v, interval)
		batches = batches[len(v):]
	}
	return nil
}

// finish completes what a group becomes, and makes it durable.
func (c *Cleaning) finish(g *group) error {
	s := g.out
	if err := g.append(g.fill(nil), c.interval); err != nil {
		return err
	}
	if end := g.sources[len(g.sources)-1].end; s.end != end {
		return fmt.Errorf("%s: compaction ends at offset %d, want %d", s.name, s.end, end)
	}
	s.noteTime()
	if err := errors.Join(s.offsets.flush(), s.times.flush()); err != nil {
		return err
	}
	if err := errors.Join(s.file.Sync(), s.offsets.sync(), s.times.sync()); err != nil {
		return fmt.Errorf("sync %s: %w", s.name, err)
	}
	g.written = true
	c.result.Before.Segments += int64(len(g.sources))
	c.result.Before.Bytes += g.size
	c.result.After.Segments++
	c.result.After.Bytes += s.size
	c.result.Before.Records, c.result.After.Records = c.filter.Records, c.filter.Kept
	return nil
}

// indexes of a segment.
func (s *segment) indexes() []*entryFile {
	return []*entryFile{&s.offsets.entryFile, &s.times.entryFile, &s.aborts.entryFile}
}

// replaces reports whether the sources of a group are still the log's, and whole.
func (l *Log) replaces(g *group) (at int, ok bool) {
	at = slices.Index(l.segments, g.sources[0])
	if at < 0 || at+len(g.sources) >= len(l.segments) {
		return at, false
	}
	now := l.segments[at : at+len(g.sources)]
	return at, slices.Equal(now, g.sources) && !slices.ContainsFunc(now, func(s *segment) bool { return s.damage != nil })
}
