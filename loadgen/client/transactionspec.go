package client

import (
	"errors"
	"fmt"
	"time"
)

// TransactionSpec configures the transactions of a producer.
type TransactionSpec struct {
	// Size is how many records a transaction has, at least 1; one ends with fewer when no more come for a while.
	Size int
	// AbortRate is the part of the transactions that are meant to be aborted, from 0 to 1.
	AbortRate float64
	// Timeout after which the coordinator aborts a transaction that nobody ends.
	Timeout time.Duration
}

// Validate lists everything that is wrong, or returns nil.
func (s TransactionSpec) Validate() error {
	var errs []error
	if s.Size < 1 {
		errs = append(errs, fmt.Errorf("transactions of %d records: they must have at least 1", s.Size))
	}
	if !(s.AbortRate >= 0 && s.AbortRate <= 1) { // written so that NaN is wrong too
		errs = append(errs, fmt.Errorf("abort rate %v: it is a part of the transactions, from 0 to 1", s.AbortRate))
	}
	if s.Timeout < minTransactionTimeout {
		errs = append(errs, fmt.Errorf("transaction timeout %v: it must be at least %v", s.Timeout, minTransactionTimeout))
	}
	return errors.Join(errs...)
}

// minTransactionTimeout leaves room for a transaction to be ended by its own client.
const minTransactionTimeout = 100 * time.Millisecond

// String is the line that a run prints about the transactions.
func (s TransactionSpec) String() string {
	return fmt.Sprintf("transactions of %d records, %v of them aborted, timeout %v", s.Size, s.AbortRate, s.Timeout)
}
