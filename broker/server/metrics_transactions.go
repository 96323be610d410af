package server

import (
	"time"

	"github.com/logproof/logproof/broker/api"
	"github.com/logproof/logproof/broker/coordinator"
	"github.com/logproof/logproof/broker/txn"
	"github.com/logproof/logproof/dashboards/catalog"
	"github.com/prometheus/client_golang/prometheus"
)

// transactions collects the transactional ids that are coordinated here, and how transactions ended, at each scrape: the
// coordinator counts them anyhow, and an event for each would be more than the transaction itself.
type transactions struct {
	ask        func() transactionCounts
	ids, ended *prometheus.Desc
}

// transactionCounts is what a coordinator has counted; ok is false if it did not answer.
type transactionCounts struct {
	states map[txn.State]int
	ends   txn.Ends
	ok     bool
}

func newTransactions(ask func() transactionCounts) *transactions {
	desc := func(c catalog.Metric) *prometheus.Desc { return prometheus.NewDesc(c.Name, c.Help, c.Labels, nil) }
	return &transactions{ask, desc(catalog.BrokerTransactionalIDs), desc(catalog.BrokerTransactionsEnded)}
}

// Describe implements prometheus.Collector.
func (t *transactions) Describe(out chan<- *prometheus.Desc) { out <- t.ids; out <- t.ended }

// Collect implements prometheus.Collector.
func (t *transactions) Collect(out chan<- prometheus.Metric) {
	counts := t.ask()
	if !counts.ok { // a counter that is not there is better than one that goes back
		return
	}
	for _, state := range []txn.State{txn.Empty, txn.Ongoing, txn.PrepareCommit, txn.PrepareAbort, txn.CompleteCommit, txn.CompleteAbort} {
		out <- prometheus.MustNewConstMetric(t.ids, prometheus.GaugeValue, float64(counts.states[state]), state.String())
	}
	for _, o := range []struct {
		outcome string
		n       uint64
	}{{"committed", counts.ends.Committed}, {"aborted", counts.ends.Aborted}, {"timed_out", counts.ends.TimedOut}, {"fenced", counts.ends.Fenced}} {
		out <- prometheus.MustNewConstMetric(t.ended, prometheus.CounterValue, float64(o.n), o.outcome)
	}
}

// transactionCounts asks the coordinator, and gives up on a node that stops meanwhile.
func (s *Server) transactionCounts() transactionCounts {
	answer := make(chan transactionCounts, 1)
	s.runtime.send(api.Transactions, coordinator.TransactionsReport{Done: func(states map[txn.State]int, ends txn.Ends) {
		answer <- transactionCounts{states, ends, true}
	}})
	select {
	case counts := <-answer:
		return counts
	case <-time.After(time.Second):
		return transactionCounts{}
	}
}
