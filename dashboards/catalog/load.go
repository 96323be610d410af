package catalog

// Declarations of the load generator. The accounting identities hold between the counters:
// intended = sent + dropped, and sent = acked + failed + unknown + in flight.
var (
	LoadRecordsIntended = Metric{
		Name: "logproof_load_records_intended_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Records that the schedule called for.",
	}
	LoadRecordsDropped = Metric{
		Name: "logproof_load_records_dropped_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Records that were not sent because they were too far behind the schedule.",
	}
	LoadRecordsSent = Metric{
		Name: "logproof_load_records_sent_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Records handed to the client.",
	}
	LoadRecordsAcked = Metric{
		Name: "logproof_load_records_acked_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Records whose promise ended in success.",
	}
	LoadRecordsFailed = Metric{
		Name: "logproof_load_records_failed_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Records that definitely were not appended.",
	}
	LoadRecordsUnknown = Metric{
		Name: "logproof_load_records_unknown_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Records that may or may not have been appended.",
	}
	LoadRecordsReceived = Metric{
		Name: "logproof_load_records_received_total", Type: Counter, Unit: Records, Labels: []string{"run"},
		Help: "Records that readers received, duplicates included.",
	}
	LoadInflightRecords = Metric{
		Name: "logproof_load_inflight_records", Type: Gauge, Unit: Records, Labels: []string{"run"},
		Help: "Records sent and not settled yet.",
	}
	LoadTargetRate = Metric{
		Name: "logproof_load_target_records_per_second", Type: Gauge, Unit: Records, Labels: []string{"run"},
		Help: "Rate that the schedule asks for now.",
	}
	LoadScheduleDelay = Metric{
		Name: "logproof_load_schedule_delay_seconds", Type: Histogram, Unit: Seconds, Labels: []string{"run"},
		Help: "Time from the intended send time of a record to the call of the client.",
	}
	LoadResponseDuration = Metric{
		Name: "logproof_load_response_duration_seconds", Type: Histogram, Unit: Seconds, Labels: []string{"run"},
		Help: "Time from the intended send time of a record to its acknowledgement.",
	}
	LoadServiceDuration = Metric{
		Name: "logproof_load_service_duration_seconds", Type: Histogram, Unit: Seconds, Labels: []string{"run"},
		Help: "Time from the call of the client to the acknowledgement.",
	}
	LoadEndToEndDuration = Metric{
		Name: "logproof_load_end_to_end_duration_seconds", Type: Histogram, Unit: Seconds, Labels: []string{"run"},
		Help: "Time from the intended send time of a record to its arrival at a reader.",
	}
	LoadRunInfo = Metric{
		Name: "logproof_load_run_info", Type: Gauge, Unit: Info, Labels: []string{"run", "scenario", "seed"},
		Help: "Identity of the run in its labels.",
	}
)

// Load lists the metrics of the load generator, sorted by name.
func Load() []Metric {
	return sorted(
		LoadRecordsIntended, LoadRecordsDropped, LoadRecordsSent, LoadRecordsAcked, LoadRecordsFailed,
		LoadRecordsUnknown, LoadRecordsReceived, LoadInflightRecords, LoadTargetRate, LoadScheduleDelay,
		LoadResponseDuration, LoadServiceDuration, LoadEndToEndDuration, LoadRunInfo,
	)
}
