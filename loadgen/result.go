package loadgen

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/logproof/logproof/loadgen/pace"
	"github.com/logproof/logproof/verify/history"
)

// Snapshot is the state of a load that runs. Its counters were read one after the other: their
// equations hold only in Accounting.
type Snapshot struct {
	Intended, Sent, Dropped uint64
	Acked, Failed, Unknown  uint64
	// InFlight records were sent and are not answered.
	InFlight int64
	// Received by all live readers, duplicates included, and processed by the members of all groups.
	Received, Processed uint64
	// AckedLastSecond counts acknowledgements in the ten whole tenths of a second before now; of producers that ask for
	// none it counts what they sent.
	AckedLastSecond uint64
	// Response time from the intended time to the acknowledgement, of all records so far.
	Response Latency
}

// Snapshot returns the live counters. It takes a fraction of a millisecond.
func (g *Generator) Snapshot() Snapshot {
	g.mu.Lock()
	step, s := g.mu.step, Snapshot{Intended: g.mu.intended}
	started, scheduled := g.mu.started, g.mu.stopped == 0
	g.mu.Unlock()
	if step < stepLoading {
		return s // the producers may be under construction
	}
	now := g.cfg.Recorder.Now()
	for _, p := range g.load {
		s.Sent += p.sender.sent.Load()
		s.Dropped += p.sender.dropped.Load()
		s.InFlight += p.producer.InFlight()
		p.settled.mu.Lock()
		s.Acked += p.settled.acked
		s.Failed += p.settled.failed
		s.Unknown += p.settled.unknown
		s.AckedLastSecond += p.settled.last.sum(now)
		s.Response.merge(&p.settled.response)
		p.settled.mu.Unlock()
	}
	if scheduled {
		// Asked last: what was sent was intended before.
		s.Intended = pace.Constant(g.cfg.Rate).Due(time.Duration(g.cfg.Recorder.Now() - started))
	}
	for _, r := range g.allReaders() {
		r.received.mu.Lock()
		s.Received += r.received.records
		r.received.mu.Unlock()
	}
	for _, one := range g.allGroups() {
		s.Processed += one.account().Processed
	}
	return s
}

// Result of a load. It is final after StopLoad and StopReaders.
type Result struct {
	Accounting Accounting
	// Response is acknowledgement minus intended time, the headline; Service acknowledgement minus
	// call; both of acknowledged records. Slip is call minus intended time of all sent records.
	Response, Service, Slip Latency
	// EndToEnd is receipt by a live reader minus intended time, of each reader's unique records.
	EndToEnd Latency
	// Acked counts acknowledgements over time.
	Acked Series
	// Started and Stopped bound the schedule on the run's clock.
	Started, Stopped history.Time
	// LastAck is when the last acknowledgement came, which may be after the schedule ended.
	LastAck history.Time
	// StartedAt and StoppedAt are the same on the calendar.
	StartedAt, StoppedAt time.Time
	// Transactions of producers and of members that transform.
	Transactions Transactions
	// Attempts and Connections as the tap saw them; Tap is why some are missing, or nil.
	Attempts    uint64
	Connections int64
	Tap         error
}

// Result returns what the load came to.
func (g *Generator) Result() Result {
	g.mu.Lock()
	r := Result{Started: g.mu.started, Stopped: g.mu.stopped, StartedAt: g.mu.startedAt, StoppedAt: g.mu.stoppedAt}
	r.Accounting.Intended = g.mu.intended
	scan := g.mu.scan
	g.mu.Unlock()
	r.Acked.Start = r.Started
	for _, p := range g.load {
		r.add(p)
	}
	for _, reader := range g.allReaders() {
		r.Accounting.Readers = append(r.Accounting.Readers, reader.received.account())
		latency := reader.received.latency()
		r.EndToEnd.merge(&latency)
	}
	for _, one := range g.allGroups() {
		r.Accounting.Groups = append(r.Accounting.Groups, one.account())
	}
	if scan != nil {
		r.Accounting.Readers = append(r.Accounting.Readers, scan.account())
	}
	r.Transactions = g.transactions()
	r.Attempts, r.Connections, r.Tap = g.shared.Tap.Attempts(), g.shared.Tap.Connections(), g.shared.Tap.Broken()
	return r
}

// add adds one producer.
func (r *Result) add(p *producing) {
	r.Accounting.Sent += p.sender.sent.Load()
	r.Accounting.Dropped += p.sender.dropped.Load()
	p.settled.mu.Lock()
	defer p.settled.mu.Unlock()
	r.Accounting.Acked += p.settled.acked
	r.Accounting.Failed += p.settled.failed
	r.Accounting.Unknown += p.settled.unknown
	r.Accounting.Aborted += p.settled.aborted
	r.Response.merge(&p.settled.response)
	r.Service.merge(&p.settled.service)
	r.Slip.merge(&p.settled.slip)
	r.Acked.merge(&p.settled.series)
	r.LastAck = max(r.LastAck, p.settled.lastAck)
}

// Identity checks the accounting, and that every record that was counted was also measured.
func (r Result) Identity() error {
	errs := []error{r.Accounting.Identity()}
	same := func(what string, measured, counted uint64) {
		if measured != counted {
			errs = append(errs, fmt.Errorf("%s: %d records are measured and %d counted", what, measured, counted))
		}
	}
	same("response time", r.Response.Count()+r.Response.Negative(), r.Accounting.Acked)
	same("service time", r.Service.Count()+r.Service.Negative(), r.Accounting.Acked)
	same("slip", r.Slip.Count()+r.Slip.Negative(), r.Accounting.Sent)
	same("acknowledgements over time", r.Acked.Total(), r.Accounting.Acked)
	for _, reader := range r.Accounting.Readers {
		if reader.Live {
			same(reader.Process+" end to end", reader.Measured+reader.Negative, reader.Unique)
		}
	}
	return errors.Join(errs...)
}

// AckedOver is the time in which the records were acknowledged: from the start of the schedule to its
// end or, if that came later, to the last acknowledgement. A cluster that is behind when the load ends
// gets no rate for what it does afterwards.
func (r Result) AckedOver() time.Duration {
	return max(0, time.Duration(max(r.Stopped, r.LastAck)-r.Started))
}

// WriteHistograms writes response.hlog, service.hlog, slip.hlog and end_to_end.hlog into the folder, in
// the HdrHistogram log format with V2 encoding: one interval for the whole load, tagged with the name
// of the file, values in nanoseconds. A load that was never started leaves no files: it has no time either,
// without which such a file cannot be read.
func (r Result) WriteHistograms(dir string) error {
	if r.StartedAt.IsZero() {
		return nil
	}
	for _, m := range []struct {
		name    string
		latency Latency
	}{{"response", r.Response}, {"service", r.Service}, {"slip", r.Slip}, {"end_to_end", r.EndToEnd}} {
		path := filepath.Join(dir, m.name+".hlog")
		if err := r.writeHistogram(path, m.name, m.latency); err != nil {
			return fmt.Errorf("cannot write histogram %s: %w", path, err)
		}
	}
	return nil
}

func (r Result) writeHistogram(path, tag string, latency Latency) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := latency.Histogram()
	h.SetTag(tag)
	h.SetStartTimeMs(r.StartedAt.UnixMilli())
	h.SetEndTimeMs(r.StoppedAt.UnixMilli())
	w := hdrhistogram.NewHistogramLogWriter(f)
	for _, write := range []func() error{
		func() error { return w.OutputComment("[Values in nanoseconds, Interval_Max in milliseconds]") },
		w.OutputLogFormatVersion,
		func() error { return w.OutputStartTime(r.StartedAt.UnixMilli()) },
		w.OutputLegend,
		func() error { return w.OutputIntervalHistogram(h) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}
