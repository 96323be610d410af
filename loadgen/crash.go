package loadgen

import (
	"context"
	"errors"
	"fmt"
	"sync"

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
	open func(incarnation int) (producer, error)

	mu      sync.Mutex
	all     []producer
	crashed bool
	// zombie is the client before the last one while it does not know that its transactional id is another's, and
	// fenced how often it had been told so before; turn alternates between the two.
	zombie producer
	fenced int
	turn   bool
}

// producer is a client that sends records, outside of transactions or in them.
type producer interface {
	outlet
	// InFlight records were sent and not settled; Drain waits until there are none.
	InFlight() int64
	Drain(ctx context.Context) error
	// Close ends the client, Crash without a word to anybody; both settle what is in flight.
	Close() error
	Crash() error
}

// replaceable is a client whose transactional id another one may take: it ends when it is fenced.
type replaceable interface {
	Replace()
	// Fenced is how often it was told that another one has its id, Instances how often it began anew because of an
	// error.
	Fenced() int
	Instances() int
}

// newIncarnations opens the first client.
func newIncarnations(open func(int) (producer, error)) (*incarnations, error) {
	first, err := open(0)
	if err != nil {
		return nil, err
	}
	return &incarnations{open: open, all: []producer{first}}, nil
}

// Send gives the client the next record. It is false, and nothing happened, while the client cannot take one,
// as it has crashed. One whose transactional id another client has taken goes on with every second record, until it is
// told: who sends nothing never learns that it is fenced.
func (i *incarnations) Send(target int, intended history.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.crashed {
		return false
	}
	if i.zombie != nil {
		if i.zombie.(replaceable).Fenced() > i.fenced {
			i.zombie = nil
		} else if i.turn = !i.turn; i.turn && i.zombie.Send(target, intended) {
			return true
		}
	}
	return i.all[len(i.all)-1].Send(target, intended)
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
	return last.Crash()
}

// replace opens another client beside the one that there is, under the same transactional id.
func (i *incarnations) replace() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	last := i.all[len(i.all)-1]
	old, can := last.(replaceable)
	switch {
	case i.crashed:
		return errors.New("it has crashed")
	case !can:
		return errNotTransactional
	}
	next, err := i.open(len(i.all))
	if err != nil {
		return err
	}
	i.zombie, i.fenced = last, old.Fenced()
	old.Replace()
	i.all = append(i.all, next)
	return nil
}

// errNotTransactional is the error of a client that has no transactional id which another one could take.
var errNotTransactional = errors.New("it does not write in transactions: no other client can take its transactional id")

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
func (i *incarnations) clients() []producer {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]producer(nil), i.all...)
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
	var errs []error
	for _, p := range i.clients() {
		errs = append(errs, p.Drain(ctx)) // those that crashed have nothing in flight
	}
	return errors.Join(errs...)
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
