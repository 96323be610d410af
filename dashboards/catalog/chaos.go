package catalog

// Declarations of the faults. The label outcome is "proved" when the effect was proved by another
// way than the injection, else "unproved".
var (
	ChaosFaultActive = Metric{
		Name: "logproof_chaos_fault_active", Type: Gauge, Unit: State, Labels: []string{"run", "fault", "target"},
		Help: "Whether the fault is in force: 1 from its injection until its heal is proved.",
	}
	ChaosFaults = Metric{
		Name: "logproof_chaos_faults_total", Type: Counter, Unit: Faults, Labels: []string{"run", "fault", "outcome"},
		Help: "Faults injected, by whether their effect was proved.",
	}
	ChaosFaultStart = Metric{
		Name: "logproof_chaos_fault_start_timestamp_seconds", Type: Gauge, Unit: Seconds, Labels: []string{"run", "fault", "target"},
		Help: "When the fault was last injected, in seconds since 1970 UTC.",
	}
)

// Chaos lists the metrics of the faults, sorted by name.
func Chaos() []Metric {
	return sorted(ChaosFaultActive, ChaosFaults, ChaosFaultStart)
}
