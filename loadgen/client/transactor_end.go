package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// open returns the client of the current instance, another one if there is none.
func (t *Transactor) open(again bool) (*kgo.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed {
		return nil, kgo.ErrClientClosed
	}
	if t.mu.client != nil {
		return t.mu.client, nil
	}
	opts := append(t.cfg.Spec.options(t.cfg.MaxInFlight), kgo.TransactionalID(t.cfg.TransactionalID), kgo.TransactionTimeout(t.spec.Timeout))
	client, err := t.cfg.Shared.client(t.process, opts...)
	if err != nil {
		return nil, err
	}
	t.mu.client = client
	if again {
		t.mu.instances++
	}
	return client, nil
}

// renew ends the instance and begins another one, which ends what the one before left open: it asks for its producer
// id at once. Nobody goes on who was fenced because another process has its id.
func (t *Transactor) renew() {
	t.mu.Lock()
	client, replaced := t.mu.client, t.mu.replaced
	t.mu.client = nil
	t.mu.Unlock()
	if client != nil {
		client.Close()
	}
	if replaced && t.process.ends.timesFenced() > 0 {
		t.cancel()
		return
	}
	for t.ctx.Err() == nil {
		client, err := t.open(true)
		if err != nil {
			return
		}
		if _, _, err = client.ProducerID(t.ctx); err == nil {
			return
		}
		t.mu.Lock()
		if t.mu.client == client {
			t.mu.client = nil
		}
		t.mu.Unlock()
		client.Close()
		select {
		case <-time.After(t.cfg.Shared.Options.withDefaults().RetryBackoff):
		case <-t.ctx.Done():
		}
	}
}

// settle tells of one record.
func (t *Transactor) settle(s Settlement) {
	s.Returned = t.cfg.Shared.Recorder.Now()
	if t.cfg.Settled != nil {
		t.cfg.Settled(s)
	}
	if t.inFlight.Add(-1) == 0 {
		signal(t.idle)
	}
}

// InFlight is the number of records that were sent and not settled.
func (t *Transactor) InFlight() int64 { return t.inFlight.Load() }

// Instances is how often the client began anew because of an error, and Fenced how often it was told that another
// process has its transactional id.
func (t *Transactor) Instances() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.instances
}

// Fenced is described at Instances.
func (t *Transactor) Fenced() int { return t.process.ends.timesFenced() }

// Replace says that another process has begun under the same transactional id: the client ends when it is fenced.
func (t *Transactor) Replace() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.replaced = true
}

// Drain ends the open transaction and waits until every record that was sent is settled; see Producer.Drain.
func (t *Transactor) Drain(ctx context.Context) error {
	t.mu.Lock()
	t.mu.draining = true
	t.mu.Unlock()
	signal(t.wake)
	for t.inFlight.Load() > 0 {
		select {
		case <-t.idle:
		case <-ctx.Done():
			err := fmt.Errorf("%s: %d records were not answered (%w): they are settled as failed or unknown", t.cfg.Process, t.InFlight(), ctx.Err())
			return errors.Join(err, t.Close())
		}
	}
	signal(t.idle)
	return nil
}

// Close ends the client where it stands: an open transaction is left to its coordinator, and what is in flight is
// settled. It may be called again.
func (t *Transactor) Close() error {
	t.mu.Lock()
	client := t.mu.client
	t.mu.client, t.mu.closed = nil, true
	t.mu.Unlock()
	t.cancel()
	if client != nil {
		client.Close()
	}
	select {
	case <-t.done:
		return nil
	case <-time.After(closeGrace):
		return fmt.Errorf("%s: the closed client still owes %d promises", t.cfg.Process, t.InFlight())
	}
}

// Crash ends the client without a word to anybody.
func (t *Transactor) Crash() error {
	t.process.Sever()
	return t.Close()
}
