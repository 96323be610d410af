package loadgen

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/logproof/logproof/loadgen/client"
	"github.com/logproof/logproof/verify/history"
)

// incarnations is one producer of the schedule and the clients that it has been, of which the last may have
// crashed:
//
//	schedule ──> producer-0 ✝   producer-0.1 ✝   producer-0.2
//
// A client that comes back knows nothing of the one before: it has another number in payloads and another
// name, and order is promised within each alone. What one that crashed had in flight is settled as failed or
// unknown.
type incarnations struct {
	open func(incarnation int) (*client.Producer, error)

	mu      sync.Mutex
	all     []*client.Producer
	crashed bool
}

// newIncarnations opens the first client.
func newIncarnations(open func(int) (*client.Producer, error)) (*incarnations, error) {
	first, err := open(0)
	if err != nil {
		return nil, err
	}
	return &incarnations{open: open, all: []*client.Producer{first}}, nil
}

// Send gives the client the next record. It is false, and nothing happened, while the client cannot take one,
// as it has crashed.
func (i *incarnations) Send(target int, intended history.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return !i.crashed && i.all[len(i.all)-1].Send(target, intended)
}

// crash ends the client where it stands.
func (i *incarnations) crash() error {
	i.mu.Lock()
	already, last := i.crashed, i.all[len(i.all)-1]
	i.crashed = true
	i.mu.Unlock()
	if already {
		return errors.New("it has crashed already")
	}
	return last.Close()
}

// revive opens another client after a crash.
func (i *incarnations) revive() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.crashed {
		return errors.New("it has not crashed")
	}
	next, err := i.open(len(i.all))
	if err != nil {
		return err
	}
	i.all, i.crashed = append(i.all, next), false
	return nil
}

// clients lists all that it has been.
func (i *incarnations) clients() []*client.Producer {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]*client.Producer(nil), i.all...)
}

// InFlight is the number of records that were sent and not answered.
func (i *incarnations) InFlight() (sum int64) {
	for _, p := range i.clients() {
		sum += p.InFlight()
	}
	return sum
}

// Drain waits until every record that was sent is settled; see client.Producer.
func (i *incarnations) Drain(ctx context.Context) error {
	clients := i.clients()
	return clients[len(clients)-1].Drain(ctx) // the others are closed
}

// Close ends the client, and settles what is still in flight.
func (i *incarnations) Close() error {
	var errs []error
	for _, p := range i.clients() {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// incarnationName is the name of a client that crashed so often before.
func incarnationName(name string, crashes int) string {
	if crashes == 0 {
		return name
	}
	return fmt.Sprintf("%s.%d", name, crashes)
}

// Crash ends a client where it stands, by its number among ClientNames, while the load runs: what a producer
// has in flight is left to itself, a reader stops, and a member of a group falls silent without leaving it.
// Revive starts another in its place: a producer goes on with the schedule, a reader begins again at the
// start, and a member joins its group.
func (g *Generator) Crash(number int) error {
	return g.onClient("crash", number, (*incarnations).crash, func(r *reading) error {
		if r.crashed {
			return errors.New("it has crashed already")
		}
		r.crashed = true
		r.cancel()
		<-r.done
		r.reader.Close()
		return nil
	}, (*group).crash)
}

// Revive starts a client that Crash ended.
func (g *Generator) Revive(number int) error {
	return g.onClient("revive", number, (*incarnations).revive, func(r *reading) error {
		if !r.crashed {
			return errors.New("it has not crashed")
		}
		next, err := g.newReading(r.name, r.incarnation+1)
		if err != nil {
			return err
		}
		g.mu.Lock()
		reading := g.mu.reading
		g.mu.readers = append(g.mu.readers, next)
		g.mu.current[number-len(g.load)] = next
		g.mu.Unlock()
		next.start(reading)
		return nil
	}, func(one *group, number int) error {
		g.mu.Lock()
		ctx := g.mu.reading
		g.mu.Unlock()
		return one.revive(ctx, number)
	})
}

// onClient does something to the producer, the reader or the member with a number.
func (g *Generator) onClient(what string, number int, producer func(*incarnations) error, reader func(*reading) error, member func(*group, int) error) error {
	g.crashing.Lock()
	defer g.crashing.Unlock()
	g.mu.Lock()
	running, current := g.mu.step == stepLoading, g.mu.current
	g.mu.Unlock()
	first := len(g.load) + len(current)
	clients := first
	for _, one := range g.cfg.Groups {
		clients += one.Members
	}
	var err error
	switch {
	case !running:
		err = errors.New("the load does not run")
	case number < 0 || number >= clients:
		err = fmt.Errorf("the load has %d clients", clients)
	case number < len(g.load):
		err = producer(g.load[number].producer)
	case number < first:
		err = reader(current[number-len(g.load)])
	default:
		one, at := 0, number-first
		for at >= g.cfg.Groups[one].Members {
			at -= g.cfg.Groups[one].Members
			one++
		}
		err = member(g.allGroups()[one], at)
	}
	if err != nil {
		return fmt.Errorf("%s client %d: %w", what, number, err)
	}
	return nil
}
