package server

import (
	"testing"

	"github.com/logproof/logproof/broker/event"
	"github.com/logproof/logproof/broker/txn"
	"github.com/logproof/logproof/dashboards/catalog"
)

// What the coordinator has counted is what the metrics of transactions show.
func TestTransactionMetrics(t *testing.T) {
	m := newMetrics()
	m.groups.count(event.TransactionsLoaded{Milliseconds: 5})
	m.registry.MustRegister(newTransactions(func() transactionCounts {
		return transactionCounts{map[txn.State]int{txn.Ongoing: 3, txn.CompleteAbort: 1}, txn.Ends{Committed: 7, Aborted: 4, TimedOut: 2, Fenced: 1}, true}
	}))
	for _, want := range []struct {
		metric catalog.Metric
		label  string
		value  float64
	}{
		{catalog.BrokerTransactionalIDs, "Ongoing", 3}, {catalog.BrokerTransactionalIDs, "CompleteAbort", 1}, {catalog.BrokerTransactionalIDs, "PrepareCommit", 0},
		{catalog.BrokerTransactionsEnded, "committed", 7}, {catalog.BrokerTransactionsEnded, "aborted", 4},
		{catalog.BrokerTransactionsEnded, "timed_out", 2}, {catalog.BrokerTransactionsEnded, "fenced", 1},
		{catalog.BrokerTransactionsLoadDuration, "", 1},
	} {
		m.shows(t, want.metric.Name, want.label, want.value)
	}
}

// A coordinator that does not answer is not taken for one that has counted nothing.
func TestTransactionMetricsWithoutAnswer(t *testing.T) {
	m := newMetrics()
	m.registry.MustRegister(newTransactions(func() transactionCounts { return transactionCounts{} }))
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == catalog.BrokerTransactionsEnded.Name || f.GetName() == catalog.BrokerTransactionalIDs.Name {
			t.Errorf("%v", f)
		}
	}
}
