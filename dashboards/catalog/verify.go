package catalog

// Declarations of the judgement. verify itself holds no metric: it gives a snapshot of its
// counters, and the conductor of the run exports it.
var (
	VerifyCheckStatus = Metric{
		Name: "logproof_verify_check_status", Type: Gauge, Unit: State, Labels: []string{"run", "check", "status"},
		Help: "Verdict of a rule so far: 1 for one of pass, fail and inconclusive, 0 for the others.",
	}
	VerifyRecordsAcked = Metric{
		Name: "logproof_verify_records_acked_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Acknowledged records that were judged.",
	}
	VerifyRecordsRead = Metric{
		Name: "logproof_verify_records_read_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Records read by live readers that were judged.",
	}
	VerifyRecordsScanned = Metric{
		Name: "logproof_verify_records_scanned_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Records that the final scan found.",
	}
	VerifyAnomalies = Metric{
		Name: "logproof_verify_anomalies_total", Type: Counter, Unit: Anomalies, Labels: []string{"run", "check"},
		Help: "Violations that a rule found.",
	}
	VerifyUnavailable = Metric{
		Name: "logproof_verify_unavailable_seconds_total", Type: Counter, Unit: Seconds, Labels: []string{"run"},
		Help: "Time during which no partition took a write.",
	}
	VerifyLongestUnavailable = Metric{
		Name: "logproof_verify_longest_unavailable_seconds", Type: Gauge, Unit: Seconds, Labels: []string{"run"},
		Help: "Longest time during which no partition took a write.",
	}
)

// Verify lists the metrics of the judgement, sorted by name.
func Verify() []Metric {
	return sorted(
		VerifyCheckStatus, VerifyRecordsAcked, VerifyRecordsRead, VerifyRecordsScanned, VerifyAnomalies,
		VerifyUnavailable, VerifyLongestUnavailable,
	)
}
