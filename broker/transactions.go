package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/logproof/logproof/broker/txn"
)

// Transactions are the limits and times by which a broker coordinates transactions. The zero value of each field is
// Apache Kafka's default.
type Transactions struct {
	// MaxTimeout bounds the timeout that producers may ask for; 15 min if 0 (transaction.max.timeout.ms).
	MaxTimeout time.Duration
	// Expiration is how long a transactional id is kept that nobody uses; 7 days if 0 (transactional.id.expiration.ms).
	// They are looked through every ExpirationCheck; 1 h if 0
	// (transaction.remove.expired.transaction.cleanup.interval.ms).
	Expiration, ExpirationCheck time.Duration
	// Partitions of __transaction_state, its replicas where the cluster has as many brokers, and its
	// min.insync.replicas where it has as many replicas; 50, 3 and 2 if 0 (transaction.state.log.num.partitions,
	// transaction.state.log.replication.factor, transaction.state.log.min.isr).
	Partitions  int32
	Replication int16
	MinISR      int16
}

const (
	defaultTransactionsPartitions  = 50
	defaultTransactionsReplication = 3
	defaultTransactionsMinISR      = 2
)

// validate lists what is wrong. Defaults are filled in.
func (t Transactions) validate() error {
	var errs []error
	if t.MaxTimeout < 0 || t.Expiration < 0 || t.ExpirationCheck < 0 {
		errs = append(errs, errors.New("times of transactions must not be negative"))
	}
	if t.Partitions < 1 || t.Replication < 1 || t.MinISR < 1 {
		errs = append(errs, fmt.Errorf("%d partitions and %d replicas of __transaction_state, %d of them in sync: want 1 or more", t.Partitions, t.Replication, t.MinISR))
	}
	return errors.Join(errs...)
}

// withDefaults fills in what is left open.
func (t Transactions) withDefaults() Transactions {
	if t.Partitions == 0 {
		t.Partitions = defaultTransactionsPartitions
	}
	if t.Replication == 0 {
		t.Replication = defaultTransactionsReplication
	}
	if t.MinISR == 0 {
		t.MinISR = defaultTransactionsMinISR
	}
	return t
}

// machine is the configuration of the machine that decides.
func (t Transactions) machine() txn.Config {
	return txn.Config{MaxTimeout: t.MaxTimeout, Expiration: t.Expiration}
}
