package loadgen

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/verify/history"
)

// StopGroups lets the members of the groups process every partition up to its barrier, leave, and asks each
// group for the positions that it keeps. When ctx ends they leave where they are, and the error says what was
// not processed.
func (g *Generator) StopGroups(ctx context.Context) error {
	if err := g.enter("stop the groups", stepLoaded, stepLoaded); err != nil {
		return err
	}
	var errs []error
	for _, one := range g.allGroups() {
		if !one.cfg.transforms() { // those have left
			errs = append(errs, one.drain(ctx, g.marks))
		}
		errs = append(errs, one.end(ctx))
	}
	if len(g.groups) > 0 {
		errs = append(errs, g.unmarked("groups"))
	}
	return errors.Join(errs...)
}

// StopLoad ends the schedules and waits until every record that was sent is acknowledged or failed.
// When ctx ends first it gives up the rest, which is settled as failed or unknown, and the error says
// how many records that are. The readers go on.
func (g *Generator) StopLoad(ctx context.Context) error {
	if err := g.enter("stop the load", stepLoading, stepLoaded); err != nil {
		return err
	}
	close(g.stop)
	g.sending.Wait()
	stopped := g.cfg.Recorder.Now()
	var intended uint64
	for _, p := range g.load {
		intended += p.sender.intended
	}
	errs := make([]error, len(g.load))
	var draining sync.WaitGroup
	for i, p := range g.load {
		draining.Go(func() { errs[i] = p.producer.Drain(ctx) })
	}
	draining.Wait()
	g.mu.Lock()
	g.mu.intended, g.mu.stopped, g.mu.stoppedAt = intended, stopped, time.Now()
	g.mu.Unlock()
	return errors.Join(errs...)
}

// Barrier writes one barrier record to every partition that producers write, and tries again until each is
// acknowledged or ctx ends; the error names the partitions that have none. Where members of groups write what they
// make of that, they process it up to the barriers then and leave, and the partitions that they write get theirs.
func (g *Generator) Barrier(ctx context.Context) error {
	if err := g.enter("write barriers", stepLoaded, stepLoaded); err != nil {
		return err
	}
	err := g.mark(ctx, g.loaded)
	if err != nil || len(g.loaded) == len(g.targets) {
		return err
	}
	var written []client.Target
	var errs []error
	for _, one := range g.allGroups() {
		if one.cfg.transforms() {
			errs = append(errs, one.drain(ctx, g.marks))
			one.close()
			written = append(written, one.cfg.written(g.targets)...)
		}
	}
	// What the members left open is ended by its timeout at the latest; the barrier stands behind it then.
	errs = append(errs, client.WaitStable(ctx, g.shared, written))
	return errors.Join(append(errs, g.mark(ctx, written))...)
}

// mark writes barriers.
func (g *Generator) mark(ctx context.Context, targets []client.Target) error {
	marks, err := client.WriteBarriers(ctx, client.BarrierConfig{Shared: g.shared, Targets: targets, RecordSize: g.cfg.RecordSize, Keyed: g.cfg.Producer.Keys.Count > 0})
	if g.marks == nil {
		g.marks = map[history.Partition]client.Mark{}
	}
	maps.Copy(g.marks, marks)
	return err
}

// Scan reads every partition from its start to its barrier with a client of its own. Where anybody writes in
// transactions it is raw, with all that was aborted and the markers of how transactions ended, and another client
// reads beside it what is committed. The error names the partitions that were not read so far, and why.
func (g *Generator) Scan(ctx context.Context) error {
	if err := g.enter("scan", stepLoaded, stepLoaded); err != nil {
		return err
	}
	got, raw := newReceived("scan", false), g.cfg.transactional()
	g.mu.Lock()
	g.mu.scan = got
	g.mu.Unlock()
	err := g.scan(ctx, got, history.Scan, history.ReadUncommitted, raw)
	if raw {
		err = errors.Join(err, g.scan(ctx, newReceived(history.ScanCommitted, false), history.Fetch, history.ReadCommitted, false))
	}
	return errors.Join(err, g.unmarked("scan"))
}

// Tour reads every partition from its start to its barrier under a name that begins with history.TourPrefix: as the
// replicas have it that lead now. It may be called often, before the Scan.
func (g *Generator) Tour(ctx context.Context, name string) error {
	if err := g.enter("tour", stepLoaded, stepLoaded); err != nil {
		return err
	}
	return g.scan(ctx, newReceived(history.TourPrefix+name, false), history.Fetch, history.ReadUncommitted, g.cfg.transactional())
}

// Undecided waits until no transaction is open in any partition: then what is read committed is all there is. When ctx
// ends the error names the partitions where one is.
func (g *Generator) Undecided(ctx context.Context) error {
	if err := g.enter("wait for transactions", stepLoaded, stepLoaded); err != nil || !g.cfg.transactional() {
		return err
	}
	return client.WaitStable(ctx, g.shared, g.loaded)
}

// scan reads every partition from its start to its barrier.
func (g *Generator) scan(ctx context.Context, got *received, kind history.Kind, isolation history.Isolation, raw bool) error {
	spec := g.cfg.Reader
	spec.Isolation, spec.AsksForAll = isolation, false
	reader, err := client.NewReader(client.ReaderConfig{
		Shared: g.shared, Process: got.process, Kind: kind, Targets: g.targets, Spec: spec, Raw: raw, Received: got.receive,
	})
	if err != nil {
		return err
	}
	defer reader.Close()
	reader.Until(maps.Clone(g.marks))
	return reader.Run(ctx)
}

// unmarked says which partitions have no barrier to read to, or nil.
func (g *Generator) unmarked(who string) error {
	if missing := len(g.targets) - len(g.marks); missing > 0 {
		return fmt.Errorf("%s: %d of %d partitions have no acknowledged barrier and were not read to their end", who, missing, len(g.targets))
	}
	return nil
}

// StopReaders lets the live readers read every partition up to its barrier and ends them; when ctx
// ends they stop where they are, and the error names what they did not reach.
func (g *Generator) StopReaders(ctx context.Context) error {
	if err := g.enter("stop the readers", stepLoaded, stepLoaded); err != nil {
		return err
	}
	readers := g.allReaders()
	for _, r := range readers {
		r.reader.Until(maps.Clone(g.marks))
	}
	abandon := context.AfterFunc(ctx, g.cancel)
	defer abandon()
	var errs []error
	for _, r := range readers {
		<-r.done
		errs = append(errs, r.err)
	}
	if len(readers) > 0 {
		errs = append(errs, g.unmarked("readers"))
	}
	return errors.Join(errs...)
}

// Close ends every client. It may be called at any step and again; what is still in flight is settled
// as failed or unknown.
func (g *Generator) Close() {
	g.closeOnce.Do(func() {
		g.mu.Lock()
		loading := g.mu.step == stepLoading
		g.mu.Unlock()
		if loading {
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			// The caller closes without waiting: that records are given up is what was asked for.
			_ = g.StopLoad(ended)
		}
		if g.cancel != nil {
			g.cancel()
		}
		for _, r := range g.allReaders() {
			if g.cancel != nil {
				<-r.done
			}
			r.reader.Close()
		}
		for _, one := range g.allGroups() {
			one.close()
		}
		for _, p := range g.load {
			_ = p.producer.Close() // a promise that is missing shows in Identity
		}
	})
}
