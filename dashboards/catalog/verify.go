package catalog

// Declarations of the verifier, which judges a run while it goes on. The label check is a rule, class what it found.
var (
	VerifyOperations = Metric{
		Name: "logproof_verify_operations_total", Type: Counter, Unit: Number,
		Help: "Operations of clients that were judged.",
	}
	VerifyRecords = Metric{
		Name: "logproof_verify_records_total", Type: Counter, Unit: Records, Labels: []string{"kind"},
		Help: "Records that were judged: acked, unknown and failed as their producers were told, read by live readers, scanned in the end, corrupt.",
	}
	VerifyAnomalies = Metric{
		Name: "logproof_verify_anomalies_total", Type: Counter, Unit: Anomalies, Labels: []string{"check", "class"},
		Help: "Violations that a rule has found, of what the run was set up to promise.",
	}
	VerifyAllowed = Metric{
		Name: "logproof_verify_allowed_anomalies_total", Type: Counter, Unit: Anomalies, Labels: []string{"check", "class"},
		Help: "Anomalies that a rule has found and the settings of the run allow.",
	}
	VerifyStatus = Metric{
		Name: "logproof_verify_check_status", Type: Gauge, Unit: State, Labels: []string{"check", "status"},
		Help: "What a rule says so far: pass, fail or inconclusive.",
	}
	VerifyBehind = Metric{
		Name: "logproof_verify_behind_operations", Type: Gauge, Unit: Number,
		Help: "Entries of the history that were recorded and are not judged yet.",
	}
)

// Verify lists the metrics of the verifier, sorted by name.
func Verify() []Metric {
	return sorted(VerifyOperations, VerifyRecords, VerifyAnomalies, VerifyAllowed, VerifyStatus, VerifyBehind)
}
