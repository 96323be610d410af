package linearize

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/logproof/logproof/verify"
	"github.com/logproof/logproof/verify/history"
)

// Source gives the entries of a history in order, as history.Reader does. One that is an io.Closer is closed.
type Source interface {
	Next() (history.Entry, error)
}

// each reads a whole history. It reports whether the history came to its clean end.
func each(open func() (Source, error), see func(op *history.Operation)) (whole bool, err error) {
	src, err := open()
	if err != nil {
		return false, err
	}
	if c, ok := src.(io.Closer); ok {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	for {
		entry, err := src.Next()
		var torn *history.TornError
		switch {
		case err == io.EOF:
			return true, nil
		case errors.As(err, &torn):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("read the history: %w", err)
		case entry.Operation != nil:
			see(entry.Operation)
		}
	}
}

// survey is what a history is about, and where it is worth a look.
type survey struct {
	places map[history.Partition]*place
	faults []event
	whole  bool
}

// place is one partition.
type place struct {
	appends       int   // acknowledged ones with their offset, the measure of where in the history a moment is
	barrier       int64 // offset of the first acknowledged one; Unset without one
	barrierInvoke history.Time
	scanner       string // who read it from start to end; as verify's ledger has it
	scanned       int64  // offset after the highest one that was scanned
	epoch         int32
	elections     []event
	points        []point
	loose         []loose
	forgot        bool // there were more loose appends than are kept
}

// event is a fault or an election, for pictures.
type event struct {
	from, to history.Time
	text     string
	index    int32 // of the fault
}

// point is a moment worth a look: so many appends of the partition had been acknowledged.
type point struct {
	appends int
	why     string
}

// reached reports whether the final scan came to the barrier: then what it did not show is not there.
func (p *place) reached() bool { return p.barrier != history.Unset && p.scanned > p.barrier }

// look notes that something happened here.
func (p *place) look(why string) {
	if n := len(p.points); n > 0 && p.points[n-1].appends == p.appends {
		if !strings.Contains(p.points[n-1].why, why) {
			p.points[n-1].why += ", " + why
		}
		return
	}
	p.points = append(p.points, point{p.appends, why})
}

// take surveys a history.
func take(open func() (Source, error), outages []verify.Outage) (*survey, error) {
	s := &survey{places: map[history.Partition]*place{}}
	ahead := map[string][]verify.Outage{}
	for _, o := range outages {
		ahead[o.Partition] = append(ahead[o.Partition], o)
	}
	var err error
	s.whole, err = each(open, func(op *history.Operation) {
		if op.Kind == history.Fault {
			s.fault(op)
			return
		}
		for i := range op.Watermarks {
			s.leader(op, &op.Watermarks[i])
		}
		for i := range op.Runs {
			s.run(op, &op.Runs[i])
			name := op.Runs[i].Partition.String()
			if list := ahead[name]; len(list) > 0 && op.Kind == history.Produce && op.Return >= list[0].To {
				s.place(op.Runs[i].Partition).look("outage")
				ahead[name] = list[1:]
			}
		}
	})
	return s, err
}

func (s *survey) place(p history.Partition) *place {
	at := s.places[p]
	if at == nil {
		at = &place{barrier: history.Unset, epoch: -1}
		s.places[p] = at
	}
	return at
}

// fault notes where each partition was when a fault was injected and when it was healed.
func (s *survey) fault(op *history.Operation) {
	name := op.Fault.Fault + " " + op.Fault.Target
	switch op.Fault.Stage {
	case history.Inject:
		s.faults = append(s.faults, event{from: op.Invoke, to: history.Never, text: name, index: op.Fault.Index})
	case history.ProveHealed:
		for i := range s.faults {
			if s.faults[i].index == op.Fault.Index {
				s.faults[i].to = op.Return
			}
		}
	default:
		return
	}
	for _, p := range s.places {
		p.look(name)
	}
}

// leader notes when a leader epoch became known. The first one is no election.
func (s *survey) leader(op *history.Operation, m *history.Watermark) {
	p := s.place(m.Partition)
	if m.LeaderEpoch <= p.epoch {
		return
	}
	if p.epoch >= 0 {
		p.elections = append(p.elections, event{from: op.Return, to: op.Return, text: fmt.Sprintf("leader epoch %d", m.LeaderEpoch)})
		p.look("election")
	}
	p.epoch = m.LeaderEpoch
}

func (s *survey) run(op *history.Operation, run *history.Run) {
	p := s.place(run.Partition)
	switch {
	case run.FirstOffset == history.Unset:
	case op.Kind == history.Produce && op.Outcome == history.OK:
		p.appends++
	case op.Kind == history.Barrier && op.Outcome == history.OK && p.barrier == history.Unset:
		p.barrier, p.barrierInvoke = run.FirstOffset, op.Invoke
	case op.Kind == history.Scan:
		if p.scanner == "" {
			p.scanner = op.Process
		}
		if p.scanner == op.Process {
			p.scanned = max(p.scanned, run.FirstOffset+int64(run.Count))
		}
	}
}
