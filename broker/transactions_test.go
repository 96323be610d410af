package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/logproof/logproof/broker/env/mem"
)

// Limits of transactions that make no sense are refused; what is left open is Apache Kafka's.
func TestTransactionsConfig(t *testing.T) {
	for want, change := range map[string]func(*Transactions){
		"times of transactions": func(c *Transactions) { c.MaxTimeout = -1 },
		"must not be negative":  func(c *Transactions) { c.Expiration = -time.Hour },
		"-1 partitions":         func(c *Transactions) { c.Partitions = -1 },
		"-2 replicas":           func(c *Transactions) { c.Replication = -2 },
		"-3 of them in sync":    func(c *Transactions) { c.MinISR = -3 },
	} {
		cfg := Config{FS: mem.New()}
		change(&cfg.Transactions)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if c := (Transactions{}).withDefaults(); c.Partitions != 50 || c.Replication != 3 || c.MinISR != 2 {
		t.Errorf("%+v", c)
	}
	if m := (Transactions{MaxTimeout: time.Hour, Expiration: time.Minute}).machine(); m.MaxTimeout != time.Hour || m.Expiration != time.Minute {
		t.Errorf("%+v", m)
	}
}
