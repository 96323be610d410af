package catalog

// Declarations of the broker: transactions, counted by the brokers that coordinate them. The label state is what
// DescribeTransactions calls it; outcome is "committed" or "aborted" by the producer, "timed_out", or "fenced", by
// another producer of the same transactional id.
var (
	BrokerTransactionalIDs = Metric{
		Name: "logproof_broker_transactional_ids", Type: Gauge, Unit: Number, Labels: []string{"state"},
		Help: "Transactional ids that this broker coordinates.",
	}
	BrokerTransactionsEnded = Metric{
		Name: "logproof_broker_transactions_ended_total", Type: Counter, Unit: Number, Labels: []string{"outcome"},
		Help: "Transactions about whose end this broker decided.",
	}
	BrokerTransactionsLoadDuration = Metric{
		Name: "logproof_broker_transactions_load_duration_seconds", Type: Histogram, Unit: Seconds,
		Help: "Time from the lead of a partition of __transaction_state until its transactional ids were served.",
	}
)

// Transactions lists the metrics of transactions, sorted by name.
func Transactions() []Metric {
	return sorted(BrokerTransactionalIDs, BrokerTransactionsEnded, BrokerTransactionsLoadDuration)
}
