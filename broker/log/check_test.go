package log

import (
	"errors"
	"testing"

	"github.com/logproof/logproof/broker/batch"
	"github.com/logproof/logproof/broker/env/mem"
)

// Who belongs to a transaction need not ask for it.
func TestInTransaction(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	mustAppend(t, l, within(1, 3, 0, 2))
	mustAppend(t, l, within(2, 3, 0, 2))
	mustAppend(t, l, marker(2, 4, true))
	mustAppend(t, l, within(3, 3, 0, 2))
	mustAppend(t, l, marker(3, 3, true))
	for _, c := range []struct {
		id       int64
		epoch    int16
		sequence int32
		open     bool
		err      error
	}{
		{1, 3, 2, true, nil}, {1, 3, 900, true, nil}, {1, 4, 0, false, nil}, {1, 2, 2, false, ErrInvalidProducerEpoch},
		{2, 4, 0, false, nil}, {2, 3, 2, false, ErrInvalidProducerEpoch}, {2, 3, 0, false, ErrInvalidProducerEpoch}, {2, 5, 0, false, nil},
		{3, 3, 2, false, nil}, {3, 3, 0, true, nil}, // the batch itself
		{4, 0, 0, false, nil},
	} {
		if open, err := l.InTransaction(c.id, c.epoch, c.sequence); open != c.open || !errors.Is(err, c.err) {
			t.Errorf("producer %d, epoch %d, sequence %d: %v, %v", c.id, c.epoch, c.sequence, open, err)
		}
	}
}

// What may come while a transaction is open, and what may begin one.
func TestCheckTransaction(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	mustAppend(t, l, within(1, 3, 0, 2))
	mustAppend(t, l, sent(2, 3, 0, 2))
	mustAppend(t, l, within(3, 3, 0, 2))
	mustAppend(t, l, marker(3, 3, false))
	for what, c := range map[string]struct {
		v        batch.View
		verified bool
		want     error
	}{
		"goes on":                         {within(1, 3, 2, 1), false, nil},
		"goes on, verified":               {within(1, 3, 2, 1), true, nil},
		"outside of what is open":         {sent(1, 3, 2, 1), false, ErrInvalidTxnState},
		"outside of it, verified":         {sent(1, 3, 2, 1), true, ErrInvalidTxnState},
		"another epoch":                   {within(1, 4, 0, 1), false, ErrInvalidTxnState},
		"another epoch, verified":         {within(1, 4, 0, 1), true, nil},
		"begins":                          {within(2, 3, 2, 1), false, ErrInvalidTxnState},
		"begins, verified":                {within(2, 3, 2, 1), true, nil},
		"outside":                         {sent(2, 3, 2, 1), false, nil},
		"comes after its marker":          {within(3, 3, 2, 1), false, ErrInvalidTxnState},
		"begins the next one":             {within(3, 3, 2, 1), true, nil},
		"of a producer that is new":       {within(9, 0, 0, 1), false, ErrInvalidTxnState},
		"of a new one, verified":          {within(9, 0, 0, 1), true, nil},
		"of a new one, no transaction":    {sent(9, 0, 0, 1), false, nil},
		"of nobody":                       {made(-1, -1, 1, 0, 0), false, nil},
		"outside, after a transaction":    {sent(3, 3, 2, 1), false, nil},
		"outside, in an epoch that bumps": {sent(1, 4, 0, 1), false, ErrInvalidTxnState},
	} {
		if err := l.CheckTransaction(c.v, c.verified); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// Which markers are taken. Transaction version 2 bumps the epoch: after that, what the old one sends is refused.
func TestCheckMarker(t *testing.T) {
	l, _ := mustOpen(t, mem.New(), Config{})
	mustAppend(t, l, within(1, 3, 0, 2))
	mustAppend(t, l, within(2, 3, 0, 2))
	mustAppend(t, l, batch.BuildMarker(2, 4, batch.Marker{CoordinatorEpoch: 6}, 0))
	for what, c := range map[string]struct {
		id          int64
		epoch       int16
		coordinator int32
		bumped      bool
		want        error
	}{
		"of its epoch":                       {1, 3, 0, false, nil},
		"of the next":                        {1, 4, 0, true, nil},
		"of an epoch before":                 {1, 2, 0, false, ErrInvalidProducerEpoch},
		"of its epoch, where it is bumped":   {1, 3, 0, true, ErrInvalidProducerEpoch},
		"again":                              {2, 4, 6, true, nil},
		"again, by the next coordinator":     {2, 4, 7, true, nil},
		"again, by the coordinator before":   {2, 4, 5, true, ErrCoordinatorFenced},
		"of the epoch before that":           {2, 3, 6, true, ErrInvalidProducerEpoch},
		"of a producer that nobody knows":    {9, 0, 0, false, nil},
		"of one nobody knows, epoch bumped":  {9, 1, 0, true, nil},
		"the first of a coordinator, for it": {1, 3, 0, false, nil},
	} {
		m := batch.Marker{Commit: true, CoordinatorEpoch: c.coordinator}
		if err := l.CheckMarker(batch.BuildMarker(c.id, c.epoch, m, 0), m, c.bumped); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	// The marker's epoch counts from then on, and the next transaction begins with sequence 0.
	if err := l.CheckSequence(within(2, 3, 2, 1)); !errors.Is(err, ErrInvalidProducerEpoch) {
		t.Errorf("a batch of the epoch before the marker: %v", err)
	}
	if err := l.CheckSequence(within(2, 4, 0, 1)); err != nil {
		t.Errorf("the first of the next transaction: %v", err)
	}
	if err := l.CheckSequence(within(2, 4, 2, 1)); !errors.Is(err, ErrOutOfOrderSequence) {
		t.Errorf("the next transaction, not from 0: %v", err)
	}
	// A late copy of its marker does not end the transaction that has begun since.
	mustAppend(t, l, within(2, 4, 0, 1))
	m := batch.Marker{CoordinatorEpoch: 6}
	if err := l.CheckMarker(batch.BuildMarker(2, 4, m, 0), m, true); !errors.Is(err, ErrInvalidProducerEpoch) {
		t.Errorf("a late copy: %v", err)
	}
}
