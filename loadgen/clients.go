package loadgen

import (
	"errors"
	"fmt"
)

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

// Double starts another client under the transactional id of one, which goes on and does not know: it is fenced, and
// ends then. It is an error if the client does not write in transactions.
func (g *Generator) Double(number int) error {
	return g.onClient("double", number, (*incarnations).replace, func(*reading) error { return errNotTransactional }, func(one *group, number int) error {
		g.mu.Lock()
		ctx := g.mu.reading
		g.mu.Unlock()
		return one.double(ctx, number)
	})
}

// Doubled tells, of a client that was doubled, how often the one that it was before was told that it is fenced, and
// how many transactions the client of the number has ended since the beginning, whichever it was.
func (g *Generator) Doubled(number int) (fenced int, ended uint64, err error) {
	err = g.onClient("look at", number, func(p *incarnations) error {
		fenced, ended = fencedOf(p.clients()), g.load[number].ended.acknowledged()
		return nil
	}, func(*reading) error { return errNotTransactional }, func(one *group, number int) error {
		fenced, ended = one.fenced(number), one.ended.acknowledged()
		return nil
	})
	return fenced, ended, err
}

// fencedOf counts over all clients but the last.
func fencedOf(clients []producer) (fenced int) {
	for _, p := range clients[:len(clients)-1] {
		if r, can := p.(replaceable); can {
			fenced += r.Fenced()
		}
	}
	return fenced
}
